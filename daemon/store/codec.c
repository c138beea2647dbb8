/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <endian.h>
#include <errno.h>

#include "daemon/store/codec.h"

void encode_bytes(Encoder *e, const void *bytes, size_t len)
{
        if (e->bytes)
                memcpy(e->bytes + e->len, bytes, len);
        e->len += len;
}

void encode_u8(Encoder *e, uint8_t value)
{
        encode_bytes(e, &value, sizeof(value));
}

void encode_u16(Encoder *e, uint16_t value)
{
        value = htobe16(value);
        encode_bytes(e, &value, sizeof(value));
}

void encode_u32(Encoder *e, uint32_t value)
{
        value = htobe32(value);
        encode_bytes(e, &value, sizeof(value));
}

void encode_u64(Encoder *e, uint64_t value)
{
        value = htobe64(value);
        encode_bytes(e, &value, sizeof(value));
}

void encode_string(Encoder *e, const char *s)
{
        size_t len = s ? strlen(s) : 0;

        if (!s || len > UINT16_MAX) {
                e->invalid = true;
                return;
        }
        encode_u16(e, (uint16_t) len);
        encode_bytes(e, s, len);
}

void encode_optional_string(Encoder *e, const char *s)
{
        encode_u8(e, s ? 1 : 0);
        if (s)
                encode_string(e, s);
}

void record_clear(Record *record)
{
        free(record->bytes);
        *record = (Record){};
}

int encode_record(uint8_t version, void (*encode_object)(Encoder *e, const void *object),
                  const void *object, Record *ret)
{
        Encoder e = {};
        size_t len;

        encode_u8(&e, version);
        encode_object(&e, object);
        if (e.invalid)
                return -EINVAL;

        len = e.len;
        e.bytes = malloc(len);
        if (!e.bytes)
                return -ENOMEM;
        e.len = 0;
        encode_u8(&e, version);
        encode_object(&e, object);
        assert(e.len == len); /* the passes agree */
        *ret = (Record){.bytes = e.bytes, .len = e.len};
        return 0;
}

void decoder_fail(Decoder *d, int r)
{
        assert(r < 0);
        if (d->r == 0)
                d->r = r;
        d->left = 0;
}

const void *decode_bytes(Decoder *d, size_t len)
{
        const uint8_t *bytes = d->bytes;

        if (d->r < 0 || len > d->left) {
                decoder_fail(d, -EBADMSG);
                return NULL;
        }
        d->bytes += len;
        d->left -= len;
        return bytes;
}

uint8_t decode_u8(Decoder *d)
{
        const uint8_t *bytes = decode_bytes(d, 1);

        return bytes ? *bytes : 0;
}

uint8_t decode_flags(Decoder *d, uint8_t known)
{
        uint8_t flags = decode_u8(d);

        if (flags & ~known)
                decoder_fail(d, -EBADMSG);
        return flags;
}

uint16_t decode_u16(Decoder *d)
{
        const void *bytes = decode_bytes(d, sizeof(uint16_t));
        uint16_t value = 0;

        if (bytes)
                memcpy(&value, bytes, sizeof(value));
        return be16toh(value);
}

uint32_t decode_u32(Decoder *d)
{
        const void *bytes = decode_bytes(d, sizeof(uint32_t));
        uint32_t value = 0;

        if (bytes)
                memcpy(&value, bytes, sizeof(value));
        return be32toh(value);
}

uint64_t decode_u64(Decoder *d)
{
        const void *bytes = decode_bytes(d, sizeof(uint64_t));
        uint64_t value = 0;

        if (bytes)
                memcpy(&value, bytes, sizeof(value));
        return be64toh(value);
}

char *decode_string(Decoder *d)
{
        size_t len = decode_u16(d);
        const char *bytes = decode_bytes(d, len);
        char *s;

        if (!bytes)
                return NULL;
        if (memchr(bytes, '\0', len)) {
                decoder_fail(d, -EBADMSG);
                return NULL;
        }
        s = strndup(bytes, len);
        if (!s)
                decoder_fail(d, -ENOMEM);
        return s;
}

char *decode_optional_string(Decoder *d)
{
        return decode_flags(d, 1) ? decode_string(d) : NULL;
}

uint8_t record_version(const void *bytes, size_t len)
{
        return len > 0 ? *(const uint8_t *) bytes : 0;
}

Decoder decoder_start(const void *bytes, size_t len, uint8_t version)
{
        Decoder d = {.bytes = bytes, .left = len};

        if (decode_u8(&d) != version)
                decoder_fail(&d, -EBADMSG);
        return d;
}

int decoder_end(Decoder *d)
{
        if (d->left > 0)
                decoder_fail(d, -EBADMSG);
        return d->r;
}
