/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/core/tenancy-internal.h"

extern const TenancyPart api_watch_part;
