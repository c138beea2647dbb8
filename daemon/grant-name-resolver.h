/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "daemon/model/finding.h"
#include "daemon/model/grant.h"

/*
 * The users and groups that grants have by name, and what the host says of them. All are asked for
 * when a configuration is read; those that there are not, or of which nothing is known, again and
 * again until there are. What is known is put into the grants by names_tell(), and only there it
 * matters.
 */
typedef struct Names Names;

/* Something is known that was not: called from the event loop. */
typedef void (*NamesFunc)(void *userdata);

/* Returns 0 or a negative errno. */
int names_new(sd_event *event, NamesFunc changed, void *userdata, Names **ret);
Names *names_free(Names *names);
DEFINE_CLEANUP(Names *, names_free);

/* Asks anew for every name in the grants, and for no other any more. Returns 0 or -ENOMEM. */
int names_look_up(Names *names, const GrantList *grants);

/* Whether there has been an answer of some kind to each. */
bool names_are_answered(const Names *names);
/* Waits for that, without the event loop, but not longer. */
void names_wait(Names *names, uint64_t timeout_ms);

/* Puts into the grants what is known. With `record`, each name that was not there and is now leaves
 * a record. */
void names_tell(const Names *names, GrantList *grants, bool record);

/* Adds a finding for each name in the grants that matches nobody. Returns 0 or -ENOMEM. */
int names_find(const GrantList *grants, FindingList *list);
