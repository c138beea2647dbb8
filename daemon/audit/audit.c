/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/audit/audit.h"
#include "daemon/audit/journal.h"
#include "daemon/metrics/counter.h"
#include "dbus/error.h"

/* Queue limits for a slow journal. Records of failed calls get a part of it, so that they cannot
 * crowd out records of changes. */
#define QUEUE_MAX          4096U
#define QUEUE_MAX_FAILURES (QUEUE_MAX / 4)

#define CLOSE_TIMEOUT_MS 5000U

static size_t queue_max(Event event)
{
        switch (event) {
        case EVENT_CALL_REFUSED:
        case EVENT_CALL_REJECTED:
        case EVENT_CALL_FAILED:
        case EVENT_WOULD_BE_DENIED:
        case EVENT_CALLS_UNRECORDED:
                return QUEUE_MAX_FAILURES;
        case EVENT_RECORDS_LOST: /* rare */
                return SIZE_MAX;
        default:
                return QUEUE_MAX;
        }
}

/* The D-Bus name of the error. */
static const char *error_field(int error)
{
        if (error > 0)
                return error_dbus_name(error);
        return error == -ENOMEM ? ERROR_STANDARD("NoMemory") : ERROR_STANDARD("Failed");
}

static const char *error_sentence(const Audit *audit)
{
        if (audit->text || !audit->error)
                return audit->text;
        return error_strerror(audit->error);
}

/* MESSAGE: the event's text, then its details, separated by commas. */

static void put_quoted(FILE *f, const char *what, const char *value)
{
        if (!value)
                return;
        fprintf(f, ", %s \"", what);
        /* Escaped, so that a value cannot imitate other fields. */
        for (const char *c = value; *c; c++)
                if (*c == '"' || *c == '\\' || (unsigned char) *c < ' ' || *c == 0x7f)
                        fprintf(f, "\\x%02x", (unsigned char) *c);
                else
                        fputc(*c, f);
        fputc('"', f);
}

/* PASSLOCK_ADDED becomes "added". */
static void put_counts(FILE *f, const AuditCount *counts)
{
        for (; counts->field; counts++) {
                fprintf(f, ", %" PRIu64 " ", counts->value);
                for (const char *c = strchr(counts->field, '_') + 1; *c; c++)
                        fputc(*c == '_' ? ' ' : *c | 0x20, f);
        }
}

static void put_caller(FILE *f, const Audit *audit)
{
        const AuditOrigin *origin = audit->origin;

        if (origin && origin->method[0])
                fprintf(f, ", %s", origin->method);
        if (origin && origin->has_uid)
                fprintf(f, " by uid %u%s", origin->uid,
                        streq_ptr(origin->decided_by, DECIDED_BY_POLKIT) ? " (polkit)" : "");
        else if (audit->sender)
                fprintf(f, " by %s", audit->sender);
}

static char *text_new(const Audit *audit)
{
        const char *sentence = error_sentence(audit);
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        if (!f)
                return NULL;
        fputs(event_text(audit->event), f);
        if (audit->tenancy)
                fprintf(f, ", tenancy %s", audit->tenancy);
        put_caller(f, audit);
        put_quoted(f, "user", audit->user_id);
        put_quoted(f, "authenticator", audit->authenticator_id);
        put_quoted(f, "relying party", audit->rp_id);
        put_quoted(f, "challenge", audit->challenge_id);
        put_counts(f, audit->counts);
        if (sentence)
                fprintf(f, ": %s", sentence);
        if (fclose(f) != 0)
                return free(text), NULL;
        return text;
}

/* Journal fields */

static int add_number(JournalEntry *entry, const char *name, uint64_t value)
{
        char text[24];

        snprintf(text, sizeof(text), "%" PRIu64, value);
        return journal_entry_add(entry, name, text);
}

static int add_strings(JournalEntry *entry, const Audit *audit, const char *text)
{
        const struct {
                const char *name, *value;
        } fields[] = {
                {"MESSAGE_ID", event_message_id(audit->event)},
                {"MESSAGE", text},
                {FIELD_EVENT, event_name(audit->event)},
                {FIELD_TENANCY, audit->tenancy},
                {FIELD_USER_ID, audit->user_id},
                {FIELD_AUTHENTICATOR_ID, audit->authenticator_id},
                {FIELD_RP_ID, audit->rp_id},
                {FIELD_CHALLENGE_ID, audit->challenge_id},
                {FIELD_SENDER, audit->sender},
                {FIELD_ERROR, audit->error ? error_field(audit->error) : NULL},
        };
        int r = 0;

        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(fields); i++)
                if (fields[i].value)
                        r = journal_entry_add(entry, fields[i].name, fields[i].value);
        return r;
}

static int add_origin(JournalEntry *entry, const AuditOrigin *origin)
{
        int r = 0;

        if (origin->method[0])
                r = journal_entry_add(entry, FIELD_METHOD, origin->method);
        if (r == 0 && origin->has_uid)
                r = add_number(entry, FIELD_CALLER_UID, origin->uid);
        if (r == 0 && origin->decided_by)
                r = journal_entry_add(entry, FIELD_DECIDED_BY, origin->decided_by);
        if (r == 0 && origin->right)
                r = journal_entry_add(entry, FIELD_RIGHT, origin->right);
        if (r == 0 && origin->begun_at_us)
                r = add_number(entry, FIELD_DURATION_USEC, monotonic_us() - origin->begun_at_us);
        return r;
}

static int add_numbers(JournalEntry *entry, const Audit *audit)
{
        int r;

        r = add_number(entry, "PRIORITY", (uint64_t) event_priority(audit->event));
        if (r == 0 && audit->error < 0)
                r = add_number(entry, "ERRNO", (uint64_t) -audit->error);
        for (const AuditCount *c = audit->counts; r == 0 && c->field; c++)
                r = add_number(entry, c->field, c->value);
        return r;
}

static JournalEntry *entry_of(const Audit *audit, const char *text)
{
        _cleanup_(journal_entry_freep) JournalEntry *entry = journal_entry_new();

        if (!entry || add_strings(entry, audit, text) < 0 || add_numbers(entry, audit) < 0 ||
            (audit->origin && add_origin(entry, audit->origin) < 0))
                return NULL;
        return TAKE_PTR(entry);
}

static void put_in_journal(const Audit *audit, const char *text)
{
        JournalEntry *entry = entry_of(audit, text);

        if (entry)
                journal_put(entry, queue_max(audit->event));
        else
                log_line(event_priority(audit->event), "%s", text);
}

/* Reports dropped records once fewer than `n_waiting` are queued. */
static void record_lost(size_t n_waiting)
{
        uint64_t n_lost = journal_take_lost(n_waiting);

        counter_add(COUNTER_RECORDS_LOST, n_lost);
        if (n_lost > 0)
                audit(EVENT_RECORDS_LOST, .counts = {{FIELD_COUNT, n_lost}});
}

void audit_write(const Audit *audit)
{
        _cleanup_(freep) char *text = text_new(audit);

        record_lost(QUEUE_MAX_FAILURES);
        if (text && journal_is_open())
                put_in_journal(audit, text);
        else
                log_line(event_priority(audit->event), "%s", text ?: event_text(audit->event));
}

bool audit_has_room(void)
{
        return journal_n_waiting() <= QUEUE_MAX - AUDIT_ROOM;
}

uint64_t audit_n_sent(void)
{
        return journal_n_sent();
}

int audit_open(void)
{
        return log_is_journal() ? journal_open() : 0;
}

void audit_close(void)
{
        record_lost(SIZE_MAX);
        journal_close(CLOSE_TIMEOUT_MS);
}
