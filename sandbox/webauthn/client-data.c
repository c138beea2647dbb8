/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sandbox/webauthn/client-data.h"

static bool is_string(const json_t *object, const char *key, const char *expected)
{
        const char *value = json_string_value(json_object_get(object, key));

        return value && streq(value, expected);
}

const char *client_data_check(Span json, const char *type, const Ceremony *ceremony)
{
        _cleanup_(json_decrefp) json_t *data = NULL;
        const json_t *cross_origin;

        data = json_loadb((const char *) json.data, json.len, JSON_REJECT_DUPLICATES, NULL);
        if (!json_is_object(data))
                return "clientDataJSON must be a JSON object";
        if (!is_string(data, "type", type))
                return "Wrong type in clientDataJSON";
        if (!is_string(data, "challenge", ceremony->challenge))
                return "Wrong challenge in clientDataJSON";
        if (!is_string(data, "origin", ceremony->origin))
                return "Wrong origin in clientDataJSON: options requested by another origin";
        cross_origin = json_object_get(data, "crossOrigin");
        if ((cross_origin && !json_is_false(cross_origin)) || json_object_get(data, "topOrigin"))
                return "Cross-origin ceremonies are not allowed";
        return NULL;
}
