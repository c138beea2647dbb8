/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "keyholder/http/http-refused-stream.h"

#define VERSION_FIRST 0x075800U /* 7.88.0 */
#define VERSION_LAST  0x080e01U /* 8.14.1 */

void http_refused_stream_detect(CURL *easy)
{
        /* curl built without RTSP lacks the option. */
        (void) curl_easy_setopt(easy, CURLOPT_RTSP_REQUEST, (long) CURL_RTSPREQ_RECEIVE);
}

bool http_refused_stream_is_detectable(void)
{
        const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);

        if (info->version_num < VERSION_FIRST || info->version_num > VERSION_LAST)
                return false;
        for (const char *const *name = info->protocols; *name; name++)
                if (streq(*name, "rtsp"))
                        return true;
        return false;
}
