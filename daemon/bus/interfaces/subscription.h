/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/bus/dispatch/request.h"

/*
 * The subscribers of a tenancy's links, which get Changed: unicast, since links are not for
 * everybody, and one signal for all changes of a commit.
 *
 * Signals are sent as far as the bus and the subscriber read them. A subscription ends with
 * SubscriptionLost if the right to read is gone, if the subscriber does not read, since the bus
 * would keep its signals without end, or if it reads too slowly for writers that wait for it.
 */
typedef struct Subscriptions Subscriptions;

/* `object` must outlive this. Returns 0 or -ENOMEM. */
int subscriptions_new(BusTenancy *object, Subscriptions **ret);
/* Sends pending changes that subscribers have room for. Returns NULL. */
Subscriptions *subscriptions_free(Subscriptions *subscriptions);
DEFINE_CLEANUP(Subscriptions *, subscriptions_free);

/* Subscribes the caller of the request. Returns 0, LIMITS_EXCEEDED or -ENOMEM. */
int subscriptions_add(Subscriptions *subscriptions, const Request *request);
/* Without SubscriptionLost: at the request of the subscriber, or because it has left. */
void subscriptions_remove(Subscriptions *subscriptions, const char *unique_name);
/* With SubscriptionLost: the label points to another tenancy, or to none. */
void subscriptions_end_all(Subscriptions *subscriptions);
/* The same on another connection, because the present one hangs. Drops pending changes. */
void subscriptions_move_and_end_all(Subscriptions *subscriptions, sd_bus *sd);

void subscriptions_on_added(Subscriptions *subscriptions, const Link *link);
void subscriptions_on_removed(Subscriptions *subscriptions, const Link *link);
