/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sandbox/macro.h"
#include "sandbox/tenancy/platform.h"

/* A few common AAGUIDs, for tests of the field. */
static const struct {
        const char *aaguid;
        const char *name;
} platforms[] = {
        {"01020304-0506-0708-0102-030405060708", "Chromium virtual authenticator"},
        {"08987058-cadc-4b81-b6e1-30de50dcbe96", "Windows Hello"},
        {"bada5566-a7aa-401f-bd96-45619a55120d", "1Password"},
        {"d548826e-79b4-db40-a3d8-11116f7e8349", "Bitwarden"},
        {"ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4", "Google Password Manager"},
        {"fbfc3007-154e-4ecc-8c0b-6e020557d7bd", "iCloud Keychain"},
};

const char *platform_name(const char *aaguid)
{
        for (size_t i = 0; i < ARRAY_SIZE(platforms); i++)
                if (streq(aaguid, platforms[i].aaguid))
                        return platforms[i].name;
        return NULL;
}
