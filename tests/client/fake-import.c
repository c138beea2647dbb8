/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>

#include "tests/client/fake-service.h"

#define LINKS_MAX 1000U

/*
 * The user of the first link is the script word of the call. Other links with the user "taken",
 * "many" or "old" are conflicting, exceeding or present. Records the first link and the number of
 * links.
 */
typedef struct Received {
        const char *ids[LINKS_MAX], *users[LINKS_MAX];
        size_t n;
} Received;

/* Formats the fields as " name=value…", in their order. */
static int read_link(sd_bus_message *m, Received *received, FILE *f)
{
        size_t i = received->n++;
        int r;

        if (i >= LINKS_MAX)
                return -E2BIG;
        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                const char *name, *signature, *s;
                uint64_t t;

                if (sd_bus_message_read(m, "s", &name) < 0 ||
                    sd_bus_message_peek_type(m, NULL, &signature) < 0)
                        return -EBADMSG;
                if (streq(signature, "t") && sd_bus_message_read(m, "v", "t", &t) > 0)
                        fprintf(f, " %s=%llu", name, (unsigned long long) t);
                else if (sd_bus_message_read(m, "v", "s", &s) > 0) {
                        fprintf(f, " %s=%s", name, s);
                        if (streq(name, "authenticator_id"))
                                received->ids[i] = s;
                        if (streq(name, "user_id"))
                                received->users[i] = s;
                }
                r = sd_bus_message_exit_container(m);
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static char *read_links(sd_bus_message *m, Received *received)
{
        char *first = NULL, *rest = NULL;
        size_t size;
        FILE *f = open_memstream(&first, &size);

        if (sd_bus_message_enter_container(m, 'a', "a{sv}") < 0)
                _exit(1);
        while (sd_bus_message_at_end(m, false) == 0) {
                if (read_link(m, received, f) < 0)
                        _exit(1);
                if (received->n == 1) {
                        fclose(f);
                        f = open_memstream(&rest, &size);
                }
        }
        fclose(f);
        free(rest);
        if (sd_bus_message_exit_container(m) < 0)
                _exit(1);
        return first;
}

static uint64_t count_of(const Received *received, const char *user)
{
        uint64_t n = 0;

        for (size_t i = 0; i < received->n; i++)
                n += streq(received->users[i], user);
        return n;
}

static char **ids_of(const Received *received, const char *user)
{
        char **ids = calloc(received->n + 1, sizeof(char *));
        size_t n = 0;

        for (size_t i = 0; i < received->n; i++)
                if (streq(received->users[i], user))
                        ids[n++] = (char *) received->ids[i];
        return ids;
}

static int append_ids(sd_bus_message *m, const char *name, const Received *received,
                      const char *user)
{
        _cleanup_(freep) char **ids = ids_of(received, user);
        int r;

        r = sd_bus_message_open_container(m, 'e', "sv");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", name);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'v', "as");
        if (r >= 0)
                r = sd_bus_message_append_strv(m, ids);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int answer(sd_bus_message *m, const Received *received)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        uint64_t n_old = count_of(received, "old"), n_left_out;
        int r;

        n_left_out = count_of(received, "taken") + count_of(received, "many");
        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "{sv}");
        if (r >= 0)
                r = sd_bus_message_append(reply, "{sv}{sv}", "added", "t",
                                          received->n - n_old - n_left_out, "present", "t", n_old);
        if (r >= 0)
                r = append_ids(reply, "conflicting", received, "taken");
        if (r >= 0)
                r = append_ids(reply, "exceeding", received, "many");
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

int fake_import(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(freep) char *first = NULL, *options = NULL;
        Received received = {};
        const char *word;
        bool is_first;
        int r;

        first = read_links(m, &received);
        options = describe_options(m, NULL);
        word = received.n > 0 ? received.users[0] : "";
        is_first = first_time(word);
        record("Import %zu%s%s", received.n, options, first);
        if (streq(word, "bad-reply"))
                return sd_bus_reply_method_return(m, "a{sv}", 1, "added", "t", UINT64_C(1));
        r = obey(m, word, is_first);
        return r != 0 ? r : answer(m, &received);
}
