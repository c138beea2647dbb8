/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <sys/stat.h>

#include "base/log.h"
#include "keyholder/origin.h"

Origin *origin_unref(Origin *origin)
{
        if (!origin)
                return NULL;
        assert(origin->n_ref > 0);
        if (--origin->n_ref > 0)
                return NULL;
        http_client_free(origin->http);
        free(origin->endpoint);
        free(origin->ca_file);
        free(origin);
        return NULL;
}

Origin *origin_ref(Origin *origin)
{
        origin->n_ref++;
        return origin;
}

int origin_new(sd_event *event, const char *endpoint, const char *ca_file, Origin **ret)
{
        _cleanup_(origin_unrefp) Origin *origin = calloc(1, sizeof(Origin));
        int r;

        if (!origin)
                return -ENOMEM;
        origin->n_ref = 1;
        origin->endpoint = strdup(endpoint);
        origin->ca_file = ca_file ? strdup(ca_file) : NULL;
        if (!origin->endpoint || (ca_file && !origin->ca_file))
                return -ENOMEM;
        r = http_client_new(event, ca_file, &origin->http);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(origin);
        return 0;
}

bool origin_has_settings(const Origin *origin, const char *endpoint, const char *ca_file)
{
        return streq(origin->endpoint, endpoint) && streq_ptr(origin->ca_file, ca_file);
}

/* Why the CA file is unusable. */
static const char *flaw_of_file(const char *file)
{
        struct stat st;

        if (!file)
                return "libcurl has no default CA file";
        if (stat(file, &st) < 0)
                return strerror(errno);
        if (!S_ISREG(st.st_mode))
                return "not a regular file";
        return access(file, R_OK) < 0 ? strerror(errno) : "no certificate found";
}

void origin_note_trust(Origin *origin, int r)
{
        const char *file = http_trust_file(origin->ca_file);

        if (r != 0 && r != -EKEYREJECTED && r != -ENOENT)
                return;
        if (origin->trust_error == r)
                return;
        origin->trust_error = r;
        if (r == 0)
                log_notice("The TLS certificate of %s is valid again", origin->endpoint);
        else if (r == -EKEYREJECTED)
                log_warning(
                        "Failed to verify the TLS certificate of %s; calls fail until it is valid",
                        origin->endpoint);
        else
                log_warning(
                        "Failed to read the CA file %s for %s: %s; calls fail until it can be read",
                        file ?: "of libcurl", origin->endpoint, flaw_of_file(file));
}
