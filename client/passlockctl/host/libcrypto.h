/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Loads libcrypto, before key_proof(): passlockctl is not linked with it, and libcrypto.c defines
 * the functions that key_proof() calls. Returns 0, or -ELIBACC with an error message.
 */
int libcrypto_load(const char **ret_error);
