/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/core/api-watch.h"
#include "daemon/core/crash-recovery.h"
#include "daemon/core/delete-recovery.h"
#include "daemon/core/exchange-internal.h"
#include "daemon/core/tenancy-internal.h"
#include "daemon/core/verify-id-token.h"

const TenancyPart *const tenancy_parts[] = {
        &api_watch_part,
        &exchanges_part,
        &key_set_cache_part,
        &crash_recovery_part,
        &delete_recovery_part,
        &unconfirmed_deletes_part,
        NULL,
};
