/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/signalfd.h>

#include "sandbox/http/server.h"
#include "sandbox/options.h"
#include "sandbox/tenancy/seed.h"

enum {
        FILE_MAX = 1024 * 1024,
        KEY_LEN_MAX = 512,
        EXIT_USAGE = 2,
};

/* Logs "Failed to ACTION OBJECT: REASON" and returns the negative errno. */
static int log_failure(const char *action, const char *object, int r)
{
        fprintf(stderr, "passlock-sandbox: Failed to %s %s: %s\n", action, object, strerror(-r));
        return r;
}

/* Returns the owned content of a file; -EINVAL if there are NUL bytes. */
static int read_file(const char *path, char **ret)
{
        _cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
        _cleanup_(freep) char *text = must(calloc(1, FILE_MAX + 1));
        size_t len = 0;
        ssize_t n;

        if (fd < 0)
                return -errno;
        while ((n = read(fd, text + len, FILE_MAX - len)) > 0)
                len += (size_t) n;
        if (n < 0)
                return -errno;
        if (len == FILE_MAX || memchr(text, '\0', len))
                return -EINVAL;
        *ret = TAKE_PTR(text);
        return 0;
}

/* The key is one line of printable ASCII without spaces. */
static int read_api_key(const char *path, char **ret)
{
        _cleanup_(freep) char *text = NULL;
        size_t len;
        int r;

        r = read_file(path, &text);
        if (r < 0)
                return r;
        len = strcspn(text, "\n");
        if (len < 1 || len > KEY_LEN_MAX || text[len + strspn(text + len, "\n")])
                return -EINVAL;
        for (size_t i = 0; i < len; i++)
                if (text[i] <= ' ' || text[i] > '~')
                        return -EINVAL;
        text[len] = '\0';
        *ret = TAKE_PTR(text);
        return 0;
}

static int open_tenancies(Sandbox *sandbox, const Options *options)
{
        for (size_t i = 0; i < options->n_tenancies; i++) {
                _cleanup_(freep) char *key = NULL;
                int r;

                r = read_api_key(options->key_files[i], &key);
                if (r < 0)
                        return log_failure("read API key file", options->key_files[i], r);
                sandbox_open_tenancy(sandbox, options->tenancy_ids[i], key);
        }
        return 0;
}

/* Saves the state before serving, to fail early if the file is not writable. */
static int create_sandbox(const Options *options, Sandbox **ret)
{
        _cleanup_(sandbox_freep) Sandbox *sandbox = NULL;
        Tenancy *t;
        int r;

        r = sandbox_new(options->state_path, &sandbox);
        if (r == -EBADMSG)
                fprintf(stderr,
                        "passlock-sandbox: Failed to load state file %s: corrupt; move the file "
                        "away to start empty\n",
                        options->state_path);
        else if (r < 0)
                log_failure("load state file", options->state_path, r);
        if (r < 0)
                return r;
        sandbox->clock_offset_ms = options->clock_offset_s * 1000;
        sandbox->faults = options->faults;
        sandbox->ignore_counters = options->ignore_counters;
        sandbox->tls = options->certificate_path;
        sandbox->challenge_rate = options->challenge_rate;
        r = open_tenancies(sandbox, options);
        if (r < 0)
                return r;
        SLIST_FOREACH(t, &sandbox->tenancies, entry) {
                seed_passkeys(sandbox, t, options->n_passkeys, options->n_users);
        }
        r = sandbox_sync(sandbox);
        if (r < 0)
                return log_failure("save state file", options->state_path, r);
        *ret = TAKE_PTR(sandbox);
        return 0;
}

static int create_server(const Options *options, Sandbox *sandbox, Server **ret)
{
        _cleanup_(freep) char *certificate = NULL, *key = NULL;
        ServerOptions server_options = {.address = options->address, .port = options->port};
        int r;

        if (options->certificate_path) {
                r = read_file(options->certificate_path, &certificate);
                if (r < 0)
                        return log_failure("read certificate", options->certificate_path, r);
                r = read_file(options->key_path, &key);
                if (r < 0)
                        return log_failure("read private key", options->key_path, r);
        }
        server_options.certificate = certificate;
        server_options.key = key;
        r = server_new(sandbox, &server_options, ret);
        if (r < 0)
                return r == -EPROTO ? log_failure("use certificate", options->certificate_path, r)
                                    : log_failure("listen on", options->address, r);
        return 0;
}

/* poll(), unlike select(), takes any number of file descriptors. */
static void raise_file_limit(void)
{
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
                return;
        limit.rlim_cur = limit.rlim_max;
        (void) setrlimit(RLIMIT_NOFILE, &limit);
}

/* Returns a signalfd for SIGTERM and SIGINT. */
static int stop_signal(void)
{
        sigset_t signals;

        sigemptyset(&signals);
        sigaddset(&signals, SIGTERM);
        sigaddset(&signals, SIGINT);
        if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
                return -errno;
        return signalfd(-1, &signals, SFD_CLOEXEC);
}

static int run(const Options *options)
{
        _cleanup_(sandbox_freep) Sandbox *sandbox = NULL;
        _cleanup_(server_freep) Server *server = NULL;
        _cleanup_(freep) char *url = NULL;
        _cleanup_(closep) int stop_fd = -1;
        int r;

        signal(SIGPIPE, SIG_IGN);
        raise_file_limit();
        stop_fd = stop_signal();
        if (stop_fd < 0)
                return log_failure("create", "signalfd", stop_fd);
        r = create_sandbox(options, &sandbox);
        if (r < 0)
                return r;
        r = create_server(options, sandbox, &server);
        if (r < 0)
                return r;
        url = server_url(server);
        printf("listening on %s\n", url);
        fflush(stdout);
        r = server_run(server, stop_fd);
        return r < 0 ? log_failure("serve", url, r) : 0;
}

int main(int argc, char **argv)
{
        _cleanup_(options_done) Options options = {};

        if (options_parse(&options, argc, argv) < 0)
                return EXIT_USAGE;
        if (options.done)
                return EXIT_SUCCESS;
        return run(&options) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
