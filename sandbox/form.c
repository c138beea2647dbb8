/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "sandbox/form.h"

static const char blanks[] = " \t\r\n\v\f";

__attribute__((format(printf, 2, 3))) static void *fail(Form *form, const char *format, ...)
{
        va_list args;

        if (*form->problem)
                return NULL;
        va_start(args, format);
        vsnprintf(form->problem, sizeof(form->problem), format, args);
        va_end(args);
        return NULL;
}

static bool is_text(const json_t *value, size_t min, size_t max)
{
        size_t len = json_string_length(value);

        return json_is_string(value) && len >= min && len <= max;
}

const char *form_text(Form *form, const char *name, size_t max)
{
        const json_t *value = json_object_get(form->object, name);

        if (!is_text(value, 1, max))
                return fail(form, "%s must be a string of 1 to %zu bytes", name, max);
        return json_string_value(value);
}

const char *form_optional_text(Form *form, const char *name, size_t max)
{
        const json_t *value = json_object_get(form->object, name);

        if (!value)
                return NULL;
        if (!is_text(value, 0, max))
                return fail(form, "%s must be a string of at most %zu bytes", name, max);
        return json_string_value(value);
}

const char *form_choice(Form *form, const char *name, const char *const *choices)
{
        const json_t *value = json_object_get(form->object, name);

        if (!value)
                return choices[0];
        for (; json_is_string(value) && *choices; choices++)
                if (streq(json_string_value(value), *choices))
                        return *choices;
        return fail(form, "%s is not one of its values", name);
}

int64_t form_number(Form *form, const char *name, int64_t max, int64_t otherwise)
{
        const json_t *value = json_object_get(form->object, name);
        double number = json_number_value(value);

        if (!value)
                return otherwise;
        if (json_is_number(value) && number >= 1 && number <= (double) max &&
            number == floor(number))
                return (int64_t) number;
        fail(form, "%s must be a whole number from 1 to %lld", name, (long long) max);
        return 0;
}

json_t *form_texts(Form *form, const char *name)
{
        json_t *array = json_object_get(form->object, name), *item;
        size_t i;

        if (!array)
                return NULL;
        if (!json_is_array(array) || json_array_size(array) > FORM_ITEMS_MAX)
                return fail(form, "%s must be an array of at most %d strings", name,
                            FORM_ITEMS_MAX);
        json_array_foreach(array, i, item) if (!is_text(item, 1, FORM_TEXT_MAX)) return fail(
                form, "%s must hold strings of 1 to %d bytes", name, FORM_TEXT_MAX);
        return array;
}

/* Letters, digits and inner hyphens, 1 to 63 of them. */
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

/* A last label of digits would make it an IP address, which no passkey can be bound to. */
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

char *form_domain(Form *form, const char *name)
{
        const char *text = form_text(form, name, FORM_DOMAIN_MAX);
        _cleanup_(freep) char *domain = NULL;

        if (!text)
                return NULL;
        domain = must(strdup(text));
        for (char *p = domain; *p; p++)
                *p = (char) tolower((unsigned char) *p);
        if (!is_domain(domain))
                return fail(form, "%s must be localhost or a domain name", name);
        return TAKE_PTR(domain);
}

char *form_trimmed(Form *form, const char *name, size_t max)
{
        const char *text = form_text(form, name, max);
        size_t len;

        if (!text)
                return NULL;
        text += strspn(text, blanks);
        len = strlen(text);
        while (len > 0 && strchr(blanks, text[len - 1]))
                len--;
        if (len == 0)
                return fail(form, "%s must not be blank", name);
        return must(strndup(text, len));
}
