/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/model/grant.h"
#include "tests/unit/test.h"

/* One rule: uid 1000 and group 50 may Authorize and read links of "shop". */
static void push_grant(GrantList *list)
{
        Grant *grant = calloc(1, sizeof(Grant));

        grant->name = strdup("web");
        grant->tenancy = strdup("shop");
        grant->allow = RIGHT_AUTHORIZE | RIGHT_LINKS_READ;
        assert_int_equal(grant_add_uid(grant, 1000), 0);
        assert_int_equal(grant_add_gid(grant, 50), 0);
        assert_int_equal(grant_list_push(list, grant), 0);
}

static int set_up(void **state)
{
        GrantList *list = calloc(1, sizeof(GrantList));

        push_grant(list);
        *state = list;
        return 0;
}

static int tear_down(void **state)
{
        grant_list_clear(*state);
        free(*state);
        return 0;
}

static const Caller granted = {.uid = 1000};
static const Caller stranger = {.uid = 1001};
static const Caller root = {.uid = 0};
