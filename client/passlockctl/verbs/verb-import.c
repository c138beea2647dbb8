/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <inttypes.h>

#include "client/passlockctl/links-file/fingerprint.h"
#include "client/passlockctl/links-file/link-reader.h"
#include "client/passlockctl/terminal/interrupt.h"
#include "client/passlockctl/terminal/progress-bar.h"
#include "client/passlockctl/terminal/record.h"
#include "client/passlockctl/terminal/report.h"
#include "client/passlockctl/verbs/verbs.h"

/* Number of links per D-Bus call: as many as the daemon takes. Each call is one commit and one
 * signal to the subscribers. */
#define BATCH_MAX 1000U

typedef struct Import {
        const Invocation *invocation;
        LinkReader *reader;
        uint64_t n_links; /* in the file */

        passlock_link *batch[BATCH_MAX + 1];
        size_t n_batch;
        uint64_t batch_line; /* line number of its first link */

        uint64_t n_done; /* links sent */
        uint64_t added;
        uint64_t present;
        uint64_t conflicts;
        uint64_t exceeding;
} Import;

/* Exit status for a reader's error, which has been reported. */
static int reader_status(int r)
{
        return r == -EBADMSG ? EXIT_USAGE : EXIT_OURS;
}

static int check_tenancy(const Import *import)
{
        _cleanup_(passlock_tenancy_unrefp) passlock_tenancy *tenancy = NULL;
        passlock *client = import->invocation->client;
        const char *exported = link_reader_tenancy_id(import->reader);
        int r;

        r = passlock_get_tenancy(client, &tenancy);
        if (r != 0)
                return report_call(client, r);
        if (import->invocation->any_tenancy || streq(passlock_tenancy_get_id(tenancy), exported))
                return 0;
        report("Failed to import %s: exported from tenancy %s, not %s; use --any-tenancy to import "
               "it "
               "nevertheless",
               link_reader_name(import->reader), exported, passlock_tenancy_get_id(tenancy));
        return EXIT_USAGE;
}

/* Reads all links and collects their hashes. */
static int read_all(Import *import, FingerprintSet *set)
{
        passlock_link *next;
        int r;

        import->n_links = 0;
        while ((r = link_reader_next(import->reader, &next)) > 0) {
                _cleanup_(passlock_link_unrefp) passlock_link *link = next;

                r = fingerprint_set_add(set, passlock_link_get_authenticator_id(link));
                if (r < 0) {
                        report("%s", strerror(-r));
                        return r;
                }
                import->n_links++;
        }
        return r;
}

/* Links with a repeated hash, which may be duplicates. */
typedef struct Candidate {
        char *id;
        uint64_t line;
} Candidate;

typedef struct CandidateList {
        Candidate *all;
        size_t n;
} CandidateList;

static void candidate_list_clear(CandidateList *list)
{
        for (size_t i = 0; i < list->n; i++)
                free(list->all[i].id);
        free(list->all);
}

/* Returns 0, -ENOMEM, or -EBADMSG for a duplicate. Both are reported. */
static int candidate_list_add(CandidateList *list, const char *id, const LinkReader *reader)
{
        uint64_t line = link_reader_line(reader);
        Candidate *grown;

        for (size_t i = 0; i < list->n; i++)
                if (streq(list->all[i].id, id)) {
                        report("%s:%" PRIu64 ": duplicate authenticator %s, first on line %" PRIu64,
                               link_reader_name(reader), line, id, list->all[i].line);
                        return -EBADMSG;
                }
        grown = reallocarray(list->all, list->n + 1, sizeof(Candidate));
        if (grown) {
                list->all = grown;
                list->all[list->n] = (Candidate){.id = strdup(id), .line = line};
        }
        if (!grown || !grown[list->n].id) {
                report("%s", strerror(ENOMEM));
                return -ENOMEM;
        }
        list->n++;
        return 0;
}

/* Second pass: compares the links whose hashes are repeated. */
static int find_duplicates(Import *import, const FingerprintSet *repeated)
{
        _cleanup_(candidate_list_clear) CandidateList candidates = {};
        passlock_link *next;
        int r;

        r = link_reader_start(import->reader);
        while (r >= 0 && (r = link_reader_next(import->reader, &next)) > 0) {
                _cleanup_(passlock_link_unrefp) passlock_link *link = next;
                const char *id = passlock_link_get_authenticator_id(link);

                if (fingerprint_set_has(repeated, id))
                        r = candidate_list_add(&candidates, id, import->reader);
        }
        return r;
}

/* Validates the whole file before any change. Returns 0 or the exit status. */
static int check_file(Import *import)
{
        _cleanup_(fingerprint_set_clear) FingerprintSet set = {};
        int r, status;

        r = link_reader_start(import->reader);
        if (r < 0)
                return reader_status(r);
        status = check_tenancy(import);
        if (status != 0)
                return status;
        r = read_all(import, &set);
        if (r == 0 && fingerprint_set_keep_repeated(&set) > 0)
                r = find_duplicates(import, &set);
        return r < 0 ? reader_status(r) : 0;
}

static void batch_clear(Import *import)
{
        for (size_t i = 0; i < import->n_batch; i++)
                import->batch[i] = passlock_link_unref(import->batch[i]);
        import->n_batch = 0;
}

/* Reports each skipped link with its line. Returns their number. */
static uint64_t report_skipped(const Import *import, const char *const *ids, const char *why)
{
        uint64_t n = 0;

        for (; *ids; ids++, n++)
                for (size_t i = 0; i < import->n_batch; i++)
                        if (streq(passlock_link_get_authenticator_id(import->batch[i]), *ids))
                                report("%s:%" PRIu64 ": authenticator %s %s",
                                       link_reader_name(import->reader), import->batch_line + i,
                                       *ids, why);
        return n;
}

static void add_result(Import *import, const passlock_import *result)
{
        progress_bar_clear();
        import->added += passlock_import_get_added(result);
        import->present += passlock_import_get_present(result);
        import->conflicts += report_skipped(import, passlock_import_get_conflicting(result),
                                            "is linked to another user");
        import->exceeding += report_skipped(import, passlock_import_get_exceeding(result),
                                            "exceeds the limit of links per user");
        import->n_done += import->n_batch;
        progress_bar_draw(import->n_done, import->n_links, "links");
}

/* Returns 0, or the error of the call. */
static int batch_send(Import *import)
{
        _cleanup_(passlock_import_unrefp) passlock_import *result = NULL;
        const Invocation *invocation = import->invocation;
        int r;

        import->batch[import->n_batch] = NULL;
        r = passlock_links_import(invocation->client, import->batch, invocation->options, &result);
        if (r != 0) {
                progress_bar_clear();
                report("Failed to import lines %" PRIu64 " to %" PRIu64 " of %s:",
                       import->batch_line, import->batch_line + import->n_batch - 1,
                       link_reader_name(import->reader));
                return r;
        }
        add_result(import, result);
        batch_clear(import);
        return 0;
}

/* Returns 1 if there may be more links, 0 at the end of the file, or the reader's error. */
static int batch_read(Import *import)
{
        int r = 1;

        import->batch_line = link_reader_line(import->reader) + 1;
        while (r > 0 && import->n_batch < BATCH_MAX) {
                r = link_reader_next(import->reader, &import->batch[import->n_batch]);
                if (r > 0)
                        import->n_batch++;
        }
        return r;
}

/* Links sent so far stay; a repeated import counts them as present. */
static int report_stopped(const Import *import, int status)
{
        progress_bar_clear();
        if (import->invocation->dry_run)
                report("Stopped, nothing was changed");
        else
                report("Stopped, %" PRIu64 " of %" PRIu64
                       " links were imported; repeat the command to continue",
                       import->n_done, import->n_links);
        return status;
}

/* Returns 0 or the exit status. */
static int send_all(Import *import)
{
        _cleanup_(interrupt_freep) Interrupt *interrupt = NULL;
        passlock *client = import->invocation->client;
        int more, r;

        r = interrupt_new(&interrupt);
        if (r == 0)
                r = passlock_options_set_bool(import->invocation->options, "dry_run",
                                              import->invocation->dry_run);
        if (r != 0)
                return report_stopped(import, report_failure(r, NULL));
        more = link_reader_start(import->reader);
        if (more < 0)
                return report_stopped(import, reader_status(more));
        do {
                more = batch_read(import);
                if (more < 0)
                        return report_stopped(import, reader_status(more));
                r = import->n_batch > 0 ? batch_send(import) : 0;
                if (r != 0)
                        return report_stopped(import, report_call(client, r));
                if (more > 0 && interrupt_is_due(interrupt))
                        return report_stopped(import, EXIT_OURS);
        } while (more > 0);
        progress_bar_clear();
        return 0;
}

static int print_result(const Import *import)
{
        _cleanup_(record_freep) Record *record = record_new();
        const Invocation *invocation = import->invocation;
        bool dry_run = invocation->dry_run;

        record_put_bool(record, NULL, "dry_run", dry_run);
        record_put_number(record, "Links in the file", "links", import->n_links);
        record_put_number(record, dry_run ? "To add" : "Added", "added", import->added);
        record_put_number(record, "Already present", "present", import->present);
        record_put_number(record, "Conflicts", "conflicts", import->conflicts);
        record_put_number(record, "Over limit", "exceeding", import->exceeding);
        return record_print(record, invocation->json);
}

int verb_import(Invocation *invocation)
{
        _cleanup_(link_reader_freep) LinkReader *reader = NULL;
        Import import = {.invocation = invocation};
        int status;

        if (link_reader_new(invocation->arguments[0], &reader) < 0)
                return EXIT_OURS;
        import.reader = reader;
        status = check_file(&import);
        if (status == 0)
                status = send_all(&import);
        batch_clear(&import);
        if (status != 0)
                return status;
        status = report_failure(print_result(&import), NULL);
        return status == 0 && import.conflicts + import.exceeding > 0 ? EXIT_CALLER : status;
}
