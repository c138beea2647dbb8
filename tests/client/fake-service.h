/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "base/macro.h"

/* Shared by the interfaces of the scripted service, see fake-service.c. */

#define M(name, in, out, handler) SD_BUS_METHOD(name, in, out, handler, SD_BUS_VTABLE_UNPRIVILEGED)

/* Writes a line about a call to the log and to descriptor 3. */
_printf_(1, 2) void record(const char *format, ...);

bool begins(const char *s, const char *prefix);

/* Returns true for the first use of a -once word in DIR. Call it before recording the call: the
 * test may kill the service when it reads the record. */
bool first_time(const char *word);

/* Executes a script word. Returns 0 if the handler must reply, else the handler's return value. */
int obey(sd_bus_message *m, const char *word, bool first);

/* Calls first_time(), record() and obey(). */
_printf_(3, 4) int record_and_obey(sd_bus_message *m, const char *word, const char *format, ...);

/* Formats the options as " name=value…", in their order. */
char *describe_options(sd_bus_message *m, char **ret_request_id);

extern const sd_bus_vtable fake_vault[];
extern const char *fake_vault_word;
extern const sd_bus_vtable fake_mailbox[];

extern const char *fake_examination_dir;
int fake_diagnose(sd_bus_message *m, void *userdata, sd_bus_error *error);
int fake_list_rights(sd_bus_message *m, void *userdata, sd_bus_error *error);
int fake_get_store(sd_bus_message *m, void *userdata, sd_bus_error *error);
int fake_get_metrics(sd_bus_message *m, void *userdata, sd_bus_error *error);
int fake_verify_store(sd_bus_message *m, void *userdata, sd_bus_error *error);
int fake_join_store(sd_bus_message *m, void *userdata, sd_bus_error *error);
int fake_leave_store(sd_bus_message *m, void *userdata, sd_bus_error *error);
int fake_explain(sd_bus_message *m, void *userdata, sd_bus_error *error);
int fake_prove_key(sd_bus_message *m, void *userdata, sd_bus_error *error);

extern const char *fake_reconcile_word;
int fake_reconcile(sd_bus_message *m, void *userdata, sd_bus_error *error);
int fake_reconcile_step(void);

extern bool fake_denies_subscribe;
int fake_subscribe(sd_bus_message *m, void *userdata, sd_bus_error *error);
int fake_unsubscribe(sd_bus_message *m, void *userdata, sd_bus_error *error);
/* Sends the signals of Add, or executes a command of the test, see fake-subscriptions.c. */
int fake_add(sd_bus_message *m, const char *user_id, const char *authenticator_id);
int fake_tell_removed(sd_bus_message *m, const char *user_id, const char *authenticator_id);

int fake_import(sd_bus_message *m, void *userdata, sd_bus_error *error);
