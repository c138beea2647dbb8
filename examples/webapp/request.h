/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <jansson.h>
#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>

/* One HTTP request, from its first line until its reply is sent. */

#define BODY_LEN_MAX 8192U

typedef struct Request Request;
typedef struct Server Server;

/* Ends in exactly one request_reply_json() or request_fail(), now or later. */
typedef void (*RequestHandler)(Request *request);

struct Request {
        Server *server;
        struct MHD_Connection *connection;
        RequestHandler handler;
        const char *argument; /* the last segment of the path; "" if the route takes none */
        void *userdata;       /* of the server's configuration */

        char body[BODY_LEN_MAX];
        size_t body_len;
        json_t *json;

        char *cookie;
        struct MHD_Response *response;
        unsigned int status;

        /* Set aside until there is a reply. */
        bool is_waiting;
        Request *waiting_prev, *waiting_next;
};

/* A header of the request, lent; NULL if it has none of that name. */
const char *request_header(const Request *request, const char *name);
/* The session cookie, lent, or NULL. */
const char *request_session(const Request *request);
/* A member of the JSON body, lent; NULL if it is not there or not a string. */
const char *request_string(const Request *request, const char *name);
/* Whether a member of the JSON body is there and true. */
bool request_is_true(const Request *request, const char *name);

/* Sets the session cookie of the reply; NULL takes it from the browser. Returns 0 or -ENOMEM. */
int request_set_session(Request *request, const char *token);

/* Takes the JSON over; NULL (there was no memory) becomes a 500. */
void request_reply_json(Request *request, unsigned int status, json_t *json);
/* {"error": {"code": …, "message": …}}; the message is for people. */
void request_fail(Request *request, unsigned int status, const char *code, const char *message);
/* Any other reply: takes the response over. */
void request_reply(Request *request, unsigned int status, struct MHD_Response *response);
