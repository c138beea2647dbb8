/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "keyholder/http/http.h"
#include "keyholder/request-url.h"
#include "tests/unit/daemon/api/http-transport.h"
#include "tests/unit/test.h"

#define ACCOUNTS_MAX 1024U

typedef struct TransportAccount {
        char *endpoint;
        Secret *key;
        HttpClient *http; /* shared by the accounts of an endpoint */
        bool owns_http;
} TransportAccount;

struct HttpTransport {
        sd_event *event;
        ApiTransport transport;
        TransportAccount accounts[ACCOUNTS_MAX]; /* the id is the index and 1 */
        size_t n_accounts;
};

struct ApiExchange {
        const TransportAccount *account;
        HttpCall *http;
        ApiReplyFunc func;
        void *userdata;
};

static void on_reply(int r, const HttpReply *reply, void *userdata)
{
        ApiExchange call = *(ApiExchange *) userdata;
        const ApiReply converted = {
                .status = reply->status,
                .body = reply->body,
                .body_len = reply->body_len,
                .retry_after_s = reply->retry_after_s,
                .date_ms = reply->date_ms,
                .slots = http_client_slots(call.account->http),
        };

        free(userdata);
        call.func(r, &converted, call.userdata);
}

static int start(void *userdata, const ApiRequest *request, ApiReplyFunc func, void *func_userdata,
                 ApiExchange **ret)
{
        static const char *const methods[] = {
                [API_GET] = "GET", [API_POST] = "POST", [API_DELETE] = "DELETE"};
        HttpTransport *transport = userdata;
        const TransportAccount *account = &transport->accounts[request->account - 1];
        bool is_public = request->kind == API_REQUEST_KEY_SET;
        _cleanup_(freep) char *url = NULL;
        ApiExchange *call;
        int r;

        assert_in_range(request->account, 1, transport->n_accounts);
        r = is_public ? request_url_build_key_set(account->endpoint, &url)
                      : request_url_build(account->endpoint, request->tenancy_id, request->path,
                                          &url);
        assert_int_equal(r, 0);
        call = calloc(1, sizeof(ApiExchange));
        assert_non_null(call);
        *call = (ApiExchange){.account = account, .func = func, .userdata = func_userdata};
        r = http_call_start(account->http,
                            &(HttpRequest){.url = url,
                                           .method = methods[request->method],
                                           .body = request->body,
                                           .body_len = request->body_len,
                                           .bearer = is_public ? NULL : account->key,
                                           .timeout_ms = request->timeout_ms,
                                           .reply_len_max = request->reply_len_max,
                                           .once = request->once},
                            on_reply, call, &call->http);
        if (r < 0)
                free(call);
        else
                *ret = call;
        return r;
}

static void cancel(ApiExchange *call)
{
        http_call_cancel(call->http);
        free(call);
}

HttpTransport *http_transport_new(sd_event *event)
{
        HttpTransport *transport = calloc(1, sizeof(HttpTransport));

        assert_non_null(transport);
        transport->event = sd_event_ref(event);
        transport->transport =
                (ApiTransport){.start = start, .cancel = cancel, .userdata = transport};
        return transport;
}

void http_transport_free(HttpTransport *transport)
{
        for (size_t i = 0; i < transport->n_accounts; i++) {
                TransportAccount *account = &transport->accounts[i];

                if (account->owns_http)
                        http_client_free(account->http);
                secret_unref(account->key);
                free(account->endpoint);
        }
        sd_event_unref(transport->event);
        free(transport);
}

uint64_t http_transport_add(HttpTransport *transport, const char *endpoint, Secret *key)
{
        TransportAccount *account = &transport->accounts[transport->n_accounts];

        assert_true(transport->n_accounts < ACCOUNTS_MAX);
        account->endpoint = strdup(endpoint);
        account->key = secret_ref(key);
        for (size_t i = 0; i < transport->n_accounts && !account->http; i++)
                if (streq(transport->accounts[i].endpoint, endpoint))
                        account->http = transport->accounts[i].http;
        if (!account->http) {
                assert_int_equal(http_client_new(transport->event, NULL, &account->http), 0);
                account->owns_http = true;
        }
        return ++transport->n_accounts;
}

const ApiTransport *http_transport_get(const HttpTransport *transport)
{
        return &transport->transport;
}
