/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * fake-service DIR [OPTION…]: a fake daemon. The first string argument of a call (Authorize: the
 * user id) is a script word:
 *      error:N      reply with row N of the error table
 *      odd-error    reply with an error that is not in the table
 *      bad-reply    reply with a wrong type
 *      hang         do not reply
 *      hang-once*   do not reply to the first call, recorded in DIR; then reply
 *      die-once*    exit without a reply at the first call; then reply
 *      die-always   exit without a reply
 *      gone-once*   exit without a reply at the first call; then reply NotFound
 *      lost-once*   exit without a reply at the first call; then reply Interrupted
 * Each call is a line in DIR/log, preceded by a line "interactive MEMBER" if the call allows
 * interactive authorization. The lines are also written to descriptor 3, if open. OPTION is one of
 *      deny         deny List and Subscribe
 *      links=N      number of links
 *      break-at=N   List fails from link N
 *      default=L    label of the default tenancy
 *      version=V    version of the daemon
 *      endpoint=U   endpoint of the tenancies
 *      ca-file=F    CA file of the tenancies
 *      credential=C credential of the tenancies (default: passlock.LABEL)
 *      links-count=N  value of the property Count
 *      state=S      state of the default tenancy
 *      die-once-tenancy  exit at the first GetTenancy
 *      no-grant     deny GetTenancy and ListTenancies
 *      one-tenancy  list the default tenancy only
 *      no-default   like no-grant, without a tenancy labelled default
 *      no-store     the property Count fails
 *      reloads      Reload succeeds
 *      vault=W      script word of ListPasskeys without a cursor
 *      reconcile=W  script word of Reconcile, see also fake-reconcile.c
 * Subscriptions are scripted by Add, see fake-subscriptions.c.
 */

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <systemd/sd-bus.h>

#include "dbus/error.h"
#include "tests/client/fake-service.h"

static const char *dir, *default_label = "default", *version = "9.8.7", *state = "ready",
                        *endpoint = "https://api.example.com", *ca_file = "", *credential;
static uint64_t links_count = UINT64_C(12345678901);
static bool deny_links, has_pipe, no_grant, no_default, no_store, one_tenancy, reloads, die_once;
static unsigned n_links, break_at;

_printf_(1, 0) static void record_args(const char *format, va_list ap)
{
        char line[1024], path[256];
        int fd, n;

        n = vsnprintf(line, sizeof(line) - 1, format, ap);
        if (n > (int) sizeof(line) - 2)
                n = (int) sizeof(line) - 2;
        line[n++] = '\n';
        snprintf(path, sizeof(path), "%s/log", dir);
        fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0 || write(fd, line, (size_t) n) != n)
                _exit(1);
        close(fd);
        if (has_pipe && write(3, line, (size_t) n) != n)
                _exit(1);
}

void record(const char *format, ...)
{
        va_list ap;

        va_start(ap, format);
        record_args(format, ap);
        va_end(ap);
}

bool begins(const char *s, const char *prefix)
{
        return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool first_time(const char *word)
{
        char path[256];
        int fd;

        if (!strstr(word, "-once"))
                return false;

        snprintf(path, sizeof(path), "%s/mark-%s", dir, word);
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0)
                return false;
        close(fd);
        return true;
}

int obey(sd_bus_message *m, const char *word, bool first)
{
        const char *member = sd_bus_message_get_member(m);

        if (begins(word, "error:")) {
                int e = atoi(word + strlen("error:"));

                return sd_bus_reply_method_errorf(m, error_dbus_name(e), "text of %d", e);
        }
        if (streq(word, "odd-error"))
                return sd_bus_reply_method_errorf(m, "com.example.Odd", "odd text");
        if (streq(word, "hang") || (begins(word, "hang-once") && first))
                return 1;
        if (streq(word, "die-always") || (begins(word, "die-once") && first))
                _exit(0);
        if (begins(word, "lost-once")) {
                if (first)
                        _exit(0);
                return sd_bus_reply_method_errorf(m, error_dbus_name(ERROR_INTERRUPTED), "%s",
                                                  error_text(ERROR_INTERRUPTED));
        }
        if (begins(word, "gone-once")) {
                if (first)
                        _exit(0);
                return sd_bus_reply_method_errorf(m, error_dbus_name(ERROR_NOT_FOUND), "%s",
                                                  member);
        }
        return 0;
}

int record_and_obey(sd_bus_message *m, const char *word, const char *format, ...)
{
        bool first = first_time(word);
        va_list ap;

        va_start(ap, format);
        record_args(format, ap);
        va_end(ap);
        return obey(m, word, first);
}

static void describe_value(sd_bus_message *m, const char *signature, FILE *f)
{
        const char *s;
        uint32_t u;
        uint64_t t;
        int b;

        if (streq(signature, "s") && sd_bus_message_read(m, "s", &s) > 0)
                fprintf(f, "%s", s);
        else if (streq(signature, "u") && sd_bus_message_read(m, "u", &u) > 0)
                fprintf(f, "%u", u);
        else if (streq(signature, "t") && sd_bus_message_read(m, "t", &t) > 0)
                fprintf(f, "%" PRIu64, t);
        else if (streq(signature, "b") && sd_bus_message_read(m, "b", &b) > 0)
                fprintf(f, "%s", b ? "yes" : "no");
        else if (streq(signature, "as") && sd_bus_message_enter_container(m, 'a', "s") > 0) {
                while (sd_bus_message_read(m, "s", &s) > 0)
                        fprintf(f, "[%s]", s);
                sd_bus_message_exit_container(m);
        } else if (streq(signature, "au") && sd_bus_message_enter_container(m, 'a', "u") > 0) {
                while (sd_bus_message_read(m, "u", &u) > 0)
                        fprintf(f, "[%u]", u);
                sd_bus_message_exit_container(m);
        }
}

char *describe_options(sd_bus_message *m, char **ret_request_id)
{
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        if (sd_bus_message_enter_container(m, 'a', "{sv}") < 0)
                _exit(1);
        while (sd_bus_message_enter_container(m, 'e', "sv") > 0) {
                const char *name, *signature;

                if (sd_bus_message_read(m, "s", &name) < 0 ||
                    sd_bus_message_peek_type(m, NULL, &signature) < 0 ||
                    sd_bus_message_enter_container(m, 'v', signature) < 0)
                        _exit(1);
                if (ret_request_id && streq(name, "request_id")) {
                        const char *id;

                        if (sd_bus_message_read(m, "s", &id) < 0)
                                _exit(1);
                        *ret_request_id = strdup(id);
                } else {
                        fprintf(f, " %s=", name);
                        describe_value(m, signature, f);
                }
                sd_bus_message_exit_container(m);
                sd_bus_message_exit_container(m);
        }
        fclose(f);
        return text;
}

static int on_authorize(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        const char *rp_id, *user_id, *username;
        _cleanup_(freep) char *options = NULL;
        char token[8192];
        int r;

        r = sd_bus_message_read(m, "sss", &rp_id, &user_id, &username);
        if (r < 0)
                return r;
        options = describe_options(m, NULL);
        r = record_and_obey(m, user_id, "Authorize %s %s", user_id, sd_bus_message_get_path(m));
        if (r != 0)
                return r;
        snprintf(token, sizeof(token), "%s %s %s%s", rp_id, user_id, username, options);
        return sd_bus_reply_method_return(m, "st", token, UINT64_C(1700000000123));
}

static int on_authorize_authentication(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(freep) char *options = NULL;
        const char *rp_id;
        char token[8192];
        int r;

        r = sd_bus_message_read(m, "s", &rp_id);
        if (r < 0)
                return r;
        options = describe_options(m, NULL);
        r = record_and_obey(m, rp_id, "AuthorizeAuthentication %s", rp_id);
        if (r != 0)
                return r;
        snprintf(token, sizeof(token), "%s%s", rp_id, options);
        return sd_bus_reply_method_return(m, "st", token, UINT64_C(1700000000123));
}

static int append_principal(sd_bus_message *reply, const char *code, const char *request_id,
                            const char *options)
{
        return sd_bus_message_append(reply, "a{sv}", 10, "id", "s", request_id, "user_id", "s",
                                     "ada", "authenticator_id", "s", "auth-1", "authenticator_type",
                                     "s", "passkey", "created_at", "t", UINT64_C(1700000000000),
                                     "expires_at", "t", UINT64_C(1700000300000), "verified", "b",
                                     true, "user_verified", "b", streq(code, "minimal"),
                                     "user_agent", "s", options, "something_new", "(ii)", 1, 2);
}

static int append_full_principal(sd_bus_message *reply, const char *request_id)
{
        return sd_bus_message_append(
                reply, "a{sv}", 13, "id", "s", request_id, "user_id", "s", "ada",
                "authenticator_id", "s", "auth-1", "authenticator_type", "s", "passkey",
                "created_at", "t", UINT64_C(1700000000000), "expires_at", "t",
                UINT64_C(1700000300000), "verified", "b", true, "user_verified", "b", true,
                "linked", "b", true, "newly_linked", "b", true, "platform_name", "s",
                "iCloud Keychain", "ip_address", "s", "192.0.2.7", "user_agent", "s", "Browser/1");
}

static int on_exchange(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(freep) char *request_id = NULL, *options = NULL;
        const char *code;
        int r;

        r = sd_bus_message_read(m, "s", &code);
        if (r < 0)
                return r;
        options = describe_options(m, &request_id);
        r = record_and_obey(m, code, "Exchange %s %s", code, request_id ?: "-");
        if (r != 0)
                return r;
        r = sd_bus_message_new_method_return(m, &reply);
        if (r < 0)
                return r;
        if (streq(code, "incomplete"))
                r = sd_bus_message_append(reply, "a{sv}", 1, "id", "s", "x");
        else if (streq(code, "wrong-type"))
                r = sd_bus_message_append(reply, "a{sv}", 1, "id", "u", 7);
        else if (streq(code, "twice"))
                r = sd_bus_message_append(reply, "a{sv}", 2, "id", "s", "x", "id", "s", "y");
        else if (streq(code, "full"))
                r = append_full_principal(reply, request_id);
        else
                r = append_principal(reply, code, request_id ?: "-", options);
        return r < 0 ? r : sd_bus_message_send(reply);
}

static int on_verify_id_token(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(freep) char *options = NULL;
        const char *id_token;
        int r;

        r = sd_bus_message_read(m, "s", &id_token);
        if (r < 0)
                return r;
        options = describe_options(m, NULL);
        r = record_and_obey(m, id_token, "VerifyIdToken %s", id_token);
        if (r != 0)
                return r;
        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = append_principal(reply, id_token, "jti-1", options);
        return r < 0 ? r : sd_bus_message_send(reply);
}

static int append_link(sd_bus_message *reply, unsigned i, const char *user_id)
{
        char authenticator_id[32], user[32];

        snprintf(authenticator_id, sizeof(authenticator_id), "auth-%u", i);
        snprintf(user, sizeof(user), "user-%u", i);
        if (i % 2 == 0)
                return sd_bus_message_append(reply, "a{sv}", 4, "authenticator_id", "s",
                                             authenticator_id, "user_id", "s", user_id ?: user,
                                             "created_at", "t", UINT64_C(1700000000000),
                                             "last_used_at", "t", UINT64_C(0));
        return sd_bus_message_append(reply, "a{sv}", 5, "authenticator_id", "s", authenticator_id,
                                     "user_id", "s", user_id ?: user, "created_at", "t",
                                     UINT64_C(1700000000000), "last_used_at", "t",
                                     UINT64_C(1700000500000), "platform_name", "s",
                                     "Cl\xc3\xa9 \xe5\xaf\x86\xe9\x92\xa5\x1b[31m");
}

static int append_links(sd_bus_message *reply, unsigned from, unsigned to, const char *user_id)
{
        int r;

        r = sd_bus_message_open_container(reply, 'a', "a{sv}");
        for (unsigned i = from; r >= 0 && i < to; i++)
                r = append_link(reply, i, user_id);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int on_list_by_user(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *user_id;
        int r;

        r = sd_bus_message_read(m, "s", &user_id);
        if (r < 0)
                return r;
        r = record_and_obey(m, user_id, "ListByUser %s", user_id);
        if (r != 0)
                return r;
        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = append_links(reply, 0, streq(user_id, "nobody") ? 0 : 3, user_id);
        return r < 0 ? r : sd_bus_message_send(reply);
}

static int on_list(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        unsigned from, to, limit;
        const char *cursor;
        char next[16] = "";
        bool first;
        int r;

        r = sd_bus_message_read(m, "su", &cursor, &limit);
        if (r < 0)
                return r;
        first = first_time(cursor);
        record("List %s %u", cursor, limit);
        if (deny_links)
                return sd_bus_reply_method_errorf(m, SD_BUS_ERROR_ACCESS_DENIED, "no grant");
        r = obey(m, cursor, first);
        if (r != 0)
                return r;
        from = (unsigned) atoi(cursor);
        if (break_at > 0 && from >= break_at)
                return sd_bus_reply_method_errorf(m, error_dbus_name(ERROR_STORE_FAILED), "broken");
        to = from + (limit ?: 100);
        if (to >= n_links)
                to = n_links;
        else
                snprintf(next, sizeof(next), "%u", to);
        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = append_links(reply, from, to, NULL);
        if (r >= 0)
                r = sd_bus_message_append(reply, "s", next);
        return r < 0 ? r : sd_bus_message_send(reply);
}

static int on_add(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        const char *user_id, *authenticator_id;
        bool first;
        int r;

        r = sd_bus_message_read(m, "ss", &user_id, &authenticator_id);
        if (r < 0)
                return r;
        first = first_time(user_id);
        record("Add %s %s", user_id, authenticator_id);
        if (streq(user_id, "step")) {
                r = fake_reconcile_step();
                return r < 0 ? r : sd_bus_reply_method_return(m, "");
        }
        r = obey(m, user_id, first);
        if (r != 0)
                return r;
        r = fake_add(m, user_id, authenticator_id);
        return r < 0 ? r : sd_bus_reply_method_return(m, "");
}

static int on_remove(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        const char *authenticator_id;
        int r;

        r = sd_bus_message_read(m, "s", &authenticator_id);
        if (r < 0)
                return r;
        r = record_and_obey(m, authenticator_id, "Remove %s", authenticator_id);
        if (r != 0)
                return r;
        r = fake_tell_removed(m, "ada", authenticator_id);
        return r < 0 ? r : sd_bus_reply_method_return(m, "");
}

static int on_remove_by_user(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        const char *user_id;
        int r;

        r = sd_bus_message_read(m, "s", &user_id);
        if (r < 0)
                return r;
        r = record_and_obey(m, user_id, "RemoveByUser %s", user_id);
        return r != 0 ? r : sd_bus_reply_method_return(m, "u", 2);
}

static int on_get_user(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        const char *authenticator_id;
        char user_id[256];
        int r;

        r = sd_bus_message_read(m, "s", &authenticator_id);
        if (r < 0)
                return r;
        r = record_and_obey(m, authenticator_id, "GetUser %s", authenticator_id);
        if (r != 0)
                return r;
        snprintf(user_id, sizeof(user_id), "user-of-%s", authenticator_id);
        return sd_bus_reply_method_return(m, "s", user_id);
}

static int on_get_tenancy(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        char path[128];
        const char *label;
        int r;

        r = sd_bus_message_read(m, "s", &label);
        if (r < 0)
                return r;
        record("GetTenancy %s", label);
        if (die_once && first_time("die-once-tenancy"))
                _exit(0);
        if (no_grant)
                return sd_bus_reply_method_errorf(m, SD_BUS_ERROR_ACCESS_DENIED, "no grant");
        snprintf(path, sizeof(path), "%s/%s", PASSLOCK_TENANCY_PATH,
                 isempty(label) ? default_label : label);
        return sd_bus_reply_method_return(m, "o", path);
}

static int on_list_tenancies(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        record("ListTenancies");
        if (no_grant)
                return sd_bus_reply_method_errorf(m, SD_BUS_ERROR_ACCESS_DENIED, "no grant");
        if (one_tenancy)
                return sd_bus_reply_method_return(m, "a(sso)", 1, "default", "tenancy-1",
                                                  PASSLOCK_TENANCY_PATH "/default");
        return sd_bus_reply_method_return(m, "a(sso)", 2, "default", "tenancy-1",
                                          PASSLOCK_TENANCY_PATH "/default", "other", "tenancy-2",
                                          PASSLOCK_TENANCY_PATH "/other");
}

static int on_reload(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        record("Reload");
        if (reloads)
                return sd_bus_reply_method_return(m, "");
        return sd_bus_reply_method_errorf(m, SD_BUS_ERROR_INVALID_ARGS, "passlockd.conf:3: no");
}

static int get_string(sd_bus *bus, const char *path, const char *interface, const char *property,
                      sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        const char *label = strrchr(path, '/') + 1;

        record("Get %s", property);
        if (streq(property, "Version"))
                return sd_bus_message_append(reply, "s", version);
        if (streq(property, "Label"))
                return sd_bus_message_append(reply, "s", label);
        if (streq(property, "TenancyId"))
                return sd_bus_message_append(reply, "s", "tenancy-1");
        if (streq(property, "Endpoint"))
                return sd_bus_message_append(reply, "s", endpoint);
        if (streq(property, "CaFile"))
                return sd_bus_message_append(reply, "s", ca_file);
        if (streq(property, "ApiKeyCredential")) {
                char name[64];

                snprintf(name, sizeof(name), "passlock.%s", label);
                return sd_bus_message_append(reply, "s", credential ?: name);
        }
        return sd_bus_message_append(reply, "s", streq(label, "default") ? state : "denied");
}

static int get_count(sd_bus *bus, const char *path, const char *interface, const char *property,
                     sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        record("Get %s", property);
        if (no_store)
                return sd_bus_error_set(error, error_dbus_name(ERROR_STORE_FAILED), "broken");
        return sd_bus_message_append(reply, "t", links_count);
}

static const sd_bus_vtable manager[] = {
        SD_BUS_VTABLE_START(0),
        M("GetTenancy", "s", "o", on_get_tenancy),
        M("ListTenancies", "", "a(sso)", on_list_tenancies),
        M("Reload", "", "", on_reload),
        M("Diagnose", "", "aa{sv}", fake_diagnose),
        M("ListRights", "", "aa{sv}", fake_list_rights),
        M("GetStore", "", "a{sv}", fake_get_store),
        M("GetMetrics", "", "a{sv}", fake_get_metrics),
        M("VerifyStore", "", "a{sv}", fake_verify_store),
        M("JoinStore", "a{sv}", "a{sv}", fake_join_store),
        M("LeaveStore", "a{sv}", "a{sv}", fake_leave_store),
        M("Explain", "sua{sv}", "a{sv}", fake_explain),
        M("ProveKey", "ss", "s", fake_prove_key),
        SD_BUS_PROPERTY("Version", "s", get_string, 0, 0),
        SD_BUS_VTABLE_END,
};

static const sd_bus_vtable tenancy[] = {
        SD_BUS_VTABLE_START(0),
        M("Authorize", "sssa{sv}", "st", on_authorize),
        M("AuthorizeAuthentication", "sa{sv}", "st", on_authorize_authentication),
        M("Exchange", "sa{sv}", "a{sv}", on_exchange),
        M("VerifyIdToken", "sa{sv}", "a{sv}", on_verify_id_token),
        SD_BUS_PROPERTY("Label", "s", get_string, 0, 0),
        SD_BUS_PROPERTY("TenancyId", "s", get_string, 0, 0),
        SD_BUS_PROPERTY("Endpoint", "s", get_string, 0, 0),
        SD_BUS_PROPERTY("CaFile", "s", get_string, 0, 0),
        SD_BUS_PROPERTY("ApiKeyCredential", "s", get_string, 0, 0),
        SD_BUS_PROPERTY("State", "s", get_string, 0, 0),
        SD_BUS_VTABLE_END,
};

static const sd_bus_vtable links[] = {
        SD_BUS_VTABLE_START(0),
        M("GetUser", "s", "s", on_get_user),
        M("ListByUser", "s", "aa{sv}", on_list_by_user),
        M("List", "su", "aa{sv}s", on_list),
        M("Add", "ss", "", on_add),
        M("Import", "aa{sv}a{sv}", "a{sv}", fake_import),
        M("Remove", "s", "", on_remove),
        M("RemoveByUser", "s", "u", on_remove_by_user),
        M("Reconcile", "a{sv}", "a{sv}", fake_reconcile),
        SD_BUS_SIGNAL("ReconcileProgress", "tt", 0),
        M("Subscribe", "", "", fake_subscribe),
        M("Unsubscribe", "", "", fake_unsubscribe),
        SD_BUS_SIGNAL("Changed", "a(ss)a(ss)", 0),
        SD_BUS_SIGNAL("SubscriptionLost", "", 0),
        SD_BUS_PROPERTY("Count", "t", get_count, 0, 0),
        SD_BUS_VTABLE_END,
};

/* sd-bus checks the reply types of the tables above: reply with a wrong type from a filter. */
static int on_message(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        const char *word;
        int r;

        if (sd_bus_message_is_method_call(m, NULL, NULL) <= 0)
                return 0;
        if (sd_bus_message_get_allow_interactive_authorization(m) > 0)
                record("interactive %s", sd_bus_message_get_member(m));
        if (sd_bus_message_read(m, "s", &word) > 0 && streq(word, "bad-reply"))
                return sd_bus_reply_method_return(m, "i", 42);
        r = sd_bus_message_rewind(m, true);
        return r < 0 ? r : 0;
}

static int add_tenancy(sd_bus *bus, const char *label)
{
        char path[128];
        int r;

        snprintf(path, sizeof(path), "%s/%s", PASSLOCK_TENANCY_PATH, label);
        r = sd_bus_add_object_vtable(bus, NULL, path, PASSLOCK_INTERFACE_TENANCY, tenancy, NULL);
        if (r < 0)
                return r;
        r = sd_bus_add_object_vtable(bus, NULL, path, PASSLOCK_INTERFACE_LINKS, links, NULL);
        if (r < 0)
                return r;
        r = sd_bus_add_object_vtable(bus, NULL, path, PASSLOCK_INTERFACE_VAULT, fake_vault, NULL);
        if (r < 0)
                return r;
        return sd_bus_add_object_vtable(bus, NULL, path, PASSLOCK_INTERFACE_MAILBOX, fake_mailbox,
                                        NULL);
}

static void read_option(const char *option)
{
        if (streq(option, "deny"))
                deny_links = fake_denies_subscribe = true;
        else if (begins(option, "links="))
                n_links = (unsigned) atoi(option + strlen("links="));
        else if (begins(option, "break-at="))
                break_at = (unsigned) atoi(option + strlen("break-at="));
        else if (begins(option, "default="))
                default_label = option + strlen("default=");
        else if (begins(option, "version="))
                version = option + strlen("version=");
        else if (begins(option, "ca-file="))
                ca_file = option + strlen("ca-file=");
        else if (begins(option, "credential="))
                credential = option + strlen("credential=");
        else if (begins(option, "links-count="))
                links_count = strtoull(option + strlen("links-count="), NULL, 10);
        else if (begins(option, "endpoint="))
                endpoint = option + strlen("endpoint=");
        else if (begins(option, "state="))
                state = option + strlen("state=");
        else if (begins(option, "vault="))
                fake_vault_word = option + strlen("vault=");
        else if (begins(option, "reconcile="))
                fake_reconcile_word = option + strlen("reconcile=");
        else if (streq(option, "die-once-tenancy"))
                die_once = true;
        else if (streq(option, "no-grant"))
                no_grant = true;
        else if (streq(option, "one-tenancy"))
                one_tenancy = true;
        else if (streq(option, "no-default"))
                no_grant = no_default = true;
        else if (streq(option, "no-store"))
                no_store = true;
        else if (streq(option, "reloads"))
                reloads = true;
}

int main(int argc, char **argv)
{
        sd_bus *bus = NULL;
        int r;

        /* Check before another file is opened as descriptor 3. */
        has_pipe = fcntl(3, F_GETFD) >= 0;
        dir = fake_examination_dir = argv[1];
        for (int i = 2; i < argc; i++)
                read_option(argv[i]);
        r = sd_bus_open_system(&bus);
        /* D-Bus activation passes the address of the bus. */
        if (getenv("DBUS_STARTER_ADDRESS")) {
                bus = sd_bus_close_unref(bus);
                setenv("DBUS_SESSION_BUS_ADDRESS", getenv("DBUS_STARTER_ADDRESS"), 1);
                r = sd_bus_open_user(&bus);
        }
        if (r >= 0)
                r = sd_bus_add_object_vtable(bus, NULL, PASSLOCK_OBJECT_PATH,
                                             PASSLOCK_INTERFACE_MANAGER, manager, NULL);
        if (r >= 0)
                r = sd_bus_add_filter(bus, NULL, on_message, NULL);
        if (r >= 0 && !no_default)
                r = add_tenancy(bus, "default");
        if (r >= 0)
                r = add_tenancy(bus, "other");
        if (r >= 0)
                r = sd_bus_request_name(bus, PASSLOCK_BUS_NAME, 0);
        if (r < 0)
                return 1;
        record("ready");
        while (r >= 0) {
                r = sd_bus_process(bus, NULL);
                if (r == 0)
                        r = sd_bus_wait(bus, UINT64_MAX);
        }
        sd_bus_unref(bus);
        return 0;
}
