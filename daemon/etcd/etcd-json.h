/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <jansson.h>

#include "daemon/etcd/etcd-reply.h"

/*
 * Members of etcd's JSON objects. NULL and null have no members. A member that is missing or null
 * has its default: zero, false, empty. The functions return 0, -ENOMEM or ETCD_ERROR_MALFORMED.
 */

/* Longer texts are malformed. */
#define ETCD_TEXT_LEN_MAX 1024U

/* Parses a text that is one object. */
int etcd_json_read(const char *text, size_t len, json_t **ret);

/* A decimal string, or an integer. */
int etcd_json_unsigned(const json_t *object, const char *name, uint64_t *ret);
/* From 0 to INT64_MAX. */
int etcd_json_number(const json_t *object, const char *name, int64_t *ret);
int etcd_json_bool(const json_t *object, const char *name, bool *ret);
/* Base64, decoded into the arena. */
int etcd_json_bytes(const json_t *object, const char *name, EtcdArena *arena, EtcdBytes *ret);
/* Valid text, copied to the arena; "" otherwise. *ret is not NULL. */
int etcd_json_label(const json_t *object, const char *name, EtcdArena *arena, const char **ret);
/* An object, or NULL by default. */
int etcd_json_object(const json_t *object, const char *name, const json_t **ret);
/* An array with *ret_n elements, or NULL by default. */
int etcd_json_array(const json_t *object, const char *name, const json_t **ret, size_t *ret_n);

int etcd_json_header(const json_t *object, EtcdHeader *ret);
/* The key must not be empty. */
int etcd_json_kv(const json_t *value, EtcdArena *arena, EtcdKv *ret);
int etcd_json_kvs(const json_t *object, const char *name, EtcdArena *arena, EtcdKv **ret,
                  size_t *ret_n);
/* NULL by default. */
int etcd_json_optional_kv(const json_t *object, const char *name, EtcdArena *arena, EtcdKv **ret);
