/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/client/harness.h"

/* Timeout of a hanging test. */
#define PATIENCE_SEC 300U

static void path_in(const Harness *h, const char *name, char path[static 128])
{
        snprintf(path, 128, "%s/%s", h->dir, name);
}

static FILE *create_in(const Harness *h, const char *name)
{
        char path[128];
        FILE *f;

        path_in(h, name, path);
        f = fopen(path, "we");
        assert_non_null(f);
        return f;
}

static void write_config(const Harness *h, const char *more)
{
        FILE *f = create_in(h, "bus.conf");

        fprintf(f,
                "<!DOCTYPE busconfig PUBLIC '-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN' "
                "'http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd'>\n"
                "<busconfig><listen>unix:path=%s/bus</listen><auth>EXTERNAL</auth>"
                "<servicedir>%s/services</servicedir>"
                "<policy context='default'><allow own='*'/><allow send_destination='*'/>"
                "<allow eavesdrop='true'/></policy>%s</busconfig>\n",
                h->dir, h->dir, more);
        fclose(f);
}

static void write_activation(const Harness *h)
{
        FILE *f = create_in(h, "services/fake.service");

        fprintf(f, "[D-BUS Service]\nName=dev.passlock.Passlock1\nExec=%s %s\n",
                getenv("FAKE_SERVICE"), h->dir);
        fclose(f);
}

/* Starts a program with a pipe to the test as descriptor 3. `quiet` discards standard error. */
static pid_t spawn(char *const argv[], bool quiet, int *ret_fd)
{
        pid_t parent = getpid(), pid;
        int fds[2];

        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        /* The service must not block on lines that the test does not read. */
        assert_true(fcntl(fds[0], F_SETPIPE_SZ, 1 << 20) > 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                if (getppid() != parent)
                        _exit(1);
                if (fds[1] == 3)
                        fcntl(3, F_SETFD, 0);
                else
                        dup2(fds[1], 3);
                if (quiet)
                        dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
                execvp(argv[0], argv);
                _exit(127);
        }
        close(fds[1]);
        *ret_fd = fds[0];
        return pid;
}

/* Reads a line. Returns false at end of file. */
static bool read_line(int fd, char line[static 256])
{
        size_t n = 0;

        while (n < 255 && read(fd, line + n, 1) == 1 && line[n] != '\n')
                n++;
        line[n] = '\0';
        return n > 0;
}

static void kill_and_reap(pid_t *pid)
{
        if (*pid <= 0)
                return;
        kill(*pid, SIGKILL);
        waitpid(*pid, NULL, 0);
        *pid = 0;
}

void harness_start_bus(Harness *h)
{
        char config[160], line[256];
        char *argv[] = {(char *) "dbus-daemon",       config,
                        (char *) "--nofork",          (char *) "--nopidfile",
                        (char *) "--print-address=3", NULL};
        int fd;

        snprintf(config, sizeof(config), "--config-file=%s/bus.conf", h->dir);
        h->bus = spawn(argv, true, &fd);
        assert_true(read_line(fd, line));
        close(fd);
}

void harness_stop_bus(Harness *h)
{
        kill_and_reap(&h->bus);
}

void harness_start_service(Harness *h, const char *option)
{
        char *argv[] = {getenv("FAKE_SERVICE"), h->dir, (char *) option, NULL};
        char line[256];

        h->service = spawn(argv, false, &h->service_fd);
        assert_true(read_line(h->service_fd, line));
        assert_string_equal(line, "ready");
}

void harness_stop_service(Harness *h)
{
        kill_and_reap(&h->service);
        closep(&h->service_fd);
        h->service_fd = -1;
}

void harness_reap_service(Harness *h)
{
        char line[256];

        while (read_line(h->service_fd, line))
                ;
        harness_stop_service(h);
}

static int setup(void **state, bool activatable, const char *config)
{
        Harness *h = calloc(1, sizeof(Harness));
        char address[128], services[128];

        alarm(PATIENCE_SEC);
        assert_non_null(h);
        h->service_fd = -1;
        strcpy(h->dir, "/tmp/test-passlock.XXXXXX");
        assert_non_null(mkdtemp(h->dir));
        path_in(h, "services", services);
        assert_int_equal(mkdir(services, 0700), 0);
        write_config(h, config);
        if (activatable)
                write_activation(h);
        snprintf(address, sizeof(address), "unix:path=%s/bus", h->dir);
        setenv("DBUS_SYSTEM_BUS_ADDRESS", address, 1);
        harness_start_bus(h);
        assert_int_equal(passlock_new(&h->client), 0);
        *state = h;
        return 0;
}

int harness_setup(void **state)
{
        setup(state, false, "");
        harness_start_service(*state, NULL);
        return 0;
}

int harness_setup_crowded(void **state)
{
        char limit[128];

        snprintf(limit, sizeof(limit), "<limit name='max_connections_per_user'>%d</limit>",
                 HARNESS_CONNECTIONS_MAX);
        setup(state, false, limit);
        harness_start_service(*state, NULL);
        return 0;
}

int harness_setup_activatable(void **state)
{
        return setup(state, true, "");
}

int harness_setup_bus_only(void **state)
{
        return setup(state, false, "");
}

int harness_teardown(void **state)
{
        Harness *h = *state;
        char command[128];

        passlock_unref(h->client);
        harness_stop_service(h);
        harness_stop_bus(h);
        snprintf(command, sizeof(command), "rm -r %s", h->dir);
        assert_int_equal(system(command), 0);
        free(h);
        alarm(0);
        return 0;
}

static void run_once(Harness *h, int fd)
{
        struct pollfd fds[] = {
                {.fd = passlock_get_fd(h->client), .events = POLLIN},
                {.fd = fd, .events = POLLIN},
        };

        assert_true(poll(fds, 2, -1) > 0 || errno == EINTR);
        if (fds[0].revents)
                assert_int_equal(passlock_dispatch(h->client), 0);
}

void harness_run_until(Harness *h, const unsigned *done, unsigned n)
{
        while (*done < n)
                run_once(h, -1);
}

void harness_run_until_line(Harness *h, const char *line)
{
        char read[256];

        for (;;) {
                struct pollfd fd = {.fd = h->service_fd, .events = POLLIN};

                if (poll(&fd, 1, 0) > 0) {
                        assert_true(read_line(h->service_fd, read));
                        if (streq(read, line))
                                return;
                } else
                        run_once(h, h->service_fd);
        }
}

void harness_settle(Harness *h)
{
        struct pollfd fd = {.fd = passlock_get_fd(h->client), .events = POLLIN};

        while (poll(&fd, 1, 0) > 0)
                assert_int_equal(passlock_dispatch(h->client), 0);
}

unsigned harness_count_log(Harness *h, const char *beginning)
{
        char path[128], line[256];
        unsigned n = 0;
        int fd;

        path_in(h, "log", path);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return 0;
        while (read_line(fd, line))
                if (strncmp(line, beginning, strlen(beginning)) == 0)
                        n++;
        close(fd);
        return n;
}
