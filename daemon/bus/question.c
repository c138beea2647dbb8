/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>

#include "base/strv.h"
#include "daemon/bus/polkit.h"
#include "daemon/bus/question.h"
#include "daemon/bus/request.h"
#include "daemon/model/valid.h"
#include "dbus/error.h"

/* The bus lets us wait for 128 answers in all. So many questions may be open about a uid, and so
 * many for the next one to be put to a person, who may leave it open for long. */
#define QUESTIONS_MAX        100U
#define QUESTIONS_PERSON_MAX 16U

#define ARGUMENT_LEN_MAX 512U
#define LIST_MAX         100U

/* A question that is open. */
typedef struct Asking {
        Request *request;
        PolkitCheck *check;
        char *tenancy_id, *endpoint; /* as they were; NULL for what is of no tenancy */
} Asking;

static void asking_free(Asking *asking)
{
        free(asking->tenancy_id);
        free(asking->endpoint);
        free(asking);
}
DEFINE_CLEANUP(Asking *, asking_free);

static unsigned *n_questions(const Request *request)
{
        return identity_n_questions(request->identity);
}

static void take_back(void *operation)
{
        Asking *asking = operation;

        (*n_questions(asking->request))--;
        polkit_check_cancel(asking->check);
        asking_free(asking);
}

/* Is the tenancy still there, and the same? */
static bool still_stands(const Asking *asking)
{
        const Tenancy *tenancy = asking->request->tenancy;
        const BusTenancy *object;

        if (!tenancy)
                return true;
        object = bus_find_tenancy(asking->request->bus, tenancy_label(tenancy));
        return object && object->tenancy == tenancy &&
               streq(asking->tenancy_id, tenancy_id(tenancy)) &&
               streq(asking->endpoint, tenancy_endpoint(tenancy));
}

static bool is_interactive(const Request *request)
{
        return sd_bus_message_get_allow_interactive_authorization(request->message) > 0;
}

/* Returns 0 if the request may be run, or what it fails with. */
static int verdict(const Asking *asking, PolkitAnswer answer)
{
        Request *request = asking->request;

        if (answer == POLKIT_CHALLENGE)
                return request_explain(
                        request, ERROR_ACCESS_DENIED,
                        "No grant allows this call, and nobody has authenticated for it");
        if (answer != POLKIT_YES)
                return ERROR_ACCESS_DENIED;
        if (!still_stands(asking))
                return request_explain(request, ERROR_UNKNOWN_OBJECT,
                                       "The tenancy is not the one any more that this was asked "
                                       "for");
        /* Who may read links, and not just one of several things, may be told of them. */
        if (!request->tenancy || request->rights != RIGHT_LINKS_READ)
                return 0;
        return identity_add_readable(request->identity, tenancy_label(request->tenancy));
}

static void answered(PolkitAnswer answer, void *userdata)
{
        _cleanup_(asking_freep) Asking *asking = userdata;
        Request *request = asking->request;
        int r;

        (*n_questions(request))--;
        request->operation = NULL;
        request->cancel = NULL;
        if (answer != POLKIT_NONE)
                request->cause.decided_by = DECIDED_BY_POLKIT;
        r = verdict(asking, answer);
        if (r != 0)
                request_fail(request, r);
        else
                request_run_authorized(request);
}

/* Characters that turn the direction of what follows, end a line, or the quotation: who reads the
 * question would not see what is asked. */
static bool is_deceptive(const char *text)
{
        const unsigned char *s = (const unsigned char *) text;

        if (strchr(text, '"'))
                return true;
        for (; *s; s++)
                if (s[0] == 0xe2 && ((s[1] == 0x80 && ((s[2] >= 0x8e && s[2] <= 0x8f) ||
                                                       (s[2] >= 0xa8 && s[2] <= 0xae))) ||
                                     (s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9)))
                        return true;
        return false;
}

static bool is_presentable(const char *text)
{
        return text_is_valid(text, ARGUMENT_LEN_MAX) && !is_deceptive(text);
}

/* Reads a list as one text. Returns 0, ACCESS_DENIED or a negative errno. */
static int read_list(sd_bus_message *m, char **ret)
{
        _cleanup_(freep) char *joined = NULL;
        const char *text;
        size_t n = 0;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "s");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read(m, "s", &text)) > 0) {
                _cleanup_(freep) char *before = TAKE_PTR(joined);

                if (++n > LIST_MAX || !is_presentable(text))
                        return ERROR_ACCESS_DENIED;
                if (asprintf(&joined, "%s%s%s", before ?: "", before ? ", " : "", text) < 0) {
                        joined = NULL;
                        return -ENOMEM;
                }
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        if (r < 0)
                return r;
        if (!joined)
                return ERROR_ACCESS_DENIED;
        *ret = TAKE_PTR(joined);
        return 0;
}

static int read_argument(sd_bus_message *m, char **ret)
{
        const char *text;
        char type;
        int r;

        r = sd_bus_message_peek_type(m, &type, NULL);
        if (r < 0)
                return r;
        if (type == 'a')
                return read_list(m, ret);
        r = sd_bus_message_read(m, "s", &text);
        if (r < 0)
                return r;
        if (!is_presentable(text))
                return ERROR_ACCESS_DENIED;
        *ret = strdup(text);
        return *ret ? 0 : -ENOMEM;
}

/* The pairs that polkit is given. */

static int push(char ***details, const char *name, const char *value)
{
        int r = strv_push(details, name);

        return r < 0 ? r : strv_push(details, value);
}

/* What a person could not read, or not as it is, is not asked about: the daemon would not take it
 * either, or it is there to deceive. */
static int push_arguments(char ***details, const Request *request)
{
        const Question *question = request->question;
        int r = 0;

        for (size_t i = 0; r == 0 && i < QUESTION_ARGUMENTS_MAX && question->arguments[i]; i++) {
                _cleanup_(freep) char *value = NULL;

                r = read_argument(request->message, &value);
                if (r == 0)
                        r = push(details, question->arguments[i], value);
        }
        /* What is run reads them from the beginning. */
        if (sd_bus_message_rewind(request->message, true) < 0)
                return -ENOMEM;
        return r == 0 || r == -ENOMEM ? r : ERROR_ACCESS_DENIED;
}

static int push_message(char ***details, const Request *request)
{
        _cleanup_(freep) char *text = NULL;

        if (asprintf(&text, "Authentication is required to %s%s.", request->question->intent,
                     request->tenancy ? " (tenancy $(tenancy))" : "") < 0) {
                text = NULL;
                return -ENOMEM;
        }
        return push(details, "polkit.message", text);
}

static int list_details(const Request *request, char ***ret)
{
        _cleanup_(strv_freep) char **details = NULL;
        const Tenancy *tenancy = request->tenancy;
        int r;

        r = push(&details, "method", sd_bus_message_get_member(request->message));
        if (r == 0 && tenancy)
                r = push(&details, "tenancy", tenancy_label(tenancy));
        if (r == 0 && tenancy)
                r = push(&details, "tenancy_id", tenancy_id(tenancy));
        if (r == 0)
                r = push_arguments(&details, request);
        if (r == 0)
                r = push_message(&details, request);
        if (r == 0)
                *ret = TAKE_PTR(details);
        return r;
}

static int asking_new(Request *request, Asking **ret)
{
        _cleanup_(asking_freep) Asking *asking = calloc(1, sizeof(Asking));

        if (!asking)
                return -ENOMEM;
        asking->request = request;
        if (request->tenancy) {
                asking->tenancy_id = strdup(tenancy_id(request->tenancy));
                asking->endpoint = strdup(tenancy_endpoint(request->tenancy));
                if (!asking->tenancy_id || !asking->endpoint)
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(asking);
        return 0;
}

int question_ask(Request *request)
{
        _cleanup_(asking_freep) Asking *asking = NULL;
        _cleanup_(strv_freep) char **details = NULL;
        int r;

        if (request->bus->stopping)
                return ERROR_ACCESS_DENIED;
        if (*n_questions(request) >=
            (is_interactive(request) ? QUESTIONS_PERSON_MAX : QUESTIONS_MAX))
                return ERROR_LIMITS_EXCEEDED;
        r = list_details(request, &details);
        if (r == ERROR_ACCESS_DENIED)
                return request_explain(request, r,
                                       "No grant allows this call, and it has an argument that "
                                       "cannot be asked about");
        if (r == 0)
                r = asking_new(request, &asking);
        if (r == 0)
                r = polkit_check(request->bus->polkit,
                                 &(PolkitQuery){
                                         .unique_name = sd_bus_message_get_sender(request->message),
                                         .action = request->question->action,
                                         .details = (const char *const *) details,
                                         .interactive = is_interactive(request),
                                 },
                                 answered, asking, &asking->check);
        if (r != 0)
                return r;
        (*n_questions(request))++;
        request->operation = TAKE_PTR(asking);
        request->cancel = take_back;
        return 0;
}

void question_deny_all(Bus *bus)
{
        for (Request *request = bus->requests, *next; request; request = next) {
                next = request->next;
                if (request->cancel == take_back)
                        request_fail(request, request_explain(request, ERROR_ACCESS_DENIED,
                                                              "The daemon stops and waits for "
                                                              "nobody to authenticate"));
        }
}
