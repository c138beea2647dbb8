/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "client/libpasslock/transport/call.h"

/* The methods of a tenancy, by source file; each list ends with NULL. */
extern const Method *const authorize_methods[];
extern const Method *const exchange_methods[];
extern const Method *const id_token_methods[];
extern const Method *const links_methods[];
extern const Method *const mailbox_methods[];
extern const Method *const vault_methods[];
