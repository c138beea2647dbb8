/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <sys/inotify.h>

#include "base/log.h"
#include "daemon/api-key-loader.h"
#include "daemon/audit/audit.h"
#include "daemon/credential.h"

/* After a change: a file that is being written is soon complete. */
#define DEBOUNCE_USEC (100U * 1000)

/* A directory that cannot be watched, for example since it is not there, is looked at that often.
 */
#define INTERVAL_MIN_USEC (1000U * 1000)
#define INTERVAL_MAX_USEC (5000U * 1000)

#define WATCH_MASK \
        (IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | \
         IN_ONLYDIR)
#define WATCH_ENDS (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT)

typedef struct ApiKeyFile {
        struct ApiKeyFile *next;
        char *label;
        char *credential;
        char *place;
        CredentialFault fault;
        char *text; /* what is wrong; NULL if it is fine */
} ApiKeyFile;

struct ApiKeyLoader {
        sd_event *event;
        ApiKeyFoundFunc found;
        void *userdata;
        ApiKeyFile *keys;
        sd_event_source *watch; /* NULL: the directory is not watched */
        sd_event_source *timer; /* when to look again */
        uint64_t interval_usec;
};

static ApiKeyFile *key_free(ApiKeyFile *key)
{
        if (!key)
                return NULL;
        free(key->label);
        free(key->credential);
        free(key->place);
        free(key->text);
        free(key);
        return NULL;
}
DEFINE_CLEANUP(ApiKeyFile *, key_free);

/* Returns 0 or a negative errno; `ret_news` is whether something else is wrong than before. */
static int key_read(ApiKeyFile *key, bool *ret_news, Secret **ret)
{
        _cleanup_(freep) char *text = NULL;
        int r;

        r = credential_read(key->credential, &key->fault, &text, ret);
        if (r < 0 && !text)
                return r;
        *ret_news = !streq_ptr(key->text, text);
        free(key->text);
        key->text = TAKE_PTR(text);
        return r;
}

static void record_fault(const ApiKeyFile *key)
{
        audit(key->fault == CREDENTIAL_MISSING ? EVENT_KEY_MISSING : EVENT_KEY_UNUSABLE,
              .tenancy = key->label, .text = key->text);
}

/* Waiting */

/* Whether a key has this fault or a worse one. */
static bool has_fault(const ApiKeyLoader *keys, CredentialFault fault)
{
        for (const ApiKeyFile *key = keys->keys; key; key = key->next)
                if (key->fault >= fault)
                        return true;
        return false;
}

static void schedule_check(ApiKeyLoader *keys, uint64_t usec)
{
        int r;

        r = sd_event_source_set_time_relative(keys->timer, usec);
        if (r >= 0)
                r = sd_event_source_set_enabled(keys->timer, SD_EVENT_ONESHOT);
        if (r < 0)
                log_error("Failed to wait for missing keys: %s", strerror(-r));
}

static int on_change(sd_event_source *source _unused_, const struct inotify_event *change,
                     void *userdata)
{
        ApiKeyLoader *keys = userdata;

        if (change->mask & WATCH_ENDS)
                keys->watch = sd_event_source_disable_unref(keys->watch);
        if (sd_event_source_get_enabled(keys->timer, NULL) == 0)
                schedule_check(keys, DEBOUNCE_USEC);
        return 0;
}

static void stop_waiting(ApiKeyLoader *keys)
{
        keys->watch = sd_event_source_disable_unref(keys->watch);
        (void) sd_event_source_set_enabled(keys->timer, SD_EVENT_OFF);
        keys->interval_usec = 0;
}

static void schedule_poll(ApiKeyLoader *keys)
{
        keys->interval_usec = keys->interval_usec * 2 ?: INTERVAL_MIN_USEC;
        if (keys->interval_usec > INTERVAL_MAX_USEC)
                keys->interval_usec = INTERVAL_MAX_USEC;
        schedule_check(keys, keys->interval_usec);
}

/* Watches the directory as long as a key is missing. What came before it was watched is found by
 * looking once more. What cannot be read may be so for a reason that no change of a file ends. */
static void wait_for_keys(ApiKeyLoader *keys)
{
        const char *directory = credential_directory();

        if (!directory || !has_fault(keys, CREDENTIAL_MISSING)) {
                stop_waiting(keys);
        } else if (!keys->watch && sd_event_add_inotify(keys->event, &keys->watch, directory,
                                                        WATCH_MASK, on_change, keys) >= 0) {
                keys->interval_usec = 0;
                schedule_check(keys, DEBOUNCE_USEC);
        } else if (!keys->watch || has_fault(keys, CREDENTIAL_UNREADABLE)) {
                schedule_poll(keys);
        }
}

static void look_again(ApiKeyLoader *keys, ApiKeyFile *key)
{
        _cleanup_(secret_unrefp) Secret *secret = NULL;
        bool news = false;

        if (key_read(key, &news, &secret) < 0 && !key->text)
                return; /* for lack of memory */
        if (secret)
                keys->found(key->label, secret, keys->userdata);
        else if (news)
                record_fault(key);
}

static int on_key_timer(sd_event_source *timer _unused_, uint64_t usec _unused_, void *userdata)
{
        ApiKeyLoader *keys = userdata;

        for (ApiKeyFile *key = keys->keys; key; key = key->next)
                if (key->fault != CREDENTIAL_FINE)
                        look_again(keys, key);
        wait_for_keys(keys);
        return 0;
}

int api_key_loader_new(sd_event *event, ApiKeyFoundFunc found, void *userdata, ApiKeyLoader **ret)
{
        _cleanup_(api_key_loader_freep) ApiKeyLoader *keys = calloc(1, sizeof(ApiKeyLoader));
        int r;

        if (!keys)
                return -ENOMEM;
        *keys = (ApiKeyLoader){.event = sd_event_ref(event), .found = found, .userdata = userdata};
        r = sd_event_add_time_relative(event, &keys->timer, CLOCK_MONOTONIC, 0, 0, on_key_timer,
                                       keys);
        if (r >= 0)
                r = sd_event_source_set_enabled(keys->timer, SD_EVENT_OFF);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(keys);
        return 0;
}

ApiKeyLoader *api_key_loader_free(ApiKeyLoader *keys)
{
        if (!keys)
                return NULL;
        while (keys->keys) {
                ApiKeyFile *key = keys->keys;

                keys->keys = key->next;
                key_free(key);
        }
        sd_event_source_disable_unref(keys->watch);
        sd_event_source_disable_unref(keys->timer);
        sd_event_unref(keys->event);
        free(keys);
        return NULL;
}

/* What is configured */

static int key_new(const TenancyConfig *tenancy, ApiKeyFile **ret)
{
        _cleanup_(key_freep) ApiKeyFile *key = calloc(1, sizeof(ApiKeyFile));

        if (!key)
                return -ENOMEM;
        key->label = strdup(tenancy->label);
        key->credential = strdup(tenancy->api_key_credential);
        key->place = strdup(tenancy->credential_place);
        if (!key->label || !key->credential || !key->place)
                return -ENOMEM;
        *ret = TAKE_PTR(key);
        return 0;
}

static void forget_key(ApiKeyLoader *keys, const char *label)
{
        for (ApiKeyFile **key = &keys->keys; *key; key = &(*key)->next) {
                ApiKeyFile *found = *key;

                if (!streq(found->label, label))
                        continue;
                *key = found->next;
                key_free(found);
                return;
        }
}

int api_key_loader_load(ApiKeyLoader *keys, const TenancyConfig *tenancy, bool had_key,
                        Secret **ret)
{
        _cleanup_(secret_unrefp) Secret *secret = NULL;
        _cleanup_(key_freep) ApiKeyFile *key = NULL;
        bool news = false;
        int r;

        r = key_new(tenancy, &key);
        if (r < 0)
                return r;
        r = key_read(key, &news, &secret);
        if (r < 0 && !key->text)
                return r;
        if (key->text && !(key->fault == CREDENTIAL_MISSING && had_key))
                record_fault(key);
        forget_key(keys, key->label);
        key->next = keys->keys;
        keys->keys = TAKE_PTR(key);
        wait_for_keys(keys);
        *ret = TAKE_PTR(secret);
        return r;
}

void api_key_loader_retain(ApiKeyLoader *keys, const Config *config)
{
        for (ApiKeyFile *key = keys->keys, *next; key; key = next) {
                next = key->next;
                if (!config_find_tenancy(config, key->label))
                        forget_key(keys, key->label);
        }
        wait_for_keys(keys);
}

static int diagnose_key(const ApiKeyFile *key, FindingList *list)
{
        _cleanup_(freep) char *text = strdup(key->text), *advice = NULL;

        if (!text)
                return -ENOMEM;
        *text = (char) toupper((unsigned char) *text);
        if (asprintf(&advice,
                     "as root: passlockctl --tenancy=%s set-key --credential=%s; if the key is in "
                     "/etc/credstore.encrypted or /etc/credstore already: systemctl daemon-reload "
                     "and systemctl restart passlockd",
                     key->label, key->credential) < 0) {
                advice = NULL;
                return -ENOMEM;
        }
        return finding_add(list, .kind = "credential", .tenancy = key->label,
                           .name = key->credential, .place = key->place, .text = text,
                           .advice = advice);
}

int api_key_loader_diagnose(const ApiKeyLoader *keys, FindingList *list)
{
        int r = 0;

        for (const ApiKeyFile *key = keys->keys; r == 0 && key; key = key->next)
                if (key->fault != CREDENTIAL_FINE)
                        r = diagnose_key(key, list);
        return r;
}
