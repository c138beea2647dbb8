/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* D-Bus names shared by daemon and client. The XML files document them. */

#define PASSLOCK_BUS_NAME     "dev.passlock.Passlock1"
#define PASSLOCK_OBJECT_PATH  "/dev/passlock/Passlock1"
#define PASSLOCK_TENANCY_PATH PASSLOCK_OBJECT_PATH "/tenancy"

#define PASSLOCK_INTERFACE_MANAGER PASSLOCK_BUS_NAME ".Manager"
#define PASSLOCK_INTERFACE_TENANCY PASSLOCK_BUS_NAME ".Tenancy"
#define PASSLOCK_INTERFACE_LINKS   PASSLOCK_BUS_NAME ".Links"
#define PASSLOCK_INTERFACE_VAULT   PASSLOCK_BUS_NAME ".Vault"
#define PASSLOCK_INTERFACE_MAILBOX PASSLOCK_BUS_NAME ".Mailbox"

#define PASSLOCK_ERROR_PREFIX PASSLOCK_BUS_NAME ".Error."
