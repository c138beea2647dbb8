/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "dbus/names.h"

/*
 * The error convention of all code. A function returns
 *        0    success
 *      < 0    a negative errno: an internal failure (out of memory, disk, programming error)
 *      > 0    an Error: a documented result that callers can handle.
 * Outputs are untouched unless 0 is returned. A failure is logged once, at the top.
 *
 * The table maps each error between the HTTP API (its `_tag`, NULL without one), D-Bus, the daemon,
 * <passlock.h>, which has the same numbers, and the HTTP status that passlock-gate replies. Numbers
 * are ABI: append only.
 *
 *        name                          value  HTTP status  D-Bus name
 *        API tag
 *        text for people
 */
#define ERROR_OURS(name)     PASSLOCK_ERROR_PREFIX name
#define ERROR_STANDARD(name) "org.freedesktop.DBus.Error." name

#define ERROR_TABLE(X) \
        X(INVALID_CODE, 1, 400, ERROR_OURS("InvalidCode"), "@error/InvalidCode", \
          "The code is unknown, expired or already used") \
        X(INVALID_TOKEN, 2, 400, ERROR_OURS("InvalidToken"), NULL, \
          "The id_token failed verification") \
        X(USER_MISMATCH, 3, 409, ERROR_OURS("UserMismatch"), NULL, \
          "The passkey belongs to another user") \
        X(LINK_CONFLICT, 4, 409, ERROR_OURS("LinkConflict"), NULL, \
          "The authenticator is linked to another user") \
        X(NOT_FOUND, 5, 404, ERROR_OURS("NotFound"), "@error/NotFound", "Not found") \
        X(BAD_REQUEST, 6, 400, ERROR_OURS("BadRequest"), "@error/BadRequest", \
          "The API refused the request") \
        X(RATE_LIMITED, 7, 429, ERROR_OURS("RateLimited"), "@error/ChallengeRateLimited", \
          "The API's rate limit is exceeded") \
        X(API_DENIED, 8, 502, ERROR_OURS("ApiDenied"), "@error/Forbidden", \
          "The API rejected this host's API key; the administrator has to replace it") \
        X(UNREACHABLE, 9, 503, ERROR_OURS("Unreachable"), NULL, \
          "No valid reply from the API before the timeout") \
        X(MALFORMED_REPLY, 10, 502, ERROR_OURS("MalformedReply"), NULL, \
          "The API's reply does not match its specification") \
        X(NOT_CONFIGURED, 11, 503, ERROR_OURS("NotConfigured"), NULL, \
          "This tenancy has no API key; the administrator has to set one") \
        X(STORE_FULL, 12, 507, ERROR_OURS("StoreFull"), NULL, \
          "The link store is out of disk space") \
        X(STORE_FAILED, 13, 503, ERROR_OURS("StoreFailed"), NULL, \
          "The link store failed to read or write") \
        X(INVALID_CHALLENGE, 14, 400, ERROR_OURS("InvalidChallenge"), "@error/InvalidChallenge", \
          "The challenge is unknown, already used or invalidated") \
        X(INVALID_CHALLENGE_CODE, 15, 400, ERROR_OURS("InvalidChallengeCode"), \
          "@error/InvalidChallengeCode", "The challenge code is wrong") \
        X(CHALLENGE_EXPIRED, 16, 410, ERROR_OURS("ChallengeExpired"), "@error/ChallengeExpired", \
          "The challenge has expired") \
        X(CHALLENGE_ATTEMPTS_EXCEEDED, 17, 403, ERROR_OURS("ChallengeAttemptsExceeded"), \
          "@error/ChallengeAttemptsExceeded", \
          "Too many wrong challenge codes; create a new challenge") \
        X(ACCESS_DENIED, 18, 403, ERROR_STANDARD("AccessDenied"), NULL, \
          "No grant allows this call") \
        X(INVALID_ARGS, 19, 400, ERROR_STANDARD("InvalidArgs"), NULL, "Invalid argument") \
        X(LIMITS_EXCEEDED, 20, 429, ERROR_STANDARD("LimitsExceeded"), NULL, "Limit exceeded") \
        X(UNKNOWN_OBJECT, 21, 404, ERROR_STANDARD("UnknownObject"), NULL, "Unknown tenancy") \
        X(INTERRUPTED, 22, 409, ERROR_OURS("Interrupted"), NULL, \
          "A crash interrupted this exchange after its code was used; begin a new ceremony")

typedef enum Error {
#define X(name, value, http_status, dbus_name, api_tag, text) ERROR_##name = (value),
        ERROR_TABLE(X)
#undef X
} Error;

/* The highest value; values are contiguous from 1. */
#define ERROR_MAX ERROR_INTERRUPTED

/* Static strings; NULL for a value that is not an Error. */
const char *error_dbus_name(int error);
const char *error_text(int error);
/* 0 for a value that is not an Error. */
unsigned error_http_status(int error);
/* The text of an Error or of a negative errno. */
const char *error_strerror(int r);

/* The reverse of error_dbus_name(). 0 for NULL and unknown names. */
int error_from_dbus_name(const char *dbus_name);
int error_from_api_tag(const char *api_tag);
