/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <curl/curl.h>

#include "keyholder/http/http-trust.h"
#include "keyholder/http/http.h"

const char *http_trust_file(const char *ca_file)
{
        /* Cached: curl_version_info() formats the versions of all libraries. */
        static const curl_version_info_data *curl;

        if (ca_file)
                return ca_file;
        curl = curl ?: curl_version_info(CURLVERSION_NOW);
        return curl->cainfo;
}

HttpTrust http_trust_stat(const char *ca_file)
{
        const char *file = http_trust_file(ca_file);
        struct stat st;

        if (!file || stat(file, &st) < 0 || !S_ISREG(st.st_mode))
                return (HttpTrust){};
        return (HttpTrust){.present = true,
                           .dev = st.st_dev,
                           .ino = st.st_ino,
                           .size = st.st_size,
                           .modified = st.st_mtim,
                           .changed = st.st_ctim};
}

const char *http_trust_path(const HttpTrust *trust, const char *ca_file)
{
        const char *file = http_trust_file(ca_file);

        return file && !trust->present ? "/dev/null" : file;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
        return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool http_trust_equal(const HttpTrust *a, const HttpTrust *b)
{
        return a->present == b->present && a->dev == b->dev && a->ino == b->ino &&
               a->size == b->size && same_time(&a->modified, &b->modified) &&
               same_time(&a->changed, &b->changed);
}
