/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/strv.h"
#include "tests/unit/daemon/config/config-fixture.h"

static void test_everything(void **state)
{
        static const char text[] = "# passlockd.conf\n"
                                   "[Daemon]\n"
                                   "DefaultTenancy=shop\n"
                                   "MaxPendingPerUser=12\n"
                                   "\n"
                                   "[Tenancy shop]\n"
                                   "TenancyId = my#Tenancy\n"
                                   "Endpoint=https://api.example.com:8443/\n"
                                   "CaFile=/dev/zero\n"
                                   "CaFile=\n"
                                   "ApiKeyCredential=shop.key\n"
                                   "TimeoutSec=2.5\n"
                                   "; a comment\n"
                                   "[Grant web]\n"
                                   "User=0 1234\n"
                                   "Group=root\n"
                                   "Allow=Authorize \\\n"
                                   "# in the middle of a list\n"
                                   "      Exchange\n"
                                   "Allow=Links.Read\n"
                                   "RpId=shop.example.com www.example.com\n"
                                   "MaxCallsPerSec=50\n"
                                   "[Grant batch]\n"
                                   "User=1235\n"
                                   "MaxCallsPerSec=1000000\n"
                                   "MaxCallsPerSec=\n";
        _cleanup_(config_freep) Config *config = NULL;
        const Grant *grant;

        config_write_main(*state, text);
        config = config_load_good(*state);
        assert_string_equal(config->default_tenancy, "shop");
        assert_int_equal(config->max_pending_per_user, 12);
        assert_int_equal(config->n_tenancies, 1);
        assert_string_equal(config->tenancies[0]->label, "shop");
        assert_string_equal(config->tenancies[0]->tenancy_id, "my#Tenancy");
        assert_string_equal(config->tenancies[0]->endpoint, "https://api.example.com:8443");
        assert_null(config->tenancies[0]->ca_file);
        assert_string_equal(config->tenancies[0]->api_key_credential, "shop.key");
        assert_int_equal(config->tenancies[0]->timeout_ms, 2500);
        assert_int_equal(config->grants.n_grants, 2);
        assert_int_equal(config->grants.grants[1]->max_calls_per_s, 0);
        grant = config->grants.grants[0];
        assert_int_equal(grant->max_calls_per_s, 50);
        assert_string_equal(grant->tenancy, "shop");
        assert_int_equal(grant->n_uids, 2);
        assert_int_equal(grant->uids[1], 1234);
        assert_int_equal(grant->n_gids, 0);
        assert_int_equal(grant->n_names, 1);
        assert_true(grant->names[0].is_group);
        assert_string_equal(grant->names[0].name, "root");
        assert_int_equal(grant->names[0].result.r, -EINPROGRESS);
        assert_int_equal(grant->allow, RIGHT_AUTHORIZE | RIGHT_EXCHANGE | RIGHT_LINKS_READ);
        assert_string_equal(grant->rp_ids[1], "www.example.com");
}

/* A backslash does not continue a comment: it could disable a limit. */
static void test_comment_continues_nothing(void **state)
{
        _cleanup_(config_freep) Config *config = NULL;

        config_write_main(*state, TENANCY "[Grant web]\nUser=1\nAllow=Authorize\n"
                                          "# one site only \\\nRpId=shop.example.com\n"
                                          "Allow=Exchange \\\n; and so on \\\n Mailbox\n");
        config = config_load_good(*state);
        assert_non_null(config->grants.grants[0]->rp_ids);
        assert_string_equal(config->grants.grants[0]->rp_ids[0], "shop.example.com");
        assert_int_equal(config->grants.grants[0]->allow,
                         RIGHT_AUTHORIZE | RIGHT_EXCHANGE | RIGHT_MAILBOX);
}

static void test_loopback(void **state)
{
        const char *hosts[] = {"localhost", "LOCALHOST:1", "127.0.0.1:8787", "127.255.0.9",
                               "[::1]:80"};

        for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
                _cleanup_(config_freep) Config *config = NULL;
                char text[128];

                snprintf(text, sizeof(text), TENANCY "Endpoint=http://%s\n", hosts[i]);
                config_write_main(*state, text);
                config = config_load_good(*state);
                assert_string_equal(config->tenancies[0]->endpoint + 7, hosts[i]);
        }
}

static void test_defaults(void **state)
{
        _cleanup_(config_freep) Config *config = NULL;

        config_write_main(*state, TENANCY);
        config = config_load_good(*state);
        assert_string_equal(config->default_tenancy, "default");
        assert_int_equal(config->max_pending_per_user, 256);
        assert_string_equal(config->tenancies[0]->endpoint, "https://api.passlock.dev");
        assert_string_equal(config->tenancies[0]->api_key_credential, "passlock.default");
        assert_int_equal(config->tenancies[0]->timeout_ms, 10000);
        assert_int_equal(config->grants.n_grants, 0);
        assert_null(config->store.place);
        assert_int_equal(config->store.engine, STORE_ENGINE_LOCAL);
        assert_int_equal(config->store.acknowledge, STORE_ACKNOWLEDGE_LOCAL);
        assert_string_equal(config->store.prefix, "/passlock/");
}

static void test_store(void **state)
{
        static const char text[] = "[Store]\n"
                                   "Endpoints=https://a.example:2379/ http://127.0.0.1:2379\n"
                                   "Endpoints=\n"
                                   "Endpoints=https://b.example:2379/ https://c.example\n"
                                   "Engine=etcd\n"
                                   "Endpoints=http://[::1]:2379\n"
                                   "Prefix=/shop/passlock/\n"
                                   "CaFile=/ca.crt\n"
                                   "CertFile=/client.crt\n"
                                   "KeyCredential=store.key\n"
                                   "PasswordCredential=unused\n"
                                   "PasswordCredential=store.password\n"
                                   "Acknowledge=shared\n";
        const ConfigFixture *fixture = *state;
        _cleanup_(config_freep) Config *config = NULL;
        const StoreConfig *store;
        FindingList list = {};
        char place[160];

        config_write_main(fixture, text);
        config = config_load_good(fixture);
        store = &config->store;
        assert_int_equal(store->engine, STORE_ENGINE_ETCD);
        snprintf(place, sizeof(place), "%s:5", fixture->file);
        assert_string_equal(store->place, place);
        assert_int_equal(strv_len(store->endpoints), 3);
        assert_string_equal(store->endpoints[0], "https://b.example:2379");
        assert_string_equal(store->endpoints[1], "https://c.example");
        assert_string_equal(store->endpoints[2], "http://[::1]:2379");
        assert_string_equal(store->prefix, "/shop/passlock/");
        assert_string_equal(store->ca_file, "/ca.crt");
        assert_string_equal(store->cert_file, "/client.crt");
        assert_string_equal(store->key_credential, "store.key");
        assert_string_equal(store->password_credential, "store.password");
        snprintf(place, sizeof(place), "%s:12", fixture->file);
        assert_string_equal(store->password_place, place);
        assert_int_equal(store->acknowledge, STORE_ACKNOWLEDGE_SHARED);

        assert_int_equal(config_diagnose_files(config, &list), 0);
        assert_int_equal(list.n_findings, 2);
        assert_string_equal(list.findings[0].kind, "ca-file");
        assert_string_equal(list.findings[1].kind, "cert-file");
        assert_string_equal(list.findings[1].name, "/client.crt");
        assert_string_equal(list.findings[1].tenancy, "");
        finding_list_clear(&list);
}

/* The other keys of the local engine are parsed, but need not fit together. */
static void test_local_store(void **state)
{
        _cleanup_(config_freep) Config *config = NULL;
        FindingList list = {};

        config_write_main(*state, "[Store]\nEngine=etcd\nEngine=local\nCertFile=/none\n");
        config = config_load_good(*state);
        assert_int_equal(config->store.engine, STORE_ENGINE_LOCAL);
        assert_int_equal(config_diagnose_files(config, &list), 0);
        assert_int_equal(list.n_findings, 0);
}

/* Returns the error of a reload from one configuration to another, the caller's; NULL if fine. */
static char *try_reload(const ConfigFixture *fixture, const char *from, const char *to)
{
        _cleanup_(config_freep) Config *old = NULL, *next = NULL;
        char *error = NULL;
        int r;

        config_write_main(fixture, from);
        old = config_load_good(fixture);
        config_write_main(fixture, to);
        next = config_load_good(fixture);
        r = config_check_reload(old, next, &error);
        assert_int_equal(r, error ? -EBADMSG : 0);
        return error;
}

#define ETCD "[Store]\nEngine=etcd\nEndpoints=https://a\n"

static void test_reload_of_store(void **state)
{
        static const struct {
                const char *from, *to, *what; /* NULL: may be reloaded */
        } cases[] = {
                {"", "", NULL},
                {"", "[Store]\nPrefix=/x/\n", NULL},
                {"", ETCD, ":2: A change of Engine="},
                {ETCD, "", "A change of Engine="},
                {ETCD, "[Store]\nEngine=etcd\nEndpoints=https://b\nAcknowledge=shared\n", NULL},
                {ETCD, ETCD "Prefix=/passlock/\n", NULL},
                {ETCD, ETCD "Prefix=/x/\n", ":4: A change of Prefix="},
                {ETCD "Prefix=/x/\n", ETCD, ":2: A change of Prefix="},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(freep) char *error = try_reload(*state, cases[i].from, cases[i].to);

                if (cases[i].what)
                        assert_true(error && strstr(error, cases[i].what) &&
                                    strstr(error, "systemctl restart passlockd"));
                else
                        assert_null(error);
        }
}

static void test_empty_is_fine(void **state)
{
        _cleanup_(config_freep) Config *config = NULL;

        config_write_main(*state, "");
        config = config_load_good(*state);
        assert_int_equal(config->n_tenancies, 0);
}

static void test_drop_ins(void **state)
{
        _cleanup_(config_freep) Config *config = NULL;
        const ConfigFixture *fixture = *state;
        char path[256];

        config_write_main(fixture, TENANCY "[Grant a]\nUser=1\nAllow=All\n");
        config_write_drop_in(fixture, "20-later.conf", "[Tenancy default]\nTimeoutSec=20\n");
        config_write_drop_in(fixture, "10-first.conf",
                             "[Tenancy default]\nTimeoutSec=10\nTenancyId=t2\n");
        config_write_drop_in(fixture, "30-reset.conf",
                             "[Grant a]\nAllow=\nAllow=Mailbox\nUser=2\n");
        config_write_drop_in(fixture, "README", "not configuration");
        config_write_drop_in(fixture, ".hidden.conf", "not configuration");
        config_write_drop_in(fixture, "99-empty.conf", "");
        snprintf(path, sizeof(path), "%s.d/40-masked.conf", fixture->file);
        assert_int_equal(symlink("/dev/null", path), 0);

        config = config_load_good(fixture);
        assert_int_equal(config->tenancies[0]->timeout_ms, 20000);
        assert_string_equal(config->tenancies[0]->tenancy_id, "t2");
        assert_int_equal(config->grants.n_grants, 1);
        assert_int_equal(config->grants.grants[0]->allow, RIGHT_MAILBOX);
        assert_int_equal(config->grants.grants[0]->n_uids, 2);
}

static void expect_place(const char *place, const ConfigFixture *fixture, const char *end)
{
        char expected[256];

        snprintf(expected, sizeof(expected), "%s%s", fixture->file, end);
        assert_string_equal(place, expected);
}

static void test_places_of_grant(void **state)
{
        _cleanup_(config_freep) Config *config = NULL;
        const ConfigFixture *fixture = *state;
        const Grant *grant;

        config_write_main(fixture, TENANCY "[Grant a]\nUser=1\nAllow=Mailbox\nAllow=Mailbox \\\n"
                                           "Exchange\n");
        config_write_drop_in(fixture, "10.conf", "[Grant a]\nAllow=Links.Read\n");
        config = config_load_good(fixture);
        grant = config->grants.grants[0];
        expect_place(grant->place, fixture, ":3");
        expect_place(grant->places[8], fixture, ":5");
        expect_place(grant->places[2], fixture, ":6");
        expect_place(grant->places[4], fixture, ".d/10.conf:2");
        assert_null(grant->places[0]);
}

static void test_enforce(void **state)
{
        const struct {
                const char *text;
                bool unenforced;
        } cases[] = {
                {"", false},
                {"Enforce=no\n", true},
                {"Enforce=False\n", true},
                {"Enforce=yes\n", false},
                {"Enforce=no\nEnforce=1\n", false},
                {"Enforce=no\nEnforce=\n", false},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(finding_list_clear) FindingList list = {};
                _cleanup_(config_freep) Config *config = NULL;
                char text[128];

                snprintf(text, sizeof(text), TENANCY "[Grant a]\n%s", cases[i].text);
                config_write_main(*state, text);
                config = config_load_good(*state);
                assert_int_equal(config->grants.grants[0]->unenforced, cases[i].unenforced);
                assert_int_equal(config_diagnose_grants(&config->grants, &list), 0);
                assert_int_equal(list.n_findings, cases[i].unenforced);
                if (cases[i].unenforced) {
                        assert_string_equal(list.findings[0].kind, "grant");
                        assert_string_equal(list.findings[0].name, "a");
                        expect_place(list.findings[0].place, *state, ":4");
                }
        }
}

static void test_times(void **state)
{
        const struct {
                const char *text;
                uint64_t ms;
        } times[] = {
                {"1", 1000},    {"0.1", 100},     {"300", 300000}, {"5s", 5000},      {"5 s", 5000},
                {"250ms", 250}, {"2min", 120000}, {"1.25", 1250},  {"0.5min", 30000},
        };

        for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
                _cleanup_(config_freep) Config *config = NULL;
                char text[128];

                snprintf(text, sizeof(text), TENANCY "TimeoutSec=%s\n", times[i].text);
                config_write_main(*state, text);
                config = config_load_good(*state);
                assert_int_equal(config->tenancies[0]->timeout_ms, times[i].ms);
        }
}

/* Each error names file, line and reason. */
static void test_mistakes(void **state)
{
        const struct {
                const char *text, *place, *what;
        } mistakes[] = {
                {"x=1\n", ":1: ", "outside of a section"},
                {"\n[Daemon\n", ":2: ", "[Name]"},
                {"[Demon]\n", ":1: ", "unknown section [Demon]"},
                {"[Daemon]\n\nfoo\n", ":3: ", "Key=value"},
                {"[Daemon]\nMaxPending=1\n", ":2: ", "unknown key MaxPending="},
                {"[Daemon]\nMaxPendingPerUser=0\n", ":2: ", "1 to 100000"},
                {"[Daemon]\nMaxPendingPerUser=-1\n", ":2: ", "1 to 100000"},
                {"[Daemon]\nMaxPendingPerUser=1x\n", ":2: ", "1 to 100000"},
                {"[Daemon]\nMaxPendingPerUser=\n", ":2: ", "1 to 100000"},
                {TENANCY "[Grant web]\nMaxCallsPerSec=0\n", ":4: ", "1 to 1000000"},
                {TENANCY "[Grant web]\nEnforce=maybe\n", ":4: ", "yes or no"},
                {TENANCY "[Grant web]\nMaxCallsPerSec=1.5\n", ":4: ", "1 to 1000000"},
                {TENANCY "[Grant web]\nMaxCallsPerSec=1000001\n", ":4: ", "1 to 1000000"},
                {"[Daemon]\nDefaultTenancy=shop\n", ":2: ", "missing section [Tenancy shop]"},
                {"[Daemon]\nDefaultTenancy=Shop\n", ":2: ", "label"},
                {"[Tenancy Shop]\n", ":1: ", "label"},
                {"[Tenancy shop]\n", ":1: ", "no TenancyId="},
                {"[Tenancy shop]\nEndpoint=https://a\n", ":1: ", "no TenancyId="},
                {"[Tenancy default]\nTenancyId=\n", ":2: ", "TenancyId="},
                {"[Tenancy default]\nTenancyId=a b\n", ":2: ", "TenancyId="},
                {TENANCY "Endpoint=http://example.com\n", ":3: ", "loopback"},
                {TENANCY "Endpoint=http://127.0.0.1.example.com\n", ":3: ", "loopback"},
                {TENANCY "Endpoint=http://127.example.com\n", ":3: ", "loopback"},
                {TENANCY "Endpoint=http://localhost.example.com\n", ":3: ", "loopback"},
                {TENANCY "Endpoint=http://127.0.0.256\n", ":3: ", "loopback"},
                {TENANCY "Endpoint=http://127.1\n", ":3: ", "loopback"},
                {"[Tenancy default]\nTenancyId=.\n", ":2: ", "TenancyId="},
                {"[Tenancy default]\nTenancyId=..\n", ":2: ", "TenancyId="},
                {TENANCY "Endpoint=ftp://example.com\n", ":3: ", "https://"},
                {TENANCY "Endpoint=https://example.com/v2\n", ":3: ", "no path"},
                {TENANCY "Endpoint=https://user@example.com\n", ":3: ", "https://"},
                {TENANCY "Endpoint=https://example.com:99999\n", ":3: ", "https://"},
                {TENANCY "Endpoint=https://\n", ":3: ", "https://"},
                {TENANCY "Endpoint=https://example.com?x\n", ":3: ", "https://"},
                {TENANCY "TimeoutSec=0\n", ":3: ", "0.1 to 300"},
                {TENANCY "TimeoutSec=301\n", ":3: ", "0.1 to 300"},
                {TENANCY "TimeoutSec=-5\n", ":3: ", "0.1 to 300"},
                {TENANCY "TimeoutSec=5 parsecs\n", ":3: ", "0.1 to 300"},
                {TENANCY "TimeoutSec=99999999999999999999\n", ":3: ", "0.1 to 300"},
                {TENANCY "ApiKeyCredential=../etc/shadow\n", ":3: ", "not a path"},
                {TENANCY "ApiKeyCredential=\n", ":3: ", "name"},
                {TENANCY "CaFile=ca.crt\n", ":3: ", "absolute"},
                {TENANCY "ApiKey=sk_live\n", ":3: ", "unknown key ApiKey="},
                {TENANCY "[Grant web]\nUser=4294967295\n", ":4: ", "not a valid uid"},
                {TENANCY "[Grant web]\nGroup=99999999999999999999\n", ":4: ", "not a valid gid"},
                {TENANCY "[Grant web]\nUser=www-data,games\n", ":4: ", "separate names by spaces"},
                {TENANCY "[Grant web]\nUser=root:root\n", ":4: ", "not a valid name"},
                {TENANCY "[Grant web]\nGroup=-1\n", ":4: ", "not a valid name"},
                {TENANCY "[Grant web]\nRpId=https://shop.example.com\n",
                 ":4: ", "not a domain name"},
                {TENANCY "[Grant web]\nRpId=shop.example.com\n"
                         "RpId=shop.example.com:443\n",
                 ":5: ", "not a domain name"},
                {"[Tenancy a]\nTenancyId=t1\n[Tenancy b]\n\nTenancyId=t1\n",
                 ":5: ", "[Tenancy b] has the same TenancyId= as [Tenancy a] in "},
                {TENANCY "[Grant web]\nAllow=Everything\n", ":4: ", "unknown right Everything"},
                {TENANCY "[Grant web]\nTenancy=shop\n", ":4: ", "missing section [Tenancy shop]"},
                {TENANCY "[Grant web]\nAllows=All\n", ":4: ", "unknown key Allows="},
                {TENANCY "[Grant two words]\n", ":3: ", "one word"},
                {TENANCY "[Grant ]\n", ":3: ", "one word"},
                {"[Store]\nEngine=lmdb\n", ":2: ", "local or etcd"},
                {"[Store]\nEngine=\n", ":2: ", "local or etcd"},
                {"[Store]\n\nEngine=etcd\n", ":3: ", "needs Endpoints="},
                {"[Store]\nEngine=etcd\nEndpoints=https://a\nEndpoints=\n",
                 ":2: ", "needs Endpoints="},
                {"[Store]\nEndpoints=https://a http://b:2379\n", ":2: ", "loopback"},
                {"[Store]\nEndpoints=https://a,https://b\n", ":2: ", "Endpoints= must be"},
                {"[Store]\nEndpoints=h h h h\n", ":2: ", "Endpoints= must be"},
                {"[Store]\nEndpoints=https://a https://a https://a https://a https://a https://a "
                 "https://a https://a https://a\nEndpoints=https://a https://a https://a https://a "
                 "https://a https://a https://a https://a\n",
                 ":3: ", "more than 16"},
                {"[Store]\nPrefix=\n", ":2: ", "Prefix= must be"},
                {"[Store]\nPrefix=/x\n", ":2: ", "Prefix= must be"},
                {"[Store]\nPrefix=x/\n", ":2: ", "Prefix= must be"},
                {"[Store]\nPrefix=/a b/\n", ":2: ", "Prefix= must be"},
                {"[Store]\nPrefix=/\xc3\xa4/\n", ":2: ", "Prefix= must be"},
                {"[Store]\nCaFile=ca.crt\n", ":2: ", "absolute"},
                {"[Store]\nCertFile=client.crt\n", ":2: ", "CertFile= must be an absolute"},
                {"[Store]\nKeyCredential=/etc/key\n", ":2: ", "KeyCredential= must be"},
                {"[Store]\nPasswordCredential=.x\n", ":2: ", "PasswordCredential= must be"},
                {"[Store]\nAcknowledge=none\n", ":2: ", "local or shared"},
                {"[Store]\nPassword=root:x\n", ":2: ", "unknown key Password= in [Store]"},
                {"[Store]\nEngine=etcd\nEndpoints=https://a\nCertFile=/a\n",
                 ":4: ", "need each other"},
                {"[Store]\nEngine=etcd\nEndpoints=https://a\nKeyCredential=a\n",
                 ":4: ", "need each other"},
                {TENANCY "[Daemon]\nMaxPendingPerUser=\\\n\\\n0\n", ":4: ", "1 to 100000"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(mistakes); i++) {
                const ConfigFixture *fixture = *state;
                _cleanup_(freep) char *error = NULL;
                char place[256];

                config_write_main(fixture, mistakes[i].text);
                error = config_load_bad(fixture);
                snprintf(place, sizeof(place), "%s%s", fixture->file, mistakes[i].place);
                assert_int_equal(strncmp(error, place, strlen(place)), 0);
                assert_non_null(strstr(error, mistakes[i].what));
        }
}

static void test_mistake_in_drop_in(void **state)
{
        const ConfigFixture *fixture = *state;
        _cleanup_(freep) char *error = NULL;

        config_write_main(fixture, TENANCY);
        config_write_drop_in(fixture, "50-typo.conf", "\n[Grant web]\nUsr=1\n");
        error = config_load_bad(fixture);
        assert_non_null(strstr(error, "50-typo.conf:3: unknown key Usr="));
}

/* A second label for an id would open its links. */
static void test_one_id_under_two_labels(void **state)
{
        const ConfigFixture *fixture = *state;
        _cleanup_(config_freep) Config *config = NULL;
        _cleanup_(freep) char *error = NULL;

        config_write_main(fixture, TENANCY);
        config_write_drop_in(fixture, "50-app.conf",
                             "[Tenancy app]\nTenancyId=t1\n"
                             "Endpoint=https://elsewhere.example\n");
        error = config_load_bad(fixture);
        assert_non_null(strstr(error, "50-app.conf:2: [Tenancy app] has the same TenancyId= as "
                                      "[Tenancy default] in "));
        assert_non_null(strstr(error, "passlockd.conf:2"));

        /* The last assignment decides. */
        config_write_drop_in(fixture, "60-other.conf", "[Tenancy app]\nTenancyId=t2\n");
        config = config_load_good(fixture);
        assert_int_equal(config->n_tenancies, 2);
}

/* Users and files need not exist. */
static void test_names_that_may_not_exist(void **state)
{
        const ConfigFixture *fixture = *state;
        _cleanup_(config_freep) Config *config = NULL;
        char place[256];
        Grant *grant;

        config_write_main(fixture, TENANCY "[Grant web]\nAllow=All\n"
                                           "User=1 no-such-user user@example DOM\\user 0x\n"
                                           "Group=no-such-group 2\n");
        config = config_load_good(fixture);
        grant = config->grants.grants[0];
        assert_int_equal(grant->n_uids, 1);
        assert_int_equal(grant->n_gids, 1);
        assert_int_equal(grant->n_names, 5);
        snprintf(place, sizeof(place), "%s:6", fixture->file);
        assert_string_equal(grant->names[4].name, "no-such-group");
        assert_string_equal(grant->names[4].place, place);
        for (size_t i = 0; i < 5; i++) {
                assert_int_equal(grant->names[i].is_group, i == 4);
                assert_int_equal(grant->names[i].result.r, -EINPROGRESS);
        }
}

static void test_lists_are_cleared(void **state)
{
        _cleanup_(config_freep) Config *config = NULL;
        const Grant *grant;

        config_write_main(*state, TENANCY "[Grant web]\nUser=1 ada\nGroup=2 staff\nUser=\n"
                                          "User=bob\n");
        config = config_load_good(*state);
        grant = config->grants.grants[0];
        assert_int_equal(grant->n_uids, 0);
        assert_int_equal(grant->n_gids, 1);
        assert_int_equal(grant->n_names, 2);
        assert_string_equal(grant->names[0].name, "staff");
        assert_string_equal(grant->names[1].name, "bob");
}

static void test_ca_file_that_may_come(void **state)
{
        const ConfigFixture *fixture = *state;
        _cleanup_(config_freep) Config *config = NULL;
        FindingList list = {};
        char text[256], path[160], place[160];

        snprintf(path, sizeof(path), "%s/ca.crt", fixture->directory);
        snprintf(place, sizeof(place), "%s:3", fixture->file);
        snprintf(text, sizeof(text), TENANCY "CaFile=%s\n", path);
        config_write_main(fixture, text);
        config = config_load_good(fixture);
        assert_string_equal(config->tenancies[0]->ca_file, path);
        assert_int_equal(config_diagnose_files(config, &list), 0);
        assert_int_equal(list.n_findings, 1);
        assert_string_equal(list.findings[0].kind, "ca-file");
        assert_string_equal(list.findings[0].tenancy, "default");
        assert_string_equal(list.findings[0].name, path);
        assert_string_equal(list.findings[0].place, place);
        assert_non_null(strstr(list.findings[0].text, "No such file"));
        finding_list_clear(&list);

        config_write_bytes(path, "x", 1);
        assert_int_equal(config_diagnose_files(config, &list), 0);
        assert_int_equal(list.n_findings, 0);

        assert_int_equal(unlink(path), 0);
        assert_int_equal(mkdir(path, 0700), 0);
        assert_int_equal(config_diagnose_files(config, &list), 0);
        assert_int_equal(list.n_findings, 1);
        assert_non_null(strstr(list.findings[0].text, "Is a directory"));
        finding_list_clear(&list);
}

static void test_places_of_credentials(void **state)
{
        const ConfigFixture *fixture = *state;
        _cleanup_(config_freep) Config *config = NULL;
        char place[160];

        config_write_main(fixture, "[Tenancy a]\nTenancyId=1\n[Tenancy b]\nTenancyId=2\n"
                                   "ApiKeyCredential=key\n");
        config = config_load_good(fixture);
        snprintf(place, sizeof(place), "%s:1", fixture->file);
        assert_string_equal(config->tenancies[0]->credential_place, place);
        snprintf(place, sizeof(place), "%s:5", fixture->file);
        assert_string_equal(config->tenancies[1]->credential_place, place);
}

static void assert_credentials(const ConfigFixture *fixture, const char *expected)
{
        _cleanup_(strv_freep) char **names = NULL;
        char joined[256] = "";

        assert_int_equal(config_list_credentials(fixture->file, &names), 0);
        for (char **n = names; n && *n; n++) {
                strcat(joined, *n);
                strcat(joined, " ");
        }
        assert_string_equal(joined, expected);
}

/* The credential names of all valid sections. */
static void test_credentials(void **state)
{
        const ConfigFixture *fixture = *state;

        config_write_main(fixture, TENANCY "[Tenancy shop]\r\nTenancyId=s\r\n"
                                           "ApiKeyCredential=shop.key\r\n");
        assert_credentials(fixture, "passlock.default shop.key ");
        config_write_drop_in(fixture, "10-a.conf",
                             "[Tenancy shop]\nApiKeyCredential=again\n"
                             "[Tenancy more]\nApiKeyCredential=again\n");
        assert_credentials(fixture, "passlock.default again ");

        config_write_main(fixture, "[Store]\nKeyCredential=k\nPasswordCredential=p\n");
        assert_credentials(fixture, "again ");
        config_write_main(fixture, "[Store]\nKeyCredential=k\nPasswordCredential=p\n"
                                   "Engine=etcd\n");
        assert_credentials(fixture, "again k p ");

        config_write_main(fixture, "nonsense\n[Daemon]\nColour=red\n[Tenancy default]\n"
                                   "TenancyId=\nEndpoint=ftp://x\n[Tenancy Bad]\n"
                                   "ApiKeyCredential=bad\n[Tenancy shop]\nApiKeyCredential=../x\n"
                                   "[Tenancy last\nApiKeyCredential=last\n"
                                   "[Grant a]\nAllow=Everything\n");
        assert_credentials(fixture, "passlock.default again ");

        config_write_drop_in(fixture, "20-utf16.conf", "\xff\xfe");
        config_write_drop_in(fixture, "30-b.conf", "[Tenancy b]\n");
        assert_credentials(fixture, "passlock.default again passlock.b ");

        assert_int_equal(unlink(fixture->file), 0);
        assert_credentials(fixture, "again passlock.b ");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                CONFIG_TEST(test_everything),
                CONFIG_TEST(test_comment_continues_nothing),
                CONFIG_TEST(test_loopback),
                CONFIG_TEST(test_defaults),
                CONFIG_TEST(test_store),
                CONFIG_TEST(test_local_store),
                CONFIG_TEST(test_reload_of_store),
                CONFIG_TEST(test_empty_is_fine),
                CONFIG_TEST(test_drop_ins),
                CONFIG_TEST(test_places_of_grant),
                CONFIG_TEST(test_enforce),
                CONFIG_TEST(test_times),
                CONFIG_TEST(test_mistakes),
                CONFIG_TEST(test_mistake_in_drop_in),
                CONFIG_TEST(test_one_id_under_two_labels),
                CONFIG_TEST(test_names_that_may_not_exist),
                CONFIG_TEST(test_lists_are_cleared),
                CONFIG_TEST(test_ca_file_that_may_come),
                CONFIG_TEST(test_places_of_credentials),
                CONFIG_TEST(test_credentials),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
