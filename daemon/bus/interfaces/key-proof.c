/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/bus/dispatch/dispatch.h"
#include "daemon/bus/interfaces/interfaces.h"
#include "daemon/core/prove-key.h"
#include "daemon/model/valid.h"
#include "dbus/error.h"
#include "dbus/key-proof.h"

static int append_proof(sd_bus_message *reply, const Result *result)
{
        return sd_bus_message_append(reply, "s", result->key_proof);
}

static int run_prove_key(Request *request, sd_bus_message *m)
{
        const char *label, *nonce;
        const BusTenancy *object;
        int r;

        r = sd_bus_message_read(m, "ss", &label, &nonce);
        if (r < 0)
                return r;
        if ((*label && !tenancy_label_is_valid(label)) || !key_proof_nonce_is_valid(nonce))
                return request_explain(request, ERROR_INVALID_ARGS,
                                       "tenancy must be " TENANCY_LABEL_RULE "; nonce must be %u "
                                       "to %u of A-Z, a-z, 0-9, _ and -",
                                       KEY_PROOF_NONCE_MIN, KEY_PROOF_NONCE_MAX);
        object = bus_find_tenancy(request->bus, *label ? label : request->bus->default_tenancy);
        if (!object)
                return ERROR_UNKNOWN_OBJECT;
        return prove_key_start(object->tenancy, nonce, request_on_result, request, &request->call);
}

/* Only root may call this: there is neither a right nor a question for polkit. */
const Method bus_call_prove_key = {.rights = 0, .run = run_prove_key, .append = append_proof};

int bus_method_prove_key(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
        return dispatch_method(userdata, NULL, m, &bus_call_prove_key);
}
