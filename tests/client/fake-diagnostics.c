/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>
#include <stdlib.h>

#include "base/secret.h"
#include "dbus/error.h"
#include "dbus/key-proof.h"
#include "tests/client/fake-service.h"

/*
 * The methods of the Manager read their replies from files in DIR at each call:
 *
 *   - findings: lines of kind|tenancy|name|place|text|advice; no file: AccessDenied
 *   - rights: lines of tenancy|source|grant|names|rp_ids|authenticate (or unenforced), lists with
 *     commas; no file: UnknownMethod
 *   - store, verification, join, leave, explanation: lines of name|type|value, or of
 *     name|a(ssbb)|name|id|leader|answers; no file: UnknownMethod
 *   - metrics: may be empty; no file: AccessDenied
 *   - key: the daemon's key; no file: no key
 */
const char *fake_examination_dir = "";

#define PARTS 6

static FILE *open_file(const char *name)
{
        char path[256];

        snprintf(path, sizeof(path), "%s/%s", fake_examination_dir, name);
        return fopen(path, "re");
}

static bool has_file(const char *name)
{
        FILE *file = open_file(name);

        if (file)
                fclose(file);
        return file;
}

/* Splits a line into parts; missing parts are "". */
static void split(char *line, char *parts[static PARTS])
{
        char *rest = line;

        line[strcspn(line, "\n")] = '\0';
        for (int i = 0; i < PARTS; i++)
                parts[i] = rest ? strsep(&rest, "|") : line + strlen(line);
}

static int append_list(sd_bus_message *reply, const char *name, char *list)
{
        const char *word;
        int r;

        if (!*list)
                return 0;
        r = sd_bus_message_open_container(reply, 'e', "sv");
        if (r >= 0)
                r = sd_bus_message_append(reply, "s", name);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'v', "as");
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "s");
        while (r >= 0 && (word = strsep(&list, ",")))
                r = sd_bus_message_append(reply, "s", word);
        for (int i = 0; r >= 0 && i < 3; i++)
                r = sd_bus_message_close_container(reply);
        return r;
}

static int append_string(sd_bus_message *reply, const char *name, const char *value)
{
        return *value ? sd_bus_message_append(reply, "{sv}", name, "s", value) : 0;
}

static int append_finding(sd_bus_message *reply, char *parts[static PARTS])
{
        static const char *const names[PARTS] = {"kind",  "tenancy", "name",
                                                 "place", "text",    "advice"};
        int r = 0;

        for (int i = 0; r >= 0 && i < PARTS; i++)
                r = append_string(reply, names[i], parts[i]);
        return r;
}

static int append_right(sd_bus_message *reply, char *parts[static PARTS])
{
        int r;

        r = sd_bus_message_append(reply, "{sv}", "tenancy", "s", parts[0]);
        if (r >= 0)
                r = append_string(reply, "source", parts[1]);
        if (r >= 0)
                r = append_string(reply, "grant", parts[2]);
        if (r >= 0)
                r = append_list(reply, "names", parts[3]);
        if (r >= 0)
                r = append_list(reply, "rp_ids", parts[4]);
        if (r >= 0 && streq(parts[5], "unenforced"))
                r = sd_bus_message_append(reply, "{sv}", "unenforced", "b", true);
        else if (r >= 0 && *parts[5])
                r = sd_bus_message_append(reply, "{sv}", "authenticate", "b",
                                          streq(parts[5], "yes"));
        return r;
}

/* Takes ownership of the file. */
static int reply_lines(sd_bus_message *m, FILE *file,
                       int (*append)(sd_bus_message *reply, char *parts[static PARTS]))
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        char line[1024], *parts[PARTS];
        int r;

        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "a{sv}");
        while (r >= 0 && fgets(line, sizeof(line), file)) {
                split(line, parts);
                r = sd_bus_message_open_container(reply, 'a', "{sv}");
                if (r >= 0)
                        r = append(reply, parts);
                if (r >= 0)
                        r = sd_bus_message_close_container(reply);
        }
        fclose(file);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_message_send(reply);
}

int fake_diagnose(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        FILE *file = open_file("findings");

        record("Diagnose");
        return file ? reply_lines(m, file, append_finding)
                    : sd_bus_reply_method_errorf(m, SD_BUS_ERROR_ACCESS_DENIED, "no grant");
}

int fake_list_rights(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        FILE *file = open_file("rights");

        record("ListRights");
        return file ? reply_lines(m, file, append_right)
                    : sd_bus_reply_method_errorf(m, SD_BUS_ERROR_UNKNOWN_METHOD, "too old");
}

static int append_member(sd_bus_message *reply, char *parts[static PARTS])
{
        int r;

        r = sd_bus_message_open_container(reply, 'e', "sv");
        if (r >= 0)
                r = sd_bus_message_append(reply, "s", parts[0]);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'v', parts[1]);
        if (r >= 0)
                r = sd_bus_message_append(reply, "a(ssbb)", 1, parts[2], parts[3],
                                          streq(parts[4], "yes"), streq(parts[5], "yes"));
        for (int i = 0; r >= 0 && i < 2; i++)
                r = sd_bus_message_close_container(reply);
        return r;
}

static int append_store(sd_bus_message *reply, char *parts[static PARTS])
{
        switch (parts[1][0]) {
        case 's':
                return append_string(reply, parts[0], parts[2]);
        case 'b':
                return sd_bus_message_append(reply, "{sv}", parts[0], "b", streq(parts[2], "yes"));
        case 'u':
                return sd_bus_message_append(reply, "{sv}", parts[0], "u",
                                             (uint32_t) atoi(parts[2]));
        case 't':
                return sd_bus_message_append(reply, "{sv}", parts[0], "t",
                                             (uint64_t) strtoull(parts[2], NULL, 10));
        default:
                return streq(parts[1], "as") ? append_list(reply, parts[0], parts[2])
                                             : append_member(reply, parts);
        }
}

static int reply_file(sd_bus_message *m, const char *name)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        FILE *file = open_file(name);
        char line[1024], *parts[PARTS];
        int r;

        if (!file)
                return sd_bus_reply_method_errorf(m, SD_BUS_ERROR_UNKNOWN_METHOD, "too old");
        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "{sv}");
        while (r >= 0 && fgets(line, sizeof(line), file)) {
                split(line, parts);
                r = append_store(reply, parts);
        }
        fclose(file);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_message_send(reply);
}

int fake_get_store(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        record("GetStore");
        return reply_file(m, "store");
}

/* A metric of each kind, and one of a later version. */
int fake_get_metrics(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        record("GetMetrics");
        if (!has_file("metrics"))
                return sd_bus_reply_method_errorf(m, SD_BUS_ERROR_ACCESS_DENIED, "no grant");
        return sd_bus_reply_method_return(m, "a{sv}", 4, "later", "s", "unknown", "calls_total",
                                          "(ssa(sa{ss}d))", "counter", "Calls.", 1, "", 2, "method",
                                          "GetUser", "grant", "a \"b\"", 3.0, "none",
                                          "(ssa(sa{ss}d))", "gauge", "None.", 0, "time_seconds",
                                          "(ssa(sa{ss}d))", "histogram", "Time.", 3, "_bucket", 1,
                                          "le", "+Inf", 2.0, "_sum", 0, 0.125, "_count", 0, 2.0);
}

int fake_verify_store(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        record("VerifyStore");
        return reply_file(m, "verification");
}

int fake_join_store(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(freep) char *options = describe_options(m, NULL);

        record("JoinStore%s", options);
        return reply_file(m, "join");
}

int fake_leave_store(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(freep) char *options = describe_options(m, NULL);

        record("LeaveStore%s", options);
        return reply_file(m, "leave");
}

int fake_explain(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(freep) char *options = NULL;
        const char *method;
        uint32_t uid;
        int r;

        r = sd_bus_message_read(m, "su", &method, &uid);
        if (r < 0)
                return r;
        options = describe_options(m, NULL);
        record("Explain %s %u%s", method, uid, options);
        return reply_file(m, "explanation");
}

int fake_prove_key(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(secret_unrefp) Secret *key = NULL;
        char text[SECRET_LEN_MAX], proof[KEY_PROOF_LEN + 1];
        FILE *file = open_file("key");
        const char *label, *nonce;
        size_t n = 0;
        int r;

        r = sd_bus_message_read(m, "ss", &label, &nonce);
        if (file) {
                n = fread(text, 1, sizeof(text), file);
                fclose(file);
        }
        if (r < 0)
                return r;
        record("ProveKey %s", label);
        if (n == 0)
                return sd_bus_reply_method_errorf(m, error_dbus_name(ERROR_NOT_CONFIGURED),
                                                  "no key");
        r = secret_new(text, n, &key);
        if (r == 0)
                r = key_proof(key, nonce, proof);
        return r < 0 ? r : sd_bus_reply_method_return(m, "s", proof);
}
