/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/wiping-allocator.h"
#include "keyholder/protocol/protocol.h"

#define ERRNO_MAX 4095

typedef struct Layout {
        ProtocolSide receiver; /* 0: unknown type */
        bool has_id;
        size_t fixed_len;
        size_t text_max[PROTOCOL_TEXTS_MAX];
        bool is_binary; /* the last text may contain NULs */
} Layout;

/* NULL for an unknown type. */
static const Layout *layout_of(unsigned type)
{
        static const Layout layouts[] = {
                [PROTOCOL_HELLO] = {PROTOCOL_KEYHOLDER, false, sizeof(ProtocolHello), {}, false},
                [PROTOCOL_REQUEST] = {PROTOCOL_KEYHOLDER,
                                      true,
                                      sizeof(ProtocolRequest),
                                      {PROTOCOL_TENANCY_ID_MAX, PROTOCOL_PATH_MAX,
                                       PROTOCOL_BODY_MAX},
                                      true},
                [PROTOCOL_CANCEL] = {PROTOCOL_KEYHOLDER, true, 0, {}, false},
                [PROTOCOL_RELEASE] =
                        {PROTOCOL_KEYHOLDER, false, sizeof(ProtocolRelease), {}, false},
                [PROTOCOL_RELOAD] = {PROTOCOL_KEYHOLDER, true, 0, {}, false},
                [PROTOCOL_PROVE] = {PROTOCOL_KEYHOLDER,
                                    true,
                                    sizeof(ProtocolProve),
                                    {PROTOCOL_NONCE_MAX},
                                    false},
                [PROTOCOL_PING] = {PROTOCOL_KEYHOLDER, false, 0, {}, false},
                [PROTOCOL_STOP_ACK] = {PROTOCOL_KEYHOLDER, false, 0, {}, false},
                [PROTOCOL_STORE_REQUEST] = {PROTOCOL_KEYHOLDER,
                                            true,
                                            sizeof(ProtocolStoreRequest),
                                            {PROTOCOL_BODY_MAX},
                                            true},
                [PROTOCOL_STORE_CREDIT] =
                        {PROTOCOL_KEYHOLDER, true, sizeof(ProtocolStoreCredit), {}, false},
                [PROTOCOL_STORE_CANCEL] = {PROTOCOL_KEYHOLDER, true, 0, {}, false},
                [PROTOCOL_STATE] = {PROTOCOL_DAEMON,
                                    false,
                                    sizeof(ProtocolState),
                                    {PROTOCOL_LABEL_MAX, PROTOCOL_TENANCY_ID_MAX,
                                     PROTOCOL_ENDPOINT_MAX, PROTOCOL_EXPLAIN_MAX},
                                    false},
                [PROTOCOL_LOADED] = {PROTOCOL_DAEMON,
                                     true,
                                     sizeof(ProtocolLoaded),
                                     {PROTOCOL_EXPLAIN_MAX},
                                     false},
                [PROTOCOL_REPLY] =
                        {PROTOCOL_DAEMON, true, sizeof(ProtocolReply), {PROTOCOL_REPLY_MAX}, true},
                [PROTOCOL_PROOF] = {PROTOCOL_DAEMON, true, sizeof(ProtocolProof), {}, false},
                [PROTOCOL_PONG] = {PROTOCOL_DAEMON, false, 0, {}, false},
                [PROTOCOL_STOPPING] = {PROTOCOL_DAEMON, false, 0, {}, false},
                [PROTOCOL_STORE_STATE] = {PROTOCOL_DAEMON,
                                          false,
                                          sizeof(ProtocolStoreState),
                                          {PROTOCOL_EXPLAIN_MAX},
                                          false},
                [PROTOCOL_STORE_DATA] = {PROTOCOL_DAEMON, true, 0, {PROTOCOL_DATA_MAX}, true},
                [PROTOCOL_STORE_REPLY] = {PROTOCOL_DAEMON,
                                          true,
                                          sizeof(ProtocolStoreReply),
                                          {PROTOCOL_REPLY_MAX},
                                          true},
        };
        const Layout *layout = type < ARRAY_SIZE(layouts) ? &layouts[type] : NULL;

        return layout && layout->receiver != 0 ? layout : NULL;
}

static bool id_is_valid(const Layout *layout, unsigned type, uint64_t id)
{
        return type == PROTOCOL_LOADED || (id != 0) == layout->has_id;
}

static size_t n_texts(const Layout *layout)
{
        size_t n = 0;

        while (n < PROTOCOL_TEXTS_MAX && layout->text_max[n] > 0)
                n++;
        return n;
}

/* Returns 0 if the header is invalid. */
static size_t message_len(const ProtocolHeader *header, const Layout *layout)
{
        size_t len = sizeof(ProtocolHeader) + layout->fixed_len;

        for (size_t i = 0; i < PROTOCOL_TEXTS_MAX; i++) {
                if (header->text_len[i] > layout->text_max[i])
                        return 0;
                len += layout->text_max[i] > 0 ? (size_t) header->text_len[i] + 1 : 0;
        }
        return len;
}

int protocol_read_header(const ProtocolHeader *header, ProtocolSide receiver, size_t *ret_len)
{
        const Layout *layout = layout_of(header->type);
        size_t len;

        if (header->magic != PROTOCOL_MAGIC || header->reserved != 0 || !layout ||
            layout->receiver != receiver || !id_is_valid(layout, header->type, header->id))
                return -EPROTO;
        len = message_len(header, layout);
        if (len == 0)
                return -EPROTO;
        *ret_len = len;
        return 0;
}

static bool result_is_valid(int32_t r)
{
        return r <= 0 && r >= -ERRNO_MAX;
}

static bool request_is_valid(const ProtocolMessage *message)
{
        const ProtocolRequest *request = &message->request;
        const ProtocolText *texts = message->texts;

        if (request->timeout_ms == 0 || request->reply_len_max > PROTOCOL_REPLY_MAX ||
            request->method > PROTOCOL_DELETE || request->flags & ~PROTOCOL_FLAGS_MASK ||
            request->reserved != 0)
                return false;
        if (!(request->flags & PROTOCOL_WITH_BODY) && texts[PROTOCOL_REQUEST_BODY].len > 0)
                return false;
        return !(request->flags & PROTOCOL_KEY_SET) ||
               (request->method == PROTOCOL_GET && !(request->flags & PROTOCOL_WITH_BODY) &&
                texts[PROTOCOL_REQUEST_PATH].len == 0);
}

static bool state_is_valid(const ProtocolMessage *message)
{
        const ProtocolState *state = &message->state;

        return message->texts[PROTOCOL_STATE_LABEL].len > 0 &&
               state->fault <= PROTOCOL_FAULT_UNREADABLE && state->reserved == 0 &&
               (state->account != 0 || state->key == 0) &&
               (state->fault != PROTOCOL_FAULT_NONE) ==
                       (message->texts[PROTOCOL_STATE_TEXT].len > 0);
}

static bool store_request_is_valid(const ProtocolStoreRequest *request)
{
        bool is_stream = request->flags & PROTOCOL_STORE_STREAM;

        return request->timeout_ms > 0 && request->reply_len_max <= PROTOCOL_REPLY_MAX &&
               (!is_stream || request->reply_len_max == 0) &&
               request->path < PROTOCOL_STORE_PATHS &&
               request->endpoint < PROTOCOL_STORE_ENDPOINTS_MAX &&
               !(request->flags & ~PROTOCOL_STORE_FLAGS_MASK) && request->reserved == 0;
}

static bool store_credit_is_valid(const ProtocolStoreCredit *credit)
{
        return credit->n_bytes > 0 && credit->n_bytes <= PROTOCOL_STREAM_CREDIT &&
               credit->reserved == 0;
}

static bool store_state_is_valid(const ProtocolMessage *message)
{
        const ProtocolStoreState *state = &message->store_state;

        return state->n_endpoints <= PROTOCOL_STORE_ENDPOINTS_MAX &&
               state->fault <= PROTOCOL_FAULT_UNREADABLE &&
               (state->fault != PROTOCOL_FAULT_NONE) == (message->texts[0].len > 0);
}

static bool fixed_part_is_valid(const ProtocolMessage *message)
{
        switch (message->type) {
        case PROTOCOL_REQUEST:
                return request_is_valid(message);
        case PROTOCOL_STATE:
                return state_is_valid(message);
        case PROTOCOL_LOADED:
                return result_is_valid(message->loaded.r) && message->loaded.reserved == 0;
        case PROTOCOL_REPLY:
                return result_is_valid(message->reply.r) && message->reply.status <= 999;
        case PROTOCOL_PROOF:
                return result_is_valid(message->proof.r) && message->proof.reserved == 0;
        case PROTOCOL_STORE_REQUEST:
                return store_request_is_valid(&message->store_request);
        case PROTOCOL_STORE_CREDIT:
                return store_credit_is_valid(&message->store_credit);
        case PROTOCOL_STORE_STATE:
                return store_state_is_valid(message);
        case PROTOCOL_STORE_DATA:
                return message->texts[0].len > 0;
        case PROTOCOL_STORE_REPLY:
                return result_is_valid(message->store_reply.r) &&
                       message->store_reply.status <= 999;
        default:
                return true;
        }
}

static bool text_is_binary(const Layout *layout, size_t i)
{
        return layout->is_binary && i + 1 == n_texts(layout);
}

int protocol_decode(const char *bytes, ProtocolMessage *ret)
{
        ProtocolMessage message = {};
        const Layout *layout;
        ProtocolHeader header;

        memcpy(&header, bytes, sizeof(header));
        layout = layout_of(header.type);
        assert(layout);
        message.type = header.type;
        message.id = header.id;
        bytes += sizeof(header);
        if (layout->fixed_len > 0)
                memcpy(&message.hello, bytes, layout->fixed_len);
        bytes += layout->fixed_len;
        for (size_t i = 0; i < n_texts(layout); i++) {
                size_t len = header.text_len[i];

                if (bytes[len] != '\0' || (!text_is_binary(layout, i) && memchr(bytes, '\0', len)))
                        return -EPROTO;
                message.texts[i] = (ProtocolText){.text = bytes, .len = len};
                bytes += len + 1;
        }
        if (!fixed_part_is_valid(&message))
                return -EPROTO;
        *ret = message;
        return 0;
}

static char *append(char *end, const void *bytes, size_t len)
{
        return len > 0 ? (char *) memcpy(end, bytes, len) + len : end;
}

int protocol_encode(const ProtocolMessage *message, char **ret, size_t *ret_len)
{
        const Layout *layout = layout_of(message->type);
        ProtocolHeader header = {
                .magic = PROTOCOL_MAGIC, .type = (uint16_t) message->type, .id = message->id};
        size_t len = 0;
        char *bytes, *end;

        if (!layout)
                return -EINVAL;
        for (size_t i = 0; i < PROTOCOL_TEXTS_MAX; i++) {
                if (message->texts[i].len > layout->text_max[i] ||
                    (!text_is_binary(layout, i) && message->texts[i].len > 0 &&
                     memchr(message->texts[i].text, '\0', message->texts[i].len)))
                        return -EINVAL;
                header.text_len[i] = (uint32_t) message->texts[i].len;
        }
        if (protocol_read_header(&header, layout->receiver, &len) < 0 ||
            !fixed_part_is_valid(message))
                return -EINVAL;
        bytes = malloc(len);
        if (!bytes)
                return -ENOMEM;
        end = append(bytes, &header, sizeof(header));
        end = append(end, &message->hello, layout->fixed_len);
        for (size_t i = 0; i < n_texts(layout); i++) {
                end = append(end, message->texts[i].text, message->texts[i].len);
                *end++ = '\0';
        }
        assert((size_t) (end - bytes) == len);
        *ret = bytes;
        *ret_len = len;
        return 0;
}

void protocol_set_timeout(char *bytes, uint32_t timeout_ms)
{
        size_t offset = sizeof(ProtocolHeader);
        ProtocolHeader header;

        memcpy(&header, bytes, sizeof(header));
        offset += header.type == PROTOCOL_REQUEST ? offsetof(ProtocolRequest, timeout_ms)
                                                  : offsetof(ProtocolStoreRequest, timeout_ms);
        memcpy(bytes + offset, &timeout_ms, sizeof(timeout_ms));
}
