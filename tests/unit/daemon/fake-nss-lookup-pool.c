/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "tests/unit/daemon/fake-nss-lookup-pool.h"
#include "tests/unit/test.h"

char fake_asked[16][32];
size_t fake_n_asked;
size_t fake_n_cancelled;

static NssLookupFunc answered;
static void *answered_userdata;

int nss_lookup_pool_new(sd_event *event, NssLookupFunc func, void *userdata, NssLookupPool **ret)
{
        answered = func;
        answered_userdata = userdata;
        *ret = (NssLookupPool *) fake_asked;
        return 0;
}

NssLookupPool *nss_lookup_pool_free(NssLookupPool *lookups)
{
        return NULL;
}

int nss_lookup_pool_ask(NssLookupPool *lookups, bool is_group, const char *name)
{
        assert_true(fake_n_asked < ARRAY_SIZE(fake_asked));
        snprintf(fake_asked[fake_n_asked++], sizeof(fake_asked[0]), "%s%s", is_group ? "%" : "",
                 name);
        return 0;
}

void nss_lookup_pool_cancel(NssLookupPool *lookups)
{
        fake_n_asked = 0;
        fake_n_cancelled++;
}

void nss_lookup_pool_wait(NssLookupPool *lookups, uint64_t timeout_ms)
{
        /* No result arrives during the timeout. */
        usleep((useconds_t) timeout_ms * 1000);
}

void fake_lookups_reset(void)
{
        fake_n_asked = fake_n_cancelled = 0;
}

bool fake_is_asked(const char *name)
{
        for (size_t i = 0; i < fake_n_asked; i++)
                if (streq(fake_asked[i], name))
                        return true;
        return false;
}

void fake_answer(const char *name, int r, uint32_t id)
{
        bool is_group = *name == '%';

        for (size_t i = 0; i < fake_n_asked; i++)
                if (streq(fake_asked[i], name)) {
                        fake_n_asked--;
                        memmove(fake_asked[i], fake_asked[i + 1],
                                (fake_n_asked - i) * sizeof(fake_asked[0]));
                        answered(is_group, name + is_group, (NssResult){.r = r, .id = id},
                                 answered_userdata);
                        return;
                }
        fail_msg("%s was not asked for", name);
}
