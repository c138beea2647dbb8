/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>

#include "tests/unit/daemon/config/config-fixture.h"

int config_set_up(void **state)
{
        ConfigFixture *fixture = calloc(1, sizeof(ConfigFixture));
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

int config_tear_down(void **state)
{
        ConfigFixture *fixture = *state;

        nftw(fixture->directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
        free(fixture);
        return 0;
}

void config_write_bytes(const char *path, const char *bytes, size_t len)
{
        FILE *f = fopen(path, "we");

        assert_non_null(f);
        assert_int_equal(fwrite(bytes, 1, len, f), len);
        fclose(f);
}

void config_write_main(const ConfigFixture *fixture, const char *text)
{
        config_write_bytes(fixture->file, text, strlen(text));
}

void config_write_drop_in(const ConfigFixture *fixture, const char *name, const char *text)
{
        char path[256];

        snprintf(path, sizeof(path), "%s.d/%s", fixture->file, name);
        config_write_bytes(path, text, strlen(text));
}

Config *config_load_good(const ConfigFixture *fixture)
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

char *config_load_bad(const ConfigFixture *fixture)
{
        char *error = NULL;
        Config *config = NULL;

        assert_true(config_load(fixture->file, &config, &error) < 0);
        assert_null(config);
        assert_non_null(error);
        print_message("# %s\n", error);
        return error;
}
