/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <time.h>

#include "daemon/backoff/backoff.h"
#include "daemon/core/delete-recovery.h"
#include "daemon/core/vault-probe.h"
#include "daemon/store/store.h"
#include "dbus/error.h"
#include "tests/unit/test.h"

/* Fakes replace the lower layers at link time: a probe waits until the test completes it. */

static int64_t monotonic_offset_s;

int __real_clock_gettime(clockid_t clock, struct timespec *ret);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret);

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret)
{
        int r = __real_clock_gettime(clock, ret);

        if (clock == CLOCK_MONOTONIC)
                ret->tv_sec += monotonic_offset_s;
        return r;
}

static struct {
        BackoffFunc func;
        bool waiting;
        uint32_t retry_after_s;
        unsigned n_retries;
} backoff;

int backoff_new(sd_event *event, uint64_t first_ms, uint64_t max_ms, BackoffFunc func,
                void *userdata, Backoff **ret)
{
        backoff.func = func;
        *ret = userdata;
        return 0;
}

Backoff *backoff_free(Backoff *b)
{
        return NULL;
}

void backoff_start(Backoff *b)
{
        backoff.waiting = true;
}

void backoff_hurry(Backoff *b)
{
}

void backoff_retry(Backoff *b, uint32_t retry_after_s)
{
        backoff.waiting = true;
        backoff.retry_after_s = retry_after_s;
        backoff.n_retries++;
}

void backoff_stop(Backoff *b)
{
        backoff.waiting = false;
}

bool backoff_is_waiting(const Backoff *b)
{
        return backoff.waiting;
}

static struct {
        LinkList links;
        VaultProbeFunc func; /* NULL: no probe in flight */
        void *userdata;
        unsigned n;
} probe;

int vault_probe_start(sd_event *event, Api *api, LinkList *links, VaultProbeFunc func,
                      void *userdata, VaultProbe **ret)
{
        assert_null(probe.func);
        probe.links = TAKE(*links, (LinkList){});
        probe.func = func;
        probe.userdata = userdata;
        probe.n++;
        *ret = (VaultProbe *) &probe;
        return 0;
}

VaultProbe *vault_probe_cancel(VaultProbe *p)
{
        if (p) {
                link_list_clear(&probe.links);
                probe.func = NULL;
        }
        return NULL;
}

static struct {
        uint64_t id_of_pk_1; /* 0: no link */
        LinkList removed;
        uint64_t delete_id; /* of the removed intent */
} store;

int store_get_link(Store *s, const char *tenancy_id, const char *authenticator_id, Link **ret)
{
        int r;

        if (store.id_of_pk_1 == 0 && streq(authenticator_id, "pk-1"))
                return ERROR_NOT_FOUND;
        r = link_new(authenticator_id, "ada", NULL, 1, 0, ret);
        if (r == 0)
                (*ret)->id = streq(authenticator_id, "pk-1") ? store.id_of_pk_1 : 2;
        return r;
}

int store_list_deletes(Store *s, const char *tenancy_id, DeleteIntentList *ret)
{
        return 0;
}

int store_remove_unchanged(Store *s, const char *tenancy_id, const LinkList *links,
                           uint64_t delete_id, StoreRemoveFunc func, void *userdata,
                           StoreChange **ret)
{
        LinkList removed;

        assert_int_equal(link_list_copy(links, &removed), 0);
        store.delete_id = delete_id;
        func(0, &removed, userdata);
        link_list_clear(&removed);
        return 0;
}

static const char *endpoint;
static unsigned n_told;

const char *tenancy_endpoint(const Tenancy *tenancy)
{
        return endpoint;
}

const char *tenancy_label(const Tenancy *tenancy)
{
        return "default";
}

bool tenancy_is_usable(const Tenancy *tenancy)
{
        return true;
}

void tenancy_begin_change(Tenancy *tenancy)
{
}

void tenancy_end_change(Tenancy *tenancy)
{
}

void tenancy_notify_links_removed(Tenancy *tenancy, const LinkList *links,
                                  const AuditOrigin *origin)
{
        n_told += (unsigned) links->n_links;
}

static Tenancy tenancy;

static int set_up(void **state)
{
        memset(&backoff, 0, sizeof(backoff));
        memset(&probe, 0, sizeof(probe));
        memset(&store, 0, sizeof(store));
        store.id_of_pk_1 = 1;
        endpoint = "https://here";
        n_told = 0;
        monotonic_offset_s = 0;
        assert_int_equal(delete_recovery_part.attach(&tenancy), 0);
        delete_recovery_part.start(&tenancy);
        return 0;
}

static int tear_down(void **state)
{
        delete_recovery_part.detach(&tenancy);
        return 0;
}

static void add_pending(const char *authenticator_id, uint64_t link_id, const char *where)
{
        LinkList links = {};
        Link *link;

        assert_int_equal(link_new(authenticator_id, "ada", NULL, 1, 0, &link), 0);
        link->id = link_id;
        assert_int_equal(link_list_push(&links, link), 0);
        assert_int_equal(delete_recovery_add(tenancy.delete_recovery, where, &links, 100 + link_id,
                                             &(AuditOrigin){}),
                         0);
}

static void let_run(void)
{
        assert_true(backoff.waiting);
        backoff.waiting = false;
        backoff.func(tenancy.delete_recovery);
}

typedef enum Fate {
        GONE,
        THERE,
        UNKNOWN,
} Fate;

/* Completes the probe with the same result for all passkeys. */
static void vault_answers(int r, Fate fate)
{
        VaultProbeFunc func = probe.func;
        LinkList lists[3] = {};

        assert_non_null(func);
        lists[fate] = TAKE(probe.links, (LinkList){});
        probe.func = NULL;
        func(r, r ? 7 : 0, &lists[GONE], &lists[THERE], &lists[UNKNOWN], probe.userdata);
        for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
                link_list_clear(&lists[i]);
}

static size_t n_findings(void)
{
        _cleanup_(finding_list_clear) FindingList list = {};

        assert_int_equal(delete_recovery_part.find(&tenancy, &list), 0);
        return list.n_findings;
}

static void test_passkey_gone(void **state)
{
        add_pending("pk-1", 1, "https://here");
        let_run();
        vault_answers(0, GONE);
        assert_int_equal(n_told, 1);
        assert_int_equal(store.delete_id, 101);
        assert_int_equal(n_findings(), 0);
        assert_false(backoff.waiting);
}

/* A passkey that exists after a minute was not deleted. */
static void test_passkey_exists(void **state)
{
        add_pending("pk-1", 1, "https://here");
        for (unsigned i = 0; i < 3; i++) {
                let_run();
                vault_answers(0, THERE);
                assert_int_equal(store.delete_id, 0);
                assert_int_equal(n_findings(), 1);
        }
        monotonic_offset_s += 60;
        let_run();
        vault_answers(0, THERE);
        assert_int_equal(store.delete_id, 101);
        assert_int_equal(n_told, 0);
        assert_int_equal(n_findings(), 0);
}

/* A passkey whose lookup fails is never given up. */
static void test_unknown(void **state)
{
        add_pending("pk-1", 1, "https://here");
        for (unsigned i = 0; i < 100; i++) {
                let_run();
                vault_answers(0, UNKNOWN);
                assert_int_equal(store.delete_id, 0);
                assert_int_equal(n_findings(), 1);
                monotonic_offset_s += 3600;
        }
        let_run();
        vault_answers(0, GONE);
        assert_int_equal(store.delete_id, 101);
        assert_int_equal(n_told, 1);
}

/* A failed lookup does not delay other deletes. */
static void test_deletes_take_turns(void **state)
{
        add_pending("pk-1", 1, "https://here");
        add_pending("pk-2", 2, "https://here");
        backoff.n_retries = 0;
        let_run();
        vault_answers(0, UNKNOWN);
        assert_int_equal(probe.n, 2);
        assert_int_equal(backoff.n_retries, 0);
        vault_answers(0, GONE);
        assert_int_equal(store.delete_id, 102);
        assert_int_equal(backoff.n_retries, 1);
        let_run();
        assert_int_equal(probe.n, 3);
        vault_answers(0, GONE);
        assert_int_equal(n_findings(), 0);
}

/* An unreachable API fails all. */
static void test_failure(void **state)
{
        add_pending("pk-1", 1, "https://here");
        add_pending("pk-2", 2, "https://here");
        let_run();
        vault_answers(ERROR_UNREACHABLE, UNKNOWN);
        assert_int_equal(probe.n, 1);
        assert_int_equal(backoff.retry_after_s, 7);
        let_run();
        vault_answers(0, GONE);
        assert_int_equal(store.delete_id, 102);
        let_run();
        vault_answers(0, GONE);
        assert_int_equal(store.delete_id, 101);
}

static void test_other_endpoint(void **state)
{
        add_pending("pk-1", 1, "https://there");
        add_pending("pk-2", 2, NULL); /* from an old store without the endpoint */
        let_run();
        vault_answers(0, GONE);
        assert_int_equal(store.delete_id, 102);
        let_run();
        assert_int_equal(probe.n, 1);
        assert_int_equal(n_findings(), 1);

        endpoint = "https://there";
        delete_recovery_part.start(&tenancy);
        let_run();
        vault_answers(0, GONE);
        assert_int_equal(store.delete_id, 101);
        assert_int_equal(n_findings(), 0);
}

/* Links that were removed meanwhile, also if there is a new link. */
static void test_removed_meanwhile(void **state)
{
        for (unsigned i = 0; i < 2; i++) {
                add_pending("pk-1", 1, "https://there");
                store.id_of_pk_1 = i == 0 ? 0 : 9;
                let_run();
                assert_int_equal(probe.links.n_links, 0);
                vault_answers(0, GONE);
                assert_int_equal(store.delete_id, 101);
                assert_int_equal(n_told, 0);
                assert_int_equal(n_findings(), 0);
                store.id_of_pk_1 = 1;
        }
}

static void test_stop(void **state)
{
        add_pending("pk-1", 1, "https://here");
        let_run();
        delete_recovery_part.stop(&tenancy);
        assert_null(probe.func);
        assert_false(backoff.waiting);
        add_pending("pk-2", 2, "https://here");
        assert_false(backoff.waiting);
        delete_recovery_part.start(&tenancy);
        let_run();
        vault_answers(0, GONE);
        vault_answers(0, GONE);
        assert_int_equal(n_findings(), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_passkey_gone),       TEST(test_passkey_exists), TEST(test_unknown),
                TEST(test_deletes_take_turns), TEST(test_failure),        TEST(test_other_endpoint),
                TEST(test_removed_meanwhile),  TEST(test_stop),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
