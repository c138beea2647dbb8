/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <inttypes.h>

#include "client/passlockctl/doctor/doctor.h"

#define QUOTA_PERCENT_MAX 80U

static void check_alarms(CheckReport *checks, const passlock_store *store)
{
        const char *const *alarms = passlock_store_get_alarms(store);

        for (; *alarms; alarms++)
                if (streq(*alarms, "no-space"))
                        check_report_fault(checks, STORE_HEADING,
                                           "compact and defragment etcd, or raise its quota; then: "
                                           "etcdctl alarm disarm",
                                           "the quota of etcd is exhausted: it refuses changes");
                else
                        check_report_fault(checks, STORE_HEADING,
                                           "replace the member that etcdctl alarm list shows",
                                           "etcd has the alarm %s", *alarms);
}

static void check_quota(CheckReport *checks, const passlock_store *store)
{
        uint64_t size = passlock_store_get_db_size(store), quota = passlock_store_get_quota(store);

        if (quota > 0 && size > quota / 100 * QUOTA_PERCENT_MAX)
                check_report_fault(checks, STORE_HEADING,
                                   "compact and defragment etcd, or raise its quota",
                                   "the database of etcd has %" PRIu64 " of %" PRIu64 " MiB",
                                   size >> 20, quota >> 20);
}

static void check_members(CheckReport *checks, const passlock_store *store)
{
        size_t n = passlock_store_get_n_members(store);

        for (size_t i = 0; i < n; i++)
                if (!passlock_store_member_answers(store, i))
                        check_report_skipped(checks, STORE_HEADING,
                                             "member %s of etcd does not answer, or is not in "
                                             "Endpoints=",
                                             passlock_store_get_member_name(store, i));
}

void doctor_check_shared_store(CheckReport *checks, passlock *client)
{
        _cleanup_(passlock_store_unrefp) passlock_store *store = NULL;

        if (passlock_get_store(client, &store) != 0 ||
            streq(passlock_store_get_engine(store), "local"))
                return;
        if (streq(passlock_store_get_state(store) ?: "", "serving"))
                check_report_ok(
                        checks, STORE_HEADING, "shared in %s of %zu members, %" PRIu64 " ms behind",
                        passlock_store_get_engine(store), passlock_store_get_n_members(store),
                        passlock_store_get_behind_ms(store));
        check_alarms(checks, store);
        check_quota(checks, store);
        check_members(checks, store);
}
