/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "keyholder/protocol/protocol.h"

/* One end of the connection between the daemon and the key holder: messages on a non-blocking
 * socket, in the event loop. Buffers are wiped. */
typedef struct Channel Channel;

typedef struct ChannelOwner {
        /* A message has arrived, lent. May send. Returns 0, or a negative errno to close the
         * connection. */
        int (*received)(const ProtocolMessage *message, void *userdata);
        /* The queue has been sent, as far as the socket accepted it. May be NULL. */
        void (*sent)(void *userdata);
        /* The connection is closed: r is 0 at the end of file, -EPROTO after an invalid message,
         * the result of received(), or the errno of the socket. Called once; may free the channel.
         */
        void (*closed)(int r, void *userdata);
        void *userdata;
} ChannelOwner;

/* Takes the connected stream socket, also on failure. Returns 0 or a negative errno. */
int channel_new(sd_event *event, int fd, ProtocolSide side, const ChannelOwner *owner,
                Channel **ret);
/* Drops what is not sent yet. NULL is fine. Returns NULL. */
Channel *channel_free(Channel *channel);
DEFINE_CLEANUP(Channel *, channel_free);

/* Queues a message, which is sent after the pending events of the loop. Returns 0, -ENOMEM or
 * -EINVAL, see protocol_encode(). */
int channel_send(Channel *channel, const ProtocolMessage *message);
/* The same with an encoded message, which is copied. Returns 0, -ENOMEM, or -ENOBUFS if the peer
 * has too much to read. */
int channel_send_encoded(Channel *channel, const char *bytes, size_t len);
/* Bytes that are queued. */
size_t channel_queued(const Channel *channel);

/* Waits outside of the event loop until the socket is ready, and serves it. The channel may be
 * freed afterwards, see closed(). */
void channel_wait(Channel *channel, uint64_t timeout_ms);
