/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/strv.h"
#include "daemon/core/id-set.h"
#include "daemon/etcd-log/etcd-log-scan.h"
#include "daemon/etcd-log/etcd-log-status.h"
#include "daemon/shared-store-verify.h"
#include "daemon/store/store-shared.h"
#include "dbus/error.h"

/* More are not read again. */
#define CANDIDATES_MAX 10000U

/* The first reading of a candidate, one after which the replica has caught up, and one that proves
 * that nothing changed between etcd's reply and the comparison. */
#define READINGS_MIN 3U
/* A link that changes all the time is given up. */
#define ROUNDS_MAX 10U

#define POLL_US     (200U * 1000U)
#define CATCH_UP_MS 30000U
#define PAGE_BYTES  (1U << 20)

/* A link that may differ. */
typedef struct Candidate {
        char *key;
        uint64_t changed_at;
        unsigned n_readings; /* of that revision */
} Candidate;

typedef struct Verify {
        Call call;
        SharedStore *shared;
        sd_event_source *timer; /* calls `step` */
        void (*step)(struct Verify *verify);

        EtcdLogScan *scan;
        IdSet *seen; /* keys in etcd */
        char **tenancies;
        size_t tenancy;
        char *cursor;

        Candidate *candidates;
        size_t n_candidates, candidate;
        unsigned n_rounds;
        uint64_t since_ms; /* when all candidates had been read */
        EtcdLogGet *get;

        char *examples[STORE_EXAMPLES_MAX + 1];
        StoreVerification result;
} Verify;

static void clear_candidates(Verify *verify)
{
        for (size_t i = 0; i < verify->n_candidates; i++)
                free(verify->candidates[i].key);
        free(TAKE_PTR(verify->candidates));
        verify->n_candidates = 0;
}

static void destroy(Call *call)
{
        Verify *verify = (Verify *) call;

        sd_event_source_disable_unref(verify->timer);
        etcd_log_scan_free(verify->scan);
        etcd_log_get_cancel(verify->get);
        id_set_free(verify->seen);
        strv_free(verify->tenancies);
        free(verify->cursor);
        clear_candidates(verify);
        for (size_t i = 0; i < STORE_EXAMPLES_MAX; i++)
                free(verify->examples[i]);
}

/* Frees the call. */
static void end(Verify *verify, int r)
{
        if (r < 0 && r != -ENOMEM)
                r = ERROR_STORE_FAILED;
        verify->result.examples = verify->examples;
        call_end(&verify->call, &(Result){.r = r, .verification = r == 0 ? &verify->result : NULL});
}

static void step_in(Verify *verify, uint64_t delay_us, void (*step)(Verify *verify))
{
        int r;

        verify->step = step;
        r = sd_event_source_set_time_relative(verify->timer, delay_us);
        if (r >= 0)
                r = sd_event_source_set_enabled(verify->timer, SD_EVENT_ONESHOT);
        if (r < 0)
                end(verify, r);
}

static int on_timer(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
        Verify *verify = userdata;

        verify->step(verify);
        return 0;
}

/* Returns 0, -ENOMEM, or -E2BIG with too many candidates. */
static int add_candidate(Verify *verify, const char *key, uint64_t changed_at)
{
        Candidate *grown;
        char *copy;

        if (verify->n_candidates == CANDIDATES_MAX)
                return -E2BIG;
        if ((verify->n_candidates & (verify->n_candidates - 1)) == 0) {
                grown = reallocarray(verify->candidates, verify->n_candidates * 2 + 1,
                                     sizeof(Candidate));
                if (!grown)
                        return -ENOMEM;
                verify->candidates = grown;
        }
        copy = strdup(key);
        if (!copy)
                return -ENOMEM;
        verify->candidates[verify->n_candidates++] =
                (Candidate){.key = copy, .changed_at = changed_at, .n_readings = 1};
        return 0;
}

/* Reads the candidates again */

static void wait_for_replica(Verify *verify);
static void read_next(Verify *verify);

static int add_example(Verify *verify, const char *kind, const char *key)
{
        size_t n = strv_len(verify->examples);

        if (n < STORE_EXAMPLES_MAX && asprintf(&verify->examples[n], "%s %s", kind, key) < 0) {
                verify->examples[n] = NULL;
                return -ENOMEM;
        }
        return 0;
}

static int confirm(Verify *verify, const char *key, ReplicaDifference difference)
{
        switch (difference) {
        case REPLICA_MISSING:
                verify->result.missing++;
                return add_example(verify, "missing", key);
        case REPLICA_EXTRA:
                verify->result.extra++;
                return add_example(verify, "extra", key);
        case REPLICA_DIFFERENT:
                verify->result.different++;
                return add_example(verify, "different", key);
        case REPLICA_SAME:
                break;
        }
        return 0;
}

/* Settled candidates have no key. */
static int judge(Verify *verify, Candidate *candidate, const EtcdLogKey *key)
{
        ReplicaDifference difference;
        int r;

        r = store_shared_compare(shared_store_get(verify->shared), &key->event, &difference);
        if (r != 0)
                return r;
        if (key->changed_at != candidate->changed_at) {
                candidate->changed_at = key->changed_at;
                candidate->n_readings = 0;
        }
        if (difference != REPLICA_SAME && ++candidate->n_readings < READINGS_MIN)
                return 0;
        r = confirm(verify, candidate->key, difference);
        free(TAKE_PTR(candidate->key));
        return r;
}

static void end_round(Verify *verify)
{
        size_t n = 0;

        for (size_t i = 0; i < verify->n_candidates; i++)
                if (verify->candidates[i].key)
                        verify->candidates[n++] = verify->candidates[i];
        verify->n_candidates = n;
        verify->since_ms = monotonic_ms();
        if (n == 0 || ++verify->n_rounds == ROUNDS_MAX)
                end(verify, 0);
        else
                wait_for_replica(verify);
}

static void on_get(int r, const EtcdLogKey *key, void *userdata)
{
        Verify *verify = userdata;

        verify->get = NULL;
        if (r == 0)
                r = judge(verify, &verify->candidates[verify->candidate++], key);
        if (r != 0)
                end(verify, r);
        else
                read_next(verify);
}

static void read_next(Verify *verify)
{
        int r;

        if (verify->candidate == verify->n_candidates) {
                end_round(verify);
                return;
        }
        r = etcd_log_get_start(shared_store_log(verify->shared),
                               verify->candidates[verify->candidate].key, on_get, verify,
                               &verify->get);
        if (r < 0)
                end(verify, r);
}

/* Whether the replica has all changes that were made before the time. */
static bool has_heard(const Verify *verify)
{
        ReplicaStatus replica;
        EtcdLogStatus log;

        store_shared_get_status(shared_store_get(verify->shared), &replica);
        etcd_log_get_status(shared_store_log(verify->shared), &log);
        return log.heard_at_ms > verify->since_ms && !replica.is_loading &&
               (replica.late_at_ms == 0 || replica.late_at_ms > verify->since_ms);
}

static void wait_for_replica(Verify *verify)
{
        if (has_heard(verify)) {
                verify->candidate = 0;
                read_next(verify);
        } else if (monotonic_ms() - verify->since_ms > CATCH_UP_MS) {
                end(verify, ERROR_STORE_FAILED);
        } else {
                step_in(verify, POLL_US, wait_for_replica);
        }
}

/* Finds the candidates */

static void begin_rounds(Verify *verify, bool is_complete)
{
        verify->result.is_complete = is_complete;
        verify->since_ms = monotonic_ms();
        if (verify->n_candidates == 0)
                end(verify, 0);
        else
                wait_for_replica(verify);
}

static void end_search(Verify *verify, int r)
{
        if (r == 0 || r == -E2BIG)
                begin_rounds(verify, r == 0);
        else
                end(verify, r);
}

static int check_own_link(Verify *verify, const char *tenancy_id, const Link *link)
{
        _cleanup_(freep) char *key = store_shared_key(tenancy_id, link->authenticator_id);

        if (!key)
                return -ENOMEM;
        return id_set_has(verify->seen, key) ? 0 : add_candidate(verify, key, 0);
}

/* A page of the links on this host: are they in etcd? */
static void check_own_page(Verify *verify)
{
        const char *tenancy_id = verify->tenancies ? verify->tenancies[verify->tenancy] : NULL;
        _cleanup_(link_list_clear) LinkList list = {};
        char *next = NULL;
        int r;

        if (!tenancy_id) {
                end_search(verify, 0);
                return;
        }
        r = store_list(shared_store_get(verify->shared), tenancy_id, verify->cursor, 0, PAGE_BYTES,
                       &list, &next);
        free(verify->cursor);
        verify->cursor = next;
        if (!next)
                verify->tenancy++;
        for (size_t i = 0; r == 0 && i < list.n_links; i++)
                r = check_own_link(verify, tenancy_id, list.links[i]);
        if (r == 0)
                step_in(verify, 0, check_own_page);
        else
                end_search(verify, r);
}

static int check_key(Verify *verify, const EtcdLogKey *key)
{
        ReplicaDifference difference;
        int r;

        verify->result.checked++;
        r = id_set_add(verify->seen, key->event.key);
        if (r == 0)
                r = store_shared_compare(shared_store_get(verify->shared), &key->event,
                                         &difference);
        if (r == 0 && difference != REPLICA_SAME)
                r = add_candidate(verify, key->event.key, key->changed_at);
        return r;
}

static int begin_scan(Verify *verify)
{
        clear_candidates(verify);
        verify->result.checked = 0;
        verify->seen = id_set_free(verify->seen);
        return id_set_new(&verify->seen);
}

static void on_page(int r, const EtcdLogKey *keys, size_t n_keys, bool is_first, bool is_last,
                    void *userdata)
{
        Verify *verify = userdata;

        if (r == 0 && is_first)
                r = begin_scan(verify);
        for (size_t i = 0; r == 0 && i < n_keys; i++)
                r = check_key(verify, &keys[i]);
        if (r == 0 && !is_last) {
                r = etcd_log_scan_next(verify->scan);
                if (r == 0)
                        return;
        }
        verify->scan = etcd_log_scan_free(verify->scan);
        if (r == 0)
                r = store_list_tenancies(shared_store_get(verify->shared), &verify->tenancies);
        if (r == 0)
                step_in(verify, 0, check_own_page);
        else
                end_search(verify, r);
}

/* Start */

static int start(Verify *verify, sd_event *event)
{
        ReplicaStatus replica;
        EtcdLogStatus log;
        int r;

        store_shared_get_status(shared_store_get(verify->shared), &replica);
        etcd_log_get_status(shared_store_log(verify->shared), &log);
        if (replica.revision == 0 || replica.is_loading || !streq(log.state, "serving"))
                return ERROR_STORE_FAILED;
        r = log_errno_origin(
                sd_event_add_time(event, &verify->timer, CLOCK_MONOTONIC, 0, 0, on_timer, verify));
        if (r >= 0)
                r = log_errno_origin(sd_event_source_set_enabled(verify->timer, SD_EVENT_OFF));
        return r < 0 ? r
                     : etcd_log_scan_new(shared_store_log(verify->shared), STORE_SHARED_LINKS,
                                         on_page, verify, &verify->scan);
}

int shared_store_verify_start(sd_event *event, SharedStore *shared, ResultFunc func, void *userdata,
                              Call **ret)
{
        Verify *verify;
        int r;

        r = call_new_without_api(sizeof(Verify), NULL, func, userdata, &verify);
        if (r < 0)
                return r;
        verify->call.destroy = destroy;
        verify->shared = shared;
        return call_started(&verify->call, start(verify, event), ret);
}
