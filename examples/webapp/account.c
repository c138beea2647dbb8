/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "examples/webapp/account.h"
#include "examples/webapp/nonce.h"

#define ACCOUNTS_MAX         1000U
#define ID_LEN               32U
#define USERNAME_LEN_MAX     32U
#define DISPLAY_NAME_LEN_MAX 128U

struct Accounts {
        Account *accounts[ACCOUNTS_MAX];
        size_t n_accounts;
};

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
                free(account->id);
                free(account->username);
                free(account->display_name);
                free(account);
        }
        return NULL;
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

static int accounts_add(Accounts *accounts, const char *id, Account **ret)
{
        Account *account;

        if (accounts->n_accounts == ACCOUNTS_MAX)
                return -ENOSPC;
        account = calloc(1, sizeof(*account));
        if (!account)
                return -ENOMEM;
        account->id = strdup(id);
        if (!account->id) {
                account_free(account);
                return -ENOMEM;
        }
        accounts->accounts[accounts->n_accounts++] = account;
        *ret = account;
        return 0;
}

int accounts_sign_up(Accounts *accounts, const char *username, const char *display_name,
                     Account **ret)
{
        char id[ID_LEN + 1];
        Account *account;
        int r;

        if (accounts_find_by_username(accounts, username))
                return -EEXIST;
        r = nonce_make(id, ID_LEN);
        if (r == 0)
                r = accounts_add(accounts, id, &account);
        if (r == 0) {
                r = accounts_rename(accounts, account, username, display_name);
                if (r < 0)
                        account_free(accounts->accounts[--accounts->n_accounts]);
        }
        if (r == 0)
                *ret = account;
        return r;
}

int accounts_welcome(Accounts *accounts, const char *id, Account **ret)
{
        for (size_t i = 0; i < accounts->n_accounts; i++)
                if (strcmp(accounts->accounts[i]->id, id) == 0) {
                        *ret = accounts->accounts[i];
                        return 0;
                }
        return accounts_add(accounts, id, ret);
}

Account *accounts_find_by_username(const Accounts *accounts, const char *username)
{
        for (size_t i = 0; i < accounts->n_accounts; i++) {
                Account *account = accounts->accounts[i];

                if (account->username && strcasecmp(account->username, username) == 0)
                        return account;
        }
        return NULL;
}

int accounts_rename(const Accounts *accounts, Account *account, const char *username,
                    const char *display_name)
{
        const Account *other = accounts_find_by_username(accounts, username);
        char *new_username, *new_display_name;

        if (other && other != account)
                return -EEXIST;
        new_username = strdup(username);
        new_display_name = strdup(display_name);
        if (!new_username || !new_display_name) {
                free(new_username);
                free(new_display_name);
                return -ENOMEM;
        }
        free(account->username);
        free(account->display_name);
        account->username = new_username;
        account->display_name = new_display_name;
        return 0;
}
