/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>

#include "client/passlockctl/terminal/input.h"
#include "client/passlockctl/terminal/interrupt.h"
#include "client/passlockctl/terminal/progress-bar.h"
#include "client/passlockctl/terminal/record.h"
#include "client/passlockctl/terminal/report.h"
#include "client/passlockctl/verbs/verbs.h"

/* A pending call. */
typedef struct Reconcile {
        const Invocation *invocation;
        const uint64_t *max_remove; /* NULL: dry run */
        passlock_call *call;        /* NULL: completed */
        int status;
        passlock_reconciliation *result;
} Reconcile;

/* Result of the dry run, for the confirmation. */
typedef struct Plan {
        uint64_t checked, added, removed, conflicts;
        uint64_t n_links;
} Plan;

static int print_result(const passlock_reconciliation *result, const Invocation *invocation)
{
        _cleanup_(record_freep) Record *record = record_new();
        bool apply = invocation->apply;
        int r;

        record_put_bool(record, NULL, "dry_run", !apply);
        record_put_number(record, "Passkeys", "checked",
                          passlock_reconciliation_get_checked(result));
        record_put_number(record, apply ? "Links added" : "Links to add", "added",
                          passlock_reconciliation_get_added(result));
        record_put_number(record, apply ? "Links removed" : "Links to remove", "removed",
                          passlock_reconciliation_get_removed(result));
        record_put_number(record, "Conflicts", "conflicts",
                          passlock_reconciliation_get_conflicts(result));
        r = record_print(record, invocation->json);
        return report_failure(r, passlock_strerror(r));
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
        if (r == 0)
                reconcile->result = passlock_reconciliation_ref(result);
        reconcile->status = report_failure(r, error_text);
}

/* Returns 0 on completion, -EINTR on a signal, or another negative errno. */
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

        r = passlock_options_set_bool(invocation->options, "dry_run", !reconcile->max_remove);
        if (r == 0 && reconcile->max_remove)
                r = passlock_options_set_uint64(invocation->options, "max_remove",
                                                *reconcile->max_remove);
        if (r == 0)
                r = passlock_reconcile_async(invocation->client, invocation->options, on_progress,
                                             on_end, reconcile, &reconcile->call);
        if (r == 0 && invocation->timeout_ms > 0)
                r = passlock_call_set_timeout_ms(reconcile->call, invocation->timeout_ms);
        return r;
}

/* A dry run if `max_remove` is NULL. Returns 0 and the result, or the exit status. */
static int perform(const Invocation *invocation, const uint64_t *max_remove,
                   passlock_reconciliation **ret)
{
        _cleanup_(interrupt_freep) Interrupt *interrupt = NULL;
        Reconcile reconcile = {.invocation = invocation, .max_remove = max_remove};
        int r;

        r = interrupt_new(&interrupt);
        if (r == 0)
                r = begin(&reconcile);
        if (r == 0)
                r = wait_for_end(&reconcile, interrupt);
        if (r == 0) {
                *ret = reconcile.result;
                return reconcile.status;
        }
        reconcile.call = passlock_call_cancel(reconcile.call);
        progress_bar_clear();
        if (r == -EINTR)
                report("Interrupted, %s",
                       max_remove ? "changes made so far remain" : "nothing was changed");
        else
                report_failure(r, passlock_strerror(r));
        return exit_status(r);
}

/* ---- Confirmation ---------------------------------------------------------------------------  */

static bool removes_most(const Plan *plan)
{
        return plan->removed > plan->n_links / 2;
}

static bool is_number(const char *s)
{
        return *s && strspn(s, "0123456789") == strlen(s) && strlen(s) < 19;
}

/* The limit for the daemon, since the vault may change after the dry run. */
static uint64_t max_remove(const Invocation *invocation, const Plan *plan)
{
        return invocation->remove_up_to ? strtoull(invocation->remove_up_to, NULL, 10)
                                        : plan->removed;
}

/* Whether --remove-up-to allows the plan. */
static bool is_within_bound(const Invocation *invocation, const Plan *plan)
{
        return invocation->remove_up_to && plan->removed <= max_remove(invocation, plan);
}

static bool confirm_most(const Plan *plan, const char *label)
{
        char answer[64], number[32];

        snprintf(number, sizeof(number), "%" PRIu64, plan->removed);
        fprintf(stderr,
                "More than half of the links would be removed. To confirm, type %s or %s: ", number,
                label);
        if (input_line(answer, sizeof(answer)) && (streq(answer, number) || streq(answer, label)))
                return true;
        report("Cancelled, nothing was changed");
        return false;
}

/*
 * With the vault of another tenancy or one restored from an old backup most links look stale, so
 * removing most links needs a stronger confirmation.
 */
static bool confirm_plan(const Invocation *invocation, const Plan *plan, const char *label)
{
        bool bounded = is_within_bound(invocation, plan);

        if (invocation->remove_up_to && !bounded) {
                report("%" PRIu64
                       " links would be removed, more than --remove-up-to=%s; nothing was changed",
                       plan->removed, invocation->remove_up_to);
                return false;
        }
        if (invocation->yes && removes_most(plan) && !bounded) {
                report("%" PRIu64 " of %" PRIu64 " links would be removed, more than half; to "
                       "allow this, add --remove-up-to=%" PRIu64 "; nothing was changed",
                       plan->removed, plan->n_links, plan->removed);
                return false;
        }
        if (invocation->yes)
                return true;
        return removes_most(plan) && !bounded
                       ? confirm_most(plan, label)
                       : input_confirm(invocation,
                                       "Change the links of this host to match the vault?");
}

static void print_plan(const Plan *plan)
{
        fprintf(stderr,
                "Passkeys in the vault: %" PRIu64 ". Links to add: %" PRIu64
                ". Links to remove: %" PRIu64 " of %" PRIu64 ". Conflicts (unchanged): %" PRIu64
                ".\n",
                plan->checked, plan->added, plan->removed, plan->n_links, plan->conflicts);
}

/* Returns 0, or the exit status. `ret_result` is the result of the dry run. */
static int make_plan(const Invocation *invocation, Plan *ret, passlock_reconciliation **ret_result)
{
        int r, status;

        status = perform(invocation, NULL, ret_result);
        if (status != 0)
                return status;
        r = passlock_links_count(invocation->client, &ret->n_links);
        if (r != 0)
                return report_call(invocation->client, r);
        ret->checked = passlock_reconciliation_get_checked(*ret_result);
        ret->added = passlock_reconciliation_get_added(*ret_result);
        ret->removed = passlock_reconciliation_get_removed(*ret_result);
        ret->conflicts = passlock_reconciliation_get_conflicts(*ret_result);
        return 0;
}

static int apply(const Invocation *invocation, const char *label)
{
        _cleanup_(passlock_reconciliation_unrefp) passlock_reconciliation *dry = NULL,
                                                                          *result = NULL;
        uint64_t limit;
        Plan plan = {};
        int status;

        status = make_plan(invocation, &plan, &dry);
        if (status != 0)
                return status;
        /* No change, so no confirmation. */
        if (plan.added == 0 && plan.removed == 0)
                return print_result(dry, invocation);
        print_plan(&plan);
        if (!confirm_plan(invocation, &plan, label))
                return EXIT_OURS;
        limit = max_remove(invocation, &plan);
        status = perform(invocation, &limit, &result);
        return status ?: print_result(result, invocation);
}

static int check_options(const Invocation *invocation)
{
        if (invocation->remove_up_to && !is_number(invocation->remove_up_to)) {
                report("Failed to parse --remove-up-to=%s: not a number", invocation->remove_up_to);
                return EXIT_USAGE;
        }
        if (invocation->apply && !invocation->yes && !isatty(STDIN_FILENO)) {
                report("Failed to ask for confirmation: standard input is not a terminal; use "
                       "--yes and --remove-up-to");
                return EXIT_USAGE;
        }
        return 0;
}

int verb_reconcile(Invocation *invocation)
{
        _cleanup_(passlock_reconciliation_unrefp) passlock_reconciliation *result = NULL;
        _cleanup_(passlock_tenancy_unrefp) passlock_tenancy *tenancy = NULL;
        int r, status;

        status = check_options(invocation);
        if (status != 0)
                return status;
        if (!invocation->apply) {
                status = perform(invocation, NULL, &result);
                return status ?: print_result(result, invocation);
        }
        r = passlock_get_tenancy(invocation->client, &tenancy);
        if (r != 0)
                return report_call(invocation->client, r);
        return apply(invocation, passlock_tenancy_get_label(tenancy));
}
