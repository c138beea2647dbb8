/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/config/config.h"
#include "tests/unit/test.h"

/* A directory for each test, with passlockd.conf and passlockd.conf.d. */
typedef struct ConfigFixture {
        char directory[64];
        char file[128];
} ConfigFixture;

int config_set_up(void **state);
int config_tear_down(void **state);

#define CONFIG_TEST(name) cmocka_unit_test_setup_teardown(name, config_set_up, config_tear_down)

void config_write_bytes(const char *path, const char *bytes, size_t len);
void config_write_main(const ConfigFixture *fixture, const char *text);
void config_write_drop_in(const ConfigFixture *fixture, const char *name, const char *text);

/* Loads a valid configuration. The caller's. */
Config *config_load_good(const ConfigFixture *fixture);
/* Loads an invalid configuration, and returns the error text (the caller's). */
char *config_load_bad(const ConfigFixture *fixture);

#define TENANCY "[Tenancy default]\nTenancyId=t1\n"
