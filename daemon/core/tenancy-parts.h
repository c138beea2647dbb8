/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

struct TenancyPart;

/* The use cases that keep state with each tenancy, ended by NULL. */
extern const struct TenancyPart *const tenancy_parts[];
