/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/text.h"
#include "client/passlockctl/links-file/link-format.h"
#include "client/passlockctl/links-file/link-reader.h"
#include "client/passlockctl/terminal/report.h"

struct LinkReader {
        char *name;
        FILE *file;
        uint64_t line;
        uint64_t n_links;
        char *tenancy_id;
        char bytes[LINK_LINE_MAX + 1];
};

/* Creates an unlinked temporary file; not in /tmp, because it may be large. */
static FILE *unnamed_file_new(void)
{
        const char *directory = getenv("TMPDIR");
        _cleanup_(freep) char *path =
                text_format("%s/passlockctl.XXXXXX", isempty(directory) ? "/var/tmp" : directory);
        _cleanup_(closep) int fd = -1;
        FILE *file;

        if (!path)
                return NULL;
        fd = mkostemp(path, O_CLOEXEC);
        if (fd < 0 || unlink(path) < 0)
                return NULL;
        file = fdopen(fd, "w+e");
        if (file)
                fd = -1;
        return file;
}

static int copy_stdin(FILE *to)
{
        char block[65536];
        ssize_t n;

        while ((n = read(STDIN_FILENO, block, sizeof(block))) != 0) {
                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n > 0 && fwrite(block, 1, (size_t) n, to) != (size_t) n)
                        return -errno;
        }
        return fflush(to) == 0 ? 0 : -errno;
}

/* Copies standard input: the links are read twice, which a pipe or terminal does not allow. */
static int keep_stdin(FILE **ret)
{
        FILE *file = unnamed_file_new();
        int r;

        if (!file)
                return -errno;
        r = copy_stdin(file);
        if (r < 0) {
                fclose(file);
                return r;
        }
        *ret = file;
        return 0;
}

static int open_file(const char *path, FILE **ret)
{
        FILE *file;
        struct stat st;

        file = fopen(path, "re");
        if (!file)
                return -errno;
        /* Only regular files can be read twice. */
        if (fstat(fileno(file), &st) < 0 || !S_ISREG(st.st_mode)) {
                fclose(file);
                return -EMEDIUMTYPE;
        }
        *ret = file;
        return 0;
}

int link_reader_new(const char *path, LinkReader **ret)
{
        _cleanup_(link_reader_freep) LinkReader *reader = calloc(1, sizeof(LinkReader));
        bool is_stdin = streq(path, "-");
        int r;

        if (reader)
                reader->name = strdup(is_stdin ? "standard input" : path);
        if (!reader || !reader->name) {
                report("%s", strerror(ENOMEM));
                return -ENOMEM;
        }
        r = is_stdin ? keep_stdin(&reader->file) : open_file(path, &reader->file);
        if (r == -EMEDIUMTYPE)
                report("Failed to open %s: not a regular file; use - to read from a pipe", path);
        else if (r < 0)
                report("Failed to open %s: %s", reader->name, strerror(-r));
        if (r < 0)
                return r;
        *ret = TAKE_PTR(reader);
        return 0;
}

LinkReader *link_reader_free(LinkReader *reader)
{
        if (!reader)
                return NULL;
        if (reader->file)
                fclose(reader->file);
        free(reader->tenancy_id);
        free(reader->name);
        free(reader);
        return NULL;
}

static int refuse(const LinkReader *reader, const char *text)
{
        report("%s:%" PRIu64 ": %s", reader->name, reader->line, text);
        return -EBADMSG;
}

/* Reads a line without the newline. Returns its length, or a negative errno: -ENODATA at end of
 * file. */
static ssize_t read_line(LinkReader *reader)
{
        size_t len = 0;
        int c;

        reader->line++;
        errno = 0;
        while ((c = getc_unlocked(reader->file)) != EOF && c != '\n') {
                if (len > LINK_LINE_MAX)
                        return refuse(reader, "line too long");
                reader->bytes[len++] = (char) c;
        }
        if (ferror(reader->file)) {
                int r = errno ? -errno : -EIO;

                report("Failed to read %s: %s", reader->name, strerror(-r));
                return r;
        }
        return c == EOF && len == 0 ? -ENODATA : (ssize_t) len;
}

static int parse_line(LinkReader *reader, Line *ret)
{
        char text[256] = "";
        ssize_t len;
        int r;

        len = read_line(reader);
        if (len == -ENODATA)
                return refuse(reader, "file is truncated");
        if (len < 0)
                return (int) len;
        r = link_format_parse(reader->bytes, (size_t) len, ret, text);
        if (r == -EBADMSG)
                return refuse(reader, text);
        if (r < 0)
                report("%s", strerror(-r));
        return r;
}

int link_reader_start(LinkReader *reader)
{
        _cleanup_(line_clear) Line line = {};
        int r;

        rewind(reader->file);
        reader->line = reader->n_links = 0;
        r = parse_line(reader, &line);
        if (r < 0)
                return r;
        if (line.kind != LINE_HEADER)
                return refuse(reader, "not a file exported by passlockctl export");
        free(reader->tenancy_id);
        reader->tenancy_id = TAKE_PTR(line.tenancy_id);
        return 0;
}

const char *link_reader_tenancy_id(const LinkReader *reader)
{
        return reader->tenancy_id;
}

static int check_end(LinkReader *reader, uint64_t n_links)
{
        ssize_t len;

        if (n_links != reader->n_links)
                return refuse(reader, "wrong number of links: file truncated or edited");
        len = read_line(reader);
        if (len == -ENODATA)
                return 0;
        return len < 0 ? (int) len : refuse(reader, "unexpected data after the end of the export");
}

int link_reader_next(LinkReader *reader, passlock_link **ret)
{
        _cleanup_(line_clear) Line line = {};
        int r;

        r = parse_line(reader, &line);
        if (r < 0)
                return r;
        if (line.kind == LINE_TRAILER)
                return check_end(reader, line.n_links);
        if (line.kind != LINE_LINK)
                return refuse(reader, "unexpected second header");
        reader->n_links++;
        *ret = TAKE_PTR(line.link);
        return 1;
}

uint64_t link_reader_line(const LinkReader *reader)
{
        return reader->line;
}

const char *link_reader_name(const LinkReader *reader)
{
        return reader->name;
}
