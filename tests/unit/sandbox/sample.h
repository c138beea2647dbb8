/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/webauthn/ceremony.h"

/* A recorded browser registration from tests/data/webauthn, for tests to modify. */
typedef struct Sample {
        json_t *root;
        json_t *response;
        Ceremony ceremony;
        uint8_t *attestation; /* decoded, with one spare byte */
        size_t attestation_len;
        size_t auth_data_at, auth_data_len; /* within the attestation */
} Sample;

/* Offsets in authenticator data. */
enum {
        AT_FLAGS = 32,
        AT_ID_LEN = 53,
        AT_ID = 55,
};

/* Loads registration-NAME.json. */
void sample_load(Sample *sample, const char *name);
void sample_done(Sample *sample);

/* Encodes the modified attestation into the response. */
void sample_seal(Sample *sample);

/* Replaces clientDataJSON in the response. */
void sample_set_client_data(Sample *sample, const char *json);

/* Returns a byte of the authenticator data, to be modified. */
uint8_t *sample_auth_data(Sample *sample, size_t at);

json_t *sample_inner(Sample *sample);
