/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <malloc.h>
#include <stdlib.h>

#include "daemon/memory/memory-trim.h"
#include "tests/unit/test.h"

#define MAPPED_SIZE (2U << 20)

static unsigned n_asked, n_trimmed;

/* Timers elapse at once. */
int __wrap_sd_event_source_set_time_relative(sd_event_source *source, uint64_t usec);
int __wrap_sd_event_source_set_time_relative(sd_event_source *source, uint64_t usec _unused_)
{
        return sd_event_source_set_time(source, 0);
}

static bool is_busy_at_first(void *userdata _unused_)
{
        return ++n_asked <= 2;
}

static void count_trimmed(void *userdata)
{
        n_trimmed++;
        (void) sd_event_exit(userdata, 0);
}

static void test_trim_after_calls(void **state _unused_)
{
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(memory_trim_freep) MemoryTrim *trim = NULL;

        assert_return_code(sd_event_new(&event), 0);
        assert_int_equal(memory_trim_new(event,
                                         &(MemoryTrimOwner){.is_busy = is_busy_at_first,
                                                            .trimmed = count_trimmed,
                                                            .userdata = event},
                                         &trim),
                         0);
        assert_int_equal(sd_event_run(event, 0), 0); /* without calls, no wakeup */
        memory_trim_soon(trim);
        assert_int_equal(sd_event_loop(event), 0);
        assert_int_equal(n_asked, 3);
        assert_int_equal(n_trimmed, 1);
}

static size_t n_mapped(void)
{
        return mallinfo2().hblks;
}

/* By default, glibc takes a block from the heap after one of that size was freed. */
static void test_large_blocks_stay_mapped(void **state _unused_)
{
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(memory_trim_freep) MemoryTrim *trim = NULL;
        size_t before = n_mapped();
        void *volatile block = malloc(MAPPED_SIZE);

        bool is_glibc = n_mapped() > before;

        free(block);
        if (!is_glibc) /* but that of a sanitizer */
                return;
        assert_return_code(sd_event_new(&event), 0);
        assert_int_equal(
                memory_trim_new(event, &(MemoryTrimOwner){.is_busy = is_busy_at_first}, &trim), 0);
        for (unsigned i = 0; i < 2; i++) {
                block = malloc(MAPPED_SIZE);
                assert_int_equal(n_mapped(), before + 1);
                free(block);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_trim_after_calls),
                cmocka_unit_test(test_large_blocks_stay_mapped),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
