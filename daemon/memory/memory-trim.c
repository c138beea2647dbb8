/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

#include "base/log.h"
#include "daemon/memory/memory-trim.h"

#define DELAY_US (2U * 1000U * 1000U)

/*
 * The thread cache of glibc keeps up to 7 free chunks of each of 64 sizes. After a burst they lie
 * scattered over the heap, and each keeps a page from being released.
 */
#define CACHED_SIZES    64U
#define CACHED_PER_SIZE 7U
#define CACHED_MAX      (CACHED_SIZES * CACHED_PER_SIZE)
#define CHUNK_MIN       24U
#define CHUNK_STEP      16U
#define UNCACHED_SIZE   (CHUNK_MIN + CHUNK_STEP * CACHED_SIZES)

/*
 * A freed block makes glibc take later ones of its size from the heap. LMDB allocates 3 MiB for
 * each environment, most of which stays untouched only if it is mapped.
 */
#define MAPPED_SIZE_MIN (256 * 1024)
#define KEPT_TOP_MAX    (1024 * 1024)

struct MemoryTrim {
        MemoryTrimOwner owner;
        bool was_used;          /* a call has ended since the timer was set */
        sd_event_source *timer; /* off unless a call has ended */
};

static void set_timer(MemoryTrim *trim)
{
        trim->was_used = false;
        (void) sd_event_source_set_time_relative(trim->timer, DELAY_US);
        (void) sd_event_source_set_enabled(trim->timer, SD_EVENT_ONESHOT);
}

static int by_falling_address(const void *a, const void *b)
{
        uintptr_t x = *(const uintptr_t *) a, y = *(const uintptr_t *) b;

        return (x < y) - (x > y);
}

/* Empties the thread cache. A chunk that a free one follows grows in place beyond the sizes that
 * are cached, so that it is freed for good. */
static void evict_cached_chunks(void)
{
        void *chunks[CACHED_MAX];

        for (size_t i = 0; i < CACHED_MAX; i++)
                chunks[i] = malloc(CHUNK_MIN + CHUNK_STEP * (i / CACHED_PER_SIZE));
        qsort(chunks, CACHED_MAX, sizeof(chunks[0]), by_falling_address);
        for (size_t i = 0; i < CACHED_MAX; i++) {
                void *grown = realloc(chunks[i], UNCACHED_SIZE);

                free(grown ? grown : chunks[i]);
        }
}

/* Not right after a call: caches keep some memory for a second. */
static int on_timer(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
        MemoryTrim *trim = userdata;

        if (trim->was_used || trim->owner.is_busy(trim->owner.userdata)) {
                set_timer(trim);
                return 0;
        }
        (void) malloc_trim(0); /* merges free chunks */
        evict_cached_chunks();
        (void) malloc_trim(0);
        if (trim->owner.trimmed)
                trim->owner.trimmed(trim->owner.userdata);
        return 0;
}

int memory_trim_new(sd_event *event, const MemoryTrimOwner *owner, MemoryTrim **ret)
{
        _cleanup_(memory_trim_freep) MemoryTrim *trim = calloc(1, sizeof(MemoryTrim));
        int r;

        if (!trim)
                return -ENOMEM;
        trim->owner = *owner;
        (void) mallopt(M_MMAP_THRESHOLD, MAPPED_SIZE_MIN);
        (void) mallopt(M_TRIM_THRESHOLD, KEPT_TOP_MAX);
        r = sd_event_add_time(event, &trim->timer, CLOCK_MONOTONIC, 0, 0, on_timer, trim);
        if (r >= 0)
                r = sd_event_source_set_enabled(trim->timer, SD_EVENT_OFF);
        if (r < 0)
                return log_errno_origin(r);
        *ret = TAKE_PTR(trim);
        return 0;
}

MemoryTrim *memory_trim_free(MemoryTrim *trim)
{
        if (!trim)
                return NULL;
        sd_event_source_disable_unref(trim->timer);
        free(trim);
        return NULL;
}

void memory_trim_soon(MemoryTrim *trim)
{
        if (sd_event_source_get_enabled(trim->timer, NULL) > 0)
                trim->was_used = true;
        else
                set_timer(trim);
}
