/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/queue.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "base/macro.h"

/*
 * A fair queue of requests: round robin over the uids, so that the calls of one uid do not delay
 * those of another, and single calls before bulk calls.
 *
 * The bus delivers the calls of all connections in one stream. So the queue reads ahead: it takes
 * messages from the bus, as far as there are any, before it runs the next request.
 */
typedef struct Turns Turns;

typedef enum TurnKind {
        TURN_SINGLE,
        TURN_BULK, /* up to a thousand links or more */
        TURN_KINDS,
} TurnKind;

/* A waiting request; zero-initialised it is in no queue. */
typedef struct Turn {
        TAILQ_ENTRY(Turn) entry;
        struct TurnQueue *queue; /* NULL: not waiting */
        bool parked;             /* waits for something else than its turn */
        unsigned *n_parked;      /* the count of the parked requests of its connection, or NULL */
} Turn;

/* The waiting requests of one uid and kind. Zero-initialised, nothing waits. */
typedef struct TurnQueue {
        TAILQ_ENTRY(TurnQueue) entry;
        TAILQ_HEAD(, Turn) turns;
        unsigned n; /* without parked ones */
        unsigned n_parked;
        TurnKind kind;
        Turns *owner;
} TurnQueue;

/* Runs a request, which is in no queue any more. Returns false if the request has to wait longer.
 */
typedef bool (*TurnFunc)(Turn *turn, void *userdata);

/* `event` and `bus` must outlive this. Returns 0 or a negative errno. */
int turns_new(sd_event *event, sd_bus *bus, TurnFunc run, void *userdata, Turns **ret);
/* Nothing may be waiting. Returns NULL. */
Turns *turns_free(Turns *turns);
DEFINE_CLEANUP(Turns *, turns_free);

/* Runs the request at once if nothing waits, neither here nor in the socket of the bus, and returns
 * false. Else queues it and returns true. */
bool turns_add(Turns *turns, TurnQueue *queue, TurnKind kind, Turn *turn);
/* Reads ahead soon: a message was taken from the bus that is no request. */
void turns_read_ahead(Turns *turns);
/* Whether the bus is not behind in reading from the daemon. For TURN_BULK, it has read nearly all.
 */
bool turns_have_room(const Turns *turns, TurnKind kind);
/* Whether other requests wait, or are arriving. */
bool turns_are_busy(const Turns *turns);
/* Before a stop: ignores that the bus does not read, so that all requests end. */
void turns_end_back_pressure(Turns *turns);
/* Removes a request that may be waiting. */
void turn_cancel(Turn *turn);
