/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <sys/inotify.h>
#include <sys/queue.h>

#include "base/log.h"
#include "keyholder/credential-loader.h"

/* Debounces inotify events: a file may still be incomplete. */
#define DEBOUNCE_USEC (100U * 1000)

/* Polling, where inotify fails, for example on a missing directory. */
#define INTERVAL_MIN_USEC (1000U * 1000)
#define INTERVAL_MAX_USEC (5000U * 1000)

#define WATCH_MASK \
        (IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | \
         IN_ONLYDIR)
#define WATCH_ENDS (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT)

typedef struct CredentialFile {
        SLIST_ENTRY(CredentialFile) entry;
        char *label;
        char *credential;
        CredentialKind kind;
        CredentialFault fault;
        char *text; /* describes the fault; NULL without one */
} CredentialFile;

struct CredentialLoader {
        sd_event *event;
        CredentialFoundFunc found;
        void *userdata;
        SLIST_HEAD(, CredentialFile) files;
        sd_event_source *watch; /* NULL: the directory is not watched */
        sd_event_source *timer; /* the next check */
        bool settling;          /* the timer is on because of a change */
        uint64_t interval_usec;
};

static CredentialFile *key_free(CredentialFile *key)
{
        if (!key)
                return NULL;
        free(key->label);
        free(key->credential);
        free(key->text);
        free(key);
        return NULL;
}
DEFINE_CLEANUP(CredentialFile *, key_free);

/* Returns 0 or a negative errno. *ret_news: the fault differs from the previous one. */
static int key_read(CredentialFile *key, bool *ret_news, Secret **ret)
{
        _cleanup_(freep) char *text = NULL;
        int r;

        r = credential_read(key->kind, key->credential, &key->fault, &text, ret);
        if (r < 0 && !text)
                return r;
        *ret_news = !streq_ptr(key->text, text);
        free(key->text);
        key->text = TAKE_PTR(text);
        return r;
}

/* Watching */

static bool is_key_missing(const CredentialLoader *loader)
{
        const CredentialFile *key;

        SLIST_FOREACH(key, &loader->files, entry)
                if (key->fault != CREDENTIAL_FINE)
                        return true;
        return false;
}

static void schedule_check(CredentialLoader *loader, uint64_t usec)
{
        int r;

        r = log_errno_origin(sd_event_source_set_time_relative(loader->timer, usec));
        if (r >= 0)
                r = log_errno_origin(sd_event_source_set_enabled(loader->timer, SD_EVENT_ONESHOT));
        if (r < 0)
                log_error("Failed to schedule a retry for missing API keys: %s", strerror(-r));
}

static void settle(CredentialLoader *loader)
{
        loader->settling = true;
        schedule_check(loader, DEBOUNCE_USEC);
}

static int on_change(sd_event_source *source _unused_, const struct inotify_event *change,
                     void *userdata)
{
        CredentialLoader *loader = userdata;

        if (change->mask & WATCH_ENDS)
                loader->watch = sd_event_source_disable_unref(loader->watch);
        if (!loader->settling)
                settle(loader);
        return 0;
}

static void stop_watching(CredentialLoader *loader)
{
        loader->watch = sd_event_source_disable_unref(loader->watch);
        (void) sd_event_source_set_enabled(loader->timer, SD_EVENT_OFF);
        loader->interval_usec = 0;
        loader->settling = false;
}

static void schedule_poll(CredentialLoader *loader)
{
        loader->interval_usec = loader->interval_usec * 2 ?: INTERVAL_MIN_USEC;
        if (loader->interval_usec > INTERVAL_MAX_USEC)
                loader->interval_usec = INTERVAL_MAX_USEC;
        schedule_check(loader, loader->interval_usec);
}

/* Watches the directory while a key is missing, and checks once more for keys that appeared before
 * the watch. Unreadable keys are polled: inotify may not report when they become readable. */
static void watch_missing_keys(CredentialLoader *loader)
{
        const char *directory = credential_directory();

        if (!directory || !is_key_missing(loader)) {
                stop_watching(loader);
        } else if (!loader->watch && sd_event_add_inotify(loader->event, &loader->watch, directory,
                                                          WATCH_MASK, on_change, loader) >= 0) {
                loader->interval_usec = 0;
                settle(loader);
        } else if (sd_event_source_get_enabled(loader->timer, NULL) == 0) {
                schedule_poll(loader);
        }
}

static void retry_key(CredentialLoader *loader, CredentialFile *key)
{
        _cleanup_(secret_unrefp) Secret *secret = NULL;
        bool news = false;

        if (key_read(key, &news, &secret) < 0 && !key->text)
                return; /* out of memory */
        if (secret || news)
                loader->found(key->label, secret, &(CredentialRead){key->fault, key->text},
                              loader->userdata);
}

static int on_key_timer(sd_event_source *timer _unused_, uint64_t usec _unused_, void *userdata)
{
        CredentialLoader *loader = userdata;
        CredentialFile *key;

        loader->settling = false;
        SLIST_FOREACH(key, &loader->files, entry)
                if (key->fault != CREDENTIAL_FINE)
                        retry_key(loader, key);
        watch_missing_keys(loader);
        return 0;
}

int credential_loader_new(sd_event *event, CredentialFoundFunc found, void *userdata,
                          CredentialLoader **ret)
{
        _cleanup_(credential_loader_freep) CredentialLoader *loader =
                calloc(1, sizeof(CredentialLoader));
        int r;

        if (!loader)
                return -ENOMEM;
        *loader = (CredentialLoader){
                .event = sd_event_ref(event), .found = found, .userdata = userdata};
        r = log_errno_origin(sd_event_add_time_relative(event, &loader->timer, CLOCK_MONOTONIC, 0,
                                                        0, on_key_timer, loader));
        if (r >= 0)
                r = log_errno_origin(sd_event_source_set_enabled(loader->timer, SD_EVENT_OFF));
        if (r < 0)
                return r;
        *ret = TAKE_PTR(loader);
        return 0;
}

CredentialLoader *credential_loader_free(CredentialLoader *loader)
{
        CredentialFile *key;

        if (!loader)
                return NULL;
        while ((key = SLIST_FIRST(&loader->files))) {
                SLIST_REMOVE_HEAD(&loader->files, entry);
                key_free(key);
        }
        sd_event_source_disable_unref(loader->watch);
        sd_event_source_disable_unref(loader->timer);
        sd_event_unref(loader->event);
        free(loader);
        return NULL;
}

/* Configuration */

static int key_new(const char *label, const char *credential, CredentialKind kind,
                   CredentialFile **ret)
{
        _cleanup_(key_freep) CredentialFile *key = calloc(1, sizeof(CredentialFile));

        if (!key)
                return -ENOMEM;
        key->label = strdup(label);
        key->credential = strdup(credential);
        key->kind = kind;
        if (!key->label || !key->credential)
                return -ENOMEM;
        *ret = TAKE_PTR(key);
        return 0;
}

static void forget_key(CredentialLoader *loader, const char *label)
{
        CredentialFile *key;

        SLIST_FOREACH(key, &loader->files, entry)
                if (streq(key->label, label)) {
                        SLIST_REMOVE(&loader->files, key, CredentialFile, entry);
                        key_free(key);
                        return;
                }
}

int credential_loader_load(CredentialLoader *loader, const char *label, const char *credential,
                           CredentialKind kind, CredentialRead *ret_read, Secret **ret)
{
        _cleanup_(secret_unrefp) Secret *secret = NULL;
        _cleanup_(key_freep) CredentialFile *key = NULL;
        bool news = false;
        int r;

        r = key_new(label, credential, kind, &key);
        if (r < 0)
                return r;
        r = key_read(key, &news, &secret);
        if (r < 0 && !key->text)
                return r;
        forget_key(loader, key->label);
        SLIST_INSERT_HEAD(&loader->files, key, entry);
        *ret_read = (CredentialRead){key->fault, key->text};
        (void) TAKE_PTR(key);
        watch_missing_keys(loader);
        *ret = TAKE_PTR(secret);
        return 0;
}

void credential_loader_forget(CredentialLoader *loader, const char *label)
{
        forget_key(loader, label);
        watch_missing_keys(loader);
}

void credential_loader_retain(CredentialLoader *loader, const Config *config)
{
        CredentialFile *key, *next;

        for (key = SLIST_FIRST(&loader->files); key; key = next) {
                next = SLIST_NEXT(key, entry);
                if (!config_find_tenancy(config, key->label))
                        forget_key(loader, key->label);
        }
        watch_missing_keys(loader);
}
