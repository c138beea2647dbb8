/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <curl/curl.h>

#include "base/macro.h"

/*
 * When a request that must reach the peer once may be sent again.
 *
 * HTTP/2 says of some streams that the peer did not process them: those that it ends with
 * REFUSED_STREAM, and those after the last stream that its GOAWAY names. curl sends such a request
 * again by itself. But it does the same when a reused connection dies before the first byte of the
 * reply, although the peer may have processed the request, and does not tell which of the two it
 * was.
 *
 * CURLOPT_RTSP_REQUEST with CURL_RTSPREQ_RECEIVE turns the second kind off and has no other effect
 * on HTTP: see Curl_retry_request() in curl's lib/transfer.c. So if curl is about to send a request
 * with this option a second time, the peer did not process it. This was found out from the sources
 * of the versions below; of any other version nothing is assumed, and requests go once.
 *
 * One case remains: a GOAWAY that leaves out all streams of a connection. libcurl 7.88 (not 8.14)
 * does not send these again, and ends them with an error that a reply which violates the protocol
 * may cause as well. They are not sent again.
 */

/* To be set for a request that must reach the peer once. */
void http_refused_stream_detect(CURL *easy);

/*
 * Whether this is a version of curl that sends a request, marked like that, again only after a
 * refusal. It also does when the peer demands HTTP/1.1, which does not say that nothing was done;
 * then it leaves a text in CURLOPT_ERRORBUFFER, and otherwise none.
 */
bool http_refused_stream_is_detectable(void);
