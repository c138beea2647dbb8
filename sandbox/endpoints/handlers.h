/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/endpoints/call.h"

/*
 * Request handlers. The route has authenticated the caller and parsed the JSON body of a POST. A
 * handler returns an owned reply, and calls call_touch() after a change.
 */

/* authorize.c */
Reply *handle_registration_authorize(const Call *call);
Reply *handle_authentication_authorize(const Call *call);

/* registration.c */
Reply *handle_registration_options(const Call *call);
Reply *handle_registration_verification(const Call *call);

/* authentication.c */
Reply *handle_authentication_options(const Call *call);
Reply *handle_authentication_verification(const Call *call);

/* principal.c */
Reply *handle_jwks(const Call *call);
Reply *handle_exchange(const Call *call);

/* passkeys.c */
Reply *handle_passkey_get(const Call *call);
Reply *handle_passkey_list(const Call *call);

/* management.c */
Reply *handle_passkeys_update(const Call *call);
Reply *handle_passkeys_delete(const Call *call);
Reply *handle_passkeys_prune(const Call *call);
Reply *handle_update_exchange(const Call *call);
Reply *handle_delete_exchange(const Call *call);
Reply *handle_prune_exchange(const Call *call);

/* challenges.c */
Reply *handle_challenge_create(const Call *call);
Reply *handle_challenge_get(const Call *call);
Reply *handle_challenge_verify(const Call *call);
Reply *handle_challenge_delete(const Call *call);

/* assets.c */
Reply *handle_script(const Call *call);
Reply *handle_script_types(const Call *call);
Reply *handle_icon(const Call *call);

/* control.c */
Reply *handle_faults(const Call *call);
Reply *handle_calls(const Call *call);
Reply *handle_outbox(const Call *call);
