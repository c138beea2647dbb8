/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Files for pages of any origin: the page module, and icons of platforms. */

#include "sandbox/endpoints/handlers.h"
#include "sandbox/script.h"
#include "sandbox/tenancy/platform.h"

Reply *handle_script(const Call *call)
{
        return reply_text(200, "text/javascript", passlock_js, passlock_js_len);
}

Reply *handle_script_types(const Call *call)
{
        return reply_text(200, "application/typescript", passlock_d_ts, passlock_d_ts_len);
}

Reply *handle_icon(const Call *call)
{
        const Platform *platform = platform_find(call->argument);

        if (!platform)
                return reply_error(ERROR_NOT_FOUND, "There is no icon of this AAGUID");
        return reply_text(200, "image/svg+xml", platform->icon, strlen(platform->icon));
}
