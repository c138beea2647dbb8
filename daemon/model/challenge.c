/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/model/challenge.h"

Challenge *challenge_new(void)
{
        return calloc(1, sizeof(Challenge));
}

static void wipe(char *s)
{
        if (s)
                explicit_bzero(s, strlen(s));
        free(s);
}

Challenge *challenge_free(Challenge *challenge)
{
        if (!challenge)
                return NULL;
        free(challenge->id);
        free(challenge->purpose);
        free(challenge->email);
        free(challenge->user_id);
        free(challenge->metadata);
        wipe(challenge->secret);
        wipe(challenge->code);
        /* The mail contains the code. */
        wipe(challenge->message_html);
        wipe(challenge->message_text);
        free(challenge);
        return NULL;
}
