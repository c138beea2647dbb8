/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/config/config.h"
#include "keyholder/protocol/channel.h"

/*
 * The store of the configuration: its endpoints, its credentials, and the daemon's requests to it.
 * The daemon chooses an endpoint and a path by number, so that a compromised daemon can change the
 * links in etcd, but neither learn a credential nor send it elsewhere.
 */
typedef struct StoreProxy StoreProxy;

/* `ended` runs after each request. The channel is lent. Returns 0 or a negative errno. */
int store_proxy_new(sd_event *event, Channel *channel, void (*ended)(void *userdata),
                    void *userdata, StoreProxy **ret);
/* Cancels the requests. NULL is fine. Returns NULL. */
StoreProxy *store_proxy_free(StoreProxy *proxy);
DEFINE_CLEANUP(StoreProxy *, store_proxy_free);

/* Loads the credentials, and sends a STORE_STATE. Returns 0 or a negative errno. */
int store_proxy_load(StoreProxy *proxy, const StoreConfig *config);
/* As store_calls_receive() and store_calls_continue(). */
int store_proxy_receive(StoreProxy *proxy, const ProtocolMessage *message);
void store_proxy_continue(StoreProxy *proxy);
/* Ends the streams, and refuses further requests. */
void store_proxy_stop(StoreProxy *proxy);

/* Requests in flight that are no streams. */
unsigned store_proxy_count_calls(const StoreProxy *proxy);
