/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <curl/curl.h>

#include "base/macro.h"

/*
 * Detects when a request that must be sent once may be repeated.
 *
 * HTTP/2 guarantees for some streams that they were not processed: those reset with REFUSED_STREAM,
 * and those above the last stream id of a GOAWAY. curl retries them by itself. But it also retries
 * when a reused connection dies before the first byte of the reply, although the peer may have
 * processed the request, and it does not tell the two cases apart.
 *
 * CURLOPT_RTSP_REQUEST with CURL_RTSPREQ_RECEIVE disables the second kind of retry, with no other
 * effect on HTTP: see Curl_retry_request() in curl's lib/transfer.c. So if curl sends such a
 * request again, the peer did not process it. Verified against the sources of the versions below;
 * with other versions there is no retry.
 *
 * Not covered: a GOAWAY that excludes all streams of a connection. libcurl 7.88 (unlike 8.14) does
 * not retry them and reports an error that a protocol violation may cause as well.
 */

/* Enables the detection for a request that must be sent once. */
void http_refused_stream_detect(CURL *easy);

/* Whether this libcurl, with the detection enabled, repeats a request only if the peer did not
 * process it. Exception: the peer demands HTTP/1.1; curl then writes to CURLOPT_ERRORBUFFER. */
bool http_refused_stream_is_detectable(void);
