/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "base/macro.h"
#include "client/libpasslock/passlock.h"

/* Maximum number of links per Import call. */
#define LINKS_SENT_MAX 1000U

/*
 * Copies a NULL-terminated array, with references. Returns 0, -ENOMEM, -EINVAL for NULL, or
 * PASSLOCK_ERROR_INVALID_ARGS if it is too long.
 */
int links_copy(passlock_link *const *links, passlock_link ***ret);
/* Accepts NULL. Returns NULL. */
passlock_link **links_free(passlock_link **links);
/* Appends an aa{sv}. Returns 0 or a negative errno. */
int links_append(passlock_link *const *links, sd_bus_message *m);
