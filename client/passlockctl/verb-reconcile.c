/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <poll.h>

#include "client/passlockctl/input.h"
#include "client/passlockctl/interrupt.h"
#include "client/passlockctl/passlockctl.h"
#include "client/passlockctl/progress-bar.h"
#include "client/passlockctl/record.h"
#include "client/passlockctl/report.h"

typedef struct Reconcile {
        const Invocation *invocation;
        passlock_call *call; /* NULL once it has ended */
        int status;
} Reconcile;

static int print_result(const passlock_reconciliation *result, const Invocation *invocation)
{
        _cleanup_(record_freep) Record *record = record_new();
        bool apply = invocation->apply;

        record_put_bool(record, NULL, "dry_run", !apply);
        record_put_number(record, "Passkeys", "checked",
                          passlock_reconciliation_get_checked(result));
        record_put_number(record, apply ? "Links added" : "Links to add", "added",
                          passlock_reconciliation_get_added(result));
        record_put_number(record, apply ? "Links removed" : "Links to remove", "removed",
                          passlock_reconciliation_get_removed(result));
        record_put_number(record, "Conflicts", "conflicts",
                          passlock_reconciliation_get_conflicts(result));
        return record_print(record, invocation->json);
}

static void on_progress(passlock *client, uint64_t checked, uint64_t links, void *userdata)
{
        progress_bar_draw(checked, links, "passkeys");
}

static void on_end(passlock *client, int r, const char *error_text, passlock_reconciliation *result,
                   void *userdata)
{
        Reconcile *reconcile = userdata;

        progress_bar_clear();
        reconcile->call = NULL;
        if (r == 0) {
                r = print_result(result, reconcile->invocation);
                error_text = passlock_strerror(r);
        }
        reconcile->status = report_failure(r, error_text);
}

/* Returns 0 when the call has ended, -EINTR when we are to end, or another negative errno. */
static int wait_for_end(Reconcile *reconcile, const Interrupt *interrupt)
{
        passlock *client = reconcile->invocation->client;

        while (reconcile->call) {
                struct pollfd fds[] = {
                        {.fd = passlock_get_fd(client), .events = POLLIN},
                        {.fd = interrupt_fd(interrupt), .events = POLLIN},
                };
                int r;

                if (poll(fds, 2, -1) < 0)
                        return -errno;
                if (fds[1].revents)
                        return -EINTR;
                r = passlock_dispatch(client);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int begin(Reconcile *reconcile)
{
        const Invocation *invocation = reconcile->invocation;
        int r;

        r = passlock_options_set_bool(invocation->options, "dry_run", !invocation->apply);
        if (r == 0)
                r = passlock_reconcile_async(invocation->client, invocation->options, on_progress,
                                             on_end, reconcile, &reconcile->call);
        if (r == 0 && invocation->timeout_ms > 0)
                r = passlock_call_set_timeout_ms(reconcile->call, invocation->timeout_ms);
        return r;
}

int verb_reconcile(Invocation *invocation)
{
        _cleanup_(interrupt_freep) Interrupt *interrupt = NULL;
        Reconcile reconcile = {.invocation = invocation};
        int r;

        if (invocation->apply &&
            !input_confirm(invocation, "Change the links of this host to match the vault?"))
                return EXIT_OURS;
        r = interrupt_new(&interrupt);
        if (r == 0)
                r = begin(&reconcile);
        if (r == 0)
                r = wait_for_end(&reconcile, interrupt);
        if (r == 0)
                return reconcile.status;
        reconcile.call = passlock_call_cancel(reconcile.call);
        progress_bar_clear();
        if (r == -EINTR)
                report("stopped; %s",
                       invocation->apply ? "what was changed by now stays" : "nothing was changed");
        else
                report_failure(r, passlock_strerror(r));
        return exit_status(r);
}
