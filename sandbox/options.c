/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>

#include "build-config.h"
#include "sandbox/options.h"
#include "sandbox/tenancy/seed.h"
#include "sandbox/tenancy/tenancy.h"

enum {
        CLOCK_OFFSET_MAX_S = 50 * 366 * 86400,
        CHALLENGES_PER_WINDOW = 5,
        CHALLENGE_WINDOW_S = 10 * 60,
        CHALLENGE_WINDOW_MAX_S = 1000000,
};

static const char usage[] =
        "passlock-sandbox --tenancy=ID --api-key-file=FILE [OPTION...]\n"
        "\n"
        "A local tenancy of the passkey service, for development and tests.\n"
        "\n"
        "  --listen=ADDR:PORT   default: 127.0.0.1:0; port 0 is any free port\n"
        "  --allow-remote       allow a listen address that is not loopback\n"
        "  --tenancy=ID         serve this tenancy; repeatable\n"
        "  --api-key-file=FILE  file with its API key: one for each --tenancy\n"
        "  --state=FILE         save the state in FILE (default: memory only)\n"
        "  --tls-cert=FILE      serve HTTPS: certificate chain (PEM)\n"
        "  --tls-key=FILE       serve HTTPS: private key (PEM)\n"
        "  --populate=N[:USERS] create N synthetic passkeys of USERS users; no --state\n"
        "  --challenge-limit=N[:SEC]  limit: N codes per purpose and recipient (5)\n"
        "                       within SEC seconds (600); 0: no limit\n"
        "  --ignore-counters    accept signature counters that do not increase\n"
        "  --fault=SPEC         inject KIND[=VALUE][@ENDPOINT][*COUNT]; repeatable\n"
        "  --clock-offset=SEC   add SEC seconds to all clocks; may be negative\n"
        "  --help, --version\n";

__attribute__((format(printf, 1, 2))) static int fail(const char *format, ...)
{
        va_list args;

        fputs("passlock-sandbox: ", stderr);
        va_start(args, format);
        vfprintf(stderr, format, args);
        va_end(args);
        fputs("\n", stderr);
        return -EINVAL;
}

static int parse_number(const char *text, int64_t min, int64_t max, int64_t *ret)
{
        const char *digits = text + (*text == '-' || *text == '+');
        long long number;

        if (!*digits || digits[strspn(digits, "0123456789")])
                return -EINVAL;
        errno = 0;
        number = strtoll(text, NULL, 10);
        if (errno > 0 || number < min || number > max)
                return -EINVAL;
        *ret = number;
        return 0;
}

/* ADDR:PORT or [IPV6]:PORT. */
static int parse_listen(Options *options, const char *text)
{
        const char *colon = strrchr(text, ':');
        bool brackets = *text == '[' && colon > text && colon[-1] == ']';
        int64_t port;

        if (!colon || parse_number(colon + 1, 0, UINT16_MAX, &port) < 0)
                return fail("Invalid --listen=%s: expected ADDR:PORT", text);
        free(options->address);
        options->address = must(strndup(text + brackets, (size_t) (colon - text) - 2 * brackets));
        options->port = (uint16_t) port;
        if (brackets == !strchr(options->address, ':'))
                return fail("Invalid --listen=%s: expected brackets around an IPv6 address only",
                            text);
        return 0;
}

static int parse_fault(Options *options, const char *spec)
{
        const char *problem = fault_list_add(&options->faults, spec);

        return problem ? fail("Invalid --fault=%s: %s", spec, problem) : 0;
}

static int parse_tenancy(Options *options, const char *id)
{
        if (!tenancy_id_is_valid(id))
                return fail("Invalid --tenancy=%s: expected 1 to 64 of A-Z a-z 0-9 _ -", id);
        for (size_t i = 0; i < options->n_tenancies; i++)
                if (streq(options->tenancy_ids[i], id))
                        return fail("Duplicate --tenancy=%s", id);
        if (options->n_tenancies >= TENANCIES_MAX)
                return fail("Too many tenancies: at most %d", TENANCIES_MAX);
        options->tenancy_ids[options->n_tenancies++] = id;
        return 0;
}

static int parse_key_file(Options *options, const char *path)
{
        if (options->n_key_files >= TENANCIES_MAX)
                return fail("Too many tenancies: at most %d", TENANCIES_MAX);
        options->key_files[options->n_key_files++] = path;
        return 0;
}

static int parse_offset(Options *options, const char *text)
{
        if (parse_number(text, -CLOCK_OFFSET_MAX_S, CLOCK_OFFSET_MAX_S, &options->clock_offset_s) <
            0)
                return fail("Invalid --clock-offset=%s: expected seconds, up to 50 years", text);
        return 0;
}

/* N[:M]; *ret_m is unchanged without M. */
static int parse_pair(const char *text, int64_t min, int64_t max, int64_t *ret_n, int64_t *ret_m)
{
        const char *colon = strchr(text, ':');
        _cleanup_(freep) char *first = NULL;

        first = must(colon ? strndup(text, (size_t) (colon - text)) : strdup(text));
        if (colon && parse_number(colon + 1, 1, max, ret_m) < 0)
                return -EINVAL;
        return parse_number(first, min, max, ret_n);
}

static int parse_populate(Options *options, const char *text)
{
        int64_t n, users = 0;

        if (parse_pair(text, 1, SEED_PASSKEYS_MAX, &n, &users) < 0 || users > n)
                return fail("Invalid --populate=%s: expected N[:USERS], up to %d", text,
                            SEED_PASSKEYS_MAX);
        options->n_passkeys = (uint32_t) n;
        options->n_users = (uint32_t) (users > 0 ? users : n);
        return 0;
}

static int parse_challenge_limit(Options *options, const char *text)
{
        int64_t n, seconds = CHALLENGE_WINDOW_S;

        if (parse_pair(text, 0, CHALLENGE_WINDOW_MAX_S, &n, &seconds) < 0)
                return fail("Invalid --challenge-limit=%s: expected N[:SEC]", text);
        options->challenge_rate = (RateLimitRule){(uint32_t) n, seconds * 1000};
        return 0;
}

static bool is_loopback(const char *address)
{
        struct in6_addr in6;
        struct in_addr in;

        if (inet_pton(AF_INET, address, &in) == 1)
                return ntohl(in.s_addr) >> 24 == 127;
        return inet_pton(AF_INET6, address, &in6) == 1 && IN6_IS_ADDR_LOOPBACK(&in6);
}

static int check(const Options *options)
{
        if (options->n_tenancies == 0)
                return fail("Missing --tenancy=ID");
        if (options->n_tenancies != options->n_key_files)
                return fail("Missing --api-key-file=FILE: one for each --tenancy");
        if (!options->certificate_path != !options->key_path)
                return fail("--tls-cert and --tls-key must be used together");
        if (options->n_passkeys > 0 && options->state_path)
                return fail("--populate cannot be combined with --state");
        if (!options->allow_remote && !is_loopback(options->address))
                return fail("Refusing to listen on %s: not a loopback address; use --allow-remote",
                            options->address);
        return 0;
}

static int print_help(Options *options, const char *value)
{
        options->done = true;
        fputs(usage, stdout);
        return 0;
}

static int print_version(Options *options, const char *value)
{
        options->done = true;
        puts("passlock-sandbox " PACKAGE_VERSION);
        return 0;
}

/* An option has a parser, or sets a member: a string or, without an argument, a flag. */
static const struct {
        const char *name;
        int has_arg;
        int (*parse)(Options *options, const char *value);
        size_t member;
} table[] = {
        {"listen", required_argument, parse_listen},
        {"allow-remote", no_argument, NULL, offsetof(Options, allow_remote)},
        {"tenancy", required_argument, parse_tenancy},
        {"api-key-file", required_argument, parse_key_file},
        {"state", required_argument, NULL, offsetof(Options, state_path)},
        {"tls-cert", required_argument, NULL, offsetof(Options, certificate_path)},
        {"tls-key", required_argument, NULL, offsetof(Options, key_path)},
        {"fault", required_argument, parse_fault},
        {"clock-offset", required_argument, parse_offset},
        {"populate", required_argument, parse_populate},
        {"challenge-limit", required_argument, parse_challenge_limit},
        {"ignore-counters", no_argument, NULL, offsetof(Options, ignore_counters)},
        {"help", no_argument, print_help},
        {"version", no_argument, print_version},
};

static int parse_option(Options *options, size_t i, const char *value)
{
        void *member = (char *) options + table[i].member;

        if (table[i].parse)
                return table[i].parse(options, value);
        if (table[i].has_arg == required_argument)
                *(const char **) member = value;
        else
                *(bool *) member = true;
        return 0;
}

int options_parse(Options *options, int argc, char **argv)
{
        struct option long_options[ARRAY_SIZE(table) + 1] = {};
        int option, i, r;

        for (size_t n = 0; n < ARRAY_SIZE(table); n++)
                long_options[n] = (struct option){table[n].name, table[n].has_arg};
        options->address = must(strdup("127.0.0.1"));
        options->challenge_rate = (RateLimitRule){CHALLENGES_PER_WINDOW, CHALLENGE_WINDOW_S * 1000};
        while ((option = getopt_long(argc, argv, "", long_options, &i)) >= 0) {
                if (option == '?')
                        return -EINVAL; /* getopt_long() has printed the error */
                r = parse_option(options, (size_t) i, optarg);
                if (r < 0 || options->done)
                        return r;
        }
        if (optind < argc)
                return fail("Unexpected argument: %s", argv[optind]);
        return check(options);
}

void options_done(Options *options)
{
        free(options->address);
        options->address = NULL;
}
