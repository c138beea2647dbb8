/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Lines of a links file. With the first byte 'f' a whole file, with 'l' a line. */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>

#include "base/text.h"
#include "client/passlockctl/links-file/link-format.h"
#include "client/passlockctl/links-file/link-reader.h"
#include "client/passlockctl/terminal/report.h"
#include "tests/fuzz/fuzz.h"

/* Instead of terminal/report.c: is the message one line? */
static unsigned n_reports;

void report(const char *format, ...)
{
        char text[1024];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        assert(text_is_valid(text, sizeof(text)));
        n_reports++;
}

static int parse(const char *bytes, size_t len, Line *ret)
{
        char text[256] = "";
        int r = link_format_parse(bytes, len, ret, text);

        assert(r == 0 || r == -EBADMSG);
        assert(r == 0 || text_is_valid(text, sizeof(text)));
        return r;
}

/* A link that is written again and read again is the same link. */
static void check_link(const passlock_link *link)
{
        _cleanup_(freep) char *text = link_format_link(link), *again = NULL;
        _cleanup_(line_clear) Line line = {};

        assert(text && strlen(text) < LINK_LINE_MAX);
        assert(text_is_valid(passlock_link_get_authenticator_id(link), 512));
        assert(text_is_valid(passlock_link_get_user_id(link), 256));
        assert(parse(text, strlen(text), &line) == 0 && line.kind == LINE_LINK);
        again = link_format_link(line.link);
        assert(again && streq(text, again));
        assert(streq(passlock_link_get_user_id(link), passlock_link_get_user_id(line.link)));
        assert(streq_ptr(passlock_link_get_platform_name(link),
                         passlock_link_get_platform_name(line.link)));
        assert(passlock_link_get_created_at_ms(link) == passlock_link_get_created_at_ms(line.link));
}

static void check_header(const char *tenancy_id)
{
        _cleanup_(freep) char *text = link_format_header(tenancy_id, 1);
        _cleanup_(line_clear) Line line = {};

        assert(text && parse(text, strlen(text), &line) == 0 && line.kind == LINE_HEADER);
        assert(streq(line.tenancy_id, tenancy_id));
}

static void check_trailer(uint64_t n_links)
{
        _cleanup_(freep) char *text = link_format_trailer(n_links);
        _cleanup_(line_clear) Line line = {};

        assert(text && parse(text, strlen(text), &line) == 0 && line.kind == LINE_TRAILER);
        assert(line.n_links == n_links);
}

static void fuzz_line(const char *bytes, size_t len)
{
        _cleanup_(line_clear) Line line = {};

        if (parse(bytes, len, &line) < 0)
                return;
        switch (line.kind) {
        case LINE_HEADER:
                check_header(line.tenancy_id);
                break;
        case LINE_LINK:
                check_link(line.link);
                break;
        case LINE_TRAILER:
                check_trailer(line.n_links);
                break;
        }
}

/* Returns the number of links, or a negative errno. */
static int read_all(LinkReader *reader)
{
        int r, n = 0;

        r = link_reader_start(reader);
        if (r < 0)
                return r;
        for (passlock_link *link; (r = link_reader_next(reader, &link)) > 0; n++) {
                check_link(link);
                passlock_link_unref(link);
        }
        return r < 0 ? r : n;
}

/* The two passes of an import have the same result; an error is reported once. */
static void fuzz_file(const char *bytes, size_t len)
{
        _cleanup_(link_reader_freep) LinkReader *reader = NULL;
        _cleanup_(closep) int fd = memfd_create("links", MFD_CLOEXEC);
        char path[64];
        int r;

        assert(fd >= 0 && write(fd, bytes, len) == (ssize_t) len);
        (void) snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        assert(link_reader_new(path, &reader) == 0);
        n_reports = 0;
        r = read_all(reader);
        assert(r >= 0 || r == -EBADMSG);
        assert(n_reports == (r < 0));
        assert(read_all(reader) == r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const char *bytes = (const char *) data + 1;

        if (size == 0 || (*data != 'f' && *data != 'l'))
                return 0;
        if (*data == 'f')
                fuzz_file(bytes, size - 1);
        else
                fuzz_line(bytes, size - 1);
        return 0;
}
