/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* JWK sets, and signatures by their keys. */

#include "daemon/api/api-json.h"
#include "daemon/id-token/key-set.h"
#include "daemon/json/json.h"
#include "daemon/model/valid.h"
#include "tests/fuzz/fuzz.h"

/* {"alg":"RS256"}.{}. and a signature of 256 zero bytes */
#define HEAD "eyJhbGciOiJSUzI1NiJ9.e30."

static char forged[512];

int LLVMFuzzerInitialize(int *argc _unused_, char ***argv _unused_)
{
        json_object_seed(1);
        json_wipe_memory();
        strcpy(forged, HEAD);
        memset(forged + strlen(HEAD), 'A', 342); /* base64url of 256 bytes */
        return 0;
}

/* No key accepts the forged signature, and a key is usable only if its kid is valid and unique. */
static void check_keys(const KeySet *key_set, const json_t *keys)
{
        const json_t *key;
        size_t i, n_verified = 0;

        json_array_foreach(keys, i, key) {
                const char *kid = json_string_value(json_object_get(key, "kid"));
                _cleanup_(freep) uint8_t *payload = NULL;
                size_t len;

                if (!kid)
                        continue;
                if (!key_set_has(key_set, kid))
                        continue;
                assert(id_is_valid(kid));
                /* Large exponents are slow. */
                if (n_verified++ < 2)
                        assert(key_set_verify(key_set, kid, "RS256", forged, &payload, &len) ==
                               ERROR_INVALID_TOKEN);
                for (size_t j = 0; j < i; j++)
                        assert(!json_has_text(json_array_get(keys, j), "kid", kid));
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_(freep) char *text = fuzz_text(data, size);
        _cleanup_(key_set_freep) KeySet *key_set = NULL;
        json_auto_t *root = NULL;
        int r;

        r = api_json_check_key_set((const char *) data, size);
        assert(r == 0 || r == ERROR_MALFORMED_REPLY);
        if (strlen(text) != size)
                return 0;
        if (key_set_parse(text, &key_set) != 0) {
                assert(!key_set);
                return 0;
        }
        /* A set that can be parsed passes the check before it is cached. */
        assert(r == 0);
        assert(json_read_object(text, size, &root) == 0);
        check_keys(key_set, json_object_get(root, "keys"));
        return 0;
}
