/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The rights that Allow= of a grant names. */
#define RIGHT_TABLE(X) \
        X(AUTHORIZE, 0, "Authorize") \
        X(AUTHORIZE_AUTHENTICATION, 1, "AuthorizeAuthentication") \
        X(EXCHANGE, 2, "Exchange") \
        X(VERIFY_ID_TOKEN, 3, "VerifyIdToken") \
        X(LINKS_READ, 4, "Links.Read") \
        X(LINKS_WRITE, 5, "Links.Write") \
        X(VAULT_READ, 6, "Vault.Read") \
        X(VAULT_WRITE, 7, "Vault.Write") \
        X(MAILBOX, 8, "Mailbox") \
        X(METRICS, 9, "Metrics")
