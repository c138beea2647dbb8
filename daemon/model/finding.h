/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * A finding of Manager.Diagnose: a problem that does not stop the daemon, such as a missing user,
 * CaFile= or credential. Each module adds its current findings on request. NULL stands for "".
 */
typedef struct Finding {
        const char *kind; /* user, group, ca-file, credential, configuration, store, recovery, … */
        const char *tenancy; /* the label */
        const char *name;    /* of the user, the file, the credential */
        const char *place;   /* in the configuration, "FILE:LINE" */
        const char *text;    /* the problem, a sentence without a full stop */
        const char *advice;  /* the remedy */
} Finding;

/* Zero-initialised it is empty. */
typedef struct FindingList {
        Finding *findings;
        size_t n_findings;
} FindingList;

/* finding_add(&list, .kind = "user", …): copies the texts, as UTF-8 without control characters.
 * Returns 0, or -ENOMEM with the list unchanged. */
#define finding_add(list, ...) finding_list_add((list), &(const Finding){__VA_ARGS__})
int finding_list_add(FindingList *list, const Finding *finding);

/* Adds copies of all of `more`. Returns 0 or -ENOMEM. */
int finding_list_append(FindingList *list, const FindingList *more);

void finding_list_clear(FindingList *list);
