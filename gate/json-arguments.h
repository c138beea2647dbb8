/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <jansson.h>
#include <systemd/sd-bus.h>

#include "gate/method.h"

#define ARGUMENTS_FLAW_SIZE 160U

/* A request's body as the arguments of a method. */
typedef struct JsonArguments {
        json_t *object;
        const GateMethod *method;
        char flaw[ARGUMENTS_FLAW_SIZE]; /* the reason of ERROR_INVALID_ARGS */
} JsonArguments;

/*
 * Parses a body, strictly: one object with all arguments, only known options, each of its type. An
 * option that is an idempotency key is added if the body lacks it, so that a retry is safe. Returns
 * 0, ERROR_INVALID_ARGS or a negative errno.
 */
int json_arguments_parse(const char *body, size_t body_len, const GateMethod *method,
                         JsonArguments *ret);

/* Appends the arguments to a method call. `userdata` is a JsonArguments. Returns 0 or a negative
 * errno. */
int json_arguments_append(sd_bus_message *m, void *userdata);

void json_arguments_done(JsonArguments *arguments);
