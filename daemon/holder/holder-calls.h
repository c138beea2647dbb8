/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "daemon/api/api-transport.h"
#include "keyholder/protocol/channel.h"

/* The requests to the key holder, until their replies. */
typedef struct HolderCalls HolderCalls;

HolderCalls *holder_calls_free(HolderCalls *calls);
DEFINE_CLEANUP(HolderCalls *, holder_calls_free);
/* Returns 0 or -ENOMEM. */
int holder_calls_new(sd_event *event, HolderCalls **ret);

/* As in ApiTransport. */
int holder_call_start(HolderCalls *calls, const ApiRequest *request, ApiReplyFunc func,
                      void *userdata, ApiExchange **ret);
void holder_call_cancel(ApiExchange *call);

/* A key holder has loaded its keys: sends the requests that wait. The channel is lent. */
void holder_calls_connect(HolderCalls *calls, Channel *channel);
/* The key holder takes no more requests, but replies to those that it has. */
void holder_calls_pause(HolderCalls *calls);
/* The key holder has ended: queues what may be repeated, and fails the rest. */
void holder_calls_disconnect(HolderCalls *calls);
/* Whether requests fail at once while there is no key holder, instead of waiting. */
void holder_calls_set_down(HolderCalls *calls, bool is_down);
/* Whether a reply is awaited. */
bool holder_calls_await(const HolderCalls *calls);

/* The channel has sent something: sends the requests that wait. */
void holder_calls_send(HolderCalls *calls);
/* A REPLY or PROOF has arrived. */
void holder_calls_receive(HolderCalls *calls, const ProtocolMessage *message);
