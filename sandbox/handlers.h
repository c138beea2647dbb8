/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/call.h"

/*
 * What answers each call. A handler gets a call that its route has admitted and, of a POST, the
 * request as a JSON object. It returns an owned reply, and calls call_touch() if it changed
 * anything.
 */

/* authorize.c */
Reply *handle_registration_authorize(const Call *call);

/* registration.c */
Reply *handle_registration_options(const Call *call);
Reply *handle_registration_verification(const Call *call);

/* principal.c */
Reply *handle_exchange(const Call *call);

/* passkeys.c */
Reply *handle_passkey_get(const Call *call);
Reply *handle_passkey_list(const Call *call);

/* keys.c */
Reply *handle_jwks(const Call *call);

/* control.c */
Reply *handle_faults(const Call *call);
Reply *handle_calls(const Call *call);
Reply *handle_script(const Call *call);
