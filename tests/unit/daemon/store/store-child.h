/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#include "tests/unit/daemon/store/store-fixture.h"

/* The links that a child adds, by number. */
void child_id_of(unsigned number, char ret[static 32]);
void child_user_of(unsigned number, char ret[static 32]);

/*
 * Forks a process that opens the store in a directory, as its owner, and adds links to tenancy "t",
 * from number `first` on, until it is killed. The numbers of acknowledged links can be read from
 * *ret_fd, in order.
 */
pid_t child_start(const char *directory, unsigned first, int *ret_fd);
