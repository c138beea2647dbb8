/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/model/management.h"

int management_add_warning(Management *management, char *code, char *message, char *passkey_id)
{
        Warning *grown;

        grown = reallocarray(management->warnings, management->n_warnings + 1, sizeof(Warning));
        if (!grown) {
                free(code);
                free(message);
                free(passkey_id);
                return -ENOMEM;
        }
        management->warnings = grown;
        management->warnings[management->n_warnings++] =
                (Warning){.code = code, .message = message, .passkey_id = passkey_id};
        return 0;
}

void management_clear(Management *management)
{
        for (size_t i = 0; i < management->n_warnings; i++) {
                free(management->warnings[i].code);
                free(management->warnings[i].message);
                free(management->warnings[i].passkey_id);
        }
        free(management->warnings);
        if (management->token)
                explicit_bzero(management->token, strlen(management->token));
        free(management->token);
        *management = (Management){};
}
