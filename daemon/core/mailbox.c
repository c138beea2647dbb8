/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/api/api.h"
#include "daemon/core/mailbox.h"
#include "daemon/core/tenancy-internal.h"
#include "dbus/error.h"

typedef struct Mail {
        Tenancy *tenancy;
        Api *api;
        MailboxFunc func;
        void *userdata;
} Mail;

static Mail *mail_free(Mail *mail)
{
        api_unref(mail->api);
        tenancy_unref(mail->tenancy);
        free(mail);
        return NULL;
}
DEFINE_CLEANUP(Mail *, mail_free);

static int mail_new(Tenancy *tenancy, MailboxFunc func, void *userdata, Mail **ret)
{
        Mail *mail;

        if (!tenancy_is_usable(tenancy))
                return ERROR_NOT_CONFIGURED;
        mail = malloc(sizeof(Mail));
        if (!mail)
                return -ENOMEM;
        *mail = (Mail){.tenancy = tenancy_ref(tenancy),
                       .api = api_ref(tenancy->api),
                       .func = func,
                       .userdata = userdata};
        *ret = mail;
        return 0;
}

static void on_challenge(int r, uint32_t retry_after_s, const Challenge *challenge, void *userdata)
{
        _cleanup_(mail_freep) Mail *mail = userdata;

        tenancy_note_api_result(mail->tenancy, mail->api, r);
        mail->func(r, retry_after_s, challenge, mail->userdata);
}

static void on_done(int r, uint32_t retry_after_s, void *userdata)
{
        on_challenge(r, retry_after_s, NULL, userdata);
}

int mailbox_create(Tenancy *tenancy, const ChallengeRequest *request, MailboxFunc func,
                   void *userdata)
{
        _cleanup_(mail_freep) Mail *mail = NULL;
        ApiCall *call;
        int r;

        r = mail_new(tenancy, func, userdata, &mail);
        if (r == 0)
                r = api_create_challenge(mail->api, request, on_challenge, mail, &call);
        if (r != 0)
                return r;
        TAKE_PTR(mail);
        return 0;
}

int mailbox_get(Tenancy *tenancy, const char *challenge_id, MailboxFunc func, void *userdata)
{
        _cleanup_(mail_freep) Mail *mail = NULL;
        ApiCall *call;
        int r;

        r = mail_new(tenancy, func, userdata, &mail);
        if (r == 0)
                r = api_get_challenge(mail->api, challenge_id, on_challenge, mail, &call);
        if (r != 0)
                return r;
        TAKE_PTR(mail);
        return 0;
}

int mailbox_verify(Tenancy *tenancy, const char *challenge_id, const char *secret, const char *code,
                   MailboxFunc func, void *userdata)
{
        _cleanup_(mail_freep) Mail *mail = NULL;
        ApiCall *call;
        int r;

        r = mail_new(tenancy, func, userdata, &mail);
        if (r == 0)
                r = api_verify_challenge(mail->api, challenge_id, secret, code, on_challenge, mail,
                                         &call);
        if (r != 0)
                return r;
        TAKE_PTR(mail);
        return 0;
}

int mailbox_delete(Tenancy *tenancy, const char *challenge_id, MailboxFunc func, void *userdata)
{
        _cleanup_(mail_freep) Mail *mail = NULL;
        ApiCall *call;
        int r;

        r = mail_new(tenancy, func, userdata, &mail);
        if (r == 0)
                r = api_delete_challenge(mail->api, challenge_id, on_done, mail, &call);
        if (r != 0)
                return r;
        TAKE_PTR(mail);
        return 0;
}
