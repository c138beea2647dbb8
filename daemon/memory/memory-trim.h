/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "base/macro.h"

/* Returns freed memory to the kernel after a burst of calls: glibc keeps it, if any block at the
 * end of the heap is in use. */
typedef struct MemoryTrim MemoryTrim;

/* Whether calls are in flight. */
typedef bool (*MemoryTrimBusyFunc)(void *userdata);

/* Returns 0 or a negative errno. */
int memory_trim_new(sd_event *event, MemoryTrimBusyFunc is_busy, void *userdata, MemoryTrim **ret);
MemoryTrim *memory_trim_free(MemoryTrim *trim);
DEFINE_CLEANUP(MemoryTrim *, memory_trim_free);

/* A call has ended. Without calls there are no wakeups. */
void memory_trim_soon(MemoryTrim *trim);
