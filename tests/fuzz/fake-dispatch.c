/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/bus/dispatch/dispatch.h"
#include "daemon/model/valid.h"
#include "dbus/error.h"
#include "tests/fuzz/fake-core.h"

const char *fake_reply_error;

static const Caller caller = {.uid = 1000};

Tenancy *tenancy_ref(Tenancy *tenancy)
{
        return tenancy;
}

Tenancy *tenancy_unref(Tenancy *tenancy _unused_)
{
        return NULL;
}

const char *tenancy_id(const Tenancy *tenancy _unused_)
{
        return "ten1";
}

const char *tenancy_endpoint(const Tenancy *tenancy _unused_)
{
        return "https://api.passlock.dev";
}

const char *tenancy_ca_file(const Tenancy *tenancy _unused_)
{
        return NULL;
}

const char *tenancy_credential(const Tenancy *tenancy _unused_)
{
        return "passlock.default";
}

TenancyState tenancy_state(const Tenancy *tenancy _unused_)
{
        return TENANCY_READY;
}

const char *tenancy_state_to_string(TenancyState state _unused_)
{
        return "ready";
}

Call *call_cancel(Call *call)
{
        assert(!call);
        return NULL;
}

Peer *peer_unref(Peer *peer _unused_)
{
        return NULL;
}

const Caller *peer_caller(const Peer *peer _unused_)
{
        return &caller;
}

const char *peer_unique_name(const Peer *peer _unused_)
{
        return ":1.7";
}

Quota *peer_quota(Peer *peer _unused_)
{
        static Quota quota;

        return &quota;
}

Unread *peer_unread(Peer *peer _unused_)
{
        static Unread unread;

        return &unread;
}

bool peers_may_record(Peers *peers _unused_, Peer *peer _unused_)
{
        return true;
}

void unread_add(Unread *unread _unused_, size_t n_bytes _unused_)
{
}

void turn_cancel(Turn *turn _unused_)
{
}

bool turns_are_busy(const Turns *turns _unused_)
{
        return false;
}

const char *dispatch_grant_name(const Request *request _unused_)
{
        return "web";
}

int dispatch_authorize_rp(Request *request _unused_, const char *rp_id)
{
        assert(rp_id_is_valid(rp_id));
        return 0;
}

static bool is_optional(const char *s, bool (*is_valid)(const char *s))
{
        return !s || is_valid(s);
}

/* Audit records contain only valid text. */
void audit_write(const Audit *audit)
{
        assert(is_optional(audit->user_id, user_id_is_valid));
        assert(is_optional(audit->authenticator_id, id_is_valid));
        assert(is_optional(audit->rp_id, rp_id_is_valid));
        assert(is_optional(audit->challenge_id, id_is_valid));
        assert(!audit->text || text_is_valid(audit->text, 1024));
}

int __wrap_sd_bus_send(sd_bus *bus, sd_bus_message *m, uint64_t *ret_cookie);
int __wrap_sd_bus_send(sd_bus *bus _unused_, sd_bus_message *m, uint64_t *ret_cookie _unused_)
{
        assert(m);
        return 1;
}

int __wrap_sd_bus_reply_method_error(sd_bus_message *call, const sd_bus_error *error);
int __wrap_sd_bus_reply_method_error(sd_bus_message *call _unused_, const sd_bus_error *error)
{
        int number = error_from_dbus_name(error->name);

        assert(number > 0 && text_is_valid(error->message, 1024));
        fake_reply_error = error_dbus_name(number);
        return 1;
}
