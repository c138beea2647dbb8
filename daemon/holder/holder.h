/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "daemon/api/api-transport.h"
#include "daemon/etcd/etcd-transport.h"
#include "daemon/model/finding.h"

/*
 * The daemon's side of the key holder: starts it or connects to it, again with back-off when it
 * ends or hangs, and sends it the requests to the API. See keyholder/protocol/protocol.h.
 *
 * A request waits while there is no key holder, up to its timeout; but it fails at once after the
 * key holder has failed to start. A key holder that is told to exit replies to the requests that it
 * has, and the next one gets the others. If the key holder ends during a request, the request is
 * repeated, unless it must be sent once. Requests to the store are never repeated.
 */
typedef struct Holder Holder;

/* Why a tenancy has no key. */
typedef enum HolderFault {
        HOLDER_FAULT_NONE,
        HOLDER_FAULT_MISSING,
        HOLDER_FAULT_UNUSABLE, /* not a key, or unreadable */
} HolderFault;

/* The account of a tenancy, as the key holder told. Lent until the next event. */
typedef struct HolderState {
        const char *label, *tenancy_id, *endpoint;
        uint64_t account, key; /* see ApiSettings */
        HolderFault fault;
        const char *text; /* describes the fault, without a capital letter; "" without one */
        bool news;        /* the text has changed since holder_forget_news() */
} HolderState;

/* The store, as the key holder told. Lent until the next event. */
typedef struct HolderStoreState {
        unsigned n_endpoints; /* 0: the key holder's configuration has the local store */
        uint64_t serial;      /* changes when endpoints or credentials have, and with another key
                                 holder; 0: unknown */
        HolderFault fault;    /* of a credential: requests fail with -ENOKEY */
        const char *text;     /* describes the fault, without a capital letter; "" without one */
} HolderStoreState;

/* States have changed, also of the store, or a reload has ended. Called from the event loop. */
typedef void (*HolderChangedFunc)(void *userdata);

typedef struct HolderOptions {
        const char *config_file; /* NULL: the system's configuration */
        const char *socket_path; /* where systemd starts the key holder; NULL: as a child process */
} HolderOptions;

/* Starts the key holder, or connects to it; a failure is logged and retried. Returns 0 or a
 * negative errno. */
int holder_new(sd_event *event, const HolderOptions *options, HolderChangedFunc changed,
               void *userdata, Holder **ret);
/* Ends the key holder, and cancels all calls. NULL is fine. Returns NULL. */
Holder *holder_free(Holder *holder);
DEFINE_CLEANUP(Holder *, holder_free);

/* Blocks outside of the event loop until the key holder has loaded configuration and keys, until it
 * has failed, or for the timeout. */
void holder_wait(Holder *holder, uint64_t timeout_ms);

/* Makes the key holder load configuration and keys again. */
void holder_reload(Holder *holder);
/* Whether it has done so since the last holder_reload(). */
bool holder_is_loaded(const Holder *holder);

/* NULL if the key holder does not know the label. */
const HolderState *holder_find(const Holder *holder, const char *label);
void holder_forget_news(Holder *holder);

/* Adds a finding if there is no key holder, or if it cannot load its configuration. Returns 0 or
 * -ENOMEM. */
int holder_diagnose(const Holder *holder, FindingList *list);

const HolderStoreState *holder_get_store(const Holder *holder);

/* The transports live as long as the holder. */
const ApiTransport *holder_transport(const Holder *holder);
const EtcdTransport *holder_etcd_transport(const Holder *holder);
