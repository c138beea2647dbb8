/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/bus/dispatch/question.h"

struct Request;

/* A method of an interface. */
typedef struct Method {
        unsigned rights;          /* any of these is needed; 0: only root has the right */
        bool for_everybody;       /* no right is needed: the answer is about the caller itself */
        bool is_long;             /* takes more than one API call: a stop cancels it, unanswered */
        const Question *question; /* for polkit if no grant gives the right; NULL: never asked */
        /* Parses the arguments and starts a call of a use case, or replies at once. Returns as
         * start functions in core/call.h do: 0 or CALL_ANSWERED, or the error to reply with. */
        int (*run)(struct Request *request, sd_bus_message *message);
} Method;
