/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <time.h>

#include "examples/webapp/account.h"

#define ACCOUNTS_MAX         1000U
#define SESSION_IDLE_MS      (UINT64_C(12) * 60 * 60 * 1000)
#define USERNAME_LEN_MAX     32U
#define DISPLAY_NAME_LEN_MAX 128U

struct Accounts {
        Account *accounts[ACCOUNTS_MAX];
        size_t n_accounts;
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
        unsigned char bytes[SESSION_LEN / 2];

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
static bool session_equal(const char *a, const char *b)
{
        unsigned char difference = 0;

        for (size_t i = 0; i < SESSION_LEN; i++)
                difference |= (unsigned char) (a[i] ^ b[i]);
        return difference == 0;
}

bool username_is_valid(const char *username)
{
        size_t len = strlen(username);

        if (len < 1 || len > USERNAME_LEN_MAX)
                return false;
        for (const char *c = username; *c; c++)
                if (!isascii(*c) || (!isalnum(*c) && !strchr("._-", *c)))
                        return false;
        return true;
}

bool display_name_is_valid(const char *display_name)
{
        size_t len = strlen(display_name);

        if (len < 1 || len > DISPLAY_NAME_LEN_MAX)
                return false;
        for (const char *c = display_name; *c; c++)
                if ((unsigned char) *c < ' ' || *c == 127)
                        return false;
        return true;
}

static Account *account_free(Account *account)
{
        if (account) {
                free(account->username);
                free(account->display_name);
                explicit_bzero(account, sizeof(*account));
                free(account);
        }
        return NULL;
}

static Account *account_new(const char *username, const char *display_name)
{
        Account *account = calloc(1, sizeof(*account));

        if (!account)
                return NULL;
        account->username = strdup(username);
        account->display_name = strdup(display_name);
        account->used_at_ms = monotonic_ms();
        if (!account->username || !account->display_name ||
            random_hex(account->id, RANDOM_ID_LEN) < 0 ||
            random_hex(account->session, SESSION_LEN) < 0 || account_renew_request_id(account) < 0)
                return account_free(account);
        return account;
}

int accounts_new(Accounts **ret)
{
        Accounts *accounts = calloc(1, sizeof(*accounts));

        if (!accounts)
                return -ENOMEM;
        *ret = accounts;
        return 0;
}

Accounts *accounts_free(Accounts *accounts)
{
        if (accounts) {
                for (size_t i = 0; i < accounts->n_accounts; i++)
                        account_free(accounts->accounts[i]);
                free(accounts);
        }
        return NULL;
}

int accounts_sign_up(Accounts *accounts, const char *username, const char *display_name,
                     Account **ret)
{
        Account *account;

        for (size_t i = 0; i < accounts->n_accounts; i++)
                if (strcasecmp(accounts->accounts[i]->username, username) == 0)
                        return -EEXIST;
        if (accounts->n_accounts == ACCOUNTS_MAX)
                return -ENOSPC;

        account = account_new(username, display_name);
        if (!account)
                return -ENOMEM;
        accounts->accounts[accounts->n_accounts++] = account;
        *ret = account;
        return 0;
}

Account *accounts_find(Accounts *accounts, const char *session)
{
        uint64_t now = monotonic_ms();

        if (!session || strlen(session) != SESSION_LEN)
                return NULL;
        for (size_t i = 0; i < accounts->n_accounts; i++) {
                Account *account = accounts->accounts[i];

                if (!session_equal(account->session, session))
                        continue;
                if (now - account->used_at_ms > SESSION_IDLE_MS) {
                        account_sign_out(account);
                        return NULL;
                }
                account->used_at_ms = now;
                return account;
        }
        return NULL;
}

void account_sign_out(Account *account)
{
        explicit_bzero(account->session, sizeof(account->session));
}

int account_renew_request_id(Account *account)
{
        return random_hex(account->request_id, RANDOM_ID_LEN);
}
