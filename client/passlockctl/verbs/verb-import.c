/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <inttypes.h>
#include <poll.h>

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

/* Calls in flight, so that passlockctl, the bus and the daemon work at the same time. A short
 * import has one at a time, and stops at the batch that fails. */
#define CALLS_MAX        4U
#define BATCHES_PER_STEP 4U /* after so many, there is one more call in flight */

typedef struct Batch {
        passlock_link *links[BATCH_MAX + 1]; /* NULL-terminated */
        size_t n_links;
        uint64_t line; /* line number of its first link */

        passlock_call *call; /* NULL: completed */
        int r;
        char *error_text;
        passlock_import *result;
} Batch;

typedef struct Import {
        const Invocation *invocation;
        LinkReader *reader;
        uint64_t n_links; /* in the file */

        Batch batches[CALLS_MAX];      /* a ring */
        uint64_t n_begun, n_completed; /* batches */

        uint64_t n_done; /* links imported */
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

static void batch_clear(Batch *batch)
{
        passlock_call_cancel(batch->call);
        passlock_import_unref(batch->result);
        free(batch->error_text);
        for (size_t i = 0; i < batch->n_links; i++)
                passlock_link_unref(batch->links[i]);
        *batch = (Batch){};
}

/* Reports each skipped link with its line. Returns their number. */
static uint64_t report_skipped(const Import *import, const Batch *batch, const char *const *ids,
                               const char *why)
{
        uint64_t n = 0;

        for (; *ids; ids++, n++)
                for (size_t i = 0; i < batch->n_links; i++)
                        if (streq(passlock_link_get_authenticator_id(batch->links[i]), *ids))
                                report("%s:%" PRIu64 ": authenticator %s %s",
                                       link_reader_name(import->reader), batch->line + i, *ids,
                                       why);
        return n;
}

static void add_result(Import *import, const Batch *batch)
{
        const passlock_import *result = batch->result;

        progress_bar_clear();
        import->added += passlock_import_get_added(result);
        import->present += passlock_import_get_present(result);
        import->conflicts += report_skipped(import, batch, passlock_import_get_conflicting(result),
                                            "is linked to another user");
        import->exceeding += report_skipped(import, batch, passlock_import_get_exceeding(result),
                                            "exceeds the limit of links per user");
        import->n_done += batch->n_links;
        progress_bar_draw(import->n_done, import->n_links, "links");
}

static void on_imported(passlock *client _unused_, int r, const char *error_text,
                        passlock_import *result, void *userdata)
{
        Batch *batch = userdata;

        batch->call = NULL;
        batch->r = r;
        batch->error_text = r != 0 ? strdup(error_text) : NULL;
        batch->result = r == 0 ? passlock_import_ref(result) : NULL;
}

static void batch_begin(const Import *import, Batch *batch)
{
        const Invocation *invocation = import->invocation;

        batch->r =
                passlock_links_import_async(invocation->client, batch->links, invocation->options,
                                            on_imported, batch, &batch->call);
}

/* Returns 0, or a negative errno if the client fails. */
static int batch_wait(const Batch *batch, passlock *client)
{
        while (batch->call) {
                struct pollfd fd = {.fd = passlock_get_fd(client), .events = POLLIN};
                int r;

                if (poll(&fd, 1, -1) < 0 && errno != EINTR)
                        return -errno;
                r = passlock_dispatch(client);
                if (r < 0)
                        return r;
        }
        return 0;
}

static Batch *batch_at(Import *import, uint64_t index)
{
        return &import->batches[index % CALLS_MAX];
}

/* Returns 1 if there may be more links, 0 at the end of the file, or the reader's error. */
static int batch_read(const Import *import, Batch *batch)
{
        int r = 1;

        batch->line = link_reader_line(import->reader) + 1;
        while (r > 0 && batch->n_links < BATCH_MAX) {
                r = link_reader_next(import->reader, &batch->links[batch->n_links]);
                if (r > 0)
                        batch->n_links++;
        }
        return r;
}

/* Reads the next batch and begins its call. Returns as batch_read(). */
static int send_next(Import *import)
{
        Batch *batch = batch_at(import, import->n_begun);
        int more;

        more = batch_read(import, batch);
        if (more < 0 || batch->n_links == 0) {
                batch_clear(batch);
                return more;
        }
        import->n_begun++;
        batch_begin(import, batch);
        return more;
}

static uint64_t calls_max(const Import *import)
{
        uint64_t n = 1 + import->n_completed / BATCHES_PER_STEP;

        return n < CALLS_MAX ? n : CALLS_MAX;
}

/* Waits for the first batch in flight. Returns 0, or the exit status of a reported error. */
static int complete_first(Import *import)
{
        Batch *batch = batch_at(import, import->n_completed);
        int r, status = 0;

        r = batch_wait(batch, import->invocation->client);
        if (r == 0)
                r = batch->r;
        if (r == 0) {
                add_result(import, batch);
        } else {
                progress_bar_clear();
                report("Failed to import lines %" PRIu64 " to %" PRIu64 " of %s:", batch->line,
                       batch->line + batch->n_links - 1, link_reader_name(import->reader));
                status = report_failure(r, batch->error_text);
        }
        batch_clear(batch);
        import->n_completed++;
        return status;
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

/* Sends batches until the end of the file, an error or a signal, and waits for all that were sent.
 * Returns 0 or the exit status. */
static int send_all(Import *import, const Interrupt *interrupt)
{
        int more, status = 0;

        more = link_reader_start(import->reader);
        if (more < 0)
                return reader_status(more);
        more = 1;
        do {
                while (more > 0 && status == 0 &&
                       import->n_begun - import->n_completed < calls_max(import)) {
                        if (import->n_begun > 0 && interrupt_is_due(interrupt))
                                status = EXIT_OURS;
                        else
                                more = send_next(import);
                }
                if (import->n_completed < import->n_begun) {
                        int failure = complete_first(import);

                        status = status != 0 ? status : failure;
                }
                if (more < 0 && status == 0)
                        status = reader_status(more);
        } while (import->n_completed < import->n_begun || (more > 0 && status == 0));
        progress_bar_clear();
        return status;
}

/* Returns 0 or the exit status. */
static int import_all(Import *import)
{
        _cleanup_(interrupt_freep) Interrupt *interrupt = NULL;
        int r, status;

        r = interrupt_new(&interrupt);
        if (r == 0)
                r = passlock_options_set_bool(import->invocation->options, "dry_run",
                                              import->invocation->dry_run);
        status = r != 0 ? report_failure(r, NULL) : send_all(import, interrupt);
        return status != 0 ? report_stopped(import, status) : 0;
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
                status = import_all(&import);
        if (status != 0)
                return status;
        status = report_failure(print_result(&import), NULL);
        return status == 0 && import.conflicts + import.exceeding > 0 ? EXIT_CALLER : status;
}
