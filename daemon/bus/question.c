/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>

#include "base/safe-text.h"
#include "base/strv.h"
#include "daemon/bus/message-size.h"
#include "daemon/bus/polkit.h"
#include "daemon/bus/question.h"
#include "daemon/bus/request.h"
#include "dbus/error.h"

/* So many may be open about a uid for the next one to be put to a person, who may leave it open for
 * long. */
#define QUESTIONS_PERSON_MAX 16U

#define ARGUMENT_LEN_MAX 512U
#define LIST_MAX         100U

/* What waits for an answer is kept. No method has a use for more: an import's thousand links. */
#define MESSAGE_SIZE_MAX (1536U * 1024)

/* A question that is open. */
typedef struct Asking {
        Request *request;
        PolkitCheck *check;
        char *endpoint; /* the tenancy's, as it was; NULL on the manager */
} Asking;

static void asking_free(Asking *asking)
{
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

/* Is the tenancy still the one that the question was about? */
static bool still_stands(const Asking *asking)
{
        const Request *request = asking->request;

        return request_still_stands(request) &&
               (!request->tenancy || streq(asking->endpoint, tenancy_endpoint(request->tenancy)));
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
        return identity_add_readable(request->identity, request->label);
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
                request->origin.decided_by = DECIDED_BY_POLKIT;
        r = verdict(asking, answer);
        if (r != 0)
                request_fail(request, r);
        else
                request_run_authorized(request);
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

                if (++n > LIST_MAX || !safe_text_is_quotable(text, ARGUMENT_LEN_MAX))
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
        if (!safe_text_is_quotable(text, ARGUMENT_LEN_MAX))
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

/* What is run reads a message from the beginning. */
static int rewind_message(const Request *request)
{
        return sd_bus_message_rewind(request->message, true) < 0 ? -ENOMEM : 0;
}

/* Returns 0, ACCESS_DENIED or -ENOMEM. */
static int check_size(const Request *request)
{
        int r = message_check_size(request->message, MESSAGE_SIZE_MAX);

        if (rewind_message(request) < 0)
                return -ENOMEM;
        return r == 0 || r == -ENOMEM ? r : ERROR_ACCESS_DENIED;
}

/* `ret_given` is whether it is there. Returns 0, ACCESS_DENIED or a negative errno. */
static int push_option(char ***details, const Request *request, bool *ret_given)
{
        const char *name = request->question->option, *value = NULL;
        const Option options[] = {{name, 's', &value, NULL}};
        char text[128];
        int r;

        *ret_given = false;
        if (!name)
                return 0;
        r = options_read(request->message, options, ARRAY_SIZE(options), text);
        if (r != 0 || !value)
                return r;
        if (!safe_text_is_quotable(value, ARGUMENT_LEN_MAX))
                return ERROR_ACCESS_DENIED;
        *ret_given = true;
        return push(details, name, value);
}

/* What a person could not read, or not as it is, is not asked about: the daemon would not take it
 * either, or it is there to deceive. */
static int push_arguments(char ***details, const Request *request, bool *ret_option_given)
{
        const Question *question = request->question;
        int r = 0;

        for (size_t i = 0; r == 0 && i < QUESTION_ARGUMENTS_MAX && question->arguments[i]; i++) {
                _cleanup_(freep) char *value = NULL;

                r = read_argument(request->message, &value);
                if (r == 0)
                        r = push(details, question->arguments[i], value);
        }
        if (r == 0)
                r = push_option(details, request, ret_option_given);
        if (rewind_message(request) < 0)
                return -ENOMEM;
        return r == 0 || r == -ENOMEM ? r : ERROR_ACCESS_DENIED;
}

static int push_message(char ***details, const Request *request, bool option_given)
{
        const Question *question = request->question;
        _cleanup_(freep) char *text = NULL;

        if (asprintf(&text, "Authentication is required to %s%s%s.", question->intent,
                     option_given ? question->option_intent : "",
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
        bool option_given = false;
        int r;

        r = push(&details, "method", sd_bus_message_get_member(request->message));
        if (r == 0 && tenancy)
                r = push(&details, "tenancy", request->label);
        if (r == 0 && tenancy)
                r = push(&details, "tenancy_id", tenancy_id(tenancy));
        if (r == 0)
                r = push_arguments(&details, request, &option_given);
        if (r == 0)
                r = push_message(&details, request, option_given);
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
                asking->endpoint = strdup(tenancy_endpoint(request->tenancy));
                if (!asking->endpoint)
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
        r = check_size(request);
        if (r == 0)
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
