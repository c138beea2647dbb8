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
         "The code from your device has expired or was already used. Please start again."},
        /* The code is used, and the result is lost. */
        {PASSLOCK_ERROR_INTERRUPTED, MHD_HTTP_CONFLICT, "Interrupted",
         "The passkey daemon was interrupted after your device had confirmed. Please try again."},
        {PASSLOCK_ERROR_USER_MISMATCH, MHD_HTTP_FORBIDDEN, "UserMismatch",
         "This passkey was made for another account, so it was not added to yours."},
        {PASSLOCK_ERROR_LINK_CONFLICT, MHD_HTTP_CONFLICT, "LinkConflict",
         "This passkey belongs to another account already."},
        {PASSLOCK_ERROR_NOT_FOUND, MHD_HTTP_NOT_FOUND, "NotFound",
         "This passkey no longer exists."},
        {PASSLOCK_ERROR_BAD_REQUEST, MHD_HTTP_BAD_REQUEST, "BadRequest",
         "The passkey service refused the names of this account."},
        {PASSLOCK_ERROR_INVALID_ARGS, MHD_HTTP_BAD_REQUEST, "InvalidArgs",
         "The passkey service refused the names of this account."},
        {PASSLOCK_ERROR_RATE_LIMITED, MHD_HTTP_TOO_MANY_REQUESTS, "RateLimited",
         "Rate limit of the passkey service exceeded. Please try again in a minute."},
        {PASSLOCK_ERROR_LIMITS_EXCEEDED, MHD_HTTP_TOO_MANY_REQUESTS, "LimitsExceeded",
         "Too many requests. Please try again in a moment."},
        {PASSLOCK_ERROR_UNREACHABLE, MHD_HTTP_SERVICE_UNAVAILABLE, "Unreachable",
         "The passkey service cannot be reached right now. Please try again in a moment."},
        {PASSLOCK_ERROR_MALFORMED_REPLY, MHD_HTTP_BAD_GATEWAY, "MalformedReply",
         "The passkey service sent an invalid reply. Please try again later."},
        {PASSLOCK_ERROR_API_DENIED, MHD_HTTP_SERVICE_UNAVAILABLE, "ApiDenied",
         "The passkey service refused the API key of this host. The administrator has to renew the "
         "key."},
        {PASSLOCK_ERROR_NOT_CONFIGURED, MHD_HTTP_SERVICE_UNAVAILABLE, "NotConfigured",
         "Passkeys are not configured on this host. The administrator has to install the API key."},
        {PASSLOCK_ERROR_ACCESS_DENIED, MHD_HTTP_SERVICE_UNAVAILABLE, "AccessDenied",
         "This app has no grant for passkeys. The administrator has to add a grant."},
        {PASSLOCK_ERROR_UNKNOWN_OBJECT, MHD_HTTP_SERVICE_UNAVAILABLE, "UnknownTenancy",
         "The tenancy of this app is not configured on this host."},
        {PASSLOCK_ERROR_STORE_FULL, MHD_HTTP_INSUFFICIENT_STORAGE, "StoreFull",
         "The disk of this host is full. The administrator has to free some space."},
        {PASSLOCK_ERROR_STORE_FAILED, MHD_HTTP_INTERNAL_SERVER_ERROR, "StoreFailed",
         "This host failed to save the change. The administrator has to check the log."},
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
