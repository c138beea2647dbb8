/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <microhttpd.h>
#include <poll.h>

#include "sandbox/sandbox.h"

/*
 * A visit is one request on its way through libmicrohttpd: its body is gathered, a fault may befall
 * it, it may have to wait, and it is answered or its connection is closed.
 */
typedef struct Visit Visit;

/* The visits that wait, for ever or until a time. */
typedef struct VisitList {
        Sandbox *sandbox;
        Visit *waiting;
        struct pollfd *fds;
} VisitList;

/* Callbacks of libmicrohttpd; the userdata is the list. */
enum MHD_Result visit_on_request(void *userdata, struct MHD_Connection *connection,
                                 const char *path, const char *method, const char *version,
                                 const char *data, size_t *data_len, void **visit);
void visit_on_completed(void *userdata, struct MHD_Connection *connection, void **visit,
                        enum MHD_RequestTerminationCode how);

/* Returns the milliseconds until the first visit may go on, or -1 if none has a time. */
int64_t visit_list_timeout_ms(const VisitList *list);

/*
 * Returns an array with room for n_own entries, then one for each waiting visit that becomes ready
 * when the client goes away. Lent by the list until the next such call.
 */
struct pollfd *visit_list_poll(VisitList *list, size_t n_own, size_t *ret_n_fds);

/* Lets those go on whose time has come or whose client has gone, by what poll() found. */
void visit_list_resume(VisitList *list, size_t n_own);

/* Lets all go on, to be closed. */
void visit_list_abandon(VisitList *list);

void visit_list_done(VisitList *list);
