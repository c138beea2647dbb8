/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "base/macro.h"

/* Returns freed memory to the kernel after a burst of calls: glibc keeps it, if any block at the
 * end of the heap is in use. */
typedef struct MemoryTrim MemoryTrim;

typedef struct MemoryTrimOwner {
        bool (*is_busy)(void *userdata); /* whether calls are in flight */
        void (*trimmed)(void *userdata); /* releases what is cached elsewhere; NULL: nothing */
        void *userdata;
} MemoryTrimOwner;

/* Copies the owner. Returns 0 or a negative errno. */
int memory_trim_new(sd_event *event, const MemoryTrimOwner *owner, MemoryTrim **ret);
MemoryTrim *memory_trim_free(MemoryTrim *trim);
DEFINE_CLEANUP(MemoryTrim *, memory_trim_free);

/* A call has ended. Without calls there are no wakeups. */
void memory_trim_soon(MemoryTrim *trim);
