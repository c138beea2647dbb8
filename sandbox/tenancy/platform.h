/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Returns the name that people know a kind of authenticator by, or NULL. Takes a lower-case UUID.
 */
const char *platform_name(const char *aaguid);
