/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "keyholder/protocol/channel.h"
#include "keyholder/store-endpoint.h"

/* The daemon's requests to the store, until their STORE_REPLY. */
typedef struct StoreCalls StoreCalls;

typedef struct StoreCallsOwner {
        /* The endpoint of an index, lent. Returns 0, -ESTALE, -ENOKEY or -ESHUTDOWN. */
        int (*find)(unsigned index, void *userdata, StoreEndpoint **ret);
        /* A call has ended. */
        void (*ended)(void *userdata);
        void *userdata;
} StoreCallsOwner;

/* The channel is lent. Returns 0 or -ENOMEM. */
int store_calls_new(Channel *channel, const StoreCallsOwner *owner, StoreCalls **ret);
/* Cancels the calls. NULL is fine. Returns NULL. */
StoreCalls *store_calls_free(StoreCalls *calls);
DEFINE_CLEANUP(StoreCalls *, store_calls_free);

/* A STORE_REQUEST, STORE_CREDIT or STORE_CANCEL has arrived. Returns 0, -ENOMEM or -EPROTO. */
int store_calls_receive(StoreCalls *calls, const ProtocolMessage *message);
/* The channel has sent something: continues streams for which there was no memory. */
void store_calls_continue(StoreCalls *calls);
/* Ends all streams with -ENOLINK. */
void store_calls_end_streams(StoreCalls *calls);

/* Calls in flight that are no streams. */
unsigned store_calls_count(const StoreCalls *calls);
