/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/bus/dispatch/turns.h"

/* Limits of reading ahead, before a request has its turn. */
#define READ_AHEAD_MESSAGES 64U
#define READ_AHEAD_US       500U
/*
 * Back-pressure: no request runs while the bus has more than this to read from the daemon, counted
 * with the overhead of the kernel, about a kilobyte for each small reply. A busy dbus-daemon takes
 * two kilobytes at a time in turn with its other connections, so a long queue would hold up all
 * replies.
 */
static const int backlog_max[TURN_KINDS] = {[TURN_SINGLE] = 32 * 1024, [TURN_BULK] = 4 * 1024};
#define ROOM_POLL_US 300U

/* How long requests are parked. */
#define PARKED_US 10000U

/* A bulk call has its turn after so many single calls; with less room than it should have, after so
 * many more. */
#define SINGLES_PER_BULK         16U
#define SINGLES_PER_DELAYED_BULK 64U

struct Turns {
        sd_event *event;
        sd_bus *bus;
        TurnFunc run;
        void *userdata;
        sd_event_source *source; /* reads ahead and runs the next request, or NULL */
        sd_event_source *timer;  /* polls for room */
        TAILQ_HEAD(TurnRound, TurnQueue) rounds[TURN_KINDS];
        unsigned n_singles; /* run since the last bulk call */
        TAILQ_HEAD(ParkedList, Turn) parked;
        sd_event_source *parked_timer; /* gives the parked requests their turn */
        bool unlimited;                /* no back-pressure */
};

static bool only_bulk_waits(const Turns *turns)
{
        return TAILQ_EMPTY(&turns->rounds[TURN_SINGLE]) && !TAILQ_EMPTY(&turns->rounds[TURN_BULK]);
}

static bool anything_waits(const Turns *turns)
{
        return !TAILQ_EMPTY(&turns->rounds[TURN_SINGLE]) || !TAILQ_EMPTY(&turns->rounds[TURN_BULK]);
}

/* Whether the socket of the bus has more messages. */
static bool has_input(const Turns *turns)
{
        int fd = sd_bus_get_fd(turns->bus), n = 0;

        return fd >= 0 && ioctl(fd, FIONREAD, &n) == 0 && n > 0;
}

/* Whether the bus has read nearly all that was sent. */
static bool has_room(const Turns *turns, TurnKind kind)
{
        int fd = sd_bus_get_fd(turns->bus), n = 0;

        /* POLLOUT: the socket is full, and more is queued. */
        if (turns->unlimited || fd < 0 || ioctl(fd, SIOCOUTQ, &n) < 0)
                return true;
        return n <= backlog_max[kind] && !(sd_bus_get_events(turns->bus) & POLLOUT);
}

static void park(Turns *turns, TurnQueue *queue, Turn *turn)
{
        turn->queue = queue;
        turn->parked = true;
        queue->n_parked++;
        if (turn->n_parked)
                (*turn->n_parked)++;
        TAILQ_INSERT_TAIL(&turns->parked, turn, entry);
        if (sd_event_source_get_enabled(turns->parked_timer, NULL) > 0)
                return;
        (void) sd_event_source_set_time_relative(turns->parked_timer, PARKED_US);
        (void) sd_event_source_set_enabled(turns->parked_timer, SD_EVENT_ONESHOT);
}

static void unpark(Turns *turns, Turn *turn)
{
        TAILQ_REMOVE(&turns->parked, turn, entry);
        turn->parked = false;
        turn->queue->n_parked--;
        if (turn->n_parked)
                (*turn->n_parked)--;
}

static void queue_remove(TurnQueue *queue, Turn *turn)
{
        TAILQ_REMOVE(&queue->turns, turn, entry);
        turn->queue = NULL;
        queue->n--;
        if (TAILQ_EMPTY(&queue->turns))
                TAILQ_REMOVE(&queue->owner->rounds[queue->kind], queue, entry);
}

static void queue_push(TurnQueue *queue, Turn *turn, bool first)
{
        if (queue->n++ == 0)
                TAILQ_INSERT_TAIL(&queue->owner->rounds[queue->kind], queue, entry);
        if (first)
                TAILQ_INSERT_HEAD(&queue->turns, turn, entry);
        else
                TAILQ_INSERT_TAIL(&queue->turns, turn, entry);
        turn->queue = queue;
}

/* Runs the first request of the uid whose turn it is, and moves the uid to the end. */
static void round_run_next(Turns *turns, TurnKind kind)
{
        TurnQueue *queue = TAILQ_FIRST(&turns->rounds[kind]);
        Turn *turn = TAILQ_FIRST(&queue->turns);

        queue_remove(queue, turn);
        if (!TAILQ_EMPTY(&queue->turns)) {
                TAILQ_REMOVE(&turns->rounds[kind], queue, entry);
                TAILQ_INSERT_TAIL(&turns->rounds[kind], queue, entry);
        }
        /* A request that was run may be gone, with the queue of its uid. */
        if (!turns->run(turn, turns->userdata))
                park(turns, queue, turn);
}

static void run_next(Turns *turns)
{
        bool has_single = !TAILQ_EMPTY(&turns->rounds[TURN_SINGLE]);
        bool has_bulk = !TAILQ_EMPTY(&turns->rounds[TURN_BULK]);
        bool delayed = turns->n_singles >= SINGLES_PER_DELAYED_BULK;
        bool bulk = has_bulk && (!has_single || turns->n_singles >= SINGLES_PER_BULK) &&
                    has_room(turns, delayed ? TURN_SINGLE : TURN_BULK);

        if (!bulk && (!has_single || !has_room(turns, TURN_SINGLE)))
                return;
        turns->n_singles = bulk ? 0 : turns->n_singles + 1;
        round_run_next(turns, bulk ? TURN_BULK : TURN_SINGLE);
}

static void read_ahead(Turns *turns)
{
        uint64_t end_us = monotonic_us() + READ_AHEAD_US;

        for (unsigned i = 0; i < READ_AHEAD_MESSAGES; i++)
                if (sd_bus_process(turns->bus, NULL) <= 0 || monotonic_us() >= end_us)
                        return;
}

static int on_turn(sd_event_source *source, void *userdata);

static int on_timer(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
        return on_turn(NULL, userdata);
}

void turns_read_ahead(Turns *turns)
{
        /* A new source each time: sd-event takes one that is enabled again for the oldest, which
         * would starve all others. On failure the next message tries again. */
        if (!turns->source)
                (void) sd_event_add_defer(turns->event, &turns->source, on_turn, turns);
}

/* Runs the next request now or, as long as the bus is behind, soon. */
static void schedule(Turns *turns)
{
        if (has_room(turns, only_bulk_waits(turns) ? TURN_BULK : TURN_SINGLE)) {
                turns_read_ahead(turns);
                return;
        }
        (void) sd_event_source_set_time_relative(turns->timer, ROOM_POLL_US);
        (void) sd_event_source_set_enabled(turns->timer, SD_EVENT_ONESHOT);
}

static int on_turn(sd_event_source *source _unused_, void *userdata)
{
        Turns *turns = userdata;

        turns->source = sd_event_source_unref(turns->source);
        read_ahead(turns);
        run_next(turns);
        if (anything_waits(turns))
                schedule(turns);
        return 0;
}

static int on_parked_timer(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
        Turns *turns = userdata;
        Turn *turn;

        /* Before what came later. */
        while ((turn = TAILQ_LAST(&turns->parked, ParkedList))) {
                unpark(turns, turn);
                queue_push(turn->queue, turn, true);
        }
        turns_read_ahead(turns);
        return 0;
}

static int add_timer(Turns *turns, sd_event_time_handler_t func, sd_event_source **ret)
{
        int r;

        r = sd_event_add_time(turns->event, ret, CLOCK_MONOTONIC, 0, 1, func, turns);
        return log_errno_origin(r < 0 ? r : sd_event_source_set_enabled(*ret, SD_EVENT_OFF));
}

int turns_new(sd_event *event, sd_bus *bus, TurnFunc run, void *userdata, Turns **ret)
{
        _cleanup_(turns_freep) Turns *turns = calloc(1, sizeof(Turns));
        int r;

        if (!turns)
                return -ENOMEM;
        turns->event = event;
        turns->bus = bus;
        turns->run = run;
        turns->userdata = userdata;
        for (TurnKind kind = 0; kind < TURN_KINDS; kind++)
                TAILQ_INIT(&turns->rounds[kind]);
        TAILQ_INIT(&turns->parked);
        r = add_timer(turns, on_timer, &turns->timer);
        if (r >= 0)
                r = add_timer(turns, on_parked_timer, &turns->parked_timer);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(turns);
        return 0;
}

Turns *turns_free(Turns *turns)
{
        if (!turns)
                return NULL;
        assert(!anything_waits(turns) && TAILQ_EMPTY(&turns->parked));
        sd_event_source_disable_unref(turns->source);
        sd_event_source_disable_unref(turns->timer);
        sd_event_source_disable_unref(turns->parked_timer);
        free(turns);
        return NULL;
}

bool turns_add(Turns *turns, TurnQueue *queue, TurnKind kind, Turn *turn)
{
        if (queue->n + queue->n_parked == 0) {
                queue->owner = turns;
                queue->kind = kind;
                TAILQ_INIT(&queue->turns);
        }
        if (!anything_waits(turns) && !has_input(turns) && has_room(turns, kind)) {
                if (turns->run(turn, turns->userdata))
                        return false;
                park(turns, queue, turn);
                return true;
        }
        queue_push(queue, turn, false);
        turns_read_ahead(turns);
        return true;
}

void turns_end_back_pressure(Turns *turns)
{
        turns->unlimited = true;
        turns_read_ahead(turns);
}

bool turns_have_room(const Turns *turns, TurnKind kind)
{
        return has_room(turns, kind);
}

bool turns_are_busy(const Turns *turns)
{
        return anything_waits(turns) || has_input(turns);
}

void turn_cancel(Turn *turn)
{
        TurnQueue *queue = turn->queue;

        if (turn->parked)
                unpark(queue->owner, turn);
        else if (queue)
                queue_remove(queue, turn);
        turn->queue = NULL;
}
