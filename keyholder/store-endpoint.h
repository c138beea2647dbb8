/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "keyholder/http/http.h"
#include "keyholder/protocol/protocol.h"

/*
 * An endpoint of etcd, and the requests to it. With a login, the first request exchanges user and
 * password for a token, and the others wait for it; a request whose token etcd does not accept any
 * more is sent once again, with another one. Reference-counted.
 */
typedef struct StoreEndpoint StoreEndpoint;
typedef struct StoreRequest StoreRequest;

typedef struct StoreSettings {
        const char *ca_file;   /* NULL: the system's trust anchors */
        const char *cert_file; /* client certificate; NULL: none */
        Secret *key;           /* of the certificate */
        Secret *login;         /* see store-login.h; NULL: none */
} StoreSettings;

/* `url` is an origin. Copies the settings. Returns 0 or the result of http_client_new(). */
int store_endpoint_new(sd_event *event, const char *url, const StoreSettings *settings,
                       StoreEndpoint **ret);
/* Drops a reference and returns NULL. NULL is fine. */
StoreEndpoint *store_endpoint_unref(StoreEndpoint *endpoint);
DEFINE_CLEANUP(StoreEndpoint *, store_endpoint_unref);

/*
 * Starts the request of a STORE_REQUEST, which is copied. Returns 0 or an errno of
 * http_is_resource_shortage(). The functions are those of http.h; `func` may also get -EACCES: etcd
 * refused user and password, or their token. `data` is for a stream.
 */
int store_request_start(StoreEndpoint *endpoint, const ProtocolMessage *message, HttpDataFunc data,
                        HttpFunc func, void *userdata, StoreRequest **ret);
/* Continues a stream that `data` has paused. */
void store_request_resume(StoreRequest *request);
/* Cancels a request whose function has not run. NULL is fine. Returns NULL. */
StoreRequest *store_request_cancel(StoreRequest *request);
DEFINE_CLEANUP(StoreRequest *, store_request_cancel);
