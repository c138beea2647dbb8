/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "sandbox/endpoints/request-body.h"

static const char blanks[] = " \t\r\n\v\f";

void *request_body_fail(RequestBody *body, const char *format, ...)
{
        va_list args;

        if (*body->problem)
                return NULL;
        va_start(args, format);
        vsnprintf(body->problem, sizeof(body->problem), format, args);
        va_end(args);
        return NULL;
}

static bool is_text(const json_t *value, size_t min, size_t max)
{
        size_t len = json_string_length(value);

        return json_is_string(value) && len >= min && len <= max;
}

const char *request_body_text(RequestBody *body, const char *name, size_t max)
{
        const json_t *value = json_object_get(body->object, name);

        if (!is_text(value, 1, max))
                return request_body_fail(body, "%s must be a string of 1 to %zu bytes", name, max);
        return json_string_value(value);
}

const char *request_body_optional_text(RequestBody *body, const char *name, size_t max)
{
        const json_t *value = json_object_get(body->object, name);

        if (!value)
                return NULL;
        if (!is_text(value, 0, max))
                return request_body_fail(body, "%s must be a string of at most %zu bytes", name,
                                         max);
        return json_string_value(value);
}

const char *request_body_optional_id(RequestBody *body, const char *name, size_t max)
{
        return json_object_get(body->object, name) ? request_body_text(body, name, max) : NULL;
}

/* C0, DEL and C1 controls, U+2028 and U+2029, in UTF-8. */
static bool has_controls(const char *text)
{
        for (const uint8_t *p = (const uint8_t *) text; *p; p++)
                if (*p < ' ' || *p == 0x7f || (p[0] == 0xc2 && p[1] < 0xa0) ||
                    (p[0] == 0xe2 && p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9)))
                        return true;
        return false;
}

const char *request_body_optional_line(RequestBody *body, const char *name, size_t max)
{
        const char *text = request_body_optional_text(body, name, max);

        if (text && has_controls(text))
                return request_body_fail(body, "%s must not have control characters", name);
        return text;
}

bool request_body_boolean(RequestBody *body, const char *name, bool otherwise)
{
        const json_t *value = json_object_get(body->object, name);

        if (value && !json_is_boolean(value))
                request_body_fail(body, "%s must be true or false", name);
        return value ? json_is_true(value) : otherwise;
}

const char *request_body_choice(RequestBody *body, const char *name, const char *const *choices)
{
        const json_t *value = json_object_get(body->object, name);

        if (!value)
                return choices[0];
        for (; json_is_string(value) && *choices; choices++)
                if (streq(json_string_value(value), *choices))
                        return *choices;
        return request_body_fail(body, "%s has an unknown value", name);
}

int64_t request_body_number(RequestBody *body, const char *name, int64_t max, int64_t otherwise)
{
        const json_t *value = json_object_get(body->object, name);
        double number = json_number_value(value);

        if (!value)
                return otherwise;
        if (json_is_number(value) && number >= 1 && number <= (double) max &&
            number == floor(number))
                return (int64_t) number;
        request_body_fail(body, "%s must be an integer from 1 to %lld", name, (long long) max);
        return 0;
}

json_t *request_body_texts(RequestBody *body, const char *name)
{
        const json_t *array = json_object_get(body->object, name);
        _cleanup_(json_decrefp) json_t *once = NULL, *texts = NULL;

        if (!array)
                return NULL;
        if (!json_is_array(array) || json_array_size(array) > REQUEST_BODY_ITEMS_MAX)
                return request_body_fail(body, "%s must be an array of at most %d strings", name,
                                         REQUEST_BODY_ITEMS_MAX);
        once = must(json_object());
        texts = must(json_array());
        for (size_t i = 0; i < json_array_size(array); i++) {
                json_t *item = json_array_get(array, i);

                if (!is_text(item, 1, REQUEST_BODY_TEXT_MAX))
                        return request_body_fail(body, "%s must hold strings of 1 to %d bytes",
                                                 name, REQUEST_BODY_TEXT_MAX);
                if (json_object_get(once, json_string_value(item)))
                        continue;
                json_object_set_new(once, json_string_value(item), json_true());
                json_array_append(texts, item);
        }
        return TAKE_PTR(texts);
}

json_t *request_body_object(RequestBody *body, const char *name, size_t max)
{
        json_t *object = json_object_get(body->object, name);

        if (!object)
                return NULL;
        if (!json_is_object(object) || json_dumpb(object, NULL, 0, JSON_COMPACT) > max)
                return request_body_fail(body, "%s must be an object of at most %zu bytes", name,
                                         max);
        return object;
}

/* Unicode code points: JSON strings are UTF-8. */
static size_t count_characters(const char *text)
{
        size_t n = 0;

        for (; *text; text++)
                n += (*text & 0xc0) != 0x80;
        return n;
}

const char *request_body_email(RequestBody *body, const char *name)
{
        const char *text = request_body_text(body, name, REQUEST_BODY_TEXT_MAX);
        const char *at = text ? strchr(text, '@') : NULL;

        if (!text)
                return NULL;
        if (!at || at == text || strchr(at + 1, '@') || count_characters(at + 1) < 3 ||
            has_controls(text) || strchr(text, ' '))
                return request_body_fail(body, "%s must be a mail address", name);
        return text;
}

const char *request_body_purpose(RequestBody *body, const char *name)
{
        const char *text = request_body_text(body, name, REQUEST_BODY_PURPOSE_MAX);

        if (text && text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                      "0123456789._:-")])
                return request_body_fail(body, "%s must consist of A-Z a-z 0-9 . _ : -", name);
        return text;
}

/* 1 to 63 lower-case letters, digits and inner hyphens. */
static bool is_label(const char *text, size_t len)
{
        if (len < 1 || len > 63 || text[0] == '-' || text[len - 1] == '-')
                return false;
        for (size_t i = 0; i < len; i++)
                if (!islower((unsigned char) text[i]) && !isdigit((unsigned char) text[i]) &&
                    text[i] != '-')
                        return false;
        return true;
}

/* A numeric last label is an IP address, which is not a valid RP ID. */
static bool is_domain(const char *text)
{
        const char *last = text;

        if (streq(text, "localhost"))
                return true;
        for (const char *label = text;; label = last = label + strcspn(label, ".") + 1) {
                size_t len = strcspn(label, ".");

                if (!is_label(label, len))
                        return false;
                if (!label[len])
                        break;
        }
        return last > text && last[strspn(last, "0123456789")];
}

char *request_body_domain(RequestBody *body, const char *name)
{
        const char *text = request_body_text(body, name, REQUEST_BODY_DOMAIN_MAX);
        _cleanup_(freep) char *domain = NULL;

        if (!text)
                return NULL;
        domain = must(strdup(text));
        for (char *p = domain; *p; p++)
                *p = (char) tolower((unsigned char) *p);
        if (!is_domain(domain))
                return request_body_fail(body, "%s must be localhost or a domain name", name);
        return TAKE_PTR(domain);
}

char *request_body_trimmed(RequestBody *body, const char *name, size_t max)
{
        const char *text = request_body_text(body, name, max);
        size_t len;

        if (!text)
                return NULL;
        text += strspn(text, blanks);
        len = strlen(text);
        while (len > 0 && strchr(blanks, text[len - 1]))
                len--;
        if (len == 0)
                return request_body_fail(body, "%s must not be blank", name);
        return must(strndup(text, len));
}
