/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>
#include <systemd/sd-bus.h>

#include "base/macro.h"

/*
 * What all connections of a uid have in common: how many of their calls wait for an answer, how
 * many of these for polkit's, and how many records failing ones have left of late. The latter is
 * remembered when they have gone, so that to come anew is no way around it.
 */
typedef struct Accounts Accounts;
typedef struct Account Account;

/* `bus` must outlive this, and be attached to an event loop when it is used. Returns 0 or -ENOMEM.
 */
int accounts_new(sd_bus *bus, Accounts **ret);
/* All references are gone. Returns NULL. */
Accounts *accounts_free(Accounts *accounts);
DEFINE_CLEANUP(Accounts *, accounts_free);

/* A reference to the account of a uid. Returns 0 or -ENOMEM. */
int accounts_find(Accounts *accounts, uid_t uid, Account **ret);
/* NULL is fine. Returns NULL. */
Account *account_unref(Account *account);

unsigned *account_n_pending(Account *account);
unsigned *account_n_questions(Account *account);

/*
 * May a failing call leave a record: is it one of the first few in a while? `account` is NULL if it
 * is not known who called; these share one. Others are counted, and when the while is over a record
 * says how many there were.
 */
bool accounts_may_record(Accounts *accounts, Account *account);
