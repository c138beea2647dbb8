/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sandbox/endpoints/handlers.h"

Reply *handle_jwks(const Call *call)
{
        return reply_json(200, signer_key_set(call->sandbox->signer));
}
