/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sandbox/http/fault-injection.h"

enum { RETRY_AFTER_S = 7 };

static const char garbage[] = "\x80{\"_tag\": nonsense, \xff\xfe";
static const char html[] = "<!DOCTYPE html>\n<title>Error</title>\n<p>Injected fault.\n";

static Reply *status_reply(unsigned status)
{
        Reply *reply;

        if (status != 429)
                return reply_error_status(status, "@error/InternalServerError", "Injected fault");
        reply = reply_error_status(status, "@error/TooManyRequests", "Injected fault");
        reply->retry_after_s = RETRY_AFTER_S;
        return reply;
}

Reply *fault_injection_reply(const Fault *fault)
{
        switch (fault->kind) {
        case FAULT_GARBAGE:
                return reply_text(200, "application/json", garbage, sizeof(garbage) - 1);
        case FAULT_HTML:
                return reply_text(200, "text/html", html, sizeof(html) - 1);
        case FAULT_LARGE:
                return reply_text(200, "application/json", "",
                                  0); /* response_large() makes the body */
        case FAULT_STATUS:
                return status_reply((unsigned) fault->number);
        default:
                return NULL;
        }
}

void fault_injection_alter(const Fault *fault, const char *field, Reply *reply)
{
        const char *name = *fault->field ? fault->field : field;
        json_t *changed;

        if ((fault->kind != FAULT_MISSING && fault->kind != FAULT_WRONG_TYPE) ||
            reply->status >= 300 || !reply->json)
                return;
        /* Copy first: the reply may share its JSON with the vault. */
        changed = must(json_copy(reply->json));
        if (fault->kind == FAULT_MISSING)
                json_object_del(changed, name);
        else
                json_object_set_new(changed, name,
                                    json_is_integer(json_object_get(changed, name))
                                            ? json_string("seven")
                                            : json_integer(7));
        json_decref(reply->json);
        reply->json = changed;
}
