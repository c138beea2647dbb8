/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/log.h"
#include "base/strv.h"
#include "daemon/bus/account.h"
#include "daemon/bus/identity.h"

#define DRIVER            "org.freedesktop.DBus"
#define DRIVER_PATH       "/org/freedesktop/DBus"
#define LOOKUP_TIMEOUT_US (5U * 1000U * 1000U)

typedef struct Waiter {
        struct Waiter *next;
        IdentityFunc func;
        void *userdata;
} Waiter;

struct Identity {
        Identity *next;
        Identities *identities;
        unsigned n_ref;
        char *unique_name;
        sd_bus_slot *lookup; /* the question to the driver; NULL once it has answered */
        Waiter *waiters;     /* the last to come is first */
        unsigned n_waiters;
        Caller caller;
        char **readable; /* tenancies; see identity_add_readable() */
        Account *account;
};

struct Identities {
        sd_bus *bus;
        IdentityGoneFunc gone;
        void *userdata;
        sd_bus_slot *gone_match;
        Identity *identities;
        Accounts *accounts;
};

Identity *identity_ref(Identity *identity)
{
        identity->n_ref++;
        return identity;
}

Identity *identity_unref(Identity *identity)
{
        if (!identity || --identity->n_ref > 0)
                return NULL;
        while (identity->waiters) {
                Waiter *waiter = identity->waiters;

                identity->waiters = waiter->next;
                free(waiter);
        }
        sd_bus_slot_unref(identity->lookup);
        account_unref(identity->account);
        strv_free(identity->readable);
        free(identity->caller.gids);
        free(identity->unique_name);
        free(identity);
        return NULL;
}

const Caller *identity_caller(const Identity *identity)
{
        return &identity->caller;
}

unsigned *identity_n_pending(Identity *identity)
{
        return account_n_pending(identity->account);
}

unsigned *identity_n_questions(Identity *identity)
{
        return account_n_questions(identity->account);
}

bool identities_may_record(Identities *identities, Identity *identity)
{
        return accounts_may_record(identities->accounts, identity ? identity->account : NULL);
}

static Identity *find_name(const Identities *identities, const char *unique_name)
{
        for (Identity *i = identities->identities; i; i = i->next)
                if (streq(i->unique_name, unique_name))
                        return i;
        return NULL;
}

static void drop(Identity *identity)
{
        for (Identity **i = &identity->identities->identities; *i; i = &(*i)->next)
                if (*i == identity) {
                        *i = identity->next;
                        identity_unref(identity);
                        return;
                }
}

static int read_groups(sd_bus_message *m, Caller *caller)
{
        const void *ids;
        size_t size;
        int r;

        r = sd_bus_message_enter_container(m, 'v', "au");
        if (r < 0)
                return r;
        r = sd_bus_message_read_array(m, 'u', &ids, &size);
        if (r < 0)
                return r;
        free(caller->gids);
        caller->gids = malloc(size ?: 1);
        if (!caller->gids)
                return -ENOMEM;
        memcpy(caller->gids, ids, size);
        caller->n_gids = size / sizeof(gid_t);
        return sd_bus_message_exit_container(m);
}

/* Reads what the driver says: a{sv}, of which two entries matter. Without a uid it is nobody. */
static int read_credentials(sd_bus_message *m, Caller *caller)
{
        bool has_uid = false;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                const char *key;

                r = sd_bus_message_read(m, "s", &key);
                if (r < 0)
                        return r;
                if (streq(key, "UnixUserID")) {
                        r = sd_bus_message_read(m, "v", "u", &caller->uid);
                        has_uid = true;
                } else if (streq(key, "UnixGroupIDs")) {
                        r = read_groups(m, caller);
                } else {
                        r = sd_bus_message_skip(m, "v");
                }
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;
        return has_uid && caller->uid != (uid_t) -1 ? 0 : -ENODATA;
}

static void tell(Identity *identity, int r)
{
        Waiter *first = NULL;

        /* In the order in which they came. */
        while (identity->waiters) {
                Waiter *waiter = identity->waiters;

                identity->waiters = waiter->next;
                waiter->next = first;
                first = waiter;
        }
        identity->n_waiters = 0;
        while (first) {
                _cleanup_(freep) Waiter *waiter = first;

                first = waiter->next;
                waiter->func(r, r < 0 ? NULL : identity, waiter->userdata);
        }
}

static int lookup_done(sd_bus_message *reply, void *userdata, sd_bus_error *error _unused_)
{
        _cleanup_(identity_unrefp) Identity *identity = identity_ref(userdata);
        int r;

        identity->lookup = sd_bus_slot_unref(identity->lookup);
        r = -sd_bus_message_get_errno(reply);
        /* Nobody but the driver can have that sender, or we have made it up ourselves. */
        if (r == 0 && !streq_ptr(sd_bus_message_get_sender(reply), DRIVER))
                r = -EBADMSG;
        if (r == 0)
                r = read_credentials(reply, &identity->caller);
        if (r == 0)
                r = accounts_find(identity->identities->accounts, identity->caller.uid,
                                  &identity->account);
        if (r < 0) {
                log_debug("Cannot tell who %s is: %s", identity->unique_name, strerror(-r));
                drop(identity);
        }
        tell(identity, r);
        return 0;
}

/* Asks the driver. */
static int identity_look_up(Identity *identity)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        sd_bus *bus = identity->identities->bus;
        int r;

        r = sd_bus_message_new_method_call(bus, &m, DRIVER, DRIVER_PATH, DRIVER,
                                           "GetConnectionCredentials");
        if (r < 0)
                return r;
        r = sd_bus_message_append(m, "s", identity->unique_name);
        if (r < 0)
                return r;
        return sd_bus_call_async(bus, &identity->lookup, m, lookup_done, identity,
                                 LOOKUP_TIMEOUT_US);
}

static int identity_new(Identities *identities, const char *unique_name, Identity **ret)
{
        _cleanup_(identity_unrefp) Identity *identity = calloc(1, sizeof(Identity));
        int r;

        if (!identity)
                return -ENOMEM;
        identity->n_ref = 1;
        identity->identities = identities;
        identity->unique_name = strdup(unique_name);
        if (!identity->unique_name)
                return -ENOMEM;
        r = identity_look_up(identity);
        if (r < 0)
                return r;

        identity->next = identities->identities;
        *ret = identities->identities = TAKE_PTR(identity);
        return 0;
}

int identities_find(Identities *identities, const char *unique_name, unsigned waiting_max,
                    IdentityFunc func, void *userdata, Identity **ret)
{
        Identity *identity = find_name(identities, unique_name);
        Waiter *waiter;
        int r;

        if (identity && !identity->lookup) {
                *ret = identity_ref(identity);
                return 1;
        }
        if (!identity) {
                r = identity_new(identities, unique_name, &identity);
                if (r < 0)
                        return r;
        }
        if (identity->n_waiters >= waiting_max)
                return -EBUSY;
        waiter = malloc(sizeof(Waiter));
        if (!waiter)
                return -ENOMEM;
        *waiter = (Waiter){.next = identity->waiters, .func = func, .userdata = userdata};
        identity->waiters = waiter;
        identity->n_waiters++;
        return 0;
}

/* A connection has gone. One that is being looked up ends with the driver's answer. */
static int on_name_gone(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
        Identities *identities = userdata;
        const char *name, *old_owner, *new_owner;
        Identity *identity;

        /* Nobody but the driver can have that sender. */
        if (!streq_ptr(sd_bus_message_get_sender(m), DRIVER) ||
            sd_bus_message_read(m, "sss", &name, &old_owner, &new_owner) < 0)
                return 0;
        if (*name != ':' || *new_owner)
                return 0;
        identity = find_name(identities, name);
        if (identity && !identity->lookup)
                drop(identity);
        identities->gone(name, identities->userdata);
        return 0;
}

int identities_new(sd_bus *bus, IdentityGoneFunc gone, void *userdata, Identities **ret)
{
        _cleanup_(identities_freep) Identities *identities = calloc(1, sizeof(Identities));
        int r;

        if (!identities)
                return -ENOMEM;
        *identities = (Identities){.bus = bus, .gone = gone, .userdata = userdata};
        r = accounts_new(bus, &identities->accounts);
        if (r < 0)
                return r;
        r = sd_bus_add_match(bus, &identities->gone_match,
                             "type='signal',sender='" DRIVER "',path='" DRIVER_PATH
                             "',interface='" DRIVER "',member='NameOwnerChanged',arg2=''",
                             on_name_gone, identities);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(identities);
        return 0;
}

Identities *identities_free(Identities *identities)
{
        if (!identities)
                return NULL;
        while (identities->identities)
                drop(identities->identities);
        sd_bus_slot_unref(identities->gone_match);
        accounts_free(identities->accounts);
        free(identities);
        return NULL;
}

int identity_add_readable(Identity *identity, const char *label)
{
        return identity_may_read(identity, label) ? 0 : strv_push(&identity->readable, label);
}

bool identity_may_read(const Identity *identity, const char *label)
{
        return strv_contains(identity->readable, label);
}

void identities_forget_readable(Identities *identities, const char *label)
{
        for (Identity *i = identities->identities; i; i = i->next)
                for (char **r = i->readable; r && *r; r++)
                        if (streq(*r, label)) {
                                free(*r);
                                memmove(r, r + 1, (strv_len(r + 1) + 1) * sizeof(char *));
                                break;
                        }
}

const char *identity_unique_name(const Identity *identity)
{
        return identity->unique_name;
}

void identities_foreach(Identities *identities,
                        void (*func)(const Identity *identity, void *userdata), void *userdata)
{
        for (Identity *i = identities->identities; i; i = i->next)
                if (!i->lookup)
                        func(i, userdata);
}
