/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * Records as bytes: a version, big-endian numbers, and strings as their length in two bytes and
 * then themselves; an optional value has a byte before it that tells whether it is there.
 */

/* Used twice: without bytes, to learn how many there are, and then to write them. */
typedef struct Encoder {
        uint8_t *bytes;
        size_t len;
        bool invalid; /* something cannot be encoded */
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

/* Runs the function twice. Returns 0, -ENOMEM, or -EINVAL if the object cannot be encoded. */
int encode_record(uint8_t version, void (*encode_object)(Encoder *e, const void *object),
                  const void *object, Record *ret);

/* After the first failure nothing is left to decode; `r` is 0, -EBADMSG or -ENOMEM. */
typedef struct Decoder {
        const uint8_t *bytes;
        size_t left;
        int r;
} Decoder;

/* 0 if it has none. */
uint8_t record_version(const void *bytes, size_t len);
/* Fails if the record is of another version. */
Decoder decoder_start(const void *bytes, size_t len, uint8_t version);
/* Fails if something is left. Returns the decoder's `r`. */
int decoder_end(Decoder *d);

void decoder_fail(Decoder *d, int r);
/* Lent by the record; NULL after a failure. */
const void *decode_bytes(Decoder *d, size_t len);
/* Numbers are 0 after a failure. */
uint8_t decode_u8(Decoder *d);
/* Fails if there are others than the known flags. */
uint8_t decode_flags(Decoder *d, uint8_t known);
uint16_t decode_u16(Decoder *d);
uint32_t decode_u32(Decoder *d);
uint64_t decode_u64(Decoder *d);
/* The caller's; NULL after a failure. */
char *decode_string(Decoder *d);
char *decode_optional_string(Decoder *d);
