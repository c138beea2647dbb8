/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <time.h>

#include "examples/webapp/account.h"

#define USERS_MAX            1000U
#define SESSIONS_MAX         1000U
#define SESSION_IDLE_MS      (UINT64_C(12) * 60 * 60 * 1000)
#define USERNAME_LEN_MAX     32U
#define DISPLAY_NAME_LEN_MAX 128U

struct Accounts {
        User *users[USERS_MAX];
        size_t n_users;
        /* A session is in use if it has a user. */
        Session sessions[SESSIONS_MAX];
};

static uint64_t monotonic_ms(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t) ts.tv_sec * 1000 + (uint64_t) ts.tv_nsec / 1000000;
}

/* Fills `hex` with `len` random hex digits (an even number of at most 64), and ends it. */
static int random_hex(char *hex, size_t len)
{
        static const char digits[] = "0123456789abcdef";
        unsigned char bytes[SESSION_TOKEN_LEN / 2];

        if (getrandom(bytes, len / 2, 0) != (ssize_t) (len / 2))
                return -EIO;
        for (size_t i = 0; i < len / 2; i++) {
                hex[2 * i] = digits[bytes[i] >> 4];
                hex[2 * i + 1] = digits[bytes[i] & 15];
        }
        hex[len] = '\0';
        return 0;
}

/* In a time that does not tell how much of a guess was right. */
static int token_equal(const char *a, const char *b)
{
        unsigned char difference = 0;

        for (size_t i = 0; i < SESSION_TOKEN_LEN; i++)
                difference |= (unsigned char) (a[i] ^ b[i]);
        return difference == 0;
}

int username_is_valid(const char *username)
{
        size_t len = strlen(username);

        if (len < 1 || len > USERNAME_LEN_MAX)
                return 0;
        for (const char *c = username; *c; c++)
                if (!isascii(*c) || (!isalnum(*c) && !strchr("._-", *c)))
                        return 0;
        return 1;
}

int display_name_is_valid(const char *display_name)
{
        size_t len = strlen(display_name);

        if (len < 1 || len > DISPLAY_NAME_LEN_MAX)
                return 0;
        for (const char *c = display_name; *c; c++)
                if ((unsigned char) *c < ' ' || *c == 127)
                        return 0;
        return 1;
}

static User *user_free(User *user)
{
        if (user) {
                free(user->username);
                free(user->display_name);
                free(user);
        }
        return NULL;
}

static User *user_new(const char *username, const char *display_name)
{
        User *user = calloc(1, sizeof(*user));

        if (!user)
                return NULL;
        user->username = strdup(username);
        user->display_name = strdup(display_name);
        if (!user->username || !user->display_name || random_hex(user->id, RANDOM_ID_LEN) < 0)
                return user_free(user);
        return user;
}

int accounts_new(Accounts **ret)
{
        *ret = calloc(1, sizeof(**ret));
        return *ret ? 0 : -ENOMEM;
}

Accounts *accounts_free(Accounts *accounts)
{
        if (accounts) {
                for (size_t i = 0; i < accounts->n_users; i++)
                        user_free(accounts->users[i]);
                explicit_bzero(accounts->sessions, sizeof(accounts->sessions));
                free(accounts);
        }
        return NULL;
}

int accounts_add_user(Accounts *accounts, const char *username, const char *display_name,
                      const User **ret)
{
        User *user;

        for (size_t i = 0; i < accounts->n_users; i++)
                if (strcasecmp(accounts->users[i]->username, username) == 0)
                        return -EEXIST;
        if (accounts->n_users == USERS_MAX)
                return -ENOSPC;

        user = user_new(username, display_name);
        if (!user)
                return -ENOMEM;
        accounts->users[accounts->n_users++] = user;
        *ret = user;
        return 0;
}

static Session *free_or_oldest_session(Accounts *accounts)
{
        Session *oldest = &accounts->sessions[0];

        for (size_t i = 0; i < SESSIONS_MAX; i++) {
                Session *session = &accounts->sessions[i];

                if (!session->user)
                        return session;
                if (session->used_at_ms < oldest->used_at_ms)
                        oldest = session;
        }
        return oldest;
}

int accounts_open_session(Accounts *accounts, const User *user, Session **ret)
{
        Session session = {.user = user, .used_at_ms = monotonic_ms()};
        int r;

        r = random_hex(session.token, SESSION_TOKEN_LEN);
        if (r == 0)
                r = session_renew_request_id(&session);
        if (r < 0)
                return r;
        *ret = free_or_oldest_session(accounts);
        **ret = session;
        return 0;
}

Session *accounts_find_session(Accounts *accounts, const char *token)
{
        uint64_t now = monotonic_ms();

        if (!token || strlen(token) != SESSION_TOKEN_LEN)
                return NULL;
        for (size_t i = 0; i < SESSIONS_MAX; i++) {
                Session *session = &accounts->sessions[i];

                if (!session->user || !token_equal(session->token, token))
                        continue;
                if (now - session->used_at_ms > SESSION_IDLE_MS) {
                        session_close(session);
                        return NULL;
                }
                session->used_at_ms = now;
                return session;
        }
        return NULL;
}

void session_close(Session *session)
{
        explicit_bzero(session, sizeof(*session));
}

int session_renew_request_id(Session *session)
{
        return random_hex(session->request_id, RANDOM_ID_LEN);
}
