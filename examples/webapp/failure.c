/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <passlock.h>
#include <stdio.h>

#include "examples/webapp/failure.h"

typedef struct Failure {
        int r;
        unsigned int status;
        const char *code;
        const char *message;
} Failure;

static const Failure failures[] = {
        {PASSLOCK_ERROR_INVALID_CODE, MHD_HTTP_BAD_REQUEST, "InvalidCode",
         "Your device's confirmation has expired or was used before. Please start again."},
        /* The code is used, and nobody can say any more what came of it. */
        {PASSLOCK_ERROR_INTERRUPTED, MHD_HTTP_CONFLICT, "Interrupted",
         "This host was interrupted just after your device had confirmed. Please try again."},
        {PASSLOCK_ERROR_USER_MISMATCH, MHD_HTTP_FORBIDDEN, "UserMismatch",
         "This passkey was made for another account, so it was not added to yours."},
        {PASSLOCK_ERROR_LINK_CONFLICT, MHD_HTTP_CONFLICT, "LinkConflict",
         "This passkey belongs to another account already."},
        {PASSLOCK_ERROR_NOT_FOUND, MHD_HTTP_NOT_FOUND, "NotFound",
         "This passkey is not there any more."},
        {PASSLOCK_ERROR_BAD_REQUEST, MHD_HTTP_BAD_REQUEST, "BadRequest",
         "The passkey service did not accept this account's details."},
        {PASSLOCK_ERROR_INVALID_ARGS, MHD_HTTP_BAD_REQUEST, "InvalidArgs",
         "The passkey service did not accept this account's details."},
        {PASSLOCK_ERROR_RATE_LIMITED, MHD_HTTP_TOO_MANY_REQUESTS, "RateLimited",
         "The passkey service is very busy. Please wait a minute, then try again."},
        {PASSLOCK_ERROR_LIMITS_EXCEEDED, MHD_HTTP_TOO_MANY_REQUESTS, "LimitsExceeded",
         "Too much is going on at once. Please wait a moment, then try again."},
        {PASSLOCK_ERROR_UNREACHABLE, MHD_HTTP_SERVICE_UNAVAILABLE, "Unreachable",
         "The passkey service cannot be reached right now. Please try again in a moment."},
        {PASSLOCK_ERROR_MALFORMED_REPLY, MHD_HTTP_BAD_GATEWAY, "MalformedReply",
         "The passkey service gave an answer that makes no sense. Please try again later."},
        {PASSLOCK_ERROR_API_DENIED, MHD_HTTP_SERVICE_UNAVAILABLE, "ApiDenied",
         "The passkey service does not accept this host's key. The administrator has to renew it."},
        {PASSLOCK_ERROR_NOT_CONFIGURED, MHD_HTTP_SERVICE_UNAVAILABLE, "NotConfigured",
         "Passkeys are not set up on this host yet. The administrator has to install the key."},
        {PASSLOCK_ERROR_ACCESS_DENIED, MHD_HTTP_SERVICE_UNAVAILABLE, "AccessDenied",
         "The administrator has not granted this app the use of passkeys."},
        {PASSLOCK_ERROR_UNKNOWN_OBJECT, MHD_HTTP_SERVICE_UNAVAILABLE, "UnknownTenancy",
         "This app is set up for a tenancy that this host does not have."},
        {PASSLOCK_ERROR_STORE_FULL, MHD_HTTP_INSUFFICIENT_STORAGE, "StoreFull",
         "This host has no space left for passkeys. The administrator has to act."},
        {PASSLOCK_ERROR_STORE_FAILED, MHD_HTTP_INTERNAL_SERVER_ERROR, "StoreFailed",
         "This host could not save the change. The administrator has to act."},
        {-ENOTCONN, MHD_HTTP_SERVICE_UNAVAILABLE, "NoDaemon",
         "The passkey daemon of this host is not running. Please try again in a moment."},
        {-EHOSTDOWN, MHD_HTTP_SERVICE_UNAVAILABLE, "NoDaemon",
         "The passkey daemon of this host is not running. Please try again in a moment."},
        {-ECONNRESET, MHD_HTTP_SERVICE_UNAVAILABLE, "CutOff",
         "The passkey daemon of this host was interrupted. Please try again."},
        {-ETIMEDOUT, MHD_HTTP_GATEWAY_TIMEOUT, "TimedOut",
         "The passkey service took too long. Please try again in a moment."},
};

void request_fail_passlock(Request *request, int r)
{
        fprintf(stderr, "passlock: %s\n", passlock_strerror(r));
        for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++)
                if (failures[i].r == r) {
                        request_fail(request, failures[i].status, failures[i].code,
                                     failures[i].message);
                        return;
                }
        request_fail(request, MHD_HTTP_INTERNAL_SERVER_ERROR, "Failed",
                     "Something went wrong on this host. Please try again later.");
}
