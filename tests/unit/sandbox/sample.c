/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "sandbox/webauthn/base64url.h"
#include "tests/unit/sandbox/sample.h"
#include "tests/unit/test.h"

static void decode_attestation(Sample *sample)
{
        const char *text =
                json_string_value(json_object_get(sample_inner(sample), "attestationObject"));
        static const uint8_t key[] = "hauthData";
        uint8_t *at;

        assert_int_equal(base64url_decode(text, &sample->attestation, &sample->attestation_len), 0);
        sample->attestation = must(realloc(sample->attestation, sample->attestation_len + 1));
        at = memmem(sample->attestation, sample->attestation_len, key, sizeof(key) - 1);
        assert_non_null(at);
        at += sizeof(key) - 1;
        /* A byte string with one or two bytes of length. */
        assert_in_range(*at, 0x58, 0x59);
        sample->auth_data_len = *at == 0x58 ? at[1] : (size_t) at[1] << 8 | at[2];
        sample->auth_data_at = (size_t) (at - sample->attestation) + (*at == 0x58 ? 2 : 3);
        assert_true(sample->auth_data_at + sample->auth_data_len <= sample->attestation_len);
}

void sample_load(Sample *sample, const char *name)
{
        _cleanup_(freep) char *path = NULL;
        json_t *options;

        *sample = (Sample){};
        assert_true(asprintf(&path, "%s/registration-%s.json", getenv("TEST_WEBAUTHN_DATA"), name) >
                    0);
        sample->root = json_load_file(path, 0, NULL);
        assert_non_null(sample->root);
        options = json_object_get(sample->root, "options");
        sample->response = json_object_get(sample->root, "response");
        sample->ceremony = (Ceremony){
                .challenge = json_string_value(json_object_get(options, "challenge")),
                .origin = json_string_value(json_object_get(sample->root, "origin")),
                .rp_id = json_string_value(json_object_get(sample->root, "rpId")),
                .user_verification_required = true,
        };
        decode_attestation(sample);
}

void sample_done(Sample *sample)
{
        free(sample->attestation);
        json_decref(sample->root);
}

json_t *sample_inner(Sample *sample)
{
        return json_object_get(sample->response, "response");
}

void sample_seal(Sample *sample)
{
        _cleanup_(freep) char *text =
                base64url_encode(sample->attestation, sample->attestation_len);

        json_object_set_new(sample_inner(sample), "attestationObject", json_string(text));
}

void sample_set_client_data(Sample *sample, const char *json)
{
        _cleanup_(freep) char *text = base64url_encode(json, strlen(json));

        json_object_set_new(sample_inner(sample), "clientDataJSON", json_string(text));
}

uint8_t *sample_auth_data(Sample *sample, size_t at)
{
        assert_true(at < sample->auth_data_len);
        return sample->attestation + sample->auth_data_at + at;
}
