/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <ctype.h>
#include <fnmatch.h>
#include <stdio.h>

#include "base/text.h"
#include "client/passlockctl/host/command.h"
#include "client/passlockctl/host/unit-credentials.h"

#define UNIT_FILES_MAX (256U * 1024)
#define SETTINGS_MAX   256U

#define UNSEALED_PREFIX "/run/credentials/passlock-unseal@"

struct UnitCredentials {
        CredentialSetting settings[SETTINGS_MAX];
        size_t n;
        CredentialReset reset;
};

/* systemd's search paths, in order. */
static const char *const sealed_places[] = {
        "/run/credentials/@encrypted",  "/etc/credstore.encrypted",
        "/run/credstore.encrypted",     "/usr/local/lib/credstore.encrypted",
        "/usr/lib/credstore.encrypted",
};
static const char *const plain_places[] = {
        "/run/credentials/@system", "/etc/credstore",     "/run/credstore",
        "/usr/local/lib/credstore", "/usr/lib/credstore",
};

static const struct {
        const char *name;
        CredentialSource source;
        bool sealed;
} kinds[] = {
        {"LoadCredential", CREDENTIAL_LOADED, false},
        {"LoadCredentialEncrypted", CREDENTIAL_LOADED, true},
        {"ImportCredential", CREDENTIAL_IMPORTED, false},
        {"SetCredential", CREDENTIAL_LITERAL, false},
        {"SetCredentialEncrypted", CREDENTIAL_LITERAL, true},
};

/* State of the parser of `systemctl cat`. */
typedef struct Reader {
        UnitCredentials *credentials;
        const char *file; /* borrowed from the text */
        unsigned line;
        char *continued;         /* setting continued by a backslash; NULL: none */
        unsigned continued_line; /* its first line */
        bool in_service;
        bool shipped; /* not an administrator's file */
} Reader;

static void setting_clear(CredentialSetting *setting)
{
        free(setting->setting);
        free(setting->id);
        free(setting->path);
        free(setting->file);
}

static void remove_at(UnitCredentials *credentials, size_t index)
{
        setting_clear(&credentials->settings[index]);
        credentials->n--;
        memmove(&credentials->settings[index], &credentials->settings[index + 1],
                (credentials->n - index) * sizeof(CredentialSetting));
}

/* Removes the setting of an id, which a later one replaces; with NULL all settings of the
 * source. */
static void forget(UnitCredentials *credentials, CredentialSource source, const char *id)
{
        for (size_t i = credentials->n; i-- > 0;)
                if (credentials->settings[i].source == source &&
                    (!id || streq(credentials->settings[i].id, id)))
                        remove_at(credentials, i);
}

static void reset(const Reader *reader, CredentialSource source)
{
        UnitCredentials *credentials = reader->credentials;

        forget(credentials, source, NULL);
        if (source != CREDENTIAL_LOADED)
                return;
        free(credentials->reset.file);
        credentials->reset = (CredentialReset){strdup(reader->file ?: ""), reader->line};
}

static bool has_prefix(const char *s, const char *prefix)
{
        return strncmp(s, prefix, strlen(prefix)) == 0;
}

static void add(Reader *reader, size_t kind, const char *value)
{
        UnitCredentials *credentials = reader->credentials;
        const char *colon = strchr(value, ':');
        CredentialSetting setting = {
                .setting = strdup(kinds[kind].name),
                .id = colon ? strndup(value, (size_t) (colon - value)) : strdup(value),
                .source = kinds[kind].source,
                .sealed = kinds[kind].sealed,
                .generated = reader->shipped,
                .file = strdup(reader->file ?: ""),
                .line = reader->line,
        };

        if (colon && setting.source == CREDENTIAL_LOADED && has_prefix(colon + 1, UNSEALED_PREFIX))
                setting.sealed = setting.separate = true;
        else if (colon && setting.source == CREDENTIAL_LOADED && setting.id &&
                 !streq(colon + 1, setting.id)) /* LoadCredential=NAME:NAME searches as well */
                setting.path = strdup(colon + 1);
        /* ImportCredential=GLOB:PREFIX gives the credentials other names. The generator sets an
         * empty credential for a sealed one that cannot be decrypted. */
        if (!setting.id || (colon && setting.source == CREDENTIAL_IMPORTED) ||
            (setting.source == CREDENTIAL_LITERAL && setting.generated) ||
            credentials->n >= SETTINGS_MAX) {
                setting_clear(&setting);
                return;
        }
        forget(credentials, setting.source, setting.id);
        credentials->settings[credentials->n++] = setting;
}

static bool has_suffix(const char *s, size_t len, const char *suffix)
{
        size_t suffix_len = strlen(suffix);

        return len >= suffix_len && strncmp(s + len - suffix_len, suffix, suffix_len) == 0;
}

/* "# /path/to/file" heads each file of the unit; other paths are comments. */
static bool is_heading(const char *line, const char *unit)
{
        const char *slash = strrchr(line, '/');
        size_t len = slash ? (size_t) (slash - line) : 0;
        char drop_ins[128];

        if (!has_prefix(line, "# /") || !slash)
                return false;
        snprintf(drop_ins, sizeof(drop_ins), "/%s.d", unit);
        return streq(slash + 1, unit) ||
               (has_suffix(slash, strlen(slash), ".conf") &&
                (has_suffix(line, len, drop_ins) || has_suffix(line, len, "/service.d")));
}

static void begin_file(Reader *reader, const char *path)
{
        bool first = !reader->file;

        free(TAKE_PTR(reader->continued));
        reader->file = path;
        reader->line = 0;
        reader->in_service = false;
        reader->shipped = has_prefix(path, "/run/systemd/generator") ||
                          (first && !has_prefix(path, "/etc/") && !has_prefix(path, "/run/"));
}

static void read_setting(Reader *reader, char *line)
{
        char *value = strchr(line, '=');
        size_t len;

        if (!value || !reader->in_service)
                return;
        len = (size_t) (value - line);
        while (len > 0 && isspace((unsigned char) line[len - 1]))
                len--;
        value += 1 + strspn(value + 1, " \t");
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
                if (strlen(kinds[i].name) == len && strncmp(line, kinds[i].name, len) == 0) {
                        if (*value)
                                add(reader, i, value);
                        else
                                reset(reader, kinds[i].source);
                }
}

static void strip_end(char *line)
{
        size_t len = strlen(line);

        while (len > 0 && isspace((unsigned char) line[len - 1]))
                line[--len] = '\0';
}

static bool ends_in_backslash(const char *line)
{
        bool escaped = false;

        for (; *line; line++)
                escaped = !escaped && *line == '\\';
        return escaped;
}

/* Appends a line to a continued setting. Returns whether the setting is complete. */
static bool join_lines(Reader *reader, const char *line)
{
        char *joined;

        if (!reader->continued)
                reader->continued_line = reader->line;
        joined = text_format("%s%s", reader->continued ?: "", line);
        free(reader->continued);
        reader->continued = joined;
        if (!joined || !ends_in_backslash(joined))
                return true;
        joined[strlen(joined) - 1] = ' ';
        return false;
}

static void read_line(Reader *reader, const char *line)
{
        _cleanup_(freep) char *complete = NULL;
        unsigned last_line = reader->line;

        line += strspn(line, " \t");
        if (*line == '#' || *line == ';' || !join_lines(reader, line))
                return;
        complete = TAKE_PTR(reader->continued);
        if (!complete)
                return;
        strip_end(complete);
        reader->line = reader->continued_line;
        if (*complete == '[')
                reader->in_service = streq(complete, "[Service]");
        else
                read_setting(reader, complete);
        reader->line = last_line;
}

static void read_files(UnitCredentials *credentials, const char *unit, char *text)
{
        Reader reader = {.credentials = credentials};
        char *line;

        while ((line = strsep(&text, "\n"))) {
                if (is_heading(line, unit))
                        begin_file(&reader, line + 2);
                else {
                        reader.line++;
                        read_line(&reader, line);
                }
        }
        free(reader.continued);
}

UnitCredentials *unit_credentials_new(const char *unit)
{
        const char *const argv[] = {"systemctl", "cat", "--no-pager", unit, NULL};
        _cleanup_(unit_credentials_freep) UnitCredentials *credentials = NULL;
        _cleanup_(freep) char *files = malloc(UNIT_FILES_MAX);

        if (!files || command_read_stdout(argv, files, UNIT_FILES_MAX) != 0 || !*files)
                return NULL;
        credentials = calloc(1, sizeof(UnitCredentials));
        if (credentials)
                read_files(credentials, unit, files);
        return TAKE_PTR(credentials);
}

UnitCredentials *unit_credentials_free(UnitCredentials *credentials)
{
        if (!credentials)
                return NULL;
        for (size_t i = 0; i < credentials->n; i++)
                setting_clear(&credentials->settings[i]);
        free(credentials->reset.file);
        free(credentials);
        return NULL;
}

const CredentialSetting *unit_credentials_at(const UnitCredentials *credentials, size_t index)
{
        return index < credentials->n ? &credentials->settings[index] : NULL;
}

static bool provides(const CredentialSetting *setting, const char *id)
{
        return setting->source == CREDENTIAL_IMPORTED ? fnmatch(setting->id, id, 0) == 0
                                                      : streq(setting->id, id);
}

/* Precedence: loaded, imported, inline. */
const CredentialSetting *unit_credentials_find(const UnitCredentials *credentials, const char *id)
{
        const CredentialSetting *found = NULL;

        for (size_t i = 0; i < credentials->n; i++) {
                const CredentialSetting *setting = &credentials->settings[i];

                if (provides(setting, id) && (!found || setting->source < found->source))
                        found = setting;
        }
        return found;
}

const CredentialReset *unit_credentials_find_reset(const UnitCredentials *credentials,
                                                   const char *id)
{
        const CredentialReset *reset = &credentials->reset;
        const char *slash = reset->file ? strrchr(reset->file, '/') : NULL;

        if (!slash || has_suffix(slash, strlen(slash), ".service") ||
            strcmp(slash + 1, GENERATED_DROP_IN) < 0 || unit_credentials_find(credentials, id))
                return NULL;
        return reset;
}

/* Returns the first existing file of `id` in the directories before `path`; NULL searches all. */
static char *search(const char *const *places, size_t n, const char *id, const char *path)
{
        for (size_t i = 0; i < n; i++) {
                _cleanup_(freep) char *found = text_format("%s/%s", places[i], id);

                if (found && streq_ptr(found, path))
                        return NULL;
                if (found && access(found, F_OK) == 0)
                        return TAKE_PTR(found);
        }
        return NULL;
}

char *credential_setting_file(const CredentialSetting *setting)
{
        char *found;

        if (setting->source != CREDENTIAL_LOADED)
                return NULL;
        if (setting->path)
                return strdup(setting->path);
        found = setting->sealed
                        ? search(sealed_places, ARRAY_SIZE(sealed_places), setting->id, NULL)
                        : NULL;
        found = found ?: search(plain_places, ARRAY_SIZE(plain_places), setting->id, NULL);
        return found
                       ?: text_format("%s/%s", setting->sealed ? sealed_places[1] : plain_places[1],
                                      setting->id);
}

bool credential_file_is_in_plain_place(const char *path)
{
        for (size_t i = 0; i < ARRAY_SIZE(plain_places); i++) {
                size_t len = strlen(plain_places[i]);

                if (strncmp(path, plain_places[i], len) == 0 && path[len] == '/')
                        return true;
        }
        return false;
}

char *credential_file_before(const char *id, bool sealed, const char *path)
{
        char *found = search(sealed_places, ARRAY_SIZE(sealed_places), id, path);

        if (found || sealed)
                return found;
        return search(plain_places, ARRAY_SIZE(plain_places), id, path);
}

char *credential_file_anywhere(const char *id)
{
        return search(sealed_places, ARRAY_SIZE(sealed_places), id, NULL)
                       ?: search(plain_places, ARRAY_SIZE(plain_places), id, NULL);
}
