/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* The binary encoding of records: a version byte, big-endian numbers, and strings with a 2-byte
 * length. An optional value follows a presence byte. */

/* Runs twice: with `bytes` NULL to compute the length, then to write. */
typedef struct Encoder {
        uint8_t *bytes;
        size_t len;
        bool invalid; /* the object has no encoding */
} Encoder;

void encode_bytes(Encoder *e, const void *bytes, size_t len);
void encode_u8(Encoder *e, uint8_t value);
void encode_u16(Encoder *e, uint16_t value);
void encode_u32(Encoder *e, uint32_t value);
void encode_u64(Encoder *e, uint64_t value);
void encode_string(Encoder *e, const char *s);
void encode_optional_string(Encoder *e, const char *s);

typedef struct Record {
        uint8_t *bytes;
        size_t len;
} Record;

void record_clear(Record *record);

/* Returns 0, -ENOMEM, or -EINVAL for an object that has no encoding. */
int encode_record(uint8_t version, void (*encode_object)(Encoder *e, const void *object),
                  const void *object, Record *ret);

/* The first failure is kept in `r` (-EBADMSG or -ENOMEM) and ends the decoding. */
typedef struct Decoder {
        const uint8_t *bytes;
        size_t left;
        int r;
} Decoder;

/* 0 if it has none. */
uint8_t record_version(const void *bytes, size_t len);
/* Fails for another record version. */
Decoder decoder_start(const void *bytes, size_t len, uint8_t version);
/* Fails if bytes are left. Returns `r`. */
int decoder_end(Decoder *d);

void decoder_fail(Decoder *d, int r);
/* Lent; NULL after a failure. */
const void *decode_bytes(Decoder *d, size_t len);
/* 0 after a failure. */
uint8_t decode_u8(Decoder *d);
/* Fails for unknown flags. */
uint8_t decode_flags(Decoder *d, uint8_t known);
uint16_t decode_u16(Decoder *d);
uint32_t decode_u32(Decoder *d);
uint64_t decode_u64(Decoder *d);
/* Owned by the caller; NULL after a failure. */
char *decode_string(Decoder *d);
char *decode_optional_string(Decoder *d);
