/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <systemd/sd-event.h>

#include "base/clock.h"
#include "daemon/audit/audit.h"
#include "daemon/bus/dispatch/quota.h"
#include "daemon/metrics/counter.h"

/* The rate limit of a uid's audit records of failing calls. */
#define BURST       20U
#define INTERVAL_MS 10000U

/* A bucket that is used this long after its last token is full again, whatever its rate. */
#define BUCKETS_FULL_AFTER_MS 60000U

struct Quotas {
        sd_bus *bus;
        sd_event_source *timer;
        LIST_HEAD(, Quota) uids;
        Quota strangers;
};

static void quota_report(const Quota *quota, unsigned n)
{
        if (n > 0)
                audit(EVENT_CALLS_UNRECORDED,
                      .origin = &(AuditOrigin){.has_uid = quota->has_uid, .uid = quota->uid},
                      .counts = {{FIELD_COUNT, n}});
}

static void quota_free(Quota *quota)
{
        LIST_REMOVE(quota, entry);
        free(quota);
}

static bool is_full(const TokenBucket *bucket, uint64_t now_ms)
{
        return bucket->used_milli == 0 || now_ms - bucket->filled_at_ms >= BUCKETS_FULL_AFTER_MS;
}

/* Whether the quota is as a new one, but for its records. */
static bool buckets_are_full(const Quota *quota, uint64_t now_ms)
{
        return is_full(&quota->calls, now_ms) && is_full(&quota->standard, now_ms) &&
               is_full(&quota->refusals, now_ms);
}

/* Once the interval is over, records how many records were suppressed. Returns whether it is over.
 */
static bool quota_settle(Quota *quota, uint64_t now_ms)
{
        if (quota->records.n > 0 && now_ms - quota->records.begun_at_ms < INTERVAL_MS)
                return false;
        quota_report(quota, quota->records.n_refused);
        quota->records = (RateLimit){};
        return true;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata);

/* Ignore errors: without the timer, the next failing call or the exit records the suppressed
 * records. */
static void quotas_arm(Quotas *quotas)
{
        sd_event *event = sd_bus_get_event(quotas->bus);

        if (!quotas->timer && event)
                (void) sd_event_add_time_relative(event, &quotas->timer, CLOCK_MONOTONIC,
                                                  INTERVAL_MS * UINT64_C(1000), 0, on_timer,
                                                  quotas);
}

static int on_timer(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
        Quotas *quotas = userdata;
        uint64_t now_ms = monotonic_ms();
        bool again = !quota_settle(&quotas->strangers, now_ms);

        quotas->timer = sd_event_source_unref(quotas->timer);
        for (Quota *quota = LIST_FIRST(&quotas->uids), *next; quota; quota = next) {
                next = LIST_NEXT(quota, entry);
                if (!quota_settle(quota, now_ms))
                        again = true;
                else if (quota->n_ref > 0)
                        continue;
                else if (buckets_are_full(quota, now_ms))
                        quota_free(quota);
                else
                        again = true;
        }
        if (again)
                quotas_arm(quotas);
        return 0;
}

int quotas_new(sd_bus *bus, Quotas **ret)
{
        Quotas *quotas = calloc(1, sizeof(Quotas));

        if (!quotas)
                return -ENOMEM;
        quotas->bus = bus;
        *ret = quotas;
        return 0;
}

Quotas *quotas_free(Quotas *quotas)
{
        Quota *quota;

        if (!quotas)
                return NULL;
        quota_report(&quotas->strangers, quotas->strangers.records.n_refused);
        while ((quota = LIST_FIRST(&quotas->uids))) {
                quota_report(quota, quota->records.n_refused);
                quota_free(quota);
        }
        sd_event_source_unref(quotas->timer);
        free(quotas);
        return NULL;
}

int quotas_find(Quotas *quotas, uid_t uid, Quota **ret)
{
        Quota *quota;

        LIST_FOREACH(quota, &quotas->uids, entry)
                if (quota->uid == uid) {
                        quota->n_ref++;
                        *ret = quota;
                        return 0;
                }
        quota = calloc(1, sizeof(Quota));
        if (!quota)
                return -ENOMEM;
        *quota = (Quota){.has_uid = true, .uid = uid, .n_ref = 1};
        LIST_INSERT_HEAD(&quotas->uids, quota, entry);
        *ret = quota;
        return 0;
}

/* A quota that was used lately is freed by the timer. */
Quota *quotas_unref(Quotas *quotas, Quota *quota)
{
        if (!quota || --quota->n_ref > 0)
                return NULL;
        if (quota->records.n == 0 && buckets_are_full(quota, monotonic_ms()))
                quota_free(quota);
        else
                quotas_arm(quotas);
        return NULL;
}

Quota *quotas_strangers(Quotas *quotas)
{
        return &quotas->strangers;
}

bool quotas_may_record(Quotas *quotas, Quota *quota)
{
        unsigned n_refused;
        bool pass;

        quota = quota ?: &quotas->strangers;
        pass = rate_limit_pass(&quota->records, monotonic_ms(), BURST, INTERVAL_MS, &n_refused);
        quota_report(quota, n_refused);
        quotas_arm(quotas);
        if (!pass)
                counter_add(COUNTER_RECORDS_SUPPRESSED, 1);
        return pass;
}
