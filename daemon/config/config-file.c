/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/log.h"
#include "base/text.h"
#include "daemon/config/config-internal.h"

#define WHITESPACE      " \t"
#define LINE_MAX_LEN    65536U
#define BYTE_ORDER_MARK "\xef\xbb\xbf"

static void fclosep(FILE **f)
{
        if (*f)
                fclose(*f);
}

static char *strip(char *s)
{
        size_t len;

        s += strspn(s, WHITESPACE);
        for (len = strlen(s); len > 0 && strchr(WHITESPACE, s[len - 1]); len--)
                ;
        s[len] = '\0';
        return s;
}

int config_place_print(const ConfigPlace *place, char **ret)
{
        if (asprintf(ret, "%s:%u", place->file, place->line) >= 0)
                return 0;
        *ret = NULL;
        return -ENOMEM;
}

/* Takes ownership of `text`; NULL means out of memory. Line 0 is the file as a whole. */
static int fail_at(const ConfigPlace *place, char *text, int r, char **ret_error)
{
        _cleanup_(freep) char *what = text;
        char *sentence;
        int n;

        if (!what)
                return -ENOMEM;
        n = place->line > 0 ? asprintf(&sentence, "%s:%u: %s", place->file, place->line, what)
                            : asprintf(&sentence, "%s: %s", place->file, what);
        if (n < 0)
                return -ENOMEM;
        *ret_error = sentence;
        return r;
}

typedef struct ConfigFileParser {
        ConfigPlace place;
        char *section; /* NULL before the first */
        const ConfigReader *reader;
} ConfigFileParser;

static int assign_key(ConfigFileParser *parser, const char *key, const char *value,
                      char **ret_error)
{
        char *what = NULL;
        int r;

        r = parser->reader->assign(&parser->place, parser->section, key, value,
                                   parser->reader->userdata, &what);
        return r < 0 ? fail_at(&parser->place, what, r, ret_error) : 0;
}

static int parse_section(ConfigFileParser *parser, const char *line, char **ret_error)
{
        size_t len = strlen(line);

        /* After an invalid header, assignments must not go to the previous section. */
        parser->section = (free(parser->section), NULL);
        if (len < 3 || line[len - 1] != ']')
                return fail_at(&parser->place, strdup("invalid section header, expected [Name]"),
                               -EBADMSG, ret_error);
        parser->section = strndup(line + 1, len - 2);
        return parser->section ? assign_key(parser, NULL, NULL, ret_error) : -ENOMEM;
}

static int parse_assignment(ConfigFileParser *parser, char *line, char **ret_error)
{
        char *equals = strchr(line, '=');

        if (!equals)
                return fail_at(&parser->place, strdup("expected Key=value"), -EBADMSG, ret_error);
        if (!parser->section)
                return fail_at(&parser->place, strdup("assignment outside of a section"), -EBADMSG,
                               ret_error);
        *equals = '\0';
        return assign_key(parser, strip(line), strip(equals + 1), ret_error);
}

static int parse_line(ConfigFileParser *parser, char *line, char **ret_error)
{
        line = strip(line);
        if (!*line)
                return 0;
        if (*line == '[')
                return parse_section(parser, line, ret_error);
        return parse_assignment(parser, line, ret_error);
}

/* The error in the bytes of a line, or NULL. */
static const char *flaw_of_bytes(const char *line, size_t len, unsigned line_no)
{
        if (line_no == 1 && len >= 2 &&
            (memcmp(line, "\xff\xfe", 2) == 0 || memcmp(line, "\xfe\xff", 2) == 0))
                return "the file is UTF-16; convert it to UTF-8";
        if (len > LINE_MAX_LEN)
                return "the line is too long";
        if (memchr(line, '\0', len))
                return "the line contains a NUL byte; is the file UTF-16?";
        return NULL;
}

/* The error in a line that is not a comment, or NULL. */
static const char *flaw_of_text(const char *line)
{
        if (!text_is_utf8(line))
                return "the line is not valid UTF-8";
        if (strchr(line, '\r'))
                return "the line contains a carriage return";
        for (const char *c = line; *c; c++)
                if (((unsigned char) *c < ' ' && *c != '\t') || *c == 0x7f)
                        return "the line contains a control character";
        return NULL;
}

/* Drops the line end (LF or CR LF) and a leading byte order mark. */
static char *trim_line(char *line, size_t len, unsigned line_no)
{
        if (len > 0 && line[len - 1] == '\n')
                line[--len] = '\0';
        if (len > 0 && line[len - 1] == '\r')
                line[--len] = '\0';
        if (line_no == 1 && strncmp(line, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK)) == 0)
                line += strlen(BYTE_ORDER_MARK);
        return line;
}

static bool ends_in_backslash(const char *s)
{
        size_t len = strlen(s);

        return len > 0 && s[len - 1] == '\\';
}

static bool is_comment(const char *s)
{
        s += strspn(s, WHITESPACE);
        return *s == '#' || *s == ';';
}

/* Joins continued lines; the caller replaced the backslash by a space. */
static int continue_line(char **pending, const char *line)
{
        char *joined;

        if (asprintf(&joined, "%s%s", *pending ?: "", line) < 0)
                return -ENOMEM;
        free(*pending);
        *pending = joined;
        return 0;
}

/* Parses a physical line; an unfinished logical line stays in `pending`. */
static int take_line(ConfigFileParser *parser, const char *line, unsigned line_no, char **pending,
                     char **ret_error)
{
        _cleanup_(freep) char *whole = NULL;
        const char *flaw = flaw_of_text(line);
        int r;

        if (flaw || (*pending && strlen(*pending) + strlen(line) > LINE_MAX_LEN)) {
                parser->place.line = line_no;
                return fail_at(&parser->place, strdup(flaw ?: "the line is too long"), -EBADMSG,
                               ret_error);
        }
        if (!*pending)
                parser->place.line = line_no;
        r = continue_line(pending, line);
        if (r < 0)
                return r;
        if (ends_in_backslash(*pending)) {
                (*pending)[strlen(*pending) - 1] = ' ';
                return 0;
        }
        whole = TAKE_PTR(*pending);
        return parse_line(parser, whole, ret_error);
}

int config_forgive(const ConfigReader *reader, int r, char **error)
{
        if (r >= 0 || r == -ENOMEM || !reader->mistake)
                return r;
        if (*error)
                reader->mistake(*error, reader->userdata);
        *error = (free(*error), NULL);
        return 0;
}

static int parse_stream(ConfigFileParser *parser, FILE *f, char **ret_error)
{
        _cleanup_(freep) char *line = NULL, *pending = NULL;
        size_t size = 0;
        int r = 0;

        for (unsigned line_no = 1; r == 0; line_no++) {
                const char *flaw, *text;
                ssize_t n;

                errno = 0;
                n = getline(&line, &size, f);
                if (n < 0)
                        break;
                flaw = flaw_of_bytes(line, (size_t) n, line_no);
                if (flaw) {
                        parser->place.line = line_no;
                        return fail_at(&parser->place, strdup(flaw), -EBADMSG, ret_error);
                }
                text = trim_line(line, (size_t) n, line_no);
                /* Comments are not continued by a backslash. */
                if (!is_comment(text))
                        r = config_forgive(parser->reader,
                                           take_line(parser, text, line_no, &pending, ret_error),
                                           ret_error);
        }
        if (r == 0 && errno) {
                r = log_errno_origin(-errno);
                parser->place.line = 0;
                return fail_at(&parser->place, strdup(strerror(-r)), r, ret_error);
        }
        if (r == 0 && pending)
                r = config_forgive(parser->reader, parse_line(parser, pending, ret_error),
                                   ret_error);
        return r;
}

/* Reading a pipe could block the daemon. /dev/null is an empty file. */
static int check_kind(int fd)
{
        struct stat st;

        if (fstat(fd, &st) < 0)
                return log_errno_origin(-errno);
        if (S_ISDIR(st.st_mode))
                return -EISDIR;
        return S_ISREG(st.st_mode) || (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3)) ? 0
                                                                                           : -ENXIO;
}

static int open_stream(const char *file, FILE **ret)
{
        _cleanup_(closep) int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        int r;

        if (fd < 0)
                return log_errno_origin(-errno);
        r = check_kind(fd);
        if (r < 0)
                return r;
        *ret = fdopen(fd, "r");
        if (!*ret)
                return log_errno_origin(-errno);
        (void) TAKE_FD(fd);
        return 0;
}

int config_file_parse(const char *file, const ConfigReader *reader, char **ret_error)
{
        _cleanup_(fclosep) FILE *f = NULL;
        ConfigFileParser parser = {.place.file = file, .reader = reader};
        int r;

        r = open_stream(file, &f);
        if (r == -ENOENT || r == -ENOMEM)
                return r;
        if (r < 0)
                r = fail_at(&parser.place,
                            strdup(r == -ENXIO ? "Not a regular file" : strerror(-r)), r,
                            ret_error);
        else
                r = parse_stream(&parser, f, ret_error);
        free(parser.section);
        return config_forgive(reader, r, ret_error);
}
