/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/core/tenancy.h"

/*
 * Between the API's answer to an exchange and the commit, a crash loses a link: the code is used,
 * and nobody asks again. So, like a file system, a tenancy is marked on disk while it has exchanges
 * open that are to link, and the mark is taken away when they have all settled. A start that finds
 * one knows since when something may be missing, looks through the vault for passkeys made since
 * then that are not linked, and links them (see reconcile.h). If the API cannot be reached, that
 * waits until it can.
 */

/* r is 0, or STORE_FULL, STORE_FAILED or a negative errno: then the exchange must not be begun. */
typedef void (*SettleFunc)(int r, void *userdata);

/* An exchange wants to begin. Returns 1 if the mark is there, 0 if it is on its way and the
 * function will run once, or a negative errno. After 1, or 0 to the function, settle_end() follows.
 */
int settle_begin(Tenancy *tenancy, SettleFunc func, void *userdata);
/* It has settled: its link is on disk, or there will be none. */
void settle_end(Tenancy *tenancy);

/* The tenancy's id is (now) known: looks for a mark that an earlier run has left. */
void settle_load(Tenancy *tenancy);
/* The API can be used: does what is left to do. */
void settle_recover(Tenancy *tenancy, bool api_is_back);
/* Not now: the next start will do it. */
void settle_stop(Tenancy *tenancy);
void settle_free(Tenancy *tenancy);
