/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/text.h"
#include "daemon/model/finding.h"

#define N_TEXTS 6U

/* The strings of a finding, for loops. */
static void list_texts(Finding *finding, const char **ret[N_TEXTS])
{
        ret[0] = &finding->kind;
        ret[1] = &finding->tenancy;
        ret[2] = &finding->name;
        ret[3] = &finding->place;
        ret[4] = &finding->text;
        ret[5] = &finding->advice;
}

static void finding_clear(Finding *finding)
{
        const char **texts[N_TEXTS];

        list_texts(finding, texts);
        for (size_t i = 0; i < N_TEXTS; i++)
                free((char *) *texts[i]);
}

static int finding_copy(const Finding *finding, Finding *ret)
{
        _cleanup_(finding_clear) Finding copy = {};
        Finding original = *finding;
        const char **from[N_TEXTS], **to[N_TEXTS];

        list_texts(&original, from);
        list_texts(&copy, to);
        for (size_t i = 0; i < N_TEXTS; i++) {
                *to[i] = text_make_valid(*from[i] ?: "");
                if (!*to[i])
                        return -ENOMEM;
        }
        *ret = TAKE(copy, (Finding){});
        return 0;
}

int finding_list_add(FindingList *list, const Finding *finding)
{
        Finding *grown = reallocarray(list->findings, list->n_findings + 1, sizeof(Finding));
        int r;

        if (!grown)
                return -ENOMEM;
        list->findings = grown;
        r = finding_copy(finding, &list->findings[list->n_findings]);
        if (r < 0)
                return r;
        list->n_findings++;
        return 0;
}

int finding_list_append(FindingList *list, const FindingList *more)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < more->n_findings; i++)
                r = finding_list_add(list, &more->findings[i]);
        return r;
}

void finding_list_clear(FindingList *list)
{
        for (size_t i = 0; i < list->n_findings; i++)
                finding_clear(&list->findings[i]);
        free(list->findings);
        *list = (FindingList){};
}
