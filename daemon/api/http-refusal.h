/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <curl/curl.h>

#include "base/macro.h"

/*
 * Requests that the peer says it did not process: an HTTP/2 stream that it ended with
 * REFUSED_STREAM, or that comes after the last one of its GOAWAY. They may be sent again, even
 * those that must reach the peer once, and curl does so by itself. But it also sends again, for all
 * that the peer may have processed it, when a connection that was used before dies without a byte
 * of a reply, and tells nobody which of the two it is.
 *
 * The second is left out for RTSP's RECEIVE, which an option says, and which means nothing else to
 * HTTP. See Curl_retry_request() in curl's lib/transfer.c. Of another version of curl than those
 * that were looked at nothing is taken for certain.
 *
 * What remains is a GOAWAY that leaves out all streams of the connection: there libcurl 7.88 does
 * not send again, and its error may as well be that of a reply that broke the protocol.
 */

/* To be set for a request that must reach the peer once. */
void http_refusal_expect(CURL *easy);

/* Whether curl, asked to expect it, sends again for no other reason than a refusal. Not counted is
 * a peer that demands HTTP/1.1; of that curl leaves an error in CURLOPT_ERRORBUFFER. */
bool http_refusal_is_certain(void);
