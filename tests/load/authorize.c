/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * authorize RP_ID USER_ID USERNAME
 *
 * Prints a registration token, as `passlockctl authorize` does, with nothing but libpasslock.
 */

#include <passlock.h>
#include <stdio.h>

int main(int argc, char *argv[])
{
        passlock_token *token = NULL;
        passlock *client = NULL;
        int r = -1;

        if (argc == 4)
                r = passlock_new(&client);
        if (r == 0)
                r = passlock_authorize(client, argv[1], argv[2], argv[3], NULL, &token);
        if (r == 0)
                puts(passlock_token_get_text(token));
        passlock_token_unref(token);
        passlock_unref(client);
        return r != 0;
}
