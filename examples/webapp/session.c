/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "examples/webapp/nonce.h"
#include "examples/webapp/session.h"

#define SESSIONS_MAX 2000U
#define IDLE_MS      (UINT64_C(12) * 60 * 60 * 1000)

struct Sessions {
        /* Unused slots have no token. */
        Session sessions[SESSIONS_MAX];
};

static uint64_t monotonic_ms(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t) ts.tv_sec * 1000 + (uint64_t) ts.tv_nsec / 1000000;
}

/* Constant-time comparison. */
static bool token_equal(const char *a, const char *b)
{
        unsigned char difference = 0;

        for (size_t i = 0; i < SESSION_TOKEN_LEN; i++)
                difference |= (unsigned char) (a[i] ^ b[i]);
        return difference == 0;
}

int sessions_new(Sessions **ret)
{
        Sessions *sessions = calloc(1, sizeof(*sessions));

        if (!sessions)
                return -ENOMEM;
        *ret = sessions;
        return 0;
}

Sessions *sessions_free(Sessions *sessions)
{
        if (sessions) {
                for (size_t i = 0; i < SESSIONS_MAX; i++)
                        session_end(&sessions->sessions[i]);
                free(sessions);
        }
        return NULL;
}

void session_end(Session *session)
{
        passlock_principal_unref(session->principal);
        explicit_bzero(session, sizeof(*session));
}

Session *sessions_find(Sessions *sessions, const char *token)
{
        uint64_t now = monotonic_ms();

        if (!token || strlen(token) != SESSION_TOKEN_LEN)
                return NULL;
        for (size_t i = 0; i < SESSIONS_MAX; i++) {
                Session *session = &sessions->sessions[i];

                if (!token_equal(session->token, token))
                        continue;
                if (now - session->used_at_ms > IDLE_MS) {
                        session_end(session);
                        return NULL;
                }
                session->used_at_ms = now;
                return session;
        }
        return NULL;
}

/* Eviction order: sessions without account first, then least recently used. */
static bool session_is_idler(const Session *a, const Session *b)
{
        if (!a->account != !b->account)
                return !a->account;
        return a->used_at_ms < b->used_at_ms;
}

int sessions_begin(Sessions *sessions, Session **ret)
{
        Session *session = &sessions->sessions[0], new = {.used_at_ms = monotonic_ms()};

        /* Unused slots have used_at_ms 0, so they come first. */
        for (size_t i = 1; i < SESSIONS_MAX; i++)
                if (session_is_idler(&sessions->sessions[i], session))
                        session = &sessions->sessions[i];
        if (nonce_make(new.token, SESSION_TOKEN_LEN) < 0 ||
            nonce_make(new.request_id, SESSION_REQUEST_ID_LEN) < 0)
                return -EIO;
        session_end(session);
        *session = new;
        *ret = session;
        return 0;
}

int session_sign_in(Session *session, Account *account, passlock_principal *principal)
{
        char token[SESSION_TOKEN_LEN + 1];

        if (nonce_make(token, SESSION_TOKEN_LEN) < 0)
                return -EIO;
        memcpy(session->token, token, sizeof(token));
        passlock_principal_unref(session->principal);
        session->principal = passlock_principal_ref(principal);
        session->account = account;
        session->expected = NULL;
        return 0;
}
