/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

struct TenancyPart;

/* All use cases with per-tenancy state, NULL-terminated. */
extern const struct TenancyPart *const tenancy_parts[];
