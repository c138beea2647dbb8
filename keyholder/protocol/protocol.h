/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * The protocol between the daemon and the key holder, on a connected Unix stream socket. Both run
 * on one host, so integers are in native byte order. Pure.
 *
 * A message is a header, the fixed part of its type, and the texts of its type, each with a NUL
 * that its length does not count. The header determines the length of the message. A receiver
 * closes the connection at the first message that violates a rule.
 *
 * The daemon begins with HELLO. The key holder then loads its configuration and keys, and answers
 * with a STATE for each tenancy and one LOADED, and likewise to each RELOAD. It sends further
 * STATEs when a missing key appears. Each REQUEST gets one REPLY, and each PROVE one PROOF, with
 * its id, unless a CANCEL comes first. At most PROTOCOL_CALLS_MAX are in flight, each with another
 * id modulo that number. Each PING gets a PONG.
 *
 * A key holder that is told to exit sends STOPPING. The daemon answers with STOP_ACK, and sends
 * neither REQUEST nor PROVE after it; those that cross the STOPPING fail with -ESHUTDOWN and are
 * sent again on the next connection. The key holder closes the connection after its last REPLY.
 *
 * The key holder knows the URL, the trust anchors and the key of an *account*. Other settings make
 * another account; another key does not, so that requests which wait while the key is replaced are
 * sent with the new one. The daemon names an account by its id, and releases it when no call can
 * use it any more. Ids of accounts and keys are keyed digests, with the nonce of HELLO as the key,
 * so that they survive a restart of the key holder and tell nothing about keys.
 *
 * The store is etcd, if the configuration says so. The key holder knows the URLs of its endpoints,
 * by index, and its credentials; it tells the daemon the number of endpoints in a STORE_STATE
 * before each LOADED, and when that or a credential changes. Each STORE_REQUEST gets one
 * STORE_REPLY with its id, unless a STORE_CANCEL comes first; the ids are others than those of
 * REQUEST. At most PROTOCOL_STORE_CALLS_MAX are in flight, each with another id modulo that number,
 * and at most PROTOCOL_STREAMS_MAX of them are streams.
 *
 * The body of a stream is sent in STORE_DATAs, before its STORE_REPLY. Each stream has a *credit*
 * of PROTOCOL_STREAM_CREDIT bytes at first, which STORE_DATA uses up and STORE_CREDIT gives back,
 * and which is never more. Without credit the key holder does not read the stream; the last
 * STORE_DATA may exceed the credit.
 *
 * After STOPPING, the key holder ends all streams, and completes the other STORE_REQUESTs, which
 * are never repeated. Likewise, it ends streams whose endpoints or credentials have changed.
 *
 * Reserved for later versions: the other types, and a `reserved` that is not 0.
 */
#define PROTOCOL_MAGIC     UINT32_C(0x504b4833) /* the last byte is the version, '3' */
#define PROTOCOL_CALLS_MAX 4096U

/* See STORE_REQUEST. */
#define PROTOCOL_STORE_CALLS_MAX 1024U
#define PROTOCOL_STREAMS_MAX     32U
#define PROTOCOL_STREAM_CREDIT   (256U * 1024)

typedef enum ProtocolType {
        /* From the daemon. */
        PROTOCOL_HELLO = 1,
        PROTOCOL_REQUEST,
        PROTOCOL_CANCEL,
        PROTOCOL_RELEASE,
        PROTOCOL_RELOAD,
        PROTOCOL_PROVE,
        PROTOCOL_PING,
        PROTOCOL_STOP_ACK,
        PROTOCOL_STORE_REQUEST,
        PROTOCOL_STORE_CREDIT,
        PROTOCOL_STORE_CANCEL,
        /* From the key holder. */
        PROTOCOL_STATE = 65,
        PROTOCOL_LOADED,
        PROTOCOL_REPLY,
        PROTOCOL_PROOF,
        PROTOCOL_PONG,
        PROTOCOL_STOPPING,
        PROTOCOL_STORE_STATE,
        PROTOCOL_STORE_DATA,
        PROTOCOL_STORE_REPLY,
} ProtocolType;

typedef enum ProtocolSide {
        PROTOCOL_DAEMON = 1,
        PROTOCOL_KEYHOLDER,
} ProtocolSide;

#define PROTOCOL_TEXTS_MAX 4U

typedef struct ProtocolHeader {
        uint32_t magic;
        uint16_t type;
        uint16_t reserved;                     /* 0 */
        uint64_t id;                           /* 0 unless documented */
        uint32_t text_len[PROTOCOL_TEXTS_MAX]; /* 0 for texts that the type does not have */
} ProtocolHeader;

/* Lengths of texts. */
#define PROTOCOL_LABEL_MAX      32U
#define PROTOCOL_TENANCY_ID_MAX 256U
#define PROTOCOL_PATH_MAX       4096U /* a cursor of 1024 bytes, percent-encoded */
#define PROTOCOL_BODY_MAX       (2U * 1024 * 1024)
#define PROTOCOL_REPLY_MAX      (4U * 1024 * 1024)
#define PROTOCOL_ENDPOINT_MAX   65536U /* a line of the configuration */
#define PROTOCOL_NONCE_MAX      128U
#define PROTOCOL_EXPLAIN_MAX    8192U
#define PROTOCOL_DATA_MAX       65536U

#define PROTOCOL_HELLO_NONCE_LEN 32U
typedef struct ProtocolHello {
        uint8_t nonce[PROTOCOL_HELLO_NONCE_LEN];
} ProtocolHello;

typedef enum ProtocolMethod {
        PROTOCOL_GET,
        PROTOCOL_POST,
        PROTOCOL_DELETE,
} ProtocolMethod;

#define PROTOCOL_ONCE       1U /* not idempotent, see HttpRequest */
#define PROTOCOL_KEY_SET    2U /* the public key set, without a key; no path and no body */
#define PROTOCOL_WITH_BODY  4U
#define PROTOCOL_FLAGS_MASK 7U

/* Texts: tenancy id, path below the tenancy, body. Has an id. */
typedef struct ProtocolRequest {
        uint64_t account;
        uint32_t timeout_ms; /* 1 or more */
        uint32_t reply_len_max;
        uint16_t method;
        uint16_t flags;
        uint32_t reserved; /* 0 */
} ProtocolRequest;
enum { PROTOCOL_REQUEST_TENANCY_ID, PROTOCOL_REQUEST_PATH, PROTOCOL_REQUEST_BODY };

typedef struct ProtocolRelease {
        uint64_t account;
} ProtocolRelease;

/* Text: nonce. Has an id. See dbus/key-proof.h. */
typedef struct ProtocolProve {
        uint64_t account;
} ProtocolProve;

typedef enum ProtocolFault {
        PROTOCOL_FAULT_NONE,
        PROTOCOL_FAULT_MISSING,
        PROTOCOL_FAULT_UNUSABLE,
        PROTOCOL_FAULT_UNREADABLE,
} ProtocolFault;

/* Texts: label, tenancy id, endpoint, description of the fault. */
typedef struct ProtocolState {
        uint64_t account;  /* 0: the tenancy is not configured any more */
        uint64_t key;      /* identifies the key; 0: none */
        uint32_t fault;    /* of the credential */
        uint32_t reserved; /* 0 */
} ProtocolState;
enum {
        PROTOCOL_STATE_LABEL,
        PROTOCOL_STATE_TENANCY_ID,
        PROTOCOL_STATE_ENDPOINT,
        PROTOCOL_STATE_TEXT
};

/* Text: the reason of a failure. Has the id of RELOAD, or 0 after HELLO. */
typedef struct ProtocolLoaded {
        int32_t r; /* 0 or a negative errno */
        uint32_t reserved;
} ProtocolLoaded;

/* Text: body. Has the id of its REQUEST. */
typedef struct ProtocolReply {
        int32_t r; /* as in HttpFunc; or -ESTALE: unknown account, -ENOKEY: no key, -EINVAL: refused
                      path, -ESHUTDOWN: not sent, see STOPPING */
        uint16_t status;
        uint16_t slots;
        uint32_t retry_after_s;
        uint32_t connect_us; /* how long it took to connect; 0: on an open connection, or not */
        uint64_t date_ms;
} ProtocolReply;

#define PROTOCOL_PROOF_LEN 64U
/* Has the id of its PROVE. */
typedef struct ProtocolProof {
        int32_t r; /* 0 or a negative errno, see ProtocolReply */
        uint32_t reserved;
        char proof[PROTOCOL_PROOF_LEN];
} ProtocolProof;

/* A path of etcd's JSON gateway. */
typedef enum ProtocolStorePath {
        PROTOCOL_STORE_RANGE,
        PROTOCOL_STORE_TXN,
        PROTOCOL_STORE_WATCH,
        PROTOCOL_STORE_LEASE_GRANT,
        PROTOCOL_STORE_LEASE_KEEPALIVE,
        PROTOCOL_STORE_LEASE_REVOKE,
        PROTOCOL_STORE_STATUS,
        PROTOCOL_STORE_ALARM,
        PROTOCOL_STORE_MEMBER_LIST,
        PROTOCOL_STORE_PATHS,
} ProtocolStorePath;

#define PROTOCOL_STORE_ENDPOINTS_MAX 16U

#define PROTOCOL_STORE_STREAM         1U
#define PROTOCOL_STORE_REQUIRE_LEADER 2U
#define PROTOCOL_STORE_FLAGS_MASK     3U

/* Text: body. Has an id. */
typedef struct ProtocolStoreRequest {
        uint32_t timeout_ms;    /* 1 or more; of a stream, until its headers */
        uint32_t reply_len_max; /* 0 for a stream */
        uint16_t path;
        uint16_t endpoint;
        uint16_t flags;
        uint16_t reserved; /* 0 */
} ProtocolStoreRequest;

/* Has the id of a stream. */
typedef struct ProtocolStoreCredit {
        uint32_t n_bytes;  /* 1..PROTOCOL_STREAM_CREDIT */
        uint32_t reserved; /* 0 */
} ProtocolStoreCredit;

/* Text: description of the fault. */
typedef struct ProtocolStoreState {
        uint64_t serial; /* changes with endpoints and credentials */
        uint32_t n_endpoints;
        uint32_t fault; /* of the credentials */
} ProtocolStoreState;

/* STORE_DATA has the id of a stream, and a text of 1 to PROTOCOL_DATA_MAX bytes. */

/* Text: body, none of a stream. Has the id of its STORE_REQUEST. */
typedef struct ProtocolStoreReply {
        int32_t r; /* as in HttpFunc; or -ESTALE: no such endpoint, -ENOKEY: no credential, -EACCES:
                      refused credential, -ESHUTDOWN: not sent, see STOPPING, -ENOLINK: the key
                      holder has ended the stream */
        uint32_t status;
} ProtocolStoreReply;

typedef struct ProtocolText {
        const char *text; /* NUL-terminated; only a body may contain NULs. To encode, NULL is "" */
        size_t len;
} ProtocolText;

#define PROTOCOL_TEXT(s) ((ProtocolText){.text = (s), .len = (s) ? strlen(s) : 0})

typedef struct ProtocolMessage {
        ProtocolType type;
        uint64_t id;
        union {
                ProtocolHello hello;
                ProtocolRequest request;
                ProtocolRelease release;
                ProtocolProve prove;
                ProtocolState state;
                ProtocolLoaded loaded;
                ProtocolReply reply;
                ProtocolProof proof;
                ProtocolStoreRequest store_request;
                ProtocolStoreCredit store_credit;
                ProtocolStoreState store_state;
                ProtocolStoreReply store_reply;
        };
        ProtocolText texts[PROTOCOL_TEXTS_MAX];
} ProtocolMessage;

/* Checks a header that `receiver` has received. Returns 0 with the length of the message, header
 * included, or -EPROTO. */
int protocol_read_header(const ProtocolHeader *header, ProtocolSide receiver, size_t *ret_len);

/* Decodes a complete message, whose header passed protocol_read_header(). Texts point into `bytes`.
 * Returns 0 or -EPROTO. */
int protocol_decode(const char *bytes, ProtocolMessage *ret);

/* Encodes a message; the caller wipes and frees it. Returns 0, -ENOMEM, or -EINVAL for a message
 * that protocol_decode() would reject. */
int protocol_encode(const ProtocolMessage *message, char **ret, size_t *ret_len);

/* Sets the timeout of an encoded REQUEST or STORE_REQUEST. */
void protocol_set_timeout(char *bytes, uint32_t timeout_ms);
