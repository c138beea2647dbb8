/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reading the vault. */

#include <stdio.h>

#include "sandbox/endpoints/handlers.h"
#include "sandbox/tenancy/platform.h"

/* JSON cannot quote other bytes. */
static bool is_printable(const char *s)
{
        while (*s > ' ' && *s < 0x7f)
                s++;
        return *s == '\0';
}

/* Returns the owned origin that the client has used, or "" if it is unknown. */
static char *call_base(const Call *call)
{
        char *base;

        if (!call->host || !is_printable(call->host))
                return must(strdup(""));
        if (asprintf(&base, "%s://%s", call->sandbox->tls ? "https" : "http", call->host) < 0)
                abort();
        return base;
}

Reply *handle_passkey_get(const Call *call)
{
        json_t *passkey = vault_find(&call->tenancy->vault, call->argument);
        _cleanup_(freep) char *base = call_base(call);

        if (!passkey)
                return reply_error(ERROR_NOT_FOUND, "There is no passkey with this id");
        return reply_json(200, platform_with_icon(passkey, base));
}

Reply *handle_passkey_list(const Call *call)
{
        _cleanup_(freep) char *cursor = NULL;
        json_t *page;

        page = vault_page(&call->tenancy->vault, call->cursor, &cursor);
        if (!page)
                return reply_error(ERROR_BAD_REQUEST, "Invalid cursor");
        /* The last page has a null cursor; clients take "" as the first page. */
        return reply_json(200, json_pack("{s:s, s:s?, s:o}", "_tag", "FindAllPasskeys", "cursor",
                                         cursor, "records", page));
}
