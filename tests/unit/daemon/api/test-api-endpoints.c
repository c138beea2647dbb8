/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/strv.h"
#include "daemon/api/api.h"
#include "dbus/error.h"
#include "tests/unit/daemon/api/api-script.h"
#include "tests/unit/daemon/api/http-transport.h"
#include "tests/unit/test.h"

typedef struct Outcome {
        unsigned n_ended;
        int r;
        uint32_t retry_after_s;
        char text[64]; /* identifies the result */
        ApiCall *call;
} Outcome;

/* Describes the result, to compare it with the expected one. */
static void describe(const Result *result, char *text, size_t size)
{
        unsigned n = 0;

        if (result->token && ++n)
                snprintf(text, size, "%s", result->token->token);
        if (result->principal && ++n)
                snprintf(text, size, "%s", result->principal->user_id);
        if (result->passkey && ++n)
                snprintf(text, size, "%s %s", result->passkey->id, result->passkey->username);
        if (result->passkeys && ++n)
                snprintf(text, size, "%zu %s", result->passkeys->n_passkeys,
                         result->next_cursor ? result->next_cursor : "end");
        if (result->management && ++n)
                snprintf(text, size, "%s %zu", result->management->token,
                         result->management->n_warnings);
        if (result->challenge && ++n)
                snprintf(text, size, "%s %s", result->challenge->id,
                         result->challenge->code ? result->challenge->code : "-");
        if (result->key_set && ++n)
                snprintf(text, size, "%s", result->key_set);
        assert_true(n <= 1);
        assert_true(result->r == 0 || n == 0);
        assert_true(result->passkeys || !result->next_cursor);
}

static void on_result(const Result *result, void *userdata)
{
        Outcome *outcome = userdata;

        outcome->n_ended++;
        outcome->r = result->r;
        outcome->retry_after_s = result->retry_after_s;
        describe(result, outcome->text, sizeof(outcome->text));
}

static int registration(Api *api, Outcome *outcome)
{
        const Registration asked = {.rp_id = (char *) "Example.COM",
                                    .rp_name = (char *) "Example",
                                    .user_id = (char *) "u",
                                    .username = (char *) "ada"};

        return api_authorize_registration(api, &asked, 0, on_result, outcome, &outcome->call);
}

static int authentication(Api *api, Outcome *outcome)
{
        const Authentication asked = {.rp_id = (char *) "Example.COM", .user_id = (char *) "u"};

        return api_authorize_authentication(api, &asked, on_result, outcome, &outcome->call);
}

static int exchange(Api *api, Outcome *outcome)
{
        return api_exchange_code(api, "c/1", on_result, outcome, &outcome->call);
}

static int get_passkey(Api *api, Outcome *outcome)
{
        return api_get_passkey(api, "a/pk 1?", API_FOREGROUND, on_result, outcome, &outcome->call);
}

static int list_first(Api *api, Outcome *outcome)
{
        return api_list_passkeys(api, NULL, API_BACKGROUND, on_result, outcome, &outcome->call);
}

static int list_next(Api *api, Outcome *outcome)
{
        return api_list_passkeys(api, "a+b&c=/..", API_FOREGROUND, on_result, outcome,
                                 &outcome->call);
}

static int update(Api *api, Outcome *outcome)
{
        return api_update_passkeys(api, "u", "ada", "Ada L.", on_result, outcome, &outcome->call);
}

static int delete (Api *api, Outcome *outcome)
{
        char *ids[] = {(char *) "pk1", (char *) "pk2", NULL};

        return api_delete_passkeys(api, ids, on_result, outcome, &outcome->call);
}

static int delete_user(Api *api, Outcome *outcome)
{
        return api_delete_user_passkeys(api, "u", on_result, outcome, &outcome->call);
}

static int prune(Api *api, Outcome *outcome)
{
        return api_prune_passkeys(api, "u", on_result, outcome, &outcome->call);
}

static int create_challenge(Api *api, Outcome *outcome)
{
        const ChallengeRequest asked = {
                .email = "a@b", .purpose = "login", .metadata = "{ \"n\": 1 }"};

        return api_create_challenge(api, &asked, on_result, outcome, &outcome->call);
}

static int get_challenge(Api *api, Outcome *outcome)
{
        return api_get_challenge(api, "ch/1", on_result, outcome, &outcome->call);
}

static int verify_challenge(Api *api, Outcome *outcome)
{
        return api_verify_challenge(api, "ch1", "s", "123456", on_result, outcome, &outcome->call);
}

static int delete_challenge(Api *api, Outcome *outcome)
{
        return api_delete_challenge(api, "ch/1", on_result, outcome, &outcome->call);
}

static int get_key_set(Api *api, Outcome *outcome)
{
        return api_get_key_set(api, on_result, outcome, &outcome->call);
}

#define PRINCIPAL \
        "{\"_tag\":\"ExtendedPrincipal\",\"id\":\"pr1\",\"userId\":\"u\"," \
        "\"authenticatorId\":\"pk1\",\"authenticatorType\":\"passkey\"," \
        "\"createdAt\":1,\"expiresAt\":2,\"metadata\":{}}"
#define PASSKEY \
        "{\"_tag\":\"Passkey\",\"id\":\"pk1\",\"enabled\":true,\"credential\":{\"id\":\"h\"," \
        "\"userId\":\"a\",\"username\":\"ada\",\"aaguid\":\"f\",\"backedUp\":true,\"counter\":7," \
        "\"deviceType\":\"multiDevice\",\"transports\":[],\"publicKey\":\"p\",\"rpId\":\"r\"}," \
        "\"createdAt\":1,\"updatedAt\":1}"
#define ROW \
        "{\"_tag\":\"PasskeySummary\",\"id\":\"pk1\",\"userId\":\"u\",\"enabled\":true," \
        "\"credential\":{\"id\":\"h\",\"userId\":\"a\"},\"createdAt\":1}"
#define LIST(cursor) "{\"_tag\":\"FindAllPasskeys\",\"cursor\":" cursor ",\"records\":[" ROW "]}"
#define PREPARED(tag, token) \
        "{\"_tag\":\"PreparedPasskey" tag "\",\"" token "PasskeysToken\":\"mt_1\"," \
        "\"expiresAt\":1,\"warnings\":[{\"code\":\"C\",\"message\":\"m\"}]}"
#define CHALLENGE_MEMBERS \
        "\"challengeId\":\"ch1\",\"purpose\":\"login\",\"email\":\"a@b\",\"metadata\":null," \
        "\"createdAt\":1,\"expiresAt\":2"
#define CHALLENGE "{\"_tag\":\"Challenge\"," CHALLENGE_MEMBERS "}"

/* Errors, as a set. */
#define BIT(error) (1U << ERROR_##error)

static const struct {
        int (*start)(Api *api, Outcome *outcome);
        const char *request; /* line */
        const char *body;    /* NULL: none */
        const char *reply;
        const char *text; /* expected result */
        unsigned errors;
        bool once;
        bool is_public;
} endpoints[] = {
        {registration, "POST /v2/ten%2Fancy/passkey/registration/authorize",
         "{\"rpId\":\"example.com\",\"rpName\":\"Example\",\"userId\":\"u\",\"username\":\"ada\"}",
         "{\"_tag\":\"AuthorizedPasskeyRegistration\",\"registrationToken\":\"rt_1\","
         "\"expiresAt\":1}",
         "rt_1", BIT(BAD_REQUEST) | BIT(API_DENIED)},
        {authentication, "POST /v2/ten%2Fancy/passkey/authentication/authorize",
         "{\"rpId\":\"example.com\",\"userId\":\"u\"}",
         "{\"_tag\":\"AuthorizedPasskeyAuthentication\",\"authenticationToken\":\"at_1\","
         "\"expiresAt\":1}",
         "at_1", BIT(BAD_REQUEST) | BIT(API_DENIED)},
        {exchange, "GET /v2/ten%2Fancy/principal/c%2F1", NULL, PRINCIPAL, "u",
         BIT(INVALID_CODE) | BIT(API_DENIED), .once = true},
        {get_passkey, "GET /v2/ten%2Fancy/passkeys/a%2Fpk%201%3F", NULL, PASSKEY, "pk1 ada",
         BIT(NOT_FOUND) | BIT(API_DENIED)},
        {list_first, "GET /v2/ten%2Fancy/passkeys/", NULL, LIST("\"n\""), "1 n",
         BIT(BAD_REQUEST) | BIT(API_DENIED)},
        {list_next, "GET /v2/ten%2Fancy/passkeys/?cursor=a%2Bb%26c%3D%2F..", NULL, LIST("null"),
         "1 end", BIT(BAD_REQUEST) | BIT(API_DENIED)},
        {update, "POST /v2/ten%2Fancy/passkeys/update",
         "{\"userId\":\"u\",\"username\":\"ada\",\"displayName\":\"Ada L.\"}",
         PREPARED("Update", "update"), "mt_1 1", BIT(BAD_REQUEST) | BIT(API_DENIED), .once = true},
        {delete, "POST /v2/ten%2Fancy/passkeys/delete", "{\"passkeyIds\":[\"pk1\",\"pk2\"]}",
         PREPARED("Deletion", "delete"), "mt_1 1", BIT(BAD_REQUEST) | BIT(API_DENIED),
         .once = true},
        {delete_user, "POST /v2/ten%2Fancy/passkeys/delete", "{\"userId\":\"u\"}",
         PREPARED("Deletion", "delete"), "mt_1 1", BIT(BAD_REQUEST) | BIT(API_DENIED),
         .once = true},
        {prune, "POST /v2/ten%2Fancy/passkeys/prune", "{\"userId\":\"u\"}",
         PREPARED("Pruning", "prune"), "mt_1 1", BIT(BAD_REQUEST) | BIT(API_DENIED), .once = true},
        {create_challenge, "POST /v2/ten%2Fancy/challenges",
         "{\"email\":\"a@b\",\"purpose\":\"login\",\"sendEmail\":false,\"metadata\":{\"n\":1}}",
         "{\"_tag\":\"ChallengeCreated\",\"challenge\":{" CHALLENGE_MEMBERS
         ",\"secret\":\"s\",\"code\":\"407215\",\"message\":{\"html\":\"h\",\"text\":\"t\"}}}",
         "ch1 407215", BIT(BAD_REQUEST) | BIT(RATE_LIMITED) | BIT(API_DENIED), .once = true},
        {get_challenge, "GET /v2/ten%2Fancy/challenges/ch%2F1", NULL, CHALLENGE, "ch1 -",
         BIT(NOT_FOUND) | BIT(API_DENIED)},
        {verify_challenge, "POST /v2/ten%2Fancy/challenges/verify",
         "{\"challengeId\":\"ch1\",\"secret\":\"s\",\"code\":\"123456\"}",
         "{\"_tag\":\"ChallengeVerified\",\"challenge\":" CHALLENGE "}", "ch1 -",
         BIT(INVALID_CHALLENGE) | BIT(INVALID_CHALLENGE_CODE) | BIT(CHALLENGE_EXPIRED) |
                 BIT(CHALLENGE_ATTEMPTS_EXCEEDED) | BIT(API_DENIED),
         .once = true},
        {delete_challenge, "DELETE /v2/ten%2Fancy/challenges/ch%2F1", NULL,
         "{\"_tag\":\"ChallengeDeleted\"}", "", BIT(API_DENIED)},
        {get_key_set, "GET /v2/.well-known/jwks.json", NULL, "{\"keys\":[]}", "{\"keys\":[]}", 0,
         .is_public = true},
};

typedef struct Fixture {
        sd_event *event;
        HttpTransport *transport;
        ApiContext *context;
        Api *api;
        Secret *key;
        RawPeer *peer;
        Script script;
        char reply[1024];
        Outcome outcome;
} Fixture;

static int set_up(void **state)
{
        Fixture *f = calloc(1, sizeof(Fixture));

        assert_non_null(f);
        assert_int_equal(sd_event_new(&f->event), 0);
        f->transport = http_transport_new(f->event);
        assert_int_equal(api_context_new(f->event, http_transport_get(f->transport), &f->context),
                         0);
        assert_int_equal(secret_new("sk_1", 4, &f->key), 0);
        *state = f;
        return 0;
}

static int tear_down(void **state)
{
        Fixture *f = *state;

        api_unref(f->api);
        api_context_free(f->context);
        http_transport_free(f->transport);
        secret_unref(f->key);
        raw_peer_free(f->peer);
        sd_event_unref(f->event);
        free(f);
        return 0;
}

static void configure(Fixture *f, uint64_t timeout_ms, Secret *key)
{
        _cleanup_(api_unrefp) Api *old = f->api;
        char origin[64];

        snprintf(origin, sizeof(origin), "http://127.0.0.1:%u", raw_peer_port(f->peer));
        assert_int_equal(
                api_new(f->context,
                        &(ApiSettings){.endpoint = origin,
                                       .tenancy_id = "ten/ancy",
                                       .timeout_ms = timeout_ms,
                                       .account = http_transport_add(f->transport, origin, key),
                                       .key = key ? 1 : 0},
                        old, NULL, NULL, &f->api),
                0);
}

static void serve(Fixture *f, const Script *script, uint64_t timeout_ms)
{
        raw_peer_free(f->peer);
        f->script = *script;
        f->peer = raw_peer_new(script_follow, &f->script);
        configure(f, timeout_ms, f->key);
}

/* The success reply of endpoint `i`, lent. */
static const char *good_reply(Fixture *f, size_t i)
{
        snprintf(f->reply, sizeof(f->reply), OK("%s"), endpoints[i].reply);
        return f->reply;
}

static void run(Fixture *f, size_t i)
{
        uint64_t deadline_ms = monotonic_ms() + 60000;

        f->outcome = (Outcome){};
        assert_int_equal(endpoints[i].start(f->api, &f->outcome), 0);
        assert_int_equal(f->outcome.n_ended, 0);
        while (f->outcome.n_ended == 0) {
                assert_true(monotonic_ms() < deadline_ms);
                assert_true(sd_event_run(f->event, 100000) >= 0);
        }
        assert_int_equal(f->outcome.n_ended, 1);
}

static void assert_outcome(Fixture *f, size_t i, int expected)
{
        if (f->outcome.r != expected)
                print_message("# %s: %d\n", endpoints[i].request, f->outcome.r);
        assert_int_equal(f->outcome.r, expected);
}

static void assert_request(Fixture *f, size_t i)
{
        _cleanup_(freep) char *sent = raw_peer_request(f->peer);
        char line[256];

        snprintf(line, sizeof(line), "%s HTTP/1.1\r\n", endpoints[i].request);
        assert_ptr_equal(strstr(sent, line), sent);
        assert_non_null(strstr(sent, "\r\nAccept: application/json\r\n"));
        if (endpoints[i].is_public)
                assert_null(strcasestr(sent, "\r\nAuthorization:"));
        else
                assert_non_null(strstr(sent, "\r\nAuthorization: Bearer sk_1\r\n"));
        assert_int_equal(strstr(sent, "\r\nContent-Type: application/json\r\n") != NULL,
                         endpoints[i].body != NULL);
        assert_string_equal(strstr(sent, "\r\n\r\n") + 4, endpoints[i].body ?: "");
}

static void test_success(void **state)
{
        Fixture *f = *state;

        for (size_t i = 0; i < ARRAY_SIZE(endpoints); i++) {
                serve(f, &(Script){.lines = {good_reply(f, i)}}, 30000);
                run(f, i);
                assert_outcome(f, i, 0);
                assert_int_equal(f->outcome.retry_after_s, 0);
                assert_string_equal(f->outcome.text, endpoints[i].text);
                assert_int_equal(raw_peer_n_requests(f->peer), 1);
                assert_request(f, i);
        }
}

/* Public endpoints send no key, so neither the key nor a caller's argument can be at fault. */
static int refusal(size_t i, int error)
{
        return endpoints[i].is_public ? ERROR_UNREACHABLE : error;
}

/* Each endpoint accepts its documented errors only. */
static void test_errors(void **state)
{
        static const struct {
                const char *reply;
                Error error;
        } errors[] = {
                {JSON_ERROR("404 Not Found", "InvalidCode"), ERROR_INVALID_CODE},
                {JSON_ERROR("404 Not Found", "NotFound"), ERROR_NOT_FOUND},
                {JSON_ERROR("400 Bad Request", "BadRequest"), ERROR_BAD_REQUEST},
                {JSON_ERROR("400 Bad Request", "ChallengeRateLimited"), ERROR_RATE_LIMITED},
                {JSON_ERROR("403 Forbidden", "Forbidden"), ERROR_API_DENIED},
                {JSON_ERROR("400 Bad Request", "InvalidChallenge"), ERROR_INVALID_CHALLENGE},
                {JSON_ERROR("400 Bad Request", "InvalidChallengeCode"),
                 ERROR_INVALID_CHALLENGE_CODE},
                {JSON_ERROR("400 Bad Request", "ChallengeExpired"), ERROR_CHALLENGE_EXPIRED},
                {JSON_ERROR("410 Gone", "ChallengeAttemptsExceeded"),
                 ERROR_CHALLENGE_ATTEMPTS_EXCEEDED},
        };
        Fixture *f = *state;

        for (size_t e = 0; e < ARRAY_SIZE(errors); e++) {
                serve(f, &(Script){.lines = {errors[e].reply}}, 30000);
                for (size_t i = 0; i < ARRAY_SIZE(endpoints); i++) {
                        bool known = endpoints[i].errors & (1U << errors[e].error);

                        run(f, i);
                        assert_outcome(f, i,
                                       refusal(i, known ? errors[e].error : ERROR_BAD_REQUEST));
                }
                assert_int_equal(raw_peer_n_requests(f->peer), ARRAY_SIZE(endpoints));
        }
}

/* A gateway's refusal is never taken for NOT_FOUND. */
static void test_refusals(void **state)
{
        static const struct {
                const char *reply;
                Error error;
        } refusals[] = {
                {JSON_ERROR("401 Unauthorized", "Unauthorized"), ERROR_API_DENIED},
                {JSON_ERROR("401 Unauthorized", "NotFound"), ERROR_API_DENIED},
                {JSON_ERROR("403 Forbidden", "InvalidCode"), ERROR_API_DENIED},
                {JSON_ERROR("400 Bad Request", "InvalidTenancy"), ERROR_API_DENIED},
                {"HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\n<no>", ERROR_API_DENIED},
                {"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", ERROR_API_DENIED},
                {JSON_ERROR("400 Bad Request", "PasskeyNotFound"), ERROR_BAD_REQUEST},
                {"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", ERROR_BAD_REQUEST},
                {"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\n<no>", ERROR_BAD_REQUEST},
                {"HTTP/1.1 404 Not Found\r\nContent-Length: 13\r\n\r\n{\"_tag\":null}",
                 ERROR_BAD_REQUEST},
                {"HTTP/1.1 409 Conflict\r\nContent-Length: "
                 "29\r\n\r\n{\"_tag\":\"HttpApiDecodeError\"}",
                 ERROR_BAD_REQUEST},
                {"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n", ERROR_BAD_REQUEST},
        };
        Fixture *f = *state;

        for (size_t n = 0; n < ARRAY_SIZE(refusals); n++) {
                serve(f, &(Script){.lines = {refusals[n].reply}}, 30000);
                for (size_t i = 0; i < ARRAY_SIZE(endpoints); i++) {
                        run(f, i);
                        assert_outcome(f, i, refusal(i, refusals[n].error));
                }
                assert_int_equal(raw_peer_n_requests(f->peer), ARRAY_SIZE(endpoints));
        }
}

static void test_rate_limit(void **state)
{
        static const struct {
                const char *reply;
                uint32_t retry_after_s;
        } limits[] = {
                {"HTTP/1.1 429 Slow\r\nRetry-After: 45\r\nContent-Length: 0\r\n\r\n", 45},
                {"HTTP/1.1 429 Slow\r\nConnection: close\r\n\r\n"
                 "{\"_tag\":\"@error/ChallengeRateLimited\",\"message\":\"m\","
                 "\"retryAfterSeconds\":9}",
                 9},
                {"HTTP/1.1 429 Slow\r\nConnection: close\r\n\r\n<html>", 0},
        };
        Fixture *f = *state;

        for (size_t n = 0; n < ARRAY_SIZE(limits); n++) {
                serve(f, &(Script){.lines = {limits[n].reply}}, 30000);
                for (size_t i = 0; i < ARRAY_SIZE(endpoints); i++) {
                        run(f, i);
                        assert_outcome(f, i, ERROR_RATE_LIMITED);
                        if (endpoints[i].start != get_key_set)
                                assert_int_equal(f->outcome.retry_after_s, limits[n].retry_after_s);
                }
                assert_int_equal(raw_peer_n_requests(f->peer), ARRAY_SIZE(endpoints));
        }
}

static void test_retry(void **state)
{
        const char *const faults[] = {SERVER_ERROR, script_cut, JSON_ERROR("503 Busy", "NotFound")};
        Fixture *f = *state;

        for (size_t i = 0; i < ARRAY_SIZE(endpoints); i++)
                for (size_t n = 0; n < ARRAY_SIZE(faults); n++) {
                        serve(f, &(Script){.lines = {faults[n], good_reply(f, i)}}, 30000);
                        run(f, i);
                        assert_outcome(f, i, endpoints[i].once ? ERROR_UNREACHABLE : 0);
                        assert_int_equal(raw_peer_n_requests(f->peer), endpoints[i].once ? 1 : 2);
                }
}

static void test_deadline(void **state)
{
        Fixture *f = *state;

        serve(f, &(Script){.lines = {script_hang}}, 50);
        for (size_t i = 0; i < ARRAY_SIZE(endpoints); i++) {
                run(f, i);
                assert_outcome(f, i, ERROR_UNREACHABLE);
        }
}

/* Whether two endpoints' replies have the same tag. */
static bool is_alike(size_t a, size_t b)
{
        size_t len = strcspn(endpoints[a].reply, ",}") + 1;

        return strncmp(endpoints[a].reply, endpoints[b].reply, len) == 0;
}

/* Another endpoint's success reply is malformed. */
static void test_malformed(void **state)
{
        const char *const bodies[] = {OK(""), OK("{}"), OK("<html>"), script_huge,
                                      "HTTP/1.1 204 No Content\r\n\r\n"};
        Fixture *f = *state;

        for (size_t n = 0; n < ARRAY_SIZE(bodies); n++) {
                serve(f, &(Script){.lines = {bodies[n]}}, 30000);
                for (size_t i = 0; i < ARRAY_SIZE(endpoints); i++) {
                        run(f, i);
                        assert_outcome(f, i, ERROR_MALFORMED_REPLY);
                }
        }
        for (size_t n = 0; n < ARRAY_SIZE(endpoints); n++) {
                serve(f, &(Script){.lines = {good_reply(f, n)}}, 30000);
                for (size_t i = 0; i < ARRAY_SIZE(endpoints); i++) {
                        if (is_alike(n, i))
                                continue;
                        run(f, i);
                        assert_outcome(f, i, ERROR_MALFORMED_REPLY);
                }
        }
}

static void test_no_key(void **state)
{
        Fixture *f = *state;

        for (size_t i = 0; i < ARRAY_SIZE(endpoints); i++) {
                serve(f, &(Script){.lines = {good_reply(f, i)}}, 30000);
                configure(f, 5000, NULL);
                if (endpoints[i].is_public) {
                        run(f, i);
                        assert_outcome(f, i, 0);
                } else {
                        f->outcome = (Outcome){.call = (ApiCall *) 1};
                        assert_int_equal(endpoints[i].start(f->api, &f->outcome), -ENOKEY);
                        assert_ptr_equal(f->outcome.call, (ApiCall *) 1);
                        assert_int_equal(raw_peer_n_requests(f->peer), 0);
                }
        }
}

static void test_dot_ids(void **state)
{
        const char *const ids[] = {"", ".", ".."};
        Fixture *f = *state;
        Outcome *o = &f->outcome;

        serve(f, &(Script){.lines = {SERVER_ERROR}}, 30000);
        for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
                assert_int_equal(api_exchange_code(f->api, ids[i], on_result, o, &o->call),
                                 -EINVAL);
                assert_int_equal(
                        api_get_passkey(f->api, ids[i], API_BACKGROUND, on_result, o, &o->call),
                        ERROR_NOT_FOUND);
                assert_int_equal(api_get_challenge(f->api, ids[i], on_result, o, &o->call),
                                 ERROR_NOT_FOUND);
                assert_int_equal(api_delete_challenge(f->api, ids[i], on_result, o, &o->call),
                                 ERROR_NOT_FOUND);
        }
        assert_null(o->call);
        assert_int_equal(raw_peer_n_requests(f->peer), 0);
}

static void test_arguments(void **state)
{
        const Registration no_registration = {};
        const Authentication no_authentication = {.rp_id = (char *) "a"};
        const ChallengeRequest no_challenge = {.email = "a@b"};
        const ChallengeRequest bad_metadata = {.email = "a@b", .purpose = "p", .metadata = "[]"};
        char *none[] = {NULL};
        Fixture *f = *state;
        Outcome *o = &f->outcome;

        serve(f, &(Script){.lines = {SERVER_ERROR}}, 30000);
        assert_int_equal(
                api_authorize_registration(f->api, &no_registration, 0, on_result, o, &o->call),
                -EINVAL);
        assert_int_equal(
                api_authorize_authentication(f->api, &no_authentication, on_result, o, &o->call),
                -EINVAL);
        assert_int_equal(api_update_passkeys(f->api, "u", NULL, NULL, on_result, o, &o->call),
                         -EINVAL);
        assert_int_equal(api_delete_passkeys(f->api, none, on_result, o, &o->call), -EINVAL);
        assert_int_equal(api_delete_user_passkeys(f->api, "\xff", on_result, o, &o->call), -EINVAL);
        assert_int_equal(api_prune_passkeys(f->api, "\xff", on_result, o, &o->call), -EINVAL);
        assert_int_equal(api_create_challenge(f->api, &no_challenge, on_result, o, &o->call),
                         -EINVAL);
        assert_int_equal(api_create_challenge(f->api, &bad_metadata, on_result, o, &o->call),
                         ERROR_INVALID_ARGS);
        assert_int_equal(api_verify_challenge(f->api, "c", "\xff", "1", on_result, o, &o->call),
                         -EINVAL);
        assert_null(o->call);
        assert_int_equal(raw_peer_n_requests(f->peer), 0);
}

/* Pages have a larger limit than other replies. */
static void test_large_page(void **state)
{
        static const char head[] =
                OK("{\"_tag\":\"FindAllPasskeys\",\"cursor\":null,\"records\":[");
        const size_t n_rows = 10000;
        _cleanup_(freep) char *reply = malloc(sizeof(head) + n_rows * sizeof(ROW ",") + 16);
        Fixture *f = *state;
        char *end;

        assert_non_null(reply);
        end = stpcpy(reply, head);
        for (size_t i = 0; i < n_rows; i++)
                end = stpcpy(end, i == 0 ? ROW : "," ROW);
        stpcpy(end, "]}");
        assert_in_range(strlen(reply), 1024 * 1024, 4 * 1024 * 1024);

        serve(f, &(Script){.lines = {reply}}, 30000);
        f->outcome = (Outcome){};
        run(f, 4);
        assert_outcome(f, 4, 0);
        assert_string_equal(f->outcome.text, "10000 end");
        run(f, 3);
        assert_outcome(f, 3, ERROR_MALFORMED_REPLY);
        /* The server thread may still be sending it. */
        f->peer = raw_peer_free(f->peer);
}

static void test_cancel(void **state)
{
        Fixture *f = *state;
        Outcome outcomes[ARRAY_SIZE(endpoints)] = {};

        serve(f, &(Script){.lines = {script_hang}}, 100);
        for (size_t i = 0; i < ARRAY_SIZE(endpoints); i++) {
                assert_int_equal(endpoints[i].start(f->api, &outcomes[i]), 0);
                if (i % 2 == 0)
                        assert_null(api_call_cancel(outcomes[i].call));
        }
        f->api = api_unref(f->api);
        f->context = api_context_free(f->context);
        for (uint64_t end_ms = monotonic_ms() + 150; monotonic_ms() < end_ms;)
                assert_true(sd_event_run(f->event, 10000) >= 0);
        for (size_t i = 0; i < ARRAY_SIZE(endpoints); i++)
                assert_int_equal(outcomes[i].n_ended, 0);
}

static void free_api(const Result *result, void *userdata)
{
        Fixture *f = userdata;

        f->api = api_unref(f->api);
        f->outcome.n_ended++;
        assert_string_equal(result->key_set, "{\"keys\":[]}"); /* still lent */
}

static void test_function_frees_api(void **state)
{
        Fixture *f = *state;
        ApiCall *call;

        serve(f, &(Script){.lines = {OK("{\"keys\":[]}")}}, 30000);
        assert_int_equal(api_get_key_set(f->api, free_api, f, &call), 0);
        while (f->outcome.n_ended == 0)
                assert_true(sd_event_run(f->event, 100000) >= 0);
        assert_null(f->api);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(success),
                TEST(errors),
                TEST(refusals),
                TEST(rate_limit),
                TEST(retry),
                TEST(deadline),
                TEST(malformed),
                TEST(no_key),
                TEST(dot_ids),
                TEST(arguments),
                TEST(large_page),
                TEST(cancel),
                TEST(function_frees_api),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
