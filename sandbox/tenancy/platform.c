/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sandbox/tenancy/platform.h"

/* A letter on a rounded square: a neutral stand-in for the icons of the vendors. */
#define ICON(color, letter) \
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 32 32\" width=\"32\" " \
        "height=\"32\">" \
        "<rect width=\"32\" height=\"32\" rx=\"7\" fill=\"" color "\"/>" \
        "<text x=\"16\" y=\"22\" font-family=\"sans-serif\" font-size=\"17\" font-weight=\"600\" " \
        "text-anchor=\"middle\" fill=\"#fff\">" letter "</text></svg>\n"

/* A few common AAGUIDs, for tests of the field. */
static const Platform platforms[] = {
        {"01020304-0506-0708-0102-030405060708", "Chromium virtual authenticator",
         ICON("#51606e", "V")},
        {"08987058-cadc-4b81-b6e1-30de50dcbe96", "Windows Hello", ICON("#2f6690", "W")},
        {"bada5566-a7aa-401f-bd96-45619a55120d", "1Password", ICON("#4b5d9b", "1")},
        {"d548826e-79b4-db40-a3d8-11116f7e8349", "Bitwarden", ICON("#6a4c93", "B")},
        {"ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4", "Google Password Manager", ICON("#8a5a2b", "G")},
        {"fbfc3007-154e-4ecc-8c0b-6e020557d7bd", "iCloud Keychain", ICON("#3a7d5c", "i")},
};

const Platform *platform_find(const char *aaguid)
{
        for (size_t i = 0; i < ARRAY_SIZE(platforms); i++)
                if (streq(aaguid, platforms[i].aaguid))
                        return &platforms[i];
        return NULL;
}

json_t *platform_with_icon(json_t *passkey, const char *base)
{
        json_t *copy = must(json_copy(passkey)), *platform = json_object_get(passkey, "platform");
        const char *aaguid = json_text(json_object_get(passkey, "credential"), "aaguid");

        if (!platform_find(aaguid))
                return copy;
        platform = platform ? must(json_copy(platform)) : must(json_object());
        json_object_set_new(platform, "icon",
                            must(json_sprintf("%s/aaguid/%s/icon.svg", base, aaguid)));
        json_object_set_new(copy, "platform", platform);
        return copy;
}
