/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/http/http-connection-pool.h"

HttpGeneration *http_generation_free(HttpGeneration *generation)
{
        if (!generation)
                return NULL;
        http_multi_free(generation->multi);
        free(generation);
        return NULL;
}

int http_generation_new(sd_event *event, const char *ca_file, HttpMultiFunc on_end,
                        HttpMultiBreakFunc on_break, void *userdata, HttpGeneration **ret)
{
        _cleanup_(http_generation_freep) HttpGeneration *generation =
                calloc(1, sizeof(HttpGeneration));
        int r;

        if (!generation)
                return -ENOMEM;
        generation->trust = http_trust_look(ca_file);
        r = http_multi_new(event, on_end, on_break, userdata, &generation->multi);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(generation);
        return 0;
}

bool http_generation_is_good(const HttpGeneration *generation, const char *ca_file, bool tls)
{
        HttpTrust trust;

        if (http_multi_error(generation->multi) < 0)
                return false;
        if (!tls)
                return true;
        trust = http_trust_look(ca_file);
        return http_trust_equal(&generation->trust, &trust);
}

void http_generations_clean_up(HttpGenerationQueue *generations, const HttpGeneration *current)
{
        HttpGeneration *generation = TAILQ_FIRST(generations);

        while (generation) {
                HttpGeneration *next = TAILQ_NEXT(generation, entry);

                if (generation != current && generation->n_calls == 0) {
                        TAILQ_REMOVE(generations, generation, entry);
                        http_generation_free(generation);
                }
                generation = next;
        }
}
