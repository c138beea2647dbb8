/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Configuration files: passlockd.conf and, after each line "%%", a drop-in. */

#include <errno.h>
#include <stdio.h>

#include "base/log.h"
#include "base/strv.h"
#include "daemon/config/config.h"
#include "daemon/model/valid.h"
#include "tests/fuzz/fuzz.h"

#define DROP_IN      "\n%%\n"
#define DROP_INS_MAX 3U

static char directory[64];
static char file[80];

static void remove_directory(void)
{
        fuzz_remove_tree(directory);
}

int LLVMFuzzerInitialize(int *argc _unused_, char ***argv _unused_)
{
        char drop_ins[96];

        fuzz_make_directory(directory);
        (void) snprintf(file, sizeof(file), "%s/passlockd.conf", directory);
        (void) snprintf(drop_ins, sizeof(drop_ins), "%s.d", file);
        assert(mkdir(drop_ins, 0700) == 0);
        log_set_max_level(LOG_ERR); /* config_list_credentials() logs warnings */
        return atexit(remove_directory);
}

static void write_file(const char *path, const uint8_t *data, size_t size)
{
        FILE *f = fopen(path, "we");

        assert(f && fwrite(data, 1, size, f) == size);
        assert(fclose(f) == 0);
}

static void write_files(const uint8_t *data, size_t size)
{
        for (unsigned i = 0; i <= DROP_INS_MAX; i++) {
                const uint8_t *end =
                        i < DROP_INS_MAX ? memmem(data, size, DROP_IN, strlen(DROP_IN)) : NULL;
                size_t len = end ? (size_t) (end - data) + 1 : size;
                char path[112];

                (void) snprintf(path, sizeof(path), i == 0 ? "%s" : "%s.d/%u.conf", file, i);
                write_file(path, data, len);
                data += end ? len + strlen(DROP_IN) - 1 : size;
                size -= end ? len + strlen(DROP_IN) - 1 : size;
        }
}

/* An error names its file and line. */
static void check_error(const char *error)
{
        const char *place;

        assert(error && strncmp(error, file, strlen(file)) == 0);
        place = strchr(error, ':');
        assert(place && place[1] >= '1' && place[1] <= '9');
        place += 1 + strspn(place + 1, "0123456789");
        assert(strncmp(place, ": ", 2) == 0 && place[2]);
        assert(!strchr(error, '\n'));
}

static void check_origin(const char *origin)
{
        assert(strncmp(origin, "https://", 8) == 0 || strncmp(origin, "http://", 7) == 0);
        assert(origin[strlen(origin) - 1] != '/' && !strpbrk(origin, " @?#\\"));
}

static void check_tenancy(const Config *config, const TenancyConfig *t)
{
        assert(tenancy_label_is_valid(t->label) && tenancy_id_is_valid(t->tenancy_id));
        assert(config_find_tenancy(config, t->label) == t);
        assert(t->timeout_ms >= 100 && t->timeout_ms <= 300000);
        check_origin(t->endpoint);
        assert(text_is_valid(t->api_key_credential, 255) && !strchr(t->api_key_credential, '/'));
        assert(!t->ca_file || (t->ca_file[0] == '/' && t->ca_file_place));
        for (size_t i = 0; i < config->n_tenancies; i++)
                assert(config->tenancies[i] == t ||
                       !streq(config->tenancies[i]->tenancy_id, t->tenancy_id));
}

static void check_store(const StoreConfig *store)
{
        size_t prefix_len = strlen(store->prefix);

        assert(prefix_len >= 1 && prefix_len <= 128);
        assert(store->prefix[0] == '/' && store->prefix[prefix_len - 1] == '/');
        assert(strv_len(store->endpoints) <= STORE_ENDPOINTS_MAX);
        for (char **origin = store->endpoints; origin && *origin; origin++)
                check_origin(*origin);
        assert(!store->ca_file || (store->ca_file[0] == '/' && store->ca_file_place));
        assert(!store->cert_file || (store->cert_file[0] == '/' && store->cert_file_place));
        if (store->engine == STORE_ENGINE_ETCD)
                assert(strv_len(store->endpoints) > 0 &&
                       !store->cert_file == !store->key_credential && store->place);
}

static void check_grant(const Grant *grant)
{
        assert(text_is_valid(grant->name, 64) && tenancy_label_is_valid(grant->tenancy));
        assert((grant->allow & ~(unsigned) RIGHT_ALL) == 0);
        assert(grant->max_calls_per_s <= 1000000);
        for (size_t i = 0; i < grant->n_uids; i++)
                assert(grant->uids[i] != (uid_t) -1);
        for (size_t i = 0; i < grant->n_gids; i++)
                assert(grant->gids[i] != (gid_t) -1);
        for (size_t i = 0; i < grant->n_names; i++)
                assert(text_is_valid(grant->names[i].name, 256) && grant->names[i].place);
        for (char **rp_id = grant->rp_ids; rp_id && *rp_id; rp_id++)
                assert(domain_name_is_valid(*rp_id));
}

/* The generator accepts all files. In a valid configuration it finds the credentials of all
 * tenancies. */
static void check_credentials(const Config *config)
{
        _cleanup_(strv_freep) char **names = NULL;

        assert(config_list_credentials(file, &names) == 0);
        for (size_t i = 0; config && i < config->n_tenancies; i++)
                assert(strv_contains(names, config->tenancies[i]->api_key_credential));
        for (char **name = names; name && *name; name++)
                assert(text_is_valid(*name, 255));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_(config_freep) Config *config = NULL;
        _cleanup_(freep) char *error = NULL;
        int r;

        write_files(data, size);
        r = config_load(file, &config, &error);
        assert(r == 0 || r == -EBADMSG);
        assert((r == 0) == (config != NULL));
        if (r < 0)
                check_error(error);
        for (size_t i = 0; config && i < config->n_tenancies; i++)
                check_tenancy(config, config->tenancies[i]);
        for (size_t i = 0; config && i < config->grants.n_grants; i++)
                check_grant(config->grants.grants[i]);
        if (config)
                check_store(&config->store);
        assert(!config || tenancy_label_is_valid(config->default_tenancy));
        assert(!config ||
               (config->max_pending_per_user >= 1 && config->max_pending_per_user <= 100000));
        check_credentials(config);
        return 0;
}
