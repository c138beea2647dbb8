/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <endian.h>
#include <errno.h>

#include "daemon/store/lmdb/codec.h"

void codec_fail(Codec *codec, int r)
{
        assert(r < 0);
        if (codec->r == 0)
                codec->r = r;
}

void codec_check(Codec *codec, bool is_valid)
{
        if (!is_valid)
                codec_fail(codec, codec->decoding ? -EBADMSG : -EINVAL);
}

/* Returns the next bytes of the input; NULL after a failure. */
static const uint8_t *take_input(Codec *codec, size_t len)
{
        const uint8_t *bytes = codec->input;

        codec_check(codec, len <= codec->len);
        if (codec->r < 0)
                return NULL;
        codec->input += len;
        codec->len -= len;
        return bytes;
}

static void write_bytes(Codec *codec, const void *bytes, size_t len)
{
        if (codec->output)
                memcpy(codec->output + codec->len, bytes, len);
        codec->len += len;
}

void code_bytes(Codec *codec, void *bytes, size_t len)
{
        const uint8_t *input = codec->decoding ? take_input(codec, len) : NULL;

        if (codec->r < 0)
                return;
        if (codec->decoding)
                memcpy(bytes, input, len);
        else
                write_bytes(codec, bytes, len);
}

/* Returns the number that was written or read. */
static uint64_t code_number(Codec *codec, uint64_t value, size_t len)
{
        uint64_t big_endian = htobe64(value);

        code_bytes(codec, (uint8_t *) &big_endian + sizeof(big_endian) - len, len);
        return be64toh(big_endian);
}

void code_u8(Codec *codec, uint8_t *value)
{
        code_bytes(codec, value, sizeof(*value));
}

/* An object that is encoded may be constant. */
void code_u16(Codec *codec, uint16_t *value)
{
        uint64_t number = code_number(codec, *value, sizeof(*value));

        if (codec->decoding)
                *value = (uint16_t) number;
}

void code_u32(Codec *codec, uint32_t *value)
{
        uint64_t number = code_number(codec, *value, sizeof(*value));

        if (codec->decoding)
                *value = (uint32_t) number;
}

void code_u64(Codec *codec, uint64_t *value)
{
        uint64_t number = code_number(codec, *value, sizeof(*value));

        if (codec->decoding)
                *value = number;
}

#define VARINT_LEN_MAX 10U /* of 64 bits */

static void write_varint(Codec *codec, uint64_t value)
{
        uint8_t byte;

        do {
                byte = (uint8_t) ((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
                write_bytes(codec, &byte, 1);
                value >>= 7;
        } while (byte & 0x80);
}

static void read_varint(Codec *codec, uint64_t *ret)
{
        size_t len = codec->len < VARINT_LEN_MAX ? codec->len : VARINT_LEN_MAX;
        const uint8_t *input = codec->input;
        uint64_t value = 0;

        for (size_t n = 0; n < len; n++) {
                uint8_t byte = input[n];

                value |= (uint64_t) (byte & 0x7f) << (7 * n);
                if (byte & 0x80)
                        continue;
                /* The last byte is superfluous, or its bits do not fit. */
                if ((n > 0 && byte == 0) || (n == VARINT_LEN_MAX - 1 && byte > 1))
                        break;
                codec->input = input + n + 1;
                codec->len -= n + 1;
                *ret = value;
                return;
        }
        codec_check(codec, false);
}

void code_varint(Codec *codec, uint64_t *value)
{
        if (codec->r < 0)
                return;
        if (codec->decoding)
                read_varint(codec, value);
        else
                write_varint(codec, *value);
}

void code_flags(Codec *codec, bool *const flags[])
{
        unsigned n = 0;
        uint8_t bits = 0;

        for (; flags[n]; n++)
                bits |= (uint8_t) (*flags[n] << n);
        code_u8(codec, &bits);
        codec_check(codec, bits >> n == 0);
        for (unsigned i = 0; codec->decoding && i < n; i++)
                *flags[i] = bits >> i & 1;
}

static void read_string(Codec *codec, size_t len, char **ret)
{
        const void *bytes = take_input(codec, len);
        char *s;

        codec_check(codec, !bytes || !memchr(bytes, '\0', len));
        if (codec->r < 0)
                return;
        s = malloc(len + 1);
        if (!s) {
                codec_fail(codec, -ENOMEM);
                return;
        }
        memcpy(s, bytes, len);
        s[len] = '\0';
        *ret = s;
}

void code_string(Codec *codec, char **s)
{
        size_t len = *s ? strlen(*s) : 0;
        uint16_t len_coded = (uint16_t) len;

        codec_check(codec, codec->decoding || (*s && len <= UINT16_MAX));
        code_u16(codec, &len_coded);
        if (codec->decoding)
                read_string(codec, len_coded, s);
        else
                code_bytes(codec, *s, len);
}

void code_optional_string(Codec *codec, char **s)
{
        bool has_value = *s;

        code_flags(codec, (bool *[]){&has_value, NULL});
        if (has_value)
                code_string(codec, s);
}

void code_short_string(Codec *codec, char **s)
{
        uint64_t len = *s ? strlen(*s) : 0;

        codec_check(codec, codec->decoding || (*s && len <= UINT16_MAX));
        code_varint(codec, &len);
        if (codec->decoding)
                read_string(codec, len, s);
        else
                code_bytes(codec, *s, len);
}

void code_optional_short_string(Codec *codec, char **s)
{
        uint64_t size = *s ? strlen(*s) + 1 : 0;

        codec_check(codec, size <= (uint64_t) UINT16_MAX + 1);
        code_varint(codec, &size);
        if (size == 0)
                return;
        if (codec->decoding)
                read_string(codec, size - 1, s);
        else
                code_bytes(codec, *s, size - 1);
}

void record_clear(Record *record)
{
        free(record->bytes);
        *record = (Record){};
}

static int encode(const RecordType *type, const void *object, uint8_t *output, size_t *ret_len)
{
        Codec codec = {.version = type->version, .output = output};

        code_u8(&codec, &codec.version);
        type->code(&codec, (void *) object);
        *ret_len = codec.len;
        return codec.r;
}

int record_encode(const RecordType *type, const void *object, Record *ret)
{
        uint8_t *bytes;
        size_t len, written;
        int r;

        r = encode(type, object, NULL, &len);
        if (r < 0)
                return r;
        bytes = malloc(len);
        if (!bytes)
                return -ENOMEM;
        r = encode(type, object, bytes, &written);
        assert(r == 0 && written == len); /* the passes agree */
        *ret = (Record){.bytes = bytes, .len = len};
        return 0;
}

int record_decode(const RecordType *type, const void *bytes, size_t len, void *object)
{
        Codec codec = {.decoding = true, .input = bytes, .len = len};

        code_u8(&codec, &codec.version);
        codec_check(&codec,
                    codec.version >= type->oldest_version && codec.version <= type->version);
        type->code(&codec, object);
        codec_check(&codec, codec.len == 0);
        return codec.r;
}
