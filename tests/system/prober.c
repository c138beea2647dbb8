/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * prober STATE_DIRECTORY: tries operations of a compromised service, and prints a line for each:
 * "<operation> done" or "<operation> refused". The state directory is one that the service may
 * write. To become root, it runs $SETUID_COPY, a copy of
 * itself that is setuid root.
 */

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <mntent.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096

static const char *state_dir;

/* Writing */

static bool can_create(const char *dir)
{
        char path[PATH_MAX];
        int fd;

        snprintf(path, sizeof(path), "%s/passlock-probe", dir);
        fd = open(path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);
        if (fd < 0)
                return false;
        return close(fd) == 0 && unlink(path) == 0;
}

static bool write_state(void)
{
        return can_create(state_dir);
}

static bool write_etc(void)
{
        return can_create("/etc");
}

static bool write_usr(void)
{
        return can_create("/usr/lib");
}

static bool write_var(void)
{
        return can_create("/var/lib");
}

/* Directories that are private to the service, or no place for files. */
static bool is_own(const char *dir)
{
        const char *const own[] = {state_dir, "/run/passlockd", "/tmp", "/var/tmp", "/proc"};

        for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
                if (strcmp(dir, own[i]) == 0)
                        return true;
        return false;
}

static int find_writable(const char *path, const struct stat *st, int type, struct FTW *where)
{
        if (is_own(path))
                return FTW_SKIP_SUBTREE;
        if (type != FTW_D || access(path, W_OK) < 0)
                return FTW_CONTINUE;
        printf("could write to %s\n", path);
        return FTW_STOP;
}

/* In each file system that is not read-only as a whole. */
static bool write_anywhere(void)
{
        FILE *mounts = setmntent("/proc/self/mounts", "r");
        bool found = false;

        for (struct mntent *mount; mounts && !found && (mount = getmntent(mounts));)
                found = !hasmntopt(mount, "ro") &&
                        nftw(mount->mnt_dir, find_writable, 64,
                             FTW_PHYS | FTW_MOUNT | FTW_ACTIONRETVAL) == FTW_STOP;
        if (mounts)
                endmntent(mounts);
        fflush(stdout);
        return found;
}

static bool write_cgroup(void)
{
        return mkdir("/sys/fs/cgroup/passlock-probe", 0700) == 0 &&
               rmdir("/sys/fs/cgroup/passlock-probe") == 0;
}

static bool can_list(const char *path)
{
        DIR *dir = opendir(path);

        return dir && closedir(dir) == 0;
}

static bool read_home(void)
{
        return can_list("/root");
}

static bool list_links(void)
{
        return can_list("/var/lib/passlockd");
}

static bool list_keys(void)
{
        return can_list("/run/credentials/passlock-keyholder.service");
}

/* Other processes */

static bool see_processes(void)
{
        DIR *dir = opendir("/proc");
        pid_t self = getpid(), parent = getppid();
        bool seen = false;

        for (struct dirent *entry; dir && (entry = readdir(dir));) {
                long pid = strtol(entry->d_name, NULL, 10);

                seen = seen || (pid > 0 && pid != self && pid != parent);
        }
        if (dir)
                closedir(dir);
        return seen;
}

static bool signal_process(void)
{
        return kill(1, 0) == 0;
}

static bool read_memory(void)
{
        struct iovec local = {.iov_base = (char[1]){}, .iov_len = 1};
        struct iovec remote = {.iov_base = &state_dir, .iov_len = 1};

        return syscall(SYS_process_vm_readv, getpid(), &local, 1L, &remote, 1L, 0L) == 1;
}

static bool trace_child(void)
{
        pid_t child = fork();
        bool traced;

        if (child == 0) {
                pause();
                _exit(0);
        }
        traced = ptrace(PTRACE_SEIZE, child, NULL, NULL) == 0;
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        return traced;
}

/* Privileges */

/* Runs the operation in a child, because it may be killed. */
static bool child_does(bool (*what)(void))
{
        pid_t child = fork();
        int status;

        if (child == 0)
                _exit(what() ? 0 : 1);
        return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool to_root(void)
{
        return setresuid(0, 0, 0) == 0;
}

static bool run_setuid_copy(void)
{
        execl(getenv("SETUID_COPY"), "prober", "--am-i-root", NULL);
        return false;
}

static bool new_user_namespace(void)
{
        return unshare(CLONE_NEWUSER) == 0;
}

static bool mount_something(void)
{
        return unshare(CLONE_NEWNS) == 0 &&
               mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
               mount("probe", "/mnt", "tmpfs", 0, NULL) == 0;
}

static bool set_host_name(void)
{
        char name[256];

        return gethostname(name, sizeof(name)) == 0 && sethostname(name, strlen(name)) == 0;
}

static bool become_realtime(void)
{
        return sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){.sched_priority = 1}) == 0;
}

static bool change_personality(void)
{
        return personality(ADDR_NO_RANDOMIZE) >= 0;
}

static bool make_setuid_file(void)
{
        char path[PATH_MAX];
        bool made;
        int fd;

        snprintf(path, sizeof(path), "%s/passlock-setuid", state_dir);
        fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0700);
        made = fd >= 0 && fchmod(fd, 04700) == 0;
        unlink(path);
        return made;
}

/* Code */

static bool map_writable_code(void)
{
        return mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                    0) != MAP_FAILED;
}

static bool make_memory_code(void)
{
        void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        return page != MAP_FAILED && mprotect(page, PAGE, PROT_READ | PROT_EXEC) == 0;
}

static bool map_code_of(int fd)
{
        return fd >= 0 && ftruncate(fd, PAGE) == 0 &&
               mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) != MAP_FAILED;
}

static bool map_code_of_memfd(void)
{
        return map_code_of(memfd_create("probe", MFD_CLOEXEC));
}

static bool map_code_in(const char *dir)
{
        char path[PATH_MAX];
        bool mapped;
        int fd;

        snprintf(path, sizeof(path), "%s/passlock-code", dir);
        fd = open(path, O_CREAT | O_RDWR | O_TRUNC | O_CLOEXEC, 0700);
        mapped = map_code_of(fd);
        unlink(path);
        return mapped;
}

static bool map_code_of_state(void)
{
        return map_code_in(state_dir);
}

static bool map_code_of_tmp(void)
{
        return map_code_in("/tmp");
}

static bool map_code_of_var_tmp(void)
{
        return map_code_in("/var/tmp");
}

static bool map_code_of_shm(void)
{
        return map_code_in("/dev/shm");
}

static bool run_written_program(void)
{
        char path[PATH_MAX];
        int fd;

        snprintf(path, sizeof(path), "%s/passlock-script", state_dir);
        fd = open(path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0700);
        if (fd < 0 || write(fd, "#!/bin/true\n", 12) != 12)
                return false;
        close(fd);
        execl(path, path, NULL);
        return false;
}

/* Sockets */

static bool open_socket(int family, int type, int protocol)
{
        int fd = socket(family, type | SOCK_CLOEXEC, protocol);

        return fd >= 0 && close(fd) == 0;
}

static bool raw_socket(void)
{
        return open_socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
}

static bool raw_socket_6(void)
{
        return open_socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
}

static bool packet_socket(void)
{
        return open_socket(AF_PACKET, SOCK_RAW, 0);
}

static bool netlink_socket(void)
{
        return open_socket(AF_NETLINK, SOCK_RAW, 0);
}

static bool low_port(void)
{
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(79)};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool bound = bind(fd, (struct sockaddr *) &address, sizeof(address)) == 0;

        close(fd);
        return bound;
}

static bool tcp_socket(void)
{
        return open_socket(AF_INET, SOCK_STREAM, 0);
}

static bool can_connect(const char *path)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool connected;

        strcpy(address.sun_path, path);
        connected = connect(fd, (struct sockaddr *) &address, sizeof(address)) == 0;
        close(fd);
        return connected;
}

static bool connect_bus(void)
{
        return can_connect("/run/dbus/system_bus_socket");
}

static bool connect_key_holder(void)
{
        return can_connect("/run/passlock-keyholder/socket");
}

static const struct {
        const char *what;
        bool (*func)(void);
} probes[] = {
        {"write to the state directory", write_state},
        {"open a TCP socket", tcp_socket},
        {"list the files of the link store", list_links},
        {"list the API keys", list_keys},
        {"connect to the system bus", connect_bus},
        {"connect to the key holder", connect_key_holder},

        {"write to /etc", write_etc},
        {"write to /usr/lib", write_usr},
        {"write to /var/lib", write_var},
        {"write anywhere else", write_anywhere},
        {"make a control group", write_cgroup},
        {"read root's home", read_home},

        {"see other processes", see_processes},
        {"signal another process", signal_process},
        {"read memory as a debugger does", read_memory},
        {"trace a process", trace_child},

        {"become root", to_root},
        {"become root by a setuid program", run_setuid_copy},
        {"make a setuid program", make_setuid_file},
        {"make a user namespace", new_user_namespace},
        {"mount a file system", mount_something},
        {"set the host name", set_host_name},
        {"run in real time", become_realtime},
        {"switch off address randomisation", change_personality},

        {"map memory that is writable and code", map_writable_code},
        {"make written memory code", make_memory_code},
        {"map a memfd as code", map_code_of_memfd},
        {"map a file of its state as code", map_code_of_state},
        {"map a file in /tmp as code", map_code_of_tmp},
        {"map a file in /var/tmp as code", map_code_of_var_tmp},
        {"map a file in /dev/shm as code", map_code_of_shm},
        {"run a program that it has written", run_written_program},

        {"open a raw socket", raw_socket},
        {"open a raw IPv6 socket", raw_socket_6},
        {"open a packet socket", packet_socket},
        {"open a netlink socket", netlink_socket},
        {"bind a low port", low_port},
};

int main(int argc, char *argv[])
{
        if (argc != 2)
                return 2;
        if (strcmp(argv[1], "--am-i-root") == 0)
                return geteuid() == 0 ? 0 : 1;
        state_dir = argv[1];
        for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++) {
                bool done = child_does(probes[i].func);

                printf("%s %s\n", probes[i].what, done ? "done" : "refused");
                fflush(stdout);
        }
        return 0;
}
