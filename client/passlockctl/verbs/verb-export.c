/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/new-file.h"
#include "client/passlockctl/links-file/link-format.h"
#include "client/passlockctl/terminal/interrupt.h"
#include "client/passlockctl/terminal/progress-bar.h"
#include "client/passlockctl/terminal/report.h"
#include "client/passlockctl/verbs/verbs.h"

#define PAGE_SIZE 1000U

typedef struct Export {
        passlock *client;
        FILE *to;
        const Interrupt *interrupt; /* NULL: signals are not blocked */
        bool with_progress;
        bool write_failed;
        uint64_t n_expected;
        uint64_t n_links;
} Export;

/* Maps a stdio result to 0 or a negative errno. */
static int written(Export *export, bool ok)
{
        if (ok)
                return 0;
        export->write_failed = true;
        return errno > 0 ? -errno : -EIO;
}

/* Takes ownership of the line. */
static int put_line(Export *export, char *line)
{
        _cleanup_(freep) char *owned = line;

        if (!owned)
                return -ENOMEM;
        return written(export, fputs(owned, export->to) >= 0 && fputc('\n', export->to) != EOF);
}

static int put_header(Export *export)
{
        _cleanup_(passlock_tenancy_unrefp) passlock_tenancy *tenancy = NULL;
        int r;

        r = passlock_get_tenancy(export->client, &tenancy);
        if (r == 0 && export->with_progress)
                r = passlock_links_count(export->client, &export->n_expected);
        if (r != 0)
                return r;
        return put_line(export,
                        link_format_header(passlock_tenancy_get_id(tenancy), realtime_ms()));
}

static int put_page(Export *export, const passlock_link_list *page)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < passlock_link_list_get_size(page); i++) {
                r = put_line(export, link_format_link(passlock_link_list_get(page, i)));
                export->n_links++;
        }
        if (r == 0 && export->with_progress)
                progress_bar_draw(export->n_links, export->n_expected, "links");
        return r == 0 && interrupt_is_due(export->interrupt) ? -EINTR : r;
}

static int put_pages(Export *export)
{
        _cleanup_(passlock_link_list_unrefp) passlock_link_list *page = NULL;
        const char *cursor = "";
        int r;

        do {
                passlock_link_list *next = NULL;

                r = passlock_links_list(export->client, cursor, PAGE_SIZE, &next);
                if (r != 0)
                        return r;
                passlock_link_list_unref(page);
                page = next;
                r = put_page(export, page);
                if (r != 0)
                        return r;
                cursor = passlock_link_list_get_next_cursor(page);
        } while (!isempty(cursor));
        return 0;
}

/* Writes the export; after a failure the trailer is missing. Returns 0, the error of a call, or
 * -EINTR. */
static int put_all(Export *export)
{
        int r;

        r = put_header(export);
        if (r == 0)
                r = put_pages(export);
        if (r == 0)
                r = put_line(export, link_format_trailer(export->n_links));
        if (r == 0)
                r = written(export, fflush(export->to) == 0);
        if (export->with_progress)
                progress_bar_clear();
        return r;
}

static int report_error(const Export *export, int r, const char *path)
{
        if (r == -EINTR)
                report("Interrupted");
        else if (export->write_failed && r != -EPIPE)
                report("Failed to write %s: %s", path, strerror(-r));
        else if (!export->write_failed)
                return report_call(export->client, r);
        return EXIT_OURS;
}

static int export_to_stdout(passlock *client)
{
        Export export = {
                .client = client,
                .to = stdout,
                .with_progress = !isatty(STDOUT_FILENO),
        };
        int r = put_all(&export);

        return report_error(&export, r, "standard output");
}

/* Only a regular file is replaced. */
static int check_place(const char *path)
{
        struct stat st;

        if (lstat(path, &st) < 0)
                return errno == ENOENT ? 0 : -errno;
        return S_ISREG(st.st_mode) ? 0 : -ENOTSUP;
}

static int put_file(Export *export, NewFile *file)
{
        int fd, r;

        fd = dup(new_file_fd(file));
        export->to = fd < 0 ? NULL : fdopen(fd, "w");
        if (!export->to)
                return written(export, false);
        r = put_all(export);
        if (fclose(export->to) != 0 && r == 0)
                r = written(export, false);
        if (r != 0)
                return r;
        r = new_file_publish(file, true);
        export->write_failed = r < 0;
        return r;
}

static int export_to_file(passlock *client, const char *path)
{
        /* Signals are blocked so that the temporary file is removed. */
        _cleanup_(interrupt_freep) Interrupt *interrupt = NULL;
        _cleanup_(new_file_freep) NewFile *file = NULL;
        Export export = {.client = client, .with_progress = true};
        int r;

        r = check_place(path);
        if (r == 0)
                r = interrupt_new(&interrupt);
        if (r == 0)
                r = new_file_open(path, &file);
        if (r < 0) {
                report("Failed to create %s: %s", path,
                       r == -ENOTSUP ? "not a regular file; use - for standard output"
                                     : strerror(-r));
                return EXIT_OURS;
        }
        export.interrupt = interrupt;
        r = put_file(&export, file);
        return r == 0 ? 0 : report_error(&export, r, path);
}

int verb_export(Invocation *invocation)
{
        const char *path = invocation->arguments[0];

        return path && !streq(path, "-") ? export_to_file(invocation->client, path)
                                         : export_to_stdout(invocation->client);
}
