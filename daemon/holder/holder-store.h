/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "daemon/etcd/etcd-transport.h"
#include "daemon/holder/holder.h"
#include "keyholder/protocol/channel.h"

/* The requests to the store by the key holder, until their replies. Unlike those of holder-calls.h,
 * they are never repeated once they were sent. */
typedef struct HolderStore HolderStore;

HolderStore *holder_store_free(HolderStore *store);
DEFINE_CLEANUP(HolderStore *, holder_store_free);
/* Returns 0 or -ENOMEM. */
int holder_store_new(sd_event *event, HolderStore **ret);

/* As in EtcdTransport. */
unsigned holder_store_n_endpoints(const HolderStore *store);
int holder_store_start(HolderStore *store, const EtcdRequest *request, EtcdDataFunc data,
                       EtcdReplyFunc reply, void *userdata, EtcdExchange **ret);
void holder_store_cancel(EtcdExchange *exchange);

/* As in holder-calls.h. */
void holder_store_connect(HolderStore *store, Channel *channel);
void holder_store_set_down(HolderStore *store, bool is_down);
void holder_store_send(HolderStore *store);
/* The key holder takes no more requests, and has ended its streams. */
void holder_store_pause(HolderStore *store);
/* The key holder has ended: fails all that it had. */
void holder_store_disconnect(HolderStore *store);
/* Whether a reply is awaited, not of a stream. */
bool holder_store_await(const HolderStore *store);

/* A STORE_STATE, STORE_DATA or STORE_REPLY has arrived. Returns 0, -ENOMEM or -EPROTO. */
int holder_store_receive(HolderStore *store, const ProtocolMessage *message);

const HolderStoreState *holder_store_get_state(const HolderStore *store);
