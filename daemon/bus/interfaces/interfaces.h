/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/bus/dispatch/request.h"

extern const sd_bus_vtable manager_vtable[]; /* userdata: Bus */
extern const sd_bus_vtable tenancy_vtable[]; /* userdata: BusTenancy, also for the following */
extern const sd_bus_vtable links_vtable[];
extern const sd_bus_vtable vault_vtable[];
extern const sd_bus_vtable mailbox_vtable[];

/* Their methods, for Explain. */
extern const NamedMethod manager_methods[], tenancy_methods[], links_methods[], vault_methods[],
        mailbox_methods[];

/* Methods in separate files: ListRights, Explain, ProveKey, and those of the manager on the store,
 * and Links.Import with its result. */
extern const Method bus_call_list_rights, bus_call_explain, bus_call_prove_key, bus_call_get_store,
        bus_call_verify_store, bus_call_join_store, bus_call_leave_store, bus_call_get_metrics;
int bus_method_explain(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_method_list_rights(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_method_prove_key(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_method_get_metrics(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_method_get_store(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_method_verify_store(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_method_join_store(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_method_leave_store(sd_bus_message *m, void *userdata, sd_bus_error *error);
int run_import(Request *request, sd_bus_message *m);
int bus_append_outcomes(sd_bus_message *m, const Result *result);
