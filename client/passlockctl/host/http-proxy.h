/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * Whether libcurl, and so the daemon, uses a proxy for an endpoint with this value of no_proxy,
 * which may be NULL. libcurl decides by itself, since its versions differ; no connection is made.
 * After http_load().
 */
bool http_uses_proxy(const char *endpoint, const char *no_proxy);
