/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/tenancy/fault.h"

#include "sandbox/tenancy/rate-limit.h"

enum { TENANCIES_MAX = 16 };

/* The command line. Strings are borrowed from it, unless said otherwise. */
typedef struct Options {
        char *address; /* numeric, owned */
        uint16_t port;
        bool allow_remote;
        const char *tenancy_ids[TENANCIES_MAX];
        const char *key_files[TENANCIES_MAX];
        size_t n_tenancies;
        size_t n_key_files;
        const char *state_path;
        const char *certificate_path, *key_path;
        FaultList faults;
        int64_t clock_offset_s;
        uint32_t n_passkeys, n_users; /* synthetic passkeys per vault; 0: none */
        bool ignore_counters;
        RateLimitRule challenge_rate;
        bool done; /* --help or --version has been printed */
} Options;

/* Returns 0, or -EINVAL after printing an error. */
int options_parse(Options *options, int argc, char **argv);
void options_done(Options *options);
