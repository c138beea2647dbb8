/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * The binary encoding of records: a version byte, big-endian numbers, and strings with a 2-byte
 * length. An optional value follows a presence byte. Links, the most frequent records, have varints
 * instead.
 *
 * One function describes the record of a type, in both directions: code_*() writes the member that
 * it gets, or reads it.
 */
typedef struct Codec {
        bool decoding;
        uint8_t version;      /* of the record */
        const uint8_t *input; /* decoding: the bytes left */
        uint8_t *output;      /* encoding; NULL: only the length is computed */
        size_t len;           /* decoding: bytes left; encoding: bytes written */
        int r;                /* the first failure, which ends the coding */
} Codec;

/* Fails with -EBADMSG or -EINVAL, unless the object is valid. */
void codec_check(Codec *codec, bool is_valid);
void codec_fail(Codec *codec, int r);

void code_bytes(Codec *codec, void *bytes, size_t len);
void code_u8(Codec *codec, uint8_t *value);
void code_u16(Codec *codec, uint16_t *value);
void code_u32(Codec *codec, uint32_t *value);
void code_u64(Codec *codec, uint64_t *value);
/* LEB128: 7 bits per byte, the lowest first. Decoding accepts only the shortest form. */
void code_varint(Codec *codec, uint64_t *value);
/* One byte. `flags` is NULL-terminated and begins with the lowest bit. */
void code_flags(Codec *codec, bool *const flags[]);
/* Decoding allocates the string. */
void code_string(Codec *codec, char **s);
/* NULL: none. */
void code_optional_string(Codec *codec, char **s);
/* With a varint length; an optional string has its length plus one, 0: none. */
void code_short_string(Codec *codec, char **s);
void code_optional_short_string(Codec *codec, char **s);

typedef struct RecordType {
        uint8_t version;
        uint8_t oldest_version; /* accepted by record_decode() */
        void (*code)(Codec *codec, void *object);
} RecordType;

typedef struct Record {
        uint8_t *bytes;
        size_t len;
} Record;

void record_clear(Record *record);

/* Returns 0, -ENOMEM, or -EINVAL for an object that decoding would refuse. */
int record_encode(const RecordType *type, const void *object, Record *ret);
/* Decodes into a zeroed object. Also after a failure, the caller frees its members. Returns 0,
 * -ENOMEM or -EBADMSG. */
int record_decode(const RecordType *type, const void *bytes, size_t len, void *object);
