/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <jansson.h>
#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>

/* An HTTP request. */

#define BODY_LEN_MAX 8192U

typedef struct Request Request;
typedef struct Server Server;

/* Calls request_reply_json() or request_fail() exactly once, now or later. */
typedef void (*RequestHandler)(Request *request);

struct Request {
        Server *server;
        struct MHD_Connection *connection;
        RequestHandler handler;
        const char *argument; /* the last path segment; "" if the route has no argument */
        void *userdata;       /* from ServerConfig */

        char body[BODY_LEN_MAX];
        size_t body_len;
        json_t *json;

        char *cookie;
        struct MHD_Response *response;
        unsigned int status;

        /* suspended until the reply */
        bool is_waiting;
        Request *waiting_prev, *waiting_next;
};

/* Returns a request header, lent, or NULL. */
const char *request_header(const Request *request, const char *name);
/* Returns the session cookie, lent, or NULL. */
const char *request_session(const Request *request);
/* Returns a string member of the JSON body, lent, or NULL. */
const char *request_string(const Request *request, const char *name);
/* Returns true if a member of the JSON body is true. */
bool request_is_true(const Request *request, const char *name);

/* Sets the session cookie in the reply; NULL deletes the cookie. Returns 0 or -ENOMEM. */
int request_set_session(Request *request, const char *token);

/* Takes ownership of the JSON; NULL (out of memory) becomes a 500. */
void request_reply_json(Request *request, unsigned int status, json_t *json);
/* {"error": {"code": …, "message": …}}; the page shows the message. */
void request_fail(Request *request, unsigned int status, const char *code, const char *message);
/* Any other reply: takes ownership of the response. */
void request_reply(Request *request, unsigned int status, struct MHD_Response *response);
