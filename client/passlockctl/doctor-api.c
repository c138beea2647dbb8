/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdio.h>

#include "base/clock.h"
#include "client/passlockctl/doctor-api.h"
#include "client/passlockctl/http.h"

#define KEY_SET_PATH   "/v2/.well-known/jwks.json"
#define CLOCK_FAULT_S  60
#define DATE_GRANULE_S 1 /* of the header, which is in whole seconds */

/* The host of an origin, without brackets, to be given to free(). NULL for lack of memory. */
static char *host_of(const char *endpoint)
{
        const char *host = strstr(endpoint, "://");

        host = host ? host + 3 : endpoint;
        if (*host == '[')
                return strndup(host + 1, strcspn(host + 1, "]"));
        return strndup(host, strcspn(host, ":/"));
}

static bool check_name(Checkup *checkup, const char *host)
{
        const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
        struct addrinfo *addresses;
        char text[NI_MAXHOST];
        int e;

        e = getaddrinfo(host, NULL, &hints, &addresses);
        if (e != 0) {
                checkup_fault(checkup, "name",
                              "check Endpoint= in /etc/passlock/passlockd.conf, and how this host "
                              "resolves names",
                              "%s: %s", host, gai_strerror(e));
                return false;
        }
        e = getnameinfo(addresses->ai_addr, addresses->ai_addrlen, text, sizeof(text), NULL, 0,
                        NI_NUMERICHOST);
        checkup_good(checkup, "name", "%s is %s", host, e == 0 ? text : "known");
        freeaddrinfo(addresses);
        return true;
}

static void check_tls(Checkup *checkup, const char *endpoint, const char *ca_file,
                      const HttpAnswer *answer)
{
        switch (answer->outcome) {
        case HTTP_ANSWERED:
                checkup_good(checkup, "TLS", "%s",
                             answer->tls ? "the certificate is good"
                                         : "none, and none needed on this host");
                return;
        case HTTP_NO_CONNECTION:
                checkup_fault(checkup, "TLS",
                              "check firewall and proxy, and whether it is there at all",
                              "no connection to %s: %s", endpoint, answer->text);
                return;
        case HTTP_NO_TLS:
                checkup_fault(checkup, "TLS", "check what answers there: it does not speak TLS 1.2",
                              "%s: %s", endpoint, answer->text);
                return;
        case HTTP_NO_TRUST:
                checkup_fault(checkup, "TLS",
                              ca_file ? "check the clock, and whether CaFile= is the CA of that "
                                        "certificate; one that is out of date its owner renews"
                                      : "check the clock and the package ca-certificates; for a "
                                        "private CA set CaFile=; one out of date its owner renews",
                              "%s: %s", endpoint, answer->text);
                return;
        }
}

void doctor_check_clock(Checkup *checkup, const HttpAnswer *answer)
{
        int64_t ahead_s = (int64_t) (realtime_ms() / 1000) - answer->date_sec;

        if (answer->outcome != HTTP_ANSWERED || answer->date_sec < 0)
                checkup_skip(checkup, "clock", "nothing to compare it with");
        else if (ahead_s > CLOCK_FAULT_S + DATE_GRANULE_S || ahead_s < -CLOCK_FAULT_S)
                checkup_fault(checkup, "clock",
                              "set it, and keep it right: timedatectl set-ntp true",
                              "%" PRId64 " s %s of the API's", ahead_s < 0 ? -ahead_s : ahead_s,
                              ahead_s < 0 ? "behind" : "ahead");
        else
                checkup_good(checkup, "clock", "as the API's");
}

int doctor_check_api(Checkup *checkup, const char *endpoint, const char *ca_file,
                     uint32_t timeout_ms, HttpAnswer *ret)
{
        _cleanup_(freep) char *host = host_of(endpoint);
        HttpAnswer answer = {.outcome = HTTP_NO_CONNECTION, .date_sec = -1};
        int r;

        if (!host)
                return -ENOMEM;
        if (!check_name(checkup, host)) {
                *ret = answer;
                return 0;
        }
        r = http_get(endpoint, KEY_SET_PATH, NULL, ca_file, timeout_ms, &answer);
        if (r == -EINVAL) {
                checkup_fault(checkup, "TLS",
                              "check Endpoint= and CaFile= in /etc/passlock/passlockd.conf, and "
                              "whether you can read that file",
                              "%s cannot be asked%s%s", endpoint, ca_file ? " with " : "",
                              ca_file ?: "");
                *ret = answer;
                return 0;
        }
        if (r < 0)
                return r;
        check_tls(checkup, endpoint, ca_file, &answer);
        *ret = answer;
        return 0;
}
