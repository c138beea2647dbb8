/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/wiping-allocator.h"
#include "keyholder/account.h"

#define REPLACED_MAX    256U
#define REPLACED_MAX_MS (10U * 60U * 1000U)

typedef struct Entry {
        TAILQ_ENTRY(Entry) entry;
        Account *account;
        char *label;             /* NULL: replaced */
        uint64_t replaced_at_ms; /* monotonic */
} Entry;

struct Accounts {
        sd_event *event;
        sd_event_source *expiry; /* of the oldest replaced account */
        uint8_t nonce[PROTOCOL_HELLO_NONCE_LEN];
        TAILQ_HEAD(EntryList, Entry) in_force;
        struct EntryList replaced; /* the oldest first */
        unsigned n_replaced;
};

Account *account_ref(Account *account)
{
        account->n_ref++;
        return account;
}

Account *account_unref(Account *account)
{
        if (!account || --account->n_ref > 0)
                return NULL;
        free(account->tenancy_id);
        origin_unref(account->origin);
        secret_unref(account->key);
        free(account);
        return NULL;
}

/* Ids */

static char *append_text(char *end, const char *text, size_t len)
{
        uint64_t prefix = text ? len : UINT64_MAX;

        end = (char *) memcpy(end, &prefix, sizeof(prefix)) + sizeof(prefix);
        return text ? (char *) memcpy(end, text, len) + len : end;
}

/* A keyed digest of texts, of which each may be NULL; never 0. */
static int make_id(const Accounts *accounts, const char *const *texts, size_t n_texts,
                   uint64_t *ret)
{
        unsigned char digest[EVP_MAX_MD_SIZE];
        _cleanup_(wiping_freep) char *bytes = NULL;
        size_t size = 0;
        uint64_t id;
        char *end;

        for (size_t i = 0; i < n_texts; i++)
                size += sizeof(uint64_t) + (texts[i] ? strlen(texts[i]) : 0);
        bytes = end = malloc(size);
        if (!bytes)
                return -ENOMEM;
        for (size_t i = 0; i < n_texts; i++)
                end = append_text(end, texts[i], texts[i] ? strlen(texts[i]) : 0);
        if (!HMAC(EVP_sha256(), accounts->nonce, sizeof(accounts->nonce),
                  (const unsigned char *) bytes, size, digest, NULL))
                return -ENOMEM;
        memcpy(&id, digest, sizeof(id));
        *ret = id ?: 1;
        return 0;
}

static int account_set_ids(Account *account, const Accounts *accounts)
{
        const char *key = account->key ? secret_reveal(account->key) : NULL;
        const char *const settings[] = {"account", account->tenancy_id, account->origin->endpoint,
                                        account->origin->ca_file};
        const char *const keys[] = {"key", key};
        int r = 0;

        if (key)
                r = make_id(accounts, keys, ARRAY_SIZE(keys), &account->key_id);
        return r < 0 ? r : make_id(accounts, settings, ARRAY_SIZE(settings), &account->id);
}

/* Entries */

static void entry_free(Entry *entry)
{
        account_unref(entry->account);
        free(entry->label);
        free(entry);
}

static void schedule_expiry(Accounts *accounts)
{
        const Entry *oldest = TAILQ_FIRST(&accounts->replaced);

        if (!oldest) {
                (void) sd_event_source_set_enabled(accounts->expiry, SD_EVENT_OFF);
                return;
        }
        (void) sd_event_source_set_time(accounts->expiry,
                                        (oldest->replaced_at_ms + REPLACED_MAX_MS) * 1000);
        (void) sd_event_source_set_enabled(accounts->expiry, SD_EVENT_ONESHOT);
}

static void drop_replaced(Accounts *accounts, Entry *entry)
{
        TAILQ_REMOVE(&accounts->replaced, entry, entry);
        accounts->n_replaced--;
        entry_free(entry);
        schedule_expiry(accounts);
}

static int on_expiry(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
        Accounts *accounts = userdata;

        drop_replaced(accounts, TAILQ_FIRST(&accounts->replaced));
        return 0;
}

static bool is_in_force(const Accounts *accounts, const Account *account)
{
        const Entry *entry;

        TAILQ_FOREACH(entry, &accounts->in_force, entry)
                if (entry->account == account)
                        return true;
        return false;
}

/* Takes ownership of the entry, which has left the list of those in force. */
static void replace(Accounts *accounts, Entry *entry)
{
        if (is_in_force(accounts, entry->account)) {
                entry_free(entry);
                return;
        }
        free(TAKE_PTR(entry->label));
        entry->replaced_at_ms = monotonic_ms();
        TAILQ_INSERT_TAIL(&accounts->replaced, entry, entry);
        if (++accounts->n_replaced > REPLACED_MAX)
                drop_replaced(accounts, TAILQ_FIRST(&accounts->replaced));
        else
                schedule_expiry(accounts);
}

/* Searches */

static Entry *find_label(const Accounts *accounts, const char *label)
{
        Entry *entry;

        TAILQ_FOREACH(entry, &accounts->in_force, entry)
                if (streq(entry->label, label))
                        return entry;
        return NULL;
}

Account *accounts_find_label(const Accounts *accounts, const char *label)
{
        const Entry *entry = find_label(accounts, label);

        return entry ? entry->account : NULL;
}

Account *accounts_find_tenancy(const Accounts *accounts, const char *tenancy_id)
{
        const Entry *entry;

        TAILQ_FOREACH(entry, &accounts->in_force, entry)
                if (streq(entry->account->tenancy_id, tenancy_id))
                        return entry->account;
        return NULL;
}

static Entry *find_replaced(const Accounts *accounts, uint64_t id)
{
        Entry *entry;

        TAILQ_FOREACH(entry, &accounts->replaced, entry)
                if (entry->account->id == id)
                        return entry;
        return NULL;
}

Account *accounts_find(const Accounts *accounts, uint64_t id)
{
        const Entry *entry;

        TAILQ_FOREACH(entry, &accounts->in_force, entry)
                if (entry->account->id == id)
                        return entry->account;
        entry = find_replaced(accounts, id);
        return entry ? entry->account : NULL;
}

/* Changes */

/* Tenancies do not share connections: one that the API throttles must not delay another. */
static int get_origin(const Accounts *accounts, const TenancyConfig *config, Origin **ret)
{
        const Account *old = accounts_find_tenancy(accounts, config->tenancy_id);

        if (!old || !origin_has_settings(old->origin, config->endpoint, config->ca_file))
                return origin_new(accounts->event, config->endpoint, config->ca_file, ret);
        *ret = origin_ref(old->origin);
        return 0;
}

static int account_new(const Accounts *accounts, const TenancyConfig *config, Secret *key,
                       Account **ret)
{
        _cleanup_(account_unrefp) Account *account = calloc(1, sizeof(Account));
        int r;

        if (!account)
                return -ENOMEM;
        account->n_ref = 1;
        account->key = secret_ref(key);
        account->tenancy_id = strdup(config->tenancy_id);
        if (!account->tenancy_id)
                return -ENOMEM;
        r = get_origin(accounts, config, &account->origin);
        if (r == 0)
                r = account_set_ids(account, accounts);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(account);
        return 0;
}

/* Settings and a key that are in force, or were, have one account only. */
static int get_account(const Accounts *accounts, const TenancyConfig *config, Secret *key,
                       Account **ret)
{
        _cleanup_(account_unrefp) Account *account = NULL;
        Account *old;
        int r;

        r = account_new(accounts, config, key, &account);
        if (r < 0)
                return r;
        old = accounts_find(accounts, account->id);
        *ret = old && old->key_id == account->key_id ? account_ref(old) : TAKE_PTR(account);
        return 0;
}

int accounts_set(Accounts *accounts, const TenancyConfig *config, Secret *key, Account **ret)
{
        _cleanup_(account_unrefp) Account *account = NULL;
        Entry *old = find_label(accounts, config->label), *entry;
        int r;

        r = get_account(accounts, config, key, &account);
        if (r < 0)
                return r;
        if (old && old->account == account) {
                *ret = account;
                return 0;
        }
        entry = calloc(1, sizeof(Entry));
        if (!entry)
                return -ENOMEM;
        entry->label = strdup(config->label);
        if (!entry->label) {
                free(entry);
                return -ENOMEM;
        }
        entry->account = TAKE_PTR(account);
        TAILQ_INSERT_TAIL(&accounts->in_force, entry, entry);
        if (old) {
                TAILQ_REMOVE(&accounts->in_force, old, entry);
                replace(accounts, old);
        }
        old = find_replaced(accounts, entry->account->id);
        if (old)
                drop_replaced(accounts, old);
        *ret = entry->account;
        return 0;
}

bool accounts_drop_stale(Accounts *accounts, const Config *config, char **ret_label)
{
        Entry *entry;

        TAILQ_FOREACH(entry, &accounts->in_force, entry)
                if (!config_find_tenancy(config, entry->label)) {
                        *ret_label = strdup(entry->label);
                        TAILQ_REMOVE(&accounts->in_force, entry, entry);
                        replace(accounts, entry);
                        return true;
                }
        return false;
}

void accounts_release(Accounts *accounts, uint64_t id)
{
        Entry *entry = find_replaced(accounts, id);

        if (entry)
                drop_replaced(accounts, entry);
}

int accounts_new(sd_event *event, const uint8_t nonce[static PROTOCOL_HELLO_NONCE_LEN],
                 Accounts **ret)
{
        _cleanup_(accounts_freep) Accounts *accounts = calloc(1, sizeof(Accounts));
        int r;

        if (!accounts)
                return -ENOMEM;
        accounts->event = sd_event_ref(event);
        memcpy(accounts->nonce, nonce, sizeof(accounts->nonce));
        TAILQ_INIT(&accounts->in_force);
        TAILQ_INIT(&accounts->replaced);
        r = log_errno_origin(sd_event_add_time(event, &accounts->expiry, CLOCK_MONOTONIC, 0, 0,
                                               on_expiry, accounts));
        if (r >= 0)
                r = log_errno_origin(sd_event_source_set_enabled(accounts->expiry, SD_EVENT_OFF));
        if (r < 0)
                return r;
        *ret = TAKE_PTR(accounts);
        return 0;
}

Accounts *accounts_free(Accounts *accounts)
{
        Entry *entry;

        if (!accounts)
                return NULL;
        while ((entry = TAILQ_FIRST(&accounts->in_force))) {
                TAILQ_REMOVE(&accounts->in_force, entry, entry);
                entry_free(entry);
        }
        while ((entry = TAILQ_FIRST(&accounts->replaced)))
                drop_replaced(accounts, entry);
        sd_event_source_disable_unref(accounts->expiry);
        sd_event_unref(accounts->event);
        free(accounts);
        return NULL;
}
