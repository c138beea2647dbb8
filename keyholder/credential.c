/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <stdio.h>

#include "base/log.h"
#include "keyholder/credential.h"
#include "keyholder/store-login.h"

const char *credential_directory(void)
{
        const char *directory = getenv("CREDENTIALS_DIRECTORY");

        return isempty(directory) ? NULL : directory;
}

/* Otherwise OpenSSL would ask for the passphrase on a terminal. */
static int on_passphrase(char *buffer _unused_, int size _unused_, int writing _unused_,
                         void *userdata _unused_)
{
        return -1;
}

static const char *private_key_flaw(const Secret *secret)
{
        BIO *bio = BIO_new_mem_buf(secret_reveal(secret), (int) secret_len(secret));
        EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, on_passphrase, NULL) : NULL;
        bool is_key = key != NULL;

        EVP_PKEY_free(key);
        BIO_free(bio);
        return is_key ? NULL : "is not a private key in PEM without a passphrase";
}

static const char *flaw_of(CredentialKind kind, const Secret *secret)
{
        switch (kind) {
        case CREDENTIAL_PRIVATE_KEY:
                return private_key_flaw(secret);
        case CREDENTIAL_LOGIN:
                return store_login_flaw(secret);
        default:
                return NULL;
        }
}

static int read_kind(int dir_fd, CredentialKind kind, const char *name, const char **ret_flaw,
                     Secret **ret)
{
        _cleanup_(secret_unrefp) Secret *secret = NULL;
        const char *flaw;
        int r;

        if (kind == CREDENTIAL_API_KEY)
                return secret_read_key_at(dir_fd, name, ret_flaw, ret);
        r = secret_read_at(dir_fd, name, ret_flaw, &secret);
        if (r < 0)
                return r;
        flaw = flaw_of(kind, secret);
        if (flaw) {
                *ret_flaw = flaw;
                return -EINVAL;
        }
        *ret = TAKE_PTR(secret);
        return 0;
}

/* Returns 0; -EINVAL with the reason in *ret_flaw; or the errno of open() or read(). */
static int read_file(const char *directory, CredentialKind kind, const char *name,
                     const char **ret_flaw, Secret **ret)
{
        _cleanup_(closep) int fd = -1;

        if (!directory)
                return -ENOENT;
        fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? log_errno_origin(-errno) : read_kind(fd, kind, name, ret_flaw, ret);
}

static CredentialFault fault_of(int r, const char *flaw)
{
        if (r >= 0)
                return CREDENTIAL_FINE;
        if (r == -ENOENT)
                return CREDENTIAL_MISSING;
        return flaw ? CREDENTIAL_UNUSABLE : CREDENTIAL_UNREADABLE;
}

static int describe_fault(const char *directory, const char *name, int r, const char *flaw,
                          char **ret)
{
        int n;

        if (r == -ENOENT)
                n = asprintf(ret, "there is no credential %s", name);
        else if (flaw)
                n = asprintf(ret, "the credential %s (%s/%s) %s", name, directory, name, flaw);
        else
                n = asprintf(ret, "failed to read the credential %s (%s/%s): %s", name, directory,
                             name, strerror(-r));
        if (n >= 0)
                return 0;
        *ret = NULL;
        return -ENOMEM;
}

int credential_read(CredentialKind kind, const char *name, CredentialFault *ret_fault,
                    char **ret_text, Secret **ret)
{
        const char *directory = credential_directory(), *flaw = NULL;
        _cleanup_(secret_unrefp) Secret *secret = NULL;
        _cleanup_(freep) char *text = NULL;
        int r, k;

        r = read_file(directory, kind, name, &flaw, &secret);
        if (r == -ENOMEM)
                return r;
        k = r < 0 ? describe_fault(directory, name, r, flaw, &text) : 0;
        if (k < 0)
                return k;
        *ret_fault = fault_of(r, flaw);
        *ret_text = TAKE_PTR(text);
        if (secret)
                *ret = TAKE_PTR(secret);
        return *ret_fault == CREDENTIAL_UNREADABLE ? r : 0;
}
