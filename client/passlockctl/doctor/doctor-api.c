/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdio.h>

#include "base/clock.h"
#include "client/passlockctl/doctor/doctor.h"

#define KEY_SET_PATH   "/v2/.well-known/jwks.json"
#define CLOCK_FAULT_S  60
#define DATE_GRANULE_S 1 /* resolution of the Date header */

/* Not a fault if the daemon gets responses: its route to the API works. */
static void report_failure_of_route(CheckReport *checks, const ApiRoute *route, const char *name,
                                    const char *advice, const char *text)
{
        if (route->daemon_gets_answers)
                check_report_ok(checks, name,
                                "the daemon reaches the API; passlockctl does not: %s", text);
        else
                check_report_fault(checks, name, advice, "%s", text);
}

static bool resolve(const char *host, char address[static NI_MAXHOST], const char **ret_error)
{
        const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
        struct addrinfo *addresses;
        int e;

        e = getaddrinfo(host, NULL, &hints, &addresses);
        if (e != 0) {
                *ret_error = gai_strerror(e);
                return false;
        }
        e = getnameinfo(addresses->ai_addr, addresses->ai_addrlen, address, NI_MAXHOST, NULL, 0,
                        NI_NUMERICHOST);
        if (e != 0)
                snprintf(address, NI_MAXHOST, "resolved");
        freeaddrinfo(addresses);
        return true;
}

static bool check_host(CheckReport *checks, const ApiRoute *route, const char *host)
{
        char address[NI_MAXHOST], text[1024];
        const char *error;

        if (resolve(host, address, &error)) {
                check_report_ok(checks, "name", "%s is %s", host, address);
                return true;
        }
        snprintf(text, sizeof(text), "%s: %s", host, error);
        report_failure_of_route(checks, route, "name",
                                "check Endpoint= in /etc/passlock/passlockd.conf, and the name "
                                "resolution of this host",
                                text);
        return false;
}

/* The proxy resolves the endpoint, so only the proxy's name is resolved here. */
static bool check_proxy(CheckReport *checks, const ApiRoute *route, const char *host)
{
        _cleanup_(freep) char *shown = proxy_host_and_port(route->proxy);
        _cleanup_(freep) char *proxy_host = shown ? http_host(shown) : NULL;
        char address[NI_MAXHOST], text[1024];
        const char *error;

        if (!proxy_host || resolve(proxy_host, address, &error)) {
                check_report_ok(checks, "name", "%s is resolved by the daemon's proxy %s", host,
                                shown ?: "");
                return true;
        }
        snprintf(text, sizeof(text), "the daemon's proxy %s: %s", shown, error);
        report_failure_of_route(
                checks, route, "name",
                "check https_proxy= in the environment of passlock-keyholder.service: systemctl "
                "show "
                "--property=Environment passlock-keyholder; and the name resolution of this host",
                text);
        return false;
}

static const char *advice_of(const ApiRoute *route, HttpOutcome outcome)
{
        switch (outcome) {
        case HTTP_NO_CONNECTION:
                return route->proxy ? "check the proxy and its access rules: systemctl show "
                                      "--property=Environment passlock-keyholder"
                                    : "check firewall, proxy, and whether the endpoint is running";
        case HTTP_NO_TLS:
                return "check the endpoint's server: TLS 1.2 or later is required";
        case HTTP_NO_TRUST:
                return route->ca_file ? "check the clock, and whether CaFile= is the CA of the "
                                        "certificate; an expired one has to be renewed by its owner"
                                      : "check the clock and the package ca-certificates; for a "
                                        "private CA set CaFile=; an expired certificate has to be "
                                        "renewed by its owner";
        default:
                return "";
        }
}

static void check_tls(CheckReport *checks, const ApiRoute *route, const HttpResponse *answer)
{
        _cleanup_(freep) char *proxy = route->proxy ? proxy_host_and_port(route->proxy) : NULL;
        char text[1024];

        if (answer->outcome == HTTP_RESPONDED) {
                check_report_ok(checks, "TLS", "%s",
                                answer->tls ? "the certificate is valid"
                                            : "not used, endpoint on loopback");
                return;
        }
        snprintf(text, sizeof(text), "%s%s%s%s: %s",
                 answer->outcome == HTTP_NO_CONNECTION ? "Failed to connect to " : "",
                 route->endpoint, proxy ? " through the daemon's proxy " : "", proxy ?: "",
                 answer->text);
        report_failure_of_route(checks, route, "TLS", advice_of(route, answer->outcome), text);
}

static void report_invalid_request(CheckReport *checks, const ApiRoute *route)
{
        char text[1024];

        snprintf(text, sizeof(text), "Failed to prepare a request to %s%s%s", route->endpoint,
                 route->ca_file ? " with " : "", route->ca_file ?: "");
        report_failure_of_route(checks, route, "TLS",
                                "check Endpoint= and CaFile= in /etc/passlock/passlockd.conf, and "
                                "the permissions of the file",
                                text);
}

void doctor_check_clock(CheckReport *checks, const HttpResponse *answer)
{
        int64_t ahead_s = (int64_t) (realtime_ms() / 1000) - answer->date_sec;

        if (answer->outcome != HTTP_RESPONDED || answer->date_sec < 0)
                check_report_skipped(checks, "clock", "no response to compare with");
        else if (ahead_s > CLOCK_FAULT_S + DATE_GRANULE_S || ahead_s < -CLOCK_FAULT_S)
                check_report_fault(checks, "clock",
                                   "enable time synchronisation: timedatectl set-ntp true",
                                   "%" PRId64 " s %s the API", ahead_s < 0 ? -ahead_s : ahead_s,
                                   ahead_s < 0 ? "behind" : "ahead of");
        else
                check_report_ok(checks, "clock", "in sync with the API");
}

int doctor_check_api(CheckReport *checks, const ApiRoute *route, HttpResponse *ret)
{
        const HttpRequest request = {
                .endpoint = route->endpoint,
                .path = KEY_SET_PATH,
                .ca_file = route->ca_file,
                .proxy = route->proxy,
                .timeout_ms = route->timeout_ms,
        };
        _cleanup_(freep) char *host = http_host(route->endpoint);
        HttpResponse answer = {.outcome = HTTP_NO_CONNECTION, .date_sec = -1};
        int r;

        if (!host)
                return -ENOMEM;
        if (!(route->proxy ? check_proxy(checks, route, host) : check_host(checks, route, host))) {
                *ret = answer;
                return 0;
        }
        r = http_get(&request, &answer);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                report_invalid_request(checks, route);
        else
                check_tls(checks, route, &answer);
        *ret = answer;
        return 0;
}
