/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>

#include "daemon/config/config.h"
#include "tests/unit/test.h"

/* A directory for each test, with passlockd.conf and passlockd.conf.d. */
typedef struct Fixture {
        char directory[64];
        char file[128];
} Fixture;

static int set_up(void **state)
{
        Fixture *fixture = calloc(1, sizeof(Fixture));
        char drop_ins[160];

        strcpy(fixture->directory, "/tmp/test-config.XXXXXX");
        assert_non_null(mkdtemp(fixture->directory));
        snprintf(fixture->file, sizeof(fixture->file), "%s/passlockd.conf", fixture->directory);
        snprintf(drop_ins, sizeof(drop_ins), "%s.d", fixture->file);
        assert_int_equal(mkdir(drop_ins, 0700), 0);
        *state = fixture;
        return 0;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
        return remove(path);
}

static int tear_down(void **state)
{
        Fixture *fixture = *state;

        nftw(fixture->directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
        free(fixture);
        return 0;
}

static void write_text(const char *path, const char *text)
{
        FILE *f = fopen(path, "we");

        assert_non_null(f);
        assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
        fclose(f);
}

static void write_main(const Fixture *fixture, const char *text)
{
        write_text(fixture->file, text);
}

static void write_drop_in(const Fixture *fixture, const char *name, const char *text)
{
        char path[256];

        snprintf(path, sizeof(path), "%s.d/%s", fixture->file, name);
        write_text(path, text);
}

static Config *load(const Fixture *fixture)
{
        char *error = NULL;
        Config *config = NULL;
        int r;

        r = config_load(fixture->file, &config, &error);
        if (error)
                print_message("# %s\n", error);
        assert_int_equal(r, 0);
        assert_null(error);
        return config;
}

#define TENANCY "[Tenancy default]\nTenancyId=t1\n"

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
                                   "RpId=shop.example.com www.example.com\n";
        _cleanup_(config_freep) Config *config = NULL;
        const Grant *grant;

        write_main(*state, text);
        config = load(*state);
        assert_string_equal(config->default_tenancy, "shop");
        assert_int_equal(config->max_pending_per_user, 12);
        assert_int_equal(config->n_tenancies, 1);
        assert_string_equal(config->tenancies[0]->label, "shop");
        assert_string_equal(config->tenancies[0]->tenancy_id, "my#Tenancy");
        assert_string_equal(config->tenancies[0]->endpoint, "https://api.example.com:8443");
        assert_null(config->tenancies[0]->ca_file);
        assert_string_equal(config->tenancies[0]->api_key_credential, "shop.key");
        assert_int_equal(config->tenancies[0]->timeout_ms, 2500);
        assert_int_equal(config->grants.n_grants, 1);
        grant = config->grants.grants[0];
        assert_string_equal(grant->tenancy, "shop");
        assert_int_equal(grant->n_uids, 2);
        assert_int_equal(grant->uids[1], 1234);
        assert_int_equal(grant->n_gids, 1);
        assert_int_equal(grant->gids[0], 0);
        assert_int_equal(grant->allow, RIGHT_AUTHORIZE | RIGHT_EXCHANGE | RIGHT_LINKS_READ);
        assert_string_equal(grant->rp_ids[1], "www.example.com");
}

/* A comment goes no further than its line, or it could take out what limits a grant. */
static void test_comment_continues_nothing(void **state)
{
        _cleanup_(config_freep) Config *config = NULL;

        write_main(*state, TENANCY "[Grant web]\nUser=1\nAllow=Authorize\n"
                                   "# one site only \\\nRpId=shop.example.com\n"
                                   "Allow=Exchange \\\n; and so on \\\n Mailbox\n");
        config = load(*state);
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
                write_main(*state, text);
                config = load(*state);
                assert_string_equal(config->tenancies[0]->endpoint + 7, hosts[i]);
        }
}

static void test_defaults(void **state)
{
        _cleanup_(config_freep) Config *config = NULL;

        write_main(*state, TENANCY);
        config = load(*state);
        assert_string_equal(config->default_tenancy, "default");
        assert_int_equal(config->max_pending_per_user, 256);
        assert_string_equal(config->tenancies[0]->endpoint, "https://api.passlock.dev");
        assert_string_equal(config->tenancies[0]->api_key_credential, "passlock.default");
        assert_int_equal(config->tenancies[0]->timeout_ms, 10000);
        assert_int_equal(config->grants.n_grants, 0);
}

static void test_empty_is_fine(void **state)
{
        _cleanup_(config_freep) Config *config = NULL;

        write_main(*state, "");
        config = load(*state);
        assert_int_equal(config->n_tenancies, 0);
}

static void test_drop_ins(void **state)
{
        _cleanup_(config_freep) Config *config = NULL;
        const Fixture *fixture = *state;
        char path[256];

        write_main(fixture, TENANCY "[Grant a]\nUser=1\nAllow=All\n");
        write_drop_in(fixture, "20-later.conf", "[Tenancy default]\nTimeoutSec=20\n");
        write_drop_in(fixture, "10-first.conf", "[Tenancy default]\nTimeoutSec=10\nTenancyId=t2\n");
        write_drop_in(fixture, "30-reset.conf", "[Grant a]\nAllow=\nAllow=Mailbox\nUser=2\n");
        write_drop_in(fixture, "README", "not configuration");
        write_drop_in(fixture, ".hidden.conf", "not configuration");
        write_drop_in(fixture, "99-empty.conf", "");
        snprintf(path, sizeof(path), "%s.d/40-masked.conf", fixture->file);
        assert_int_equal(symlink("/dev/null", path), 0);

        config = load(fixture);
        assert_int_equal(config->tenancies[0]->timeout_ms, 20000);
        assert_string_equal(config->tenancies[0]->tenancy_id, "t2");
        assert_int_equal(config->grants.n_grants, 1);
        assert_int_equal(config->grants.grants[0]->allow, RIGHT_MAILBOX);
        assert_int_equal(config->grants.grants[0]->n_uids, 2);
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
                write_main(*state, text);
                config = load(*state);
                assert_int_equal(config->tenancies[0]->timeout_ms, times[i].ms);
        }
}

/* Each mistake is refused, with the file, the line and something of what is wrong. */
static void test_mistakes(void **state)
{
        const struct {
                const char *text, *place, *what;
        } mistakes[] = {
                {"x=1\n", ":1: ", "outside of any section"},
                {"\n[Daemon\n", ":2: ", "[Name]"},
                {"[Demon]\n", ":1: ", "unknown section [Demon]"},
                {"[Daemon]\n\nfoo\n", ":3: ", "Key=value"},
                {"[Daemon]\nMaxPending=1\n", ":2: ", "unknown key MaxPending="},
                {"[Daemon]\nMaxPendingPerUser=0\n", ":2: ", "1 to 100000"},
                {"[Daemon]\nMaxPendingPerUser=-1\n", ":2: ", "1 to 100000"},
                {"[Daemon]\nMaxPendingPerUser=1x\n", ":2: ", "1 to 100000"},
                {"[Daemon]\nMaxPendingPerUser=\n", ":2: ", "1 to 100000"},
                {"[Daemon]\nDefaultTenancy=shop\n", ":2: ", "no section [Tenancy shop]"},
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
                {TENANCY "Endpoint=https://example.com/v2\n", ":3: ", "without a path"},
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
                {TENANCY "CaFile=/nonexistent/ca.crt\n", ":3: ", "No such file"},
                {TENANCY "ApiKey=sk_live\n", ":3: ", "unknown key ApiKey="},
                {TENANCY "[Grant web]\nUser=no-such-user-here\n", ":4: ", "no user"},
                {TENANCY "[Grant web]\nGroup=no-such-group-here\n", ":4: ", "no group"},
                {TENANCY "[Grant web]\nUser=4294967295\n", ":4: ", "no user"},
                {TENANCY "[Grant web]\nAllow=Everything\n", ":4: ", "does not know Everything"},
                {TENANCY "[Grant web]\nTenancy=shop\n", ":4: ", "no section [Tenancy shop]"},
                {TENANCY "[Grant web]\nAllows=All\n", ":4: ", "unknown key Allows="},
                {TENANCY "[Grant two words]\n", ":3: ", "one word"},
                {TENANCY "[Grant ]\n", ":3: ", "one word"},
                {TENANCY "[Daemon]\nMaxPendingPerUser=\\\n\\\n0\n", ":4: ", "1 to 100000"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(mistakes); i++) {
                const Fixture *fixture = *state;
                _cleanup_(freep) char *error = NULL;
                Config *config = NULL;
                char place[256];

                write_main(fixture, mistakes[i].text);
                assert_int_equal(config_load(fixture->file, &config, &error), -EBADMSG);
                assert_null(config);
                assert_non_null(error);
                print_message("# %s\n", error);
                snprintf(place, sizeof(place), "%s%s", fixture->file, mistakes[i].place);
                assert_int_equal(strncmp(error, place, strlen(place)), 0);
                assert_non_null(strstr(error, mistakes[i].what));
        }
}

static void test_mistake_in_drop_in(void **state)
{
        const Fixture *fixture = *state;
        _cleanup_(freep) char *error = NULL;
        Config *config = NULL;

        write_main(fixture, TENANCY);
        write_drop_in(fixture, "50-typo.conf", "\n[Grant web]\nUsr=1\n");
        assert_int_equal(config_load(fixture->file, &config, &error), -EBADMSG);
        assert_non_null(strstr(error, "50-typo.conf:3: unknown key Usr="));
}

static void test_not_text(void **state)
{
        const Fixture *fixture = *state;
        _cleanup_(freep) char *error = NULL, *error_long = NULL;
        Config *config = NULL;
        FILE *f = fopen(fixture->file, "we");
        char *huge;

        assert_int_equal(fwrite("[Daemon]\na\0b\n", 1, 13, f), 13);
        fclose(f);
        assert_int_equal(config_load(fixture->file, &config, &error), -EBADMSG);
        assert_non_null(strstr(error, ":2: not a line of text"));

        huge = malloc(70001);
        memset(huge, 'x', 70000);
        huge[70000] = '\0';
        write_main(fixture, huge);
        free(huge);
        assert_int_equal(config_load(fixture->file, &config, &error_long), -EBADMSG);
        assert_non_null(strstr(error_long, ":1: "));
}

static void test_missing_file(void **state)
{
        const Fixture *fixture = *state;
        _cleanup_(freep) char *error = NULL;
        Config *config = NULL;

        assert_true(config_load(fixture->file, &config, &error) < 0);
        assert_non_null(strstr(error, "passlockd.conf: No such file"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_everything),
                TEST(test_comment_continues_nothing),
                TEST(test_loopback),
                TEST(test_defaults),
                TEST(test_empty_is_fine),
                TEST(test_drop_ins),
                TEST(test_times),
                TEST(test_mistakes),
                TEST(test_mistake_in_drop_in),
                TEST(test_not_text),
                TEST(test_missing_file),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
