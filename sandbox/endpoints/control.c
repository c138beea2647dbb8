/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Control endpoints for tests. */

#include <stdio.h>

#include "sandbox/endpoints/handlers.h"

static json_t *faults_in_force(const FaultList *list)
{
        json_t *specs = must(json_array());

        for (size_t i = 0; i < list->n_faults; i++) {
                char spec[FAULT_SPEC_MAX];

                fault_format(&list->faults[i], spec);
                json_array_append_new(specs, json_string(spec));
        }
        return must(json_pack("{s:o}", "faults", specs));
}

/* Atomic: an invalid fault leaves the list unchanged. */
Reply *handle_faults(const Call *call)
{
        const json_t *specs = json_object_get(call->json_body, "faults");
        FaultList list = {};

        if (!json_is_array(specs))
                return reply_error(ERROR_BAD_REQUEST, "faults must be an array");
        for (size_t i = 0; i < json_array_size(specs); i++) {
                const char *spec = json_string_value(json_array_get(specs, i));
                const char *problem = "not a string";
                char message[128];

                if (spec)
                        problem = fault_list_add(&list, spec);
                if (!problem)
                        continue;
                snprintf(message, sizeof(message), "faults[%zu]: %s", i, problem);
                return reply_error(ERROR_BAD_REQUEST, message);
        }
        call->sandbox->faults = list;
        return reply_json(200, faults_in_force(&list));
}

Reply *handle_calls(const Call *call)
{
        json_t *counts = must(json_object());

        for (int i = 0; i < _ENDPOINT_MAX; i++)
                json_object_set_new(counts, endpoint_name(i),
                                    json_integer((json_int_t) call->sandbox->n_calls[i]));
        return reply_json(200, counts);
}

Reply *handle_outbox(const Call *call)
{
        return reply_json(200, json_pack("{s:O}", "mails", call->sandbox->outbox));
}
