/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Returns the product name of an AAGUID (lower-case UUID), or NULL. */
const char *platform_name(const char *aaguid);
