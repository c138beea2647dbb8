/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "tests/unit/daemon/fake-nss-lookup-pool.h"
#include "tests/unit/test.h"

char fake_asked[16][32];
size_t fake_n_asked;
size_t fake_n_cancelled;

static LookupsFunc answered;
static void *answered_userdata;

int lookups_new(sd_event *event, LookupsFunc func, void *userdata, Lookups **ret)
{
        answered = func;
        answered_userdata = userdata;
        *ret = (Lookups *) fake_asked;
        return 0;
}

Lookups *lookups_free(Lookups *lookups)
{
        return NULL;
}

int lookups_ask(Lookups *lookups, bool is_group, const char *name)
{
        assert_true(fake_n_asked < ARRAY_SIZE(fake_asked));
        snprintf(fake_asked[fake_n_asked++], sizeof(fake_asked[0]), "%s%s", is_group ? "%" : "",
                 name);
        return 0;
}

void lookups_cancel(Lookups *lookups)
{
        fake_n_asked = 0;
        fake_n_cancelled++;
}

void lookups_wait(Lookups *lookups, uint64_t timeout_ms)
{
        /* Nobody answers, and so long goes by. */
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
                        answered(is_group, name + is_group, (NameAnswer){.r = r, .id = id},
                                 answered_userdata);
                        return;
                }
        fail_msg("%s was not asked for", name);
}
