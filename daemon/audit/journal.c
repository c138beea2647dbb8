/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <pthread.h>
#include <stdio.h>

/* Omit the CODE_* fields. */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "base/log.h"
#include "daemon/audit/journal.h"

static struct {
        pthread_mutex_t lock;
        pthread_cond_t changed;
        pthread_t thread;
        bool is_open;
        bool closing;
        bool ended;
        STAILQ_HEAD(, JournalEntry) queue;
        size_t n; /* queued, plus the one being sent */
        uint64_t n_sent;
        uint64_t n_lost;
} journal = {.lock = PTHREAD_MUTEX_INITIALIZER, .queue = STAILQ_HEAD_INITIALIZER(journal.queue)};

JournalEntry *journal_entry_new(void)
{
        return calloc(1, sizeof(JournalEntry));
}

JournalEntry *journal_entry_free(JournalEntry *entry)
{
        if (!entry)
                return NULL;
        for (size_t i = 0; i < entry->n_fields; i++)
                free(entry->fields[i].iov_base);
        free(entry);
        return NULL;
}

int journal_entry_add(JournalEntry *entry, const char *name, const char *value)
{
        char *field;
        int len;

        if (entry->n_fields == JOURNAL_FIELDS_MAX)
                return -ENOBUFS;
        len = asprintf(&field, "%s=%s", name, value);
        if (len < 0)
                return -ENOMEM;
        entry->fields[entry->n_fields++] =
                (struct iovec){.iov_base = field, .iov_len = (size_t) len};
        return 0;
}

const char *journal_entry_get(const JournalEntry *entry, const char *name)
{
        size_t len = strlen(name);

        for (size_t i = 0; i < entry->n_fields; i++) {
                const char *field = entry->fields[i].iov_base;

                if (strncmp(field, name, len) == 0 && field[len] == '=')
                        return field + len + 1;
        }
        return NULL;
}

/* The journal protocol length-prefixes values with newlines: no field injection. */
static void journal_entry_send(const JournalEntry *entry)
{
        int r;

        r = log_errno_origin(sd_journal_sendv(entry->fields, (int) entry->n_fields));
        if (r < 0)
                log_line(LOG_ERR, "%s (failed to send this record to the journal: %s)",
                         journal_entry_get(entry, "MESSAGE"), strerror(-r));
}

static void *journal_run(void *userdata _unused_)
{
        pthread_mutex_lock(&journal.lock);
        for (;;) {
                _cleanup_(journal_entry_freep) JournalEntry *entry = NULL;

                while (STAILQ_EMPTY(&journal.queue) && !journal.closing)
                        pthread_cond_wait(&journal.changed, &journal.lock);
                entry = STAILQ_FIRST(&journal.queue);
                if (!entry)
                        break;
                STAILQ_REMOVE_HEAD(&journal.queue, entry);
                pthread_mutex_unlock(&journal.lock);
                journal_entry_send(entry);
                pthread_mutex_lock(&journal.lock);
                assert(journal.n > 0);
                journal.n--;
                journal.n_sent++;
        }
        journal.ended = true;
        pthread_cond_broadcast(&journal.changed);
        pthread_mutex_unlock(&journal.lock);
        return NULL;
}

static int init_condition(void)
{
        pthread_condattr_t attributes;
        int e;

        e = pthread_condattr_init(&attributes);
        if (e != 0)
                return -e;
        e = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        if (e == 0)
                e = pthread_cond_init(&journal.changed, &attributes);
        pthread_condattr_destroy(&attributes);
        return -e;
}

int journal_open(void)
{
        int r;

        assert(!journal.is_open);
        r = init_condition();
        if (r < 0)
                return r;
        journal.closing = journal.ended = false;
        r = log_errno_origin(-pthread_create(&journal.thread, NULL, journal_run, NULL));
        journal.is_open = r == 0;
        return r;
}

bool journal_is_open(void)
{
        return journal.is_open;
}

void journal_put(JournalEntry *entry, size_t queue_max)
{
        _cleanup_(journal_entry_freep) JournalEntry *owned = entry;

        pthread_mutex_lock(&journal.lock);
        if (journal.n >= queue_max) {
                journal.n_lost++;
        } else {
                STAILQ_INSERT_TAIL(&journal.queue, owned, entry);
                (void) TAKE_PTR(owned);
                journal.n++;
                pthread_cond_broadcast(&journal.changed);
        }
        pthread_mutex_unlock(&journal.lock);
}

size_t journal_n_waiting(void)
{
        size_t n;

        pthread_mutex_lock(&journal.lock);
        n = journal.n;
        pthread_mutex_unlock(&journal.lock);
        return n;
}

uint64_t journal_n_sent(void)
{
        uint64_t n;

        pthread_mutex_lock(&journal.lock);
        n = journal.n_sent;
        pthread_mutex_unlock(&journal.lock);
        return n;
}

uint64_t journal_take_lost(size_t n_waiting)
{
        uint64_t n = 0;

        pthread_mutex_lock(&journal.lock);
        if (journal.n < n_waiting)
                n = TAKE(journal.n_lost, 0);
        pthread_mutex_unlock(&journal.lock);
        return n;
}

static struct timespec deadline_after(uint64_t timeout_ms)
{
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        ts.tv_nsec += (long) (timeout_ms % 1000) * 1000000;
        ts.tv_sec += (time_t) (timeout_ms / 1000) + ts.tv_nsec / 1000000000;
        ts.tv_nsec %= 1000000000;
        return ts;
}

/* A thread that is still blocked ends with the process. */
void journal_close(uint64_t timeout_ms)
{
        struct timespec until = deadline_after(timeout_ms);
        bool ended;

        if (!journal.is_open)
                return;
        pthread_mutex_lock(&journal.lock);
        journal.closing = true;
        pthread_cond_broadcast(&journal.changed);
        while (!journal.ended &&
               pthread_cond_timedwait(&journal.changed, &journal.lock, &until) == 0)
                ;
        ended = journal.ended;
        pthread_mutex_unlock(&journal.lock);
        journal.is_open = false;
        if (ended)
                pthread_join(journal.thread, NULL);
        else
                pthread_detach(journal.thread);
}
