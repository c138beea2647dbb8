/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/text.h"
#include "base/wiping-allocator.h"
#include "keyholder/store-login.h"

/* Levels of objects and arrays in a reply. */
#define DEPTH_MAX 8U

const char *store_login_flaw(const Secret *login)
{
        const char *text = secret_reveal(login), *colon = strchr(text, ':');

        if (strchr(text, '\n'))
                return "has more than one line";
        if (secret_len(login) > SECRET_LEN_MAX)
                return "is too long";
        if (!text_is_valid(text, SECRET_LEN_MAX))
                return "is not UTF-8 text, or contains a control character";
        return colon && colon > text && colon[1] ? NULL : "is not user:password";
}

/* Writing */

/* Without control characters, two characters need an escape. */
static char *append_escaped(char *end, const char *text, size_t len)
{
        for (size_t i = 0; i < len; i++) {
                if (text[i] == '"' || text[i] == '\\')
                        *end++ = '\\';
                *end++ = text[i];
        }
        return end;
}

int store_login_write(const Secret *login, char **ret, size_t *ret_len)
{
        static const char begin[] = "{\"name\":\"", middle[] = "\",\"password\":\"", last[] = "\"}";
        const char *user = secret_reveal(login), *colon = strchr(user, ':');
        char *body, *end;

        assert(colon);
        body = malloc(sizeof(begin) + sizeof(middle) + sizeof(last) + 2 * secret_len(login));
        if (!body)
                return -ENOMEM;
        end = stpcpy(body, begin);
        end = append_escaped(end, user, (size_t) (colon - user));
        end = stpcpy(end, middle);
        end = append_escaped(end, colon + 1, strlen(colon + 1));
        end = stpcpy(end, last);
        *ret = body;
        *ret_len = (size_t) (end - body);
        return 0;
}

/* Reading: strict JSON, in a buffer that ends with a NUL. */

typedef struct Scanner {
        const char *next;
        const char *token; /* NULL: not found yet */
        size_t token_len;
} Scanner;

static void skip_space(Scanner *scanner)
{
        scanner->next += strspn(scanner->next, " \t\r\n");
}

/* Skips a character. */
static bool take(Scanner *scanner, char c)
{
        if (*scanner->next != c)
                return false;
        scanner->next++;
        return true;
}

static bool take_escape(Scanner *scanner)
{
        if (take(scanner, 'u')) {
                if (strspn(scanner->next, "0123456789abcdefABCDEF") < 4)
                        return false;
                scanner->next += 4;
                return true;
        }
        if (!*scanner->next || !strchr("\"\\/bfnrt", *scanner->next))
                return false;
        scanner->next++;
        return true;
}

/* The text between the quotation marks, lent, still escaped. */
static bool take_string(Scanner *scanner, const char **ret, size_t *ret_len)
{
        const char *begin;

        if (!take(scanner, '"'))
                return false;
        begin = scanner->next;
        while (*scanner->next != '"') {
                if ((unsigned char) *scanner->next < ' ')
                        return false;
                if (*scanner->next++ == '\\' && !take_escape(scanner))
                        return false;
        }
        *ret = begin;
        *ret_len = (size_t) (scanner->next++ - begin);
        return true;
}

static bool take_digits(Scanner *scanner)
{
        size_t n = strspn(scanner->next, "0123456789");

        scanner->next += n;
        return n > 0;
}

static bool take_number(Scanner *scanner)
{
        (void) take(scanner, '-');
        if (!take(scanner, '0') && !take_digits(scanner))
                return false;
        if (take(scanner, '.') && !take_digits(scanner))
                return false;
        if (!take(scanner, 'e') && !take(scanner, 'E'))
                return true;
        if (!take(scanner, '+'))
                (void) take(scanner, '-');
        return take_digits(scanner);
}

static bool take_word(Scanner *scanner, const char *word)
{
        size_t len = strlen(word);

        if (strncmp(scanner->next, word, len) != 0)
                return false;
        scanner->next += len;
        return true;
}

static bool take_value(Scanner *scanner, unsigned depth);

static bool take_token(Scanner *scanner)
{
        return !scanner->token && take_string(scanner, &scanner->token, &scanner->token_len);
}

static bool take_member(Scanner *scanner, unsigned depth)
{
        const char *key;
        size_t len;

        skip_space(scanner);
        if (!take_string(scanner, &key, &len))
                return false;
        skip_space(scanner);
        if (!take(scanner, ':'))
                return false;
        skip_space(scanner);
        return depth == 1 && len == strlen("token") && memcmp(key, "token", len) == 0
                       ? take_token(scanner)
                       : take_value(scanner, depth);
}

static bool take_element(Scanner *scanner, unsigned depth)
{
        skip_space(scanner);
        return take_value(scanner, depth);
}

/* The rest of an object or array, whose opening bracket was read. */
static bool take_list(Scanner *scanner, char end, bool (*item)(Scanner *, unsigned), unsigned depth)
{
        if (depth > DEPTH_MAX)
                return false;
        skip_space(scanner);
        if (take(scanner, end))
                return true;
        do {
                if (!item(scanner, depth))
                        return false;
                skip_space(scanner);
        } while (take(scanner, ','));
        return take(scanner, end);
}

/* `depth` is that of the value around this one. */
static bool take_value(Scanner *scanner, unsigned depth)
{
        const char *text;
        size_t len;

        if (take(scanner, '{'))
                return take_list(scanner, '}', take_member, depth + 1);
        if (take(scanner, '['))
                return take_list(scanner, ']', take_element, depth + 1);
        if (*scanner->next == '"')
                return take_string(scanner, &text, &len);
        return take_word(scanner, "true") || take_word(scanner, "false") ||
               take_word(scanner, "null") || take_number(scanner);
}

static bool token_is_valid(const char *token, size_t len)
{
        if (!token || len == 0 || len > SECRET_LEN_MAX)
                return false;
        for (size_t i = 0; i < len; i++)
                if (token[i] <= ' ' || token[i] > '~' || token[i] == '\\')
                        return false;
        return true;
}

int store_login_read_token(const char *body, size_t len, Secret **ret)
{
        Scanner scanner = {.next = body};

        assert(body[len] == '\0');
        skip_space(&scanner);
        if (*scanner.next != '{' || !take_value(&scanner, 0))
                return -EBADMSG;
        skip_space(&scanner);
        if (scanner.next != body + len || !token_is_valid(scanner.token, scanner.token_len))
                return -EBADMSG;
        return secret_new(scanner.token, scanner.token_len, ret);
}
