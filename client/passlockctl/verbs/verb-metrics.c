/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/new-file.h"
#include "client/passlockctl/terminal/record.h"
#include "client/passlockctl/terminal/report.h"
#include "client/passlockctl/verbs/verbs.h"

static Record *record_of(const passlock_metrics *metrics, size_t i)
{
        const char *const *labels = passlock_metrics_get_labels(metrics, i);
        _cleanup_(record_freep) Record *record = record_new();
        _cleanup_(record_freep) Record *object = record_new();

        for (; *labels; labels += 2)
                record_put_string(object, NULL, labels[0], labels[1]);
        record_put_string(record, NULL, "name", passlock_metrics_get_name(metrics, i));
        record_put_string(record, NULL, "type", passlock_metrics_get_type(metrics, i));
        record_put_record(record, "labels", object);
        record_put_real(record, "value", passlock_metrics_get_value(metrics, i));
        return TAKE_PTR(record);
}

static int print_json(const passlock_metrics *metrics)
{
        size_t n = passlock_metrics_get_size(metrics);
        RecordArray array = {};
        int r = 0;

        for (size_t i = 0; r == 0 && i < n; i++) {
                _cleanup_(record_freep) Record *record = record_of(metrics, i);

                r = record_array_print(&array, record);
        }
        if (r == 0)
                record_array_end(&array);
        return r;
}

static int write_all(int fd, const char *text)
{
        size_t len = strlen(text);

        while (len > 0) {
                ssize_t n = write(fd, text, len);

                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n > 0) {
                        text += n;
                        len -= (size_t) n;
                }
        }
        return 0;
}

/* As of a file that the shell creates: a collector of another user may have to read it. */
static int set_mode(int fd)
{
        mode_t mask = umask(0);

        (void) umask(mask);
        return fchmod(fd, 0666 & ~mask) < 0 ? -errno : 0;
}

/* Replaces the file, so that a collector never reads half of it. */
static int write_file(const char *path, const char *text)
{
        _cleanup_(new_file_freep) NewFile *file = NULL;
        int r;

        r = new_file_open(path, &file);
        if (r == 0)
                r = set_mode(new_file_fd(file));
        if (r == 0)
                r = write_all(new_file_fd(file), text);
        if (r == 0)
                r = new_file_publish(file, true);
        if (r < 0)
                report("Failed to write %s: %s", path, strerror(-r));
        return r < 0 ? EXIT_OURS : 0;
}

int verb_metrics(Invocation *invocation)
{
        _cleanup_(passlock_metrics_unrefp) passlock_metrics *metrics = NULL;
        const char *path = invocation->arguments[0];
        int r;

        if (path && invocation->json) {
                report("--json writes to standard output; omit %s", path);
                return EXIT_USAGE;
        }
        r = passlock_get_metrics(invocation->client, &metrics);
        if (r != 0)
                return report_call(invocation->client, r);
        if (path && !streq(path, "-"))
                return write_file(path, passlock_metrics_get_text(metrics));
        if (invocation->json)
                r = print_json(metrics);
        else
                fputs(passlock_metrics_get_text(metrics), stdout);
        return report_failure(r, passlock_strerror(r));
}
