/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/strv.h"
#include "daemon/config/config-file.h"

#define WHITESPACE   " \t"
#define LINE_MAX_LEN 65536U

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

/* Takes over `text`; NULL means that even that found no memory. */
static int fail_at(const ConfigPlace *place, char *text, int r, char **ret_error)
{
        _cleanup_(freep) char *what = text;
        char *sentence;

        if (what && asprintf(&sentence, "%s:%u: %s", place->file, place->line, what) >= 0) {
                *ret_error = sentence;
                return r;
        }
        return -ENOMEM;
}

typedef struct Parser {
        ConfigPlace place;
        char *section; /* NULL before the first */
        ConfigAssignFunc assign;
        void *userdata;
} Parser;

static int tell(Parser *parser, const char *key, const char *value, char **ret_error)
{
        char *what = NULL;
        int r;

        r = parser->assign(&parser->place, parser->section, key, value, parser->userdata, &what);
        return r < 0 ? fail_at(&parser->place, what, r, ret_error) : 0;
}

static int parse_section(Parser *parser, const char *line, char **ret_error)
{
        size_t len = strlen(line);

        if (len < 3 || line[len - 1] != ']')
                return fail_at(&parser->place, strdup("a section is written [Name]"), -EBADMSG,
                               ret_error);
        free(parser->section);
        parser->section = strndup(line + 1, len - 2);
        return parser->section ? tell(parser, NULL, NULL, ret_error) : -ENOMEM;
}

static int parse_assignment(Parser *parser, char *line, char **ret_error)
{
        char *equals = strchr(line, '=');

        if (!equals)
                return fail_at(&parser->place, strdup("expected Key=value"), -EBADMSG, ret_error);
        if (!parser->section)
                return fail_at(&parser->place, strdup("an assignment outside of any section"),
                               -EBADMSG, ret_error);
        *equals = '\0';
        return tell(parser, strip(line), strip(equals + 1), ret_error);
}

static int parse_line(Parser *parser, char *line, char **ret_error)
{
        line = strip(line);
        if (!*line)
                return 0;
        if (*line == '[')
                return parse_section(parser, line, ret_error);
        return parse_assignment(parser, line, ret_error);
}

/* Reads a line without its newline. Returns 1, 0 at the end, or a negative errno. */
static int read_line(FILE *f, char **line, size_t *size)
{
        ssize_t n;

        errno = 0;
        n = getline(line, size, f);
        if (n < 0)
                return errno ? -errno : 0;
        if (n > 0 && (*line)[n - 1] == '\n')
                (*line)[--n] = '\0';
        if ((size_t) n > LINE_MAX_LEN || memchr(*line, '\0', (size_t) n))
                return -EBADMSG;
        return 1;
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

/* Appends `line` to what earlier lines with a final backslash left, which becomes a space. */
static int continue_line(char **pending, const char *line)
{
        char *joined;

        if (*pending && strlen(*pending) + strlen(line) > LINE_MAX_LEN)
                return -EBADMSG;
        if (asprintf(&joined, "%s%s", *pending ?: "", line) < 0)
                return -ENOMEM;
        free(*pending);
        *pending = joined;
        return 0;
}

static int parse_stream(Parser *parser, FILE *f, char **ret_error)
{
        _cleanup_(freep) char *line = NULL, *pending = NULL;
        size_t size = 0;
        unsigned line_no = 0;
        int r;

        while ((r = read_line(f, &line, &size)) > 0) {
                line_no++;
                /* First of all: a backslash at the end of a comment continues nothing. */
                if (is_comment(line))
                        continue;
                if (!pending)
                        parser->place.line = line_no;

                r = continue_line(&pending, line);
                if (r < 0)
                        break;
                if (ends_in_backslash(pending)) {
                        pending[strlen(pending) - 1] = ' ';
                        continue;
                }
                r = parse_line(parser, pending, ret_error);
                if (r < 0)
                        return r;
                pending = (free(pending), NULL);
        }
        if (r == 0 && pending)
                return parse_line(parser, pending, ret_error);
        if (r < 0 && r != -ENOMEM) {
                parser->place.line = line_no + (r == -EBADMSG);
                return fail_at(&parser->place,
                               strdup(r == -EBADMSG ? "not a line of text" : strerror(-r)), r,
                               ret_error);
        }
        return r;
}

int config_file_parse(const char *file, ConfigAssignFunc assign, void *userdata, char **ret_error)
{
        _cleanup_(fclosep) FILE *f = fopen(file, "re");
        Parser parser = {.place.file = file, .assign = assign, .userdata = userdata};
        int r;

        if (!f) {
                r = -errno;
                if (r != -ENOENT && asprintf(ret_error, "%s: %s", file, strerror(-r)) < 0)
                        return -ENOMEM;
                return r;
        }
        r = parse_stream(&parser, f, ret_error);
        free(parser.section);
        return r;
}

static bool is_drop_in_name(const char *name)
{
        size_t len = strlen(name);

        return name[0] != '.' && len > strlen(".conf") &&
               streq(name + len - strlen(".conf"), ".conf");
}

/* Lists paths whose file name is new to `paths`. */
static int list_directory(const char *directory, char ***paths)
{
        DIR *dir = opendir(directory);
        struct dirent *entry;
        int r = 0;

        if (!dir)
                return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
        while (r == 0 && (errno = 0, entry = readdir(dir))) {
                _cleanup_(freep) char *path = NULL;
                bool known = false;

                if (!is_drop_in_name(entry->d_name))
                        continue;
                for (char **p = *paths; p && *p; p++)
                        known = known || streq(strrchr(*p, '/') + 1, entry->d_name);
                if (known)
                        continue;
                r = asprintf(&path, "%s/%s", directory, entry->d_name) < 0 ? -ENOMEM
                                                                           : strv_push(paths, path);
        }
        if (r == 0 && errno)
                r = -errno;
        closedir(dir);
        return r;
}

static int compare_names(const void *a, const void *b)
{
        return strcmp(strrchr(*(char *const *) a, '/'), strrchr(*(char *const *) b, '/'));
}

/* Masked: an empty file, or a link to /dev/null. */
static bool is_masked(const char *path)
{
        struct stat st;

        return stat(path, &st) >= 0 && (S_ISCHR(st.st_mode) || st.st_size == 0);
}

int config_file_list_drop_ins(const char *const *directories, char ***ret, char **ret_error)
{
        _cleanup_(strv_freep) char **paths = NULL, **unmasked = NULL;

        for (; *directories; directories++) {
                int r = list_directory(*directories, &paths);

                if (r < 0 && asprintf(ret_error, "%s: %s", *directories, strerror(-r)) < 0)
                        return -ENOMEM;
                if (r < 0)
                        return r;
        }
        if (paths)
                qsort(paths, strv_len(paths), sizeof(char *), compare_names);
        for (char **p = paths; p && *p; p++)
                if (!is_masked(*p) && strv_push(&unmasked, *p) < 0)
                        return -ENOMEM;
        *ret = TAKE_PTR(unmasked);
        return 0;
}
