/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/wiping-allocator.h"
#include "keyholder/protocol/protocol.h"
#include "tests/unit/test.h"

#define TEXT(s) \
        { \
                .text = (s), .len = sizeof(s) - 1 \
        }

typedef struct Sample {
        ProtocolMessage message;
        ProtocolSide receiver;
        size_t text_max[PROTOCOL_TEXTS_MAX];
} Sample;

/* A message of each type. */
static const Sample samples[] = {
        {{.type = PROTOCOL_HELLO, .hello.nonce = "0123456789abcdef0123456789abcde"},
         PROTOCOL_KEYHOLDER,
         {}},
        {{.type = PROTOCOL_REQUEST,
          .id = 7,
          .request = {.account = 9,
                      .timeout_ms = 1000,
                      .reply_len_max = 4096,
                      .method = PROTOCOL_POST,
                      .flags = PROTOCOL_ONCE | PROTOCOL_WITH_BODY},
          .texts = {TEXT("tenant"), TEXT("/passkeys/delete"), TEXT("{\"a\0b\"}")}},
         PROTOCOL_KEYHOLDER,
         {PROTOCOL_TENANCY_ID_MAX, PROTOCOL_PATH_MAX, PROTOCOL_BODY_MAX}},
        {{.type = PROTOCOL_CANCEL, .id = 7}, PROTOCOL_KEYHOLDER, {}},
        {{.type = PROTOCOL_RELEASE, .release.account = 9}, PROTOCOL_KEYHOLDER, {}},
        {{.type = PROTOCOL_RELOAD, .id = 1}, PROTOCOL_KEYHOLDER, {}},
        {{.type = PROTOCOL_PROVE, .id = 8, .prove.account = 9, .texts = {TEXT("nonce")}},
         PROTOCOL_KEYHOLDER,
         {PROTOCOL_NONCE_MAX}},
        {{.type = PROTOCOL_STATE,
          .state = {.account = 9, .key = 3, .fault = PROTOCOL_FAULT_UNREADABLE},
          .texts = {TEXT("default"), TEXT("tenant"), TEXT("https://a"), TEXT("unreadable")}},
         PROTOCOL_DAEMON,
         {PROTOCOL_LABEL_MAX, PROTOCOL_TENANCY_ID_MAX, PROTOCOL_ENDPOINT_MAX,
          PROTOCOL_EXPLAIN_MAX}},
        {{.type = PROTOCOL_LOADED, .loaded.r = -EINVAL, .texts = {TEXT("a:1: bad")}},
         PROTOCOL_DAEMON,
         {PROTOCOL_EXPLAIN_MAX}},
        {{.type = PROTOCOL_REPLY,
          .id = 7,
          .reply = {.status = 200, .slots = 64, .date_ms = 1},
          .texts = {TEXT("{\0}")}},
         PROTOCOL_DAEMON,
         {PROTOCOL_REPLY_MAX}},
        {{.type = PROTOCOL_PROOF, .id = 8, .proof.proof = "abc"}, PROTOCOL_DAEMON, {}},
        {{.type = PROTOCOL_PING}, PROTOCOL_KEYHOLDER, {}},
        {{.type = PROTOCOL_STOP_ACK}, PROTOCOL_KEYHOLDER, {}},
        {{.type = PROTOCOL_PONG}, PROTOCOL_DAEMON, {}},
        {{.type = PROTOCOL_STOPPING}, PROTOCOL_DAEMON, {}},
        {{.type = PROTOCOL_STORE_REQUEST,
          .id = 5,
          .store_request = {.timeout_ms = 1000,
                            .reply_len_max = 4096,
                            .path = PROTOCOL_STORE_TXN,
                            .endpoint = 2,
                            .flags = PROTOCOL_STORE_REQUIRE_LEADER},
          .texts = {TEXT("{\"a\0b\"}")}},
         PROTOCOL_KEYHOLDER,
         {PROTOCOL_BODY_MAX}},
        {{.type = PROTOCOL_STORE_CREDIT, .id = 5, .store_credit.n_bytes = 1},
         PROTOCOL_KEYHOLDER,
         {}},
        {{.type = PROTOCOL_STORE_CANCEL, .id = 5}, PROTOCOL_KEYHOLDER, {}},
        {{.type = PROTOCOL_STORE_STATE,
          .store_state = {.serial = 1, .n_endpoints = 3, .fault = PROTOCOL_FAULT_MISSING},
          .texts = {TEXT("missing")}},
         PROTOCOL_DAEMON,
         {PROTOCOL_EXPLAIN_MAX}},
        {{.type = PROTOCOL_STORE_DATA, .id = 5, .texts = {TEXT("{\0")}},
         PROTOCOL_DAEMON,
         {PROTOCOL_DATA_MAX}},
        {{.type = PROTOCOL_STORE_REPLY,
          .id = 5,
          .store_reply = {.status = 200},
          .texts = {TEXT("{\0")}},
         PROTOCOL_DAEMON,
         {PROTOCOL_REPLY_MAX}},
};

typedef struct Encoded {
        char *bytes;
        size_t len;
} Encoded;

static Encoded encode(const Sample *sample)
{
        Encoded encoded = {};

        assert_int_equal(protocol_encode(&sample->message, &encoded.bytes, &encoded.len), 0);
        return encoded;
}

static ProtocolHeader header_of(const Encoded *encoded)
{
        ProtocolHeader header;

        memcpy(&header, encoded->bytes, sizeof(header));
        return header;
}

static int read_header(const ProtocolHeader *header, ProtocolSide receiver)
{
        size_t len;

        return protocol_read_header(header, receiver, &len);
}

static void test_round_trip(void **state)
{
        for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
                const ProtocolMessage *sent = &samples[i].message;
                Encoded encoded = encode(&samples[i]);
                ProtocolHeader header = header_of(&encoded);
                ProtocolMessage got = {};
                size_t len = 0;

                assert_int_equal(protocol_read_header(&header, samples[i].receiver, &len), 0);
                assert_int_equal(len, encoded.len);
                assert_int_equal(protocol_decode(encoded.bytes, &got), 0);
                assert_int_equal(got.type, sent->type);
                assert_int_equal(got.id, sent->id);
                for (size_t n = 0; n < PROTOCOL_TEXTS_MAX; n++) {
                        assert_int_equal(got.texts[n].len, sent->texts[n].len);
                        if (sent->texts[n].len > 0)
                                assert_memory_equal(got.texts[n].text, sent->texts[n].text,
                                                    sent->texts[n].len + 1);
                }
                switch (sent->type) {
                case PROTOCOL_REQUEST:
                        assert_memory_equal(&got.request, &sent->request, sizeof(got.request));
                        break;
                case PROTOCOL_STATE:
                        assert_memory_equal(&got.state, &sent->state, sizeof(got.state));
                        break;
                case PROTOCOL_REPLY:
                        assert_memory_equal(&got.reply, &sent->reply, sizeof(got.reply));
                        break;
                case PROTOCOL_STORE_REQUEST:
                        assert_memory_equal(&got.store_request, &sent->store_request,
                                            sizeof(got.store_request));
                        break;
                case PROTOCOL_STORE_STATE:
                        assert_memory_equal(&got.store_state, &sent->store_state,
                                            sizeof(got.store_state));
                        break;
                default:
                        break;
                }
                wiping_free(encoded.bytes);
        }
}

/* Each field of a header is checked before anything else is read. */
static void test_headers(void **state)
{
        for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
                ProtocolSide receiver = samples[i].receiver;
                Encoded encoded = encode(&samples[i]);
                ProtocolHeader good = header_of(&encoded), bad = good;

                assert_int_equal(read_header(&good, receiver), 0);
                assert_int_equal(read_header(&good, receiver == PROTOCOL_DAEMON ? PROTOCOL_KEYHOLDER
                                                                                : PROTOCOL_DAEMON),
                                 -EPROTO);
                bad.magic++;
                assert_int_equal(read_header(&bad, receiver), -EPROTO);
                bad = good;
                bad.reserved = 1;
                assert_int_equal(read_header(&bad, receiver), -EPROTO);
                bad = good;
                bad.id = good.id == 0;
                assert_int_equal(read_header(&bad, receiver),
                                 good.type == PROTOCOL_LOADED ? 0 : -EPROTO);
                wiping_free(encoded.bytes);
        }
}

/* Each length may have its maximum, and no more. */
static void test_lengths(void **state)
{
        for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
                Encoded encoded = encode(&samples[i]);

                for (size_t n = 0; n < PROTOCOL_TEXTS_MAX; n++) {
                        ProtocolHeader header = header_of(&encoded);

                        header.text_len[n] = (uint32_t) samples[i].text_max[n];
                        assert_int_equal(read_header(&header, samples[i].receiver), 0);
                        header.text_len[n]++;
                        assert_int_equal(read_header(&header, samples[i].receiver), -EPROTO);
                        header.text_len[n] = UINT32_MAX;
                        assert_int_equal(read_header(&header, samples[i].receiver), -EPROTO);
                }
                wiping_free(encoded.bytes);
        }
}

static void test_types(void **state)
{
        Encoded encoded = encode(&samples[0]);

        for (unsigned type = 0; type <= UINT16_MAX; type++) {
                ProtocolHeader header = header_of(&encoded);
                bool known = false;

                header.type = (uint16_t) type;
                memset(header.text_len, 0, sizeof(header.text_len));
                for (size_t i = 0; i < ARRAY_SIZE(samples); i++)
                        if (samples[i].message.type == type) {
                                known = samples[i].receiver == PROTOCOL_KEYHOLDER;
                                header.id = samples[i].message.id;
                        }
                assert_int_equal(read_header(&header, PROTOCOL_KEYHOLDER), known ? 0 : -EPROTO);
        }
        wiping_free(encoded.bytes);
}

/* A text that is not terminated, or has a NUL that only a body may have. */
static void test_texts(void **state)
{
        for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
                Encoded encoded = encode(&samples[i]);
                ProtocolHeader header = header_of(&encoded);
                bool has_body = header.type == PROTOCOL_REQUEST || header.type == PROTOCOL_REPLY ||
                                header.type == PROTOCOL_STORE_REQUEST ||
                                header.type == PROTOCOL_STORE_DATA ||
                                header.type == PROTOCOL_STORE_REPLY;
                size_t n_texts = 0, end = encoded.len;
                ProtocolMessage message;

                while (n_texts < PROTOCOL_TEXTS_MAX && samples[i].text_max[n_texts] > 0)
                        n_texts++;
                for (size_t n = n_texts; n-- > 0;) {
                        char *first = encoded.bytes + end - 1 - header.text_len[n], saved = *first;

                        assert_int_equal(encoded.bytes[end - 1], '\0');
                        encoded.bytes[end - 1] = 'x';
                        assert_int_equal(protocol_decode(encoded.bytes, &message), -EPROTO);
                        encoded.bytes[end - 1] = '\0';
                        *first = '\0';
                        assert_int_equal(protocol_decode(encoded.bytes, &message),
                                         has_body && n == n_texts - 1 ? 0 : -EPROTO);
                        *first = saved;
                        assert_int_equal(protocol_decode(encoded.bytes, &message), 0);
                        end -= header.text_len[n] + 1;
                }
                wiping_free(encoded.bytes);
        }
}

static void assert_refused(const ProtocolMessage *message)
{
        char *bytes = (char *) 1;
        size_t len;

        assert_int_equal(protocol_encode(message, &bytes, &len), -EINVAL);
        assert_ptr_equal(bytes, (char *) 1);
}

#define CHANGED(sample, ...) \
        ({ \
                ProtocolMessage m = samples[sample].message; \
                __VA_ARGS__; \
                assert_refused(&m); \
        })

enum { SAMPLE_REQUEST = 1, SAMPLE_STATE = 6, SAMPLE_LOADED, SAMPLE_REPLY, SAMPLE_PROOF };
enum {
        SAMPLE_STORE_REQUEST = 14,
        SAMPLE_CREDIT,
        SAMPLE_STORE_STATE = 17,
        SAMPLE_DATA,
        SAMPLE_STORE_REPLY
};

static void test_values(void **state)
{
        CHANGED(SAMPLE_REQUEST, m.request.timeout_ms = 0);
        CHANGED(SAMPLE_REQUEST, m.request.reply_len_max = PROTOCOL_REPLY_MAX + 1);
        CHANGED(SAMPLE_REQUEST, m.request.method = PROTOCOL_DELETE + 1);
        CHANGED(SAMPLE_REQUEST, m.request.flags |= 8);
        CHANGED(SAMPLE_REQUEST, m.request.reserved = 1);
        CHANGED(SAMPLE_REQUEST, m.request.flags = PROTOCOL_ONCE); /* there is a body */
        /* A key set has neither path nor body, and is only read. */
        CHANGED(SAMPLE_REQUEST, m.request.flags |= PROTOCOL_KEY_SET);
        CHANGED(SAMPLE_REQUEST, m.request.flags = PROTOCOL_KEY_SET; m.request.method = PROTOCOL_GET;
                m.texts[PROTOCOL_REQUEST_BODY].len = 0);
        CHANGED(SAMPLE_REQUEST, m.request.flags = PROTOCOL_KEY_SET; m.texts[1].len = 0;
                m.texts[2].len = 0);
        CHANGED(SAMPLE_STATE, m.state.account = 0); /* there is a key */
        CHANGED(SAMPLE_STATE, m.state.fault = PROTOCOL_FAULT_UNREADABLE + 1);
        CHANGED(SAMPLE_STATE, m.state.fault = PROTOCOL_FAULT_NONE); /* there is a text */
        CHANGED(SAMPLE_STATE, m.state.reserved = 1);
        CHANGED(SAMPLE_STATE, m.texts[PROTOCOL_STATE_LABEL].len = 0);
        CHANGED(SAMPLE_LOADED, m.loaded.r = 1);
        CHANGED(SAMPLE_LOADED, m.loaded.r = -4096);
        CHANGED(SAMPLE_LOADED, m.loaded.r = INT32_MIN);
        CHANGED(SAMPLE_LOADED, m.loaded.reserved = 1);
        CHANGED(SAMPLE_REPLY, m.reply.r = 1);
        CHANGED(SAMPLE_REPLY, m.reply.status = 1000);
        CHANGED(SAMPLE_PROOF, m.proof.r = 1);
        CHANGED(SAMPLE_PROOF, m.proof.reserved = 1);
        CHANGED(SAMPLE_STORE_REQUEST, m.store_request.timeout_ms = 0);
        CHANGED(SAMPLE_STORE_REQUEST, m.store_request.reply_len_max = PROTOCOL_REPLY_MAX + 1);
        CHANGED(SAMPLE_STORE_REQUEST, m.store_request.flags = PROTOCOL_STORE_STREAM);
        CHANGED(SAMPLE_STORE_REQUEST, m.store_request.flags = 4);
        CHANGED(SAMPLE_STORE_REQUEST, m.store_request.path = PROTOCOL_STORE_PATHS);
        CHANGED(SAMPLE_STORE_REQUEST, m.store_request.endpoint = PROTOCOL_STORE_ENDPOINTS_MAX);
        CHANGED(SAMPLE_STORE_REQUEST, m.store_request.reserved = 1);
        CHANGED(SAMPLE_CREDIT, m.store_credit.n_bytes = 0);
        CHANGED(SAMPLE_CREDIT, m.store_credit.n_bytes = PROTOCOL_STREAM_CREDIT + 1);
        CHANGED(SAMPLE_CREDIT, m.store_credit.reserved = 1);
        CHANGED(SAMPLE_STORE_STATE, m.store_state.n_endpoints = PROTOCOL_STORE_ENDPOINTS_MAX + 1);
        CHANGED(SAMPLE_STORE_STATE, m.store_state.fault = PROTOCOL_FAULT_UNREADABLE + 1);
        CHANGED(SAMPLE_STORE_STATE, m.store_state.fault = PROTOCOL_FAULT_NONE);
        CHANGED(SAMPLE_STORE_STATE, m.texts[0].len = 0);
        CHANGED(SAMPLE_DATA, m.texts[0].len = 0);
        CHANGED(SAMPLE_STORE_REPLY, m.store_reply.r = 1);
        CHANGED(SAMPLE_STORE_REPLY, m.store_reply.status = 1000);
}

/* No bytes make the decoder read outside of the message, which the sanitizer would report. */
static void test_flipped_bits(void **state)
{
        for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
                Encoded encoded = encode(&samples[i]);

                for (size_t bit = 0; bit < encoded.len * 8; bit++) {
                        char *byte = &encoded.bytes[bit / 8];
                        ProtocolMessage message;
                        ProtocolHeader header;
                        size_t len;

                        *byte = (char) (*byte ^ (1 << bit % 8));
                        header = header_of(&encoded);
                        for (ProtocolSide side = PROTOCOL_DAEMON; side <= PROTOCOL_KEYHOLDER;
                             side++)
                                if (protocol_read_header(&header, side, &len) == 0 &&
                                    len <= encoded.len)
                                        (void) protocol_decode(encoded.bytes, &message);
                        *byte = (char) (*byte ^ (1 << bit % 8));
                }
                wiping_free(encoded.bytes);
        }
}

static void test_set_timeout(void **state)
{
        Encoded encoded = encode(&samples[SAMPLE_REQUEST]);
        ProtocolMessage message;

        protocol_set_timeout(encoded.bytes, 42);
        assert_int_equal(protocol_decode(encoded.bytes, &message), 0);
        assert_int_equal(message.request.timeout_ms, 42);
        assert_int_equal(message.request.account, 9);
        assert_int_equal(message.request.reply_len_max, 4096);
        wiping_free(encoded.bytes);
        encoded = encode(&samples[SAMPLE_STORE_REQUEST]);
        protocol_set_timeout(encoded.bytes, 43);
        assert_int_equal(protocol_decode(encoded.bytes, &message), 0);
        assert_int_equal(message.store_request.timeout_ms, 43);
        assert_int_equal(message.store_request.reply_len_max, 4096);
        wiping_free(encoded.bytes);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_round_trip),   cmocka_unit_test(test_headers),
                cmocka_unit_test(test_lengths),      cmocka_unit_test(test_types),
                cmocka_unit_test(test_texts),        cmocka_unit_test(test_values),
                cmocka_unit_test(test_flipped_bits), cmocka_unit_test(test_set_timeout),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
