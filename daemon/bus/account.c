/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <systemd/sd-event.h>

#include "base/clock.h"
#include "base/rate-limit.h"
#include "daemon/audit/audit.h"
#include "daemon/bus/account.h"

/* Records of failing calls of one uid. */
#define BURST       20U
#define INTERVAL_MS 10000U

struct Account {
        Account *next;
        Accounts *accounts;
        bool has_uid;
        uid_t uid;
        unsigned n_ref;
        unsigned n_pending;
        unsigned n_questions;
        RateLimit records;
};

struct Accounts {
        sd_bus *bus;
        sd_event_source *timer;
        Account *first;
        Account strangers;
};

static void account_report(const Account *account, unsigned n)
{
        if (n > 0)
                audit(EVENT_CALLS_UNRECORDED,
                      .origin = &(AuditOrigin){.has_uid = account->has_uid, .uid = account->uid},
                      .counts = {{FIELD_COUNT, n}});
}

/* Reports what there is to report, once the interval is over. Returns whether it is. */
static bool account_settle(Account *account, uint64_t now_ms)
{
        if (account->records.n > 0 && now_ms - account->records.begun_at_ms < INTERVAL_MS)
                return false;
        account_report(account, account->records.n_refused);
        account->records = (RateLimit){};
        return true;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata);

/* Without a timer, the next failing call reports, or the end does. */
static void accounts_arm(Accounts *accounts)
{
        sd_event *event = sd_bus_get_event(accounts->bus);

        if (!accounts->timer && event)
                (void) sd_event_add_time_relative(event, &accounts->timer, CLOCK_MONOTONIC,
                                                  INTERVAL_MS * UINT64_C(1000), 0, on_timer,
                                                  accounts);
}

static int on_timer(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
        Accounts *accounts = userdata;
        uint64_t now_ms = monotonic_ms();
        bool again = !account_settle(&accounts->strangers, now_ms);

        accounts->timer = sd_event_source_unref(accounts->timer);
        for (Account **a = &accounts->first; *a;) {
                Account *account = *a;
                bool settled = account_settle(account, now_ms);

                again = again || !settled;
                if (settled && account->n_ref == 0) {
                        *a = account->next;
                        free(account);
                } else {
                        a = &account->next;
                }
        }
        if (again)
                accounts_arm(accounts);
        return 0;
}

int accounts_new(sd_bus *bus, Accounts **ret)
{
        Accounts *accounts = calloc(1, sizeof(Accounts));

        if (!accounts)
                return -ENOMEM;
        accounts->bus = bus;
        *ret = accounts;
        return 0;
}

Accounts *accounts_free(Accounts *accounts)
{
        if (!accounts)
                return NULL;
        account_report(&accounts->strangers, accounts->strangers.records.n_refused);
        while (accounts->first) {
                Account *account = accounts->first;

                accounts->first = account->next;
                account_report(account, account->records.n_refused);
                free(account);
        }
        sd_event_source_unref(accounts->timer);
        free(accounts);
        return NULL;
}

int accounts_find(Accounts *accounts, uid_t uid, Account **ret)
{
        Account *account;

        for (account = accounts->first; account; account = account->next)
                if (account->uid == uid) {
                        account->n_ref++;
                        *ret = account;
                        return 0;
                }
        account = calloc(1, sizeof(Account));
        if (!account)
                return -ENOMEM;
        *account = (Account){
                .next = accounts->first,
                .accounts = accounts,
                .has_uid = true,
                .uid = uid,
                .n_ref = 1,
        };
        *ret = accounts->first = account;
        return 0;
}

/* One that has left records waits for the timer. */
Account *account_unref(Account *account)
{
        if (!account || --account->n_ref > 0 || account->records.n > 0)
                return NULL;
        for (Account **a = &account->accounts->first; *a; a = &(*a)->next)
                if (*a == account) {
                        *a = account->next;
                        break;
                }
        free(account);
        return NULL;
}

unsigned *account_n_pending(Account *account)
{
        return &account->n_pending;
}

unsigned *account_n_questions(Account *account)
{
        return &account->n_questions;
}

bool accounts_may_record(Accounts *accounts, Account *account)
{
        unsigned n_refused;
        bool pass;

        account = account ?: &accounts->strangers;
        pass = rate_limit_pass(&account->records, monotonic_ms(), BURST, INTERVAL_MS, &n_refused);
        account_report(account, n_refused);
        accounts_arm(accounts);
        return pass;
}
