/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Missing and invalid keys that become valid later. */

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "keyholder/credential-loader.h"
#include "tests/unit/test.h"

#define PATIENCE_MS 60000U

static char records[1024];

static void record(const char *label, const CredentialRead *read)
{
        size_t len = strlen(records);

        if (read->fault != CREDENTIAL_FINE)
                snprintf(records + len, sizeof(records) - len, "%s %s: %s;",
                         read->fault == CREDENTIAL_MISSING ? "missing" : "unusable", label,
                         read->text);
}

typedef struct Fixture {
        sd_event *event;
        CredentialLoader *keys;
        char parent[64];
        char directory[128];
        char found[256];
} Fixture;

static void on_found(const char *label, Secret *key, const CredentialRead *read, void *userdata)
{
        Fixture *fixture = userdata;
        size_t len = strlen(fixture->found);

        record(label, read);
        assert_true((key != NULL) == (read->fault == CREDENTIAL_FINE));
        if (key)
                snprintf(fixture->found + len, sizeof(fixture->found) - len, "%s=%s;", label,
                         secret_reveal(key));
}

static int set_up(void **state)
{
        Fixture *fixture = calloc(1, sizeof(Fixture));

        records[0] = '\0';
        strcpy(fixture->parent, "/tmp/test-keys.XXXXXX");
        assert_non_null(mkdtemp(fixture->parent));
        snprintf(fixture->directory, sizeof(fixture->directory), "%s/credentials", fixture->parent);
        assert_int_equal(mkdir(fixture->directory, 0700), 0);
        assert_int_equal(setenv("CREDENTIALS_DIRECTORY", fixture->directory, 1), 0);
        assert_int_equal(sd_event_new(&fixture->event), 0);
        assert_int_equal(credential_loader_new(fixture->event, on_found, fixture, &fixture->keys),
                         0);
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

        credential_loader_free(fixture->keys);
        sd_event_unref(fixture->event);
        nftw(fixture->parent, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
        free(fixture);
        return 0;
}

static void write_key(const Fixture *fixture, const char *name, const char *text)
{
        char path[256];
        int fd;

        snprintf(path, sizeof(path), "%s/%s", fixture->directory, name);
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        close(fd);
}

static void remove_key(const Fixture *fixture, const char *name)
{
        char path[256];

        snprintf(path, sizeof(path), "%s/%s", fixture->directory, name);
        assert_int_equal(unlink(path), 0);
}

/* As the configuration has it: credential passlock.<label>. */
static int load(Fixture *fixture, const char *label, Secret **ret)
{
        char credential[64];
        CredentialRead read = {};
        int r;

        snprintf(credential, sizeof(credential), "passlock.%s", label);
        r = credential_loader_load(fixture->keys, label, credential, CREDENTIAL_API_KEY, &read,
                                   ret);
        if (r == 0)
                record(label, &read);
        return r;
}

static void assert_loads(Fixture *fixture, const char *label, const char *key)
{
        _cleanup_(secret_unrefp) Secret *secret = NULL;

        assert_int_equal(load(fixture, label, &secret), 0);
        if (key)
                assert_string_equal(secret_reveal(secret), key);
        else
                assert_null(secret);
}

static void run_until_found(Fixture *fixture, const char *found)
{
        uint64_t end_ms = monotonic_ms() + PATIENCE_MS;

        while (!streq(fixture->found, found)) {
                assert_true(sd_event_run(fixture->event, 1000000) >= 0);
                assert_true(monotonic_ms() < end_ms);
        }
}

static void run_until_recorded(Fixture *fixture, const char *what)
{
        uint64_t end_ms = monotonic_ms() + PATIENCE_MS;

        while (!strstr(records, what)) {
                assert_true(sd_event_run(fixture->event, 1000000) >= 0);
                assert_true(monotonic_ms() < end_ms);
        }
}

/* No more wake-ups, neither by inotify nor by the timer. */
static void assert_asleep(Fixture *fixture)
{
        write_key(fixture, "passlock.unrelated", "x");
        assert_int_equal(sd_event_run(fixture->event, 1500 * 1000), 0);
}

static void test_there_from_the_beginning(void **state)
{
        Fixture *fixture = *state;

        write_key(fixture, "passlock.shop", "sk_1\r\n");
        assert_loads(fixture, "shop", "sk_1");
        assert_string_equal(records, "");
        assert_asleep(fixture);
}

static void test_comes_later(void **state)
{
        Fixture *fixture = *state;

        write_key(fixture, "passlock.other", "sk_other");
        assert_loads(fixture, "other", "sk_other");
        assert_loads(fixture, "shop", NULL);
        assert_string_equal(records, "missing shop: there is no credential passlock.shop;");

        write_key(fixture, "passlock.shop", "sk_2");
        run_until_found(fixture, "shop=sk_2;");
        assert_asleep(fixture);
}

/* Each kind of invalid key is recorded once. */
static void test_invalid_at_first(void **state)
{
        Fixture *fixture = *state;
        char empty[256], both[512];

        snprintf(empty, sizeof(empty),
                 "unusable shop: the credential passlock.shop (%s/passlock.shop) is empty;",
                 fixture->directory);
        snprintf(both, sizeof(both),
                 "%sunusable shop: the credential passlock.shop (%s/passlock.shop) has more than "
                 "one line;",
                 empty, fixture->directory);
        write_key(fixture, "passlock.shop", "");
        assert_loads(fixture, "shop", NULL);
        assert_string_equal(records, empty);
        write_key(fixture, "passlock.shop", "");
        write_key(fixture, "passlock.shop", "one\ntwo\n");
        run_until_recorded(fixture, "more than one line");
        assert_string_equal(records, both);

        write_key(fixture, "passlock.shop", "one\n");
        run_until_found(fixture, "shop=one;");
        assert_string_equal(records, both);
}

static void test_moved_and_linked(void **state)
{
        Fixture *fixture = *state;
        char from[256], to[256];

        assert_loads(fixture, "moved", NULL);
        assert_loads(fixture, "linked", NULL);
        write_key(fixture, "passlock.moved.new", "sk_m");
        snprintf(from, sizeof(from), "%s/passlock.moved.new", fixture->directory);
        snprintf(to, sizeof(to), "%s/passlock.moved", fixture->directory);
        assert_int_equal(rename(from, to), 0);
        run_until_found(fixture, "moved=sk_m;");
        snprintf(to, sizeof(to), "%s/passlock.linked", fixture->directory);
        assert_int_equal(symlink("passlock.moved", to), 0);
        run_until_found(fixture, "moved=sk_m;linked=sk_m;");
}

/* The directory does not change when the target of a symbolic link appears or is repaired. */
static void test_behind_links(void **state)
{
        Fixture *fixture = *state;
        char target[256], link[256];

        snprintf(target, sizeof(target), "%s/elsewhere", fixture->parent);
        snprintf(link, sizeof(link), "%s/passlock.shop", fixture->directory);
        assert_int_equal(symlink(target, link), 0);
        assert_loads(fixture, "shop", NULL);
        assert_true(sd_event_run(fixture->event, 1500 * 1000) >= 0); /* the watch has settled */
        write_key(fixture, "../elsewhere", "one\ntwo\n");
        run_until_recorded(fixture, "more than one line");
        write_key(fixture, "../elsewhere", "sk_3");
        run_until_found(fixture, "shop=sk_3;");
        assert_asleep(fixture);
}

/* The directory is a link that is switched to another one. */
static void test_directory_behind_a_link(void **state)
{
        Fixture *fixture = *state;
        char empty[256], full[256], link[256];

        snprintf(empty, sizeof(empty), "%s/empty", fixture->parent);
        snprintf(full, sizeof(full), "%s/full", fixture->parent);
        snprintf(link, sizeof(link), "%s/link", fixture->parent);
        assert_int_equal(rmdir(fixture->directory), 0);
        assert_int_equal(mkdir(empty, 0700) | mkdir(full, 0700), 0);
        assert_int_equal(symlink(empty, fixture->directory), 0);
        assert_loads(fixture, "shop", NULL);
        assert_loads(fixture, "other", NULL);
        assert_true(sd_event_run(fixture->event, 1500 * 1000) >= 0);
        assert_int_equal(symlink(full, link), 0);
        assert_int_equal(rename(link, fixture->directory), 0);
        write_key(fixture, "passlock.shop", "sk_4");
        run_until_found(fixture, "shop=sk_4;");
}

/* The directory comes, goes, and comes again. */
static void test_directory_comes_later(void **state)
{
        Fixture *fixture = *state;

        assert_int_equal(rmdir(fixture->directory), 0);
        assert_loads(fixture, "a", NULL);
        assert_loads(fixture, "b", NULL);
        assert_int_equal(mkdir(fixture->directory, 0700), 0);
        write_key(fixture, "passlock.a", "sk_a");
        run_until_found(fixture, "a=sk_a;");
        remove_key(fixture, "passlock.a");
        assert_int_equal(rmdir(fixture->directory), 0);
        assert_int_equal(mkdir(fixture->directory, 0700), 0);
        write_key(fixture, "passlock.b", "sk_b");
        run_until_found(fixture, "a=sk_a;b=sk_b;");
}

static void test_not_a_directory(void **state)
{
        Fixture *fixture = *state;
        _cleanup_(secret_unrefp) Secret *key = NULL;

        assert_int_equal(rmdir(fixture->directory), 0);
        strcpy(fixture->directory, fixture->parent);
        write_key(fixture, "credentials", "x");
        assert_int_equal(load(fixture, "shop", &key), 0);
        assert_null(key);
        assert_non_null(strstr(records, "passlock.shop): Not a directory"));

        remove_key(fixture, "credentials");
        strcat(fixture->directory, "/credentials");
        assert_int_equal(mkdir(fixture->directory, 0700), 0);
        write_key(fixture, "passlock.shop", "sk");
        run_until_found(fixture, "shop=sk;");
}

/* An unreadable file may become readable without an inotify event. */
static void test_unreadable_at_first(void **state)
{
        Fixture *fixture = *state;
        _cleanup_(secret_unrefp) Secret *key = NULL;
        char path[256];

        snprintf(path, sizeof(path), "%s/passlock.shop", fixture->directory);
        assert_int_equal(mkdir(path, 0700), 0);
        assert_int_equal(load(fixture, "shop", &key), 0);
        assert_non_null(strstr(records, "unusable shop: "));
        assert_int_equal(rmdir(path), 0);
        write_key(fixture, "passlock.shop", "sk");
        run_until_found(fixture, "shop=sk;");
}

static void test_no_directory_at_all(void **state)
{
        Fixture *fixture = *state;

        assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
        assert_loads(fixture, "shop", NULL);
        assert_string_equal(records, "missing shop: there is no credential passlock.shop;");
        assert_asleep(fixture); /* the environment does not change */
}

static void test_retain(void **state)
{
        Fixture *fixture = *state;
        TenancyConfig tenancy = {.label = strdup("b")}, *tenancies[] = {&tenancy};
        const Config config = {.tenancies = tenancies, .n_tenancies = 1};

        assert_loads(fixture, "a", NULL);
        assert_loads(fixture, "b", NULL);
        assert_loads(fixture, "a", NULL);
        credential_loader_retain(fixture->keys, &config);
        credential_loader_retain(fixture->keys, &(const Config){});
        assert_asleep(fixture);
        free(tenancy.label);
}

static char *make_private_key(const char *passphrase)
{
        EVP_PKEY *key = EVP_EC_gen("P-256");
        BIO *bio = BIO_new(BIO_s_mem());
        char *text, *copy;
        long len;

        assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, key,
                                                       passphrase ? EVP_aes_128_cbc() : NULL,
                                                       passphrase, passphrase ? 1 : 0, NULL, NULL),
                         1);
        len = BIO_get_mem_data(bio, &text);
        copy = strndup(text, (size_t) len);
        BIO_free(bio);
        EVP_PKEY_free(key);
        return copy;
}

/* Credentials of the store. */
static void test_kinds(void **state)
{
        Fixture *fixture = *state;
        _cleanup_(freep) char *key = make_private_key(NULL), *locked = make_private_key("x");
        const struct {
                CredentialKind kind;
                const char *text, *flaw; /* NULL: valid */
        } cases[] = {
                {CREDENTIAL_PRIVATE_KEY, key, NULL},
                {CREDENTIAL_PRIVATE_KEY, locked, "is not a private key"},
                {CREDENTIAL_PRIVATE_KEY, "sk_1\n", "is not a private key"},
                {CREDENTIAL_PRIVATE_KEY, "\n", "is empty"},
                {CREDENTIAL_LOGIN, "root:pass word\n", NULL},
                {CREDENTIAL_LOGIN, "root\n", "is not user:password"},
                {CREDENTIAL_LOGIN, "\n", "is empty"},
                {CREDENTIAL_LOGIN, "\xff\xfer", "is UTF-16"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(secret_unrefp) Secret *secret = NULL;
                CredentialRead read = {};

                write_key(fixture, "store", cases[i].text);
                assert_int_equal(credential_loader_load(fixture->keys, "x", "store", cases[i].kind,
                                                        &read, &secret),
                                 0);
                assert_true((secret != NULL) == !cases[i].flaw);
                assert_int_equal(read.fault, secret ? CREDENTIAL_FINE : CREDENTIAL_UNUSABLE);
                if (cases[i].flaw)
                        assert_non_null(strstr(read.text, cases[i].flaw));
        }
        credential_loader_forget(fixture->keys, "x");
        assert_asleep(fixture);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_there_from_the_beginning, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_comes_later, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_invalid_at_first, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_moved_and_linked, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_behind_links, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_directory_behind_a_link, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_directory_comes_later, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_not_a_directory, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_unreadable_at_first, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_kinds, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_no_directory_at_all, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_retain, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
