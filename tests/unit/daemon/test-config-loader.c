/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* When a configuration comes into force, with a fake user database. */

#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "daemon/config-loader.h"
#include "daemon/model/access.h"
#include "dbus/error.h"
#include "tests/unit/daemon/config/config-fixture.h"
#include "tests/unit/daemon/fake-nss-lookup-pool.h"

#define PATIENCE_MS 60000U

static char records[1024];

void audit_write(const Audit *audit)
{
        size_t len = strlen(records);

        snprintf(records + len, sizeof(records) - len, "%s%s;", event_name(audit->event),
                 audit->error ? error_dbus_name(audit->error) ?: "-errno" : "");
}

typedef struct Fixture {
        ConfigFixture *files;
        sd_event *event;
        ConfigLoader *loader;
        GrantList grants; /* in force */
        unsigned max_pending;
        int apply_fails;
        unsigned n_applied, n_idle;
        char ended[512]; /* each completed load, with its result */
} Fixture;

static int on_apply(Config *config, void *userdata)
{
        Fixture *fixture = userdata;

        if (fixture->apply_fails < 0)
                return fixture->apply_fails;
        grant_list_clear(&fixture->grants);
        fixture->grants = TAKE(config->grants, (GrantList){});
        fixture->max_pending = config->max_pending_per_user;
        fixture->n_applied++;
        return 0;
}

static GrantList *on_grants(void *userdata)
{
        Fixture *fixture = userdata;

        return &fixture->grants;
}

static void on_loader_idle(void *userdata)
{
        Fixture *fixture = userdata;

        fixture->n_idle++;
}

static Fixture *current;

/* `userdata` is the name of the load. */
static void on_ended(int r, const char *text, void *userdata)
{
        size_t len = strlen(current->ended);

        snprintf(current->ended + len, sizeof(current->ended) - len, "%s=%d%s%s;",
                 (const char *) userdata, r, text ? " " : "", text ?: "");
}

static int set_up(void **state)
{
        Fixture *fixture = current = calloc(1, sizeof(Fixture));
        const ConfigLoaderOwner owner = {.apply = on_apply,
                                         .grants = on_grants,
                                         .idle = on_loader_idle,
                                         .userdata = fixture};

        fake_lookups_reset();
        records[0] = '\0';
        assert_int_equal(config_set_up((void **) &fixture->files), 0);
        assert_int_equal(sd_event_new(&fixture->event), 0);
        assert_int_equal(
                config_loader_new(fixture->event, fixture->files->file, &owner, &fixture->loader),
                0);
        *state = fixture;
        return 0;
}

static int tear_down(void **state)
{
        Fixture *fixture = *state;

        config_loader_free(fixture->loader);
        grant_list_clear(&fixture->grants);
        sd_event_unref(fixture->event);
        config_tear_down((void **) &fixture->files);
        free(fixture);
        return 0;
}

#define WITH(number, names) \
        "[Daemon]\nMaxPendingPerUser=" number "\n" TENANCY "[Grant web]\nAllow=All\nUser=" names \
        "\n"

static void start(Fixture *fixture, const char *text)
{
        config_write_main(fixture->files, text);
        assert_int_equal(config_loader_start(fixture->loader), 0);
}

static int reload(Fixture *fixture, const char *name)
{
        const AuditOrigin origin = {.method = "Reload"};
        char *text = NULL;
        int r;

        r = config_loader_reload(fixture->loader, &origin, on_ended, (void *) name, &text);
        if (r != 0) {
                assert_non_null(text);
                on_ended(r, "refused", (void *) name);
        }
        free(text);
        return r;
}

static void run_until_ended(Fixture *fixture, const char *ended)
{
        uint64_t end_ms = monotonic_ms() + PATIENCE_MS;

        while (!streq(fixture->ended, ended)) {
                assert_true(sd_event_run(fixture->event, 1000000) >= 0);
                if (monotonic_ms() > end_ms)
                        fail_msg("it is %s", fixture->ended);
        }
}

static bool allowed(const Fixture *fixture, uid_t uid)
{
        return grants_allow(&fixture->grants, &(const Caller){.uid = uid}, "default", RIGHT_ALL,
                            NULL);
}

static void test_start_without_names(void **state)
{
        Fixture *fixture = *state;

        start(fixture, WITH("1", "7"));
        assert_int_equal(fixture->max_pending, 1);
        assert_true(allowed(fixture, 7));
        assert_string_equal(records, "");
        assert_int_equal(config_loader_config(fixture->loader)->n_tenancies, 1);
}

/* Names found later are added to the grants in force. */
static void test_start_without_an_answer(void **state)
{
        Fixture *fixture = *state;
        uint64_t begin_ms = monotonic_ms();

        start(fixture, WITH("1", "ada 7"));
        assert_true(monotonic_ms() - begin_ms >= CONFIG_LOADER_TIMEOUT_MS);
        assert_true(allowed(fixture, 7));
        assert_false(allowed(fixture, 1));
        assert_string_equal(records, "configuration-missing;");
        fake_answer("ada", 1, 1);
        assert_true(allowed(fixture, 1));
        assert_string_equal(records, "configuration-missing;configuration-found;");
}

static void test_start_with_a_mistake(void **state)
{
        Fixture *fixture = *state;

        config_write_main(fixture->files, "[Nonsense]\n");
        assert_int_equal(config_loader_start(fixture->loader), ERROR_INVALID_ARGS);
        assert_string_equal(records,
                            "configuration-refusedorg.freedesktop.DBus.Error.InvalidArgs;");
        assert_null(config_loader_config(fixture->loader));
}

/* No report before config_loader_reload() returns. */
static void test_reload_without_names(void **state)
{
        Fixture *fixture = *state;

        start(fixture, WITH("1", "7"));
        config_write_main(fixture->files, WITH("2", "8"));
        assert_int_equal(reload(fixture, "a"), 0);
        assert_string_equal(fixture->ended, "");
        assert_true(allowed(fixture, 7));
        run_until_ended(fixture, "a=0;");
        assert_int_equal(fixture->max_pending, 2);
        assert_true(allowed(fixture, 8) && !allowed(fixture, 7));
        assert_int_equal(fixture->n_idle, 1);
        assert_string_equal(records, "configuration-loaded;");
}

static void test_reload_ends_with_the_last_answer(void **state)
{
        Fixture *fixture = *state;

        start(fixture, WITH("1", "7"));
        config_write_main(fixture->files, WITH("2", "ada bob"));
        assert_int_equal(reload(fixture, "a"), 0);
        fake_answer("bob", 1, 2);
        assert_string_equal(fixture->ended, "");
        assert_false(allowed(fixture, 2));
        fake_answer("ada", 1, 1);
        assert_string_equal(fixture->ended, "a=0;");
        assert_true(allowed(fixture, 1) && allowed(fixture, 2));
        assert_string_equal(records, "configuration-loaded;");
}

static void test_reload_without_an_answer(void **state)
{
        Fixture *fixture = *state;
        uint64_t begin_ms;

        start(fixture, WITH("1", "7"));
        config_write_main(fixture->files, WITH("2", "ada 8"));
        begin_ms = monotonic_ms();
        assert_int_equal(reload(fixture, "a"), 0);
        run_until_ended(fixture, "a=0;");
        assert_true(monotonic_ms() - begin_ms >= CONFIG_LOADER_TIMEOUT_MS);
        assert_true(allowed(fixture, 8) && !allowed(fixture, 7) && !allowed(fixture, 1));
}

/* A newer reload supersedes a pending one; both are reported. */
static void test_reloads_that_overlap(void **state)
{
        Fixture *fixture = *state;

        start(fixture, WITH("1", "7"));
        config_write_main(fixture->files, WITH("2", "ada"));
        assert_int_equal(reload(fixture, "a"), 0);
        config_write_main(fixture->files, WITH("3", "bob"));
        assert_int_equal(reload(fixture, "b"), 0);
        assert_false(fake_is_asked("ada"));
        assert_int_equal(fixture->n_idle, 0);
        fake_answer("bob", 0, 0);
        assert_string_equal(fixture->ended, "a=0;b=0;");
        assert_int_equal(fixture->n_applied, 2); /* the first of them at the start */
        assert_int_equal(fixture->max_pending, 3);
        assert_int_equal(fixture->n_idle, 1);
}

/* A reload with an invalid configuration does not supersede a pending one. */
static void test_mistake_while_another_waits(void **state)
{
        Fixture *fixture = *state;

        start(fixture, WITH("1", "7"));
        config_write_main(fixture->files, WITH("2", "ada"));
        assert_int_equal(reload(fixture, "a"), 0);
        config_write_main(fixture->files, "[Nonsense]\n");
        assert_int_equal(reload(fixture, "b"), ERROR_INVALID_ARGS);
        assert_int_equal(fixture->n_idle, 0);
        fake_answer("ada", 1, 1);
        assert_int_equal(fixture->max_pending, 2);
        assert_true(allowed(fixture, 1));
        assert_int_equal(fixture->n_idle, 1);
}

/* The old configuration stays in force, and its names are still resolved. */
/* Nothing is applied, and the reload says why. */
static void test_reload_of_another_engine(void **state)
{
        Fixture *fixture = *state;

        start(fixture, TENANCY);
        config_write_main(fixture->files,
                          TENANCY "[Store]\nEngine=etcd\nEndpoints=https://a.example\n");
        assert_int_equal(reload(fixture, "a"), ERROR_INVALID_ARGS);
        assert_int_equal(fixture->n_applied, 1);
        assert_int_equal(config_loader_config(fixture->loader)->store.engine, STORE_ENGINE_LOCAL);
}

static void test_apply_fails(void **state)
{
        const struct {
                int apply_fails;
                const char *ended;
        } failures[] = {
                {-EMFILE, "a=20 Failed to apply the configuration: Too many open files;"},
                {-ENOMEM, "a=-12 Failed to apply the configuration: Cannot allocate memory;"},
        };
        Fixture *fixture = *state;

        start(fixture, WITH("1", "7 late"));
        config_write_main(fixture->files, WITH("2", "ada"));
        for (size_t i = 0; i < ARRAY_SIZE(failures); i++) {
                fixture->ended[0] = '\0';
                fixture->apply_fails = failures[i].apply_fails;
                assert_int_equal(reload(fixture, "a"), 0);
                assert_false(fake_is_asked("late"));
                fake_answer("ada", 1, 1);
                assert_string_equal(fixture->ended, failures[i].ended);
                assert_true(allowed(fixture, 7) && !allowed(fixture, 1));
                assert_true(fake_is_asked("late"));
        }
        fake_answer("late", 1, 9);
        assert_true(allowed(fixture, 9));
        assert_int_equal(fixture->n_idle, 2);
}

static void test_freed_while_one_waits(void **state)
{
        Fixture *fixture = *state;

        start(fixture, WITH("1", "7"));
        config_write_main(fixture->files, WITH("2", "ada"));
        assert_int_equal(reload(fixture, "a"), 0);
        fixture->loader = config_loader_free(fixture->loader);
        assert_string_equal(fixture->ended, "");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_start_without_names, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_start_without_an_answer, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_start_with_a_mistake, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_reload_without_names, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_reload_ends_with_the_last_answer, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(test_reload_without_an_answer, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_reloads_that_overlap, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_mistake_while_another_waits, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(test_reload_of_another_engine, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_apply_fails, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_freed_while_one_waits, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
