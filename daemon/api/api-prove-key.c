/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/api/api-internal.h"
#include "dbus/key-proof.h"

static int read_proof(const char *body, size_t body_len, ApiPayload *payload)
{
        payload->key_proof = body;
        return body_len == KEY_PROOF_LEN ? 0 : ERROR_MALFORMED_REPLY;
}

int api_prove_key(Api *api, const char *nonce, ResultFunc func, void *userdata, ApiCall **ret)
{
        static const Error errors[] = {0};
        static const ApiEndpoint endpoint = {
                .name = "key proof",
                .errors = errors,
                .kind = API_REQUEST_KEY_PROOF,
                .read = read_proof,
        };

        return api_ask(api, &(ApiQuery){.endpoint = &endpoint, .argument = nonce}, func, userdata,
                       ret);
}
