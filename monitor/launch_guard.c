/* SPDX-License-Identifier: BSD-2-Clause */
/* The process that outlives us; see launch_guard.h. */
#include "launch_guard.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#define AGAIN_MS 100
/* So long a domain may take to be made. Were it destroyed amid that, xl would go on for a while, and what
 * it then writes into xenstore would stay there. */
#define MAKING_MS 30000

/* Until the process that runs the domain ends. True: the domain had been made. */
static bool wait_for_end(int alive)
{
    bool made = false;
    ssize_t count;
    char byte;

    while ((count = read(alive, &byte, 1)) > 0 || (count < 0 && errno == EINTR))
        made = made || count > 0;
    return made;
}

/* Whether nobody has the other end of the pipe any more, after `timeout_ms` at most. */
static bool has_ended(int pipe, int timeout_ms)
{
    struct pollfd end = {pipe, POLLIN, 0};

    return poll(&end, 1, timeout_ms) > 0;
}

static void run(char *const *words)
{
    pid_t pid = vfork();

    if (pid == 0) {
        execvp(words[0], words);
        _exit(1);
    }
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

/* Who makes a domain ends when it says that it is made and nobody listens, or when the domain is gone. */
static void stand_guard(int alive, int creator, char *const *destroy)
{
    if (!wait_for_end(alive))
        has_ended(creator, MAKING_MS);
    do
        run(destroy);
    while (!has_ended(creator, AGAIN_MS));
    run(destroy);
}

/* Keeps nothing open that others wait for the end of, and lets no signal meant for us end it. */
static void stand_apart(int alive, int creator)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE};
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        dup2(null, fd);
    for (int fd = STDERR_FILENO + 1, most = (int)sysconf(_SC_OPEN_MAX); fd < most && fd < 1024;
         fd++)
        if (fd != alive && fd != creator)
            close(fd);
    for (unsigned i = 0; i < sizeof signals / sizeof signals[0]; i++)
        signal(signals[i], SIG_IGN);
    setsid();
}

int launch_guard_start(struct launch_guard *guard, char *const *destroy)
{
    int alive[2] = {-1, -1}, creator[2] = {-1, -1}, result = 0;

    *guard = (struct launch_guard){.alive = -1, .creator = -1};
    if (pipe2(alive, O_CLOEXEC) || pipe(creator) || (guard->pid = fork()) < 0)
        result = -errno;
    if (!result && guard->pid == 0) {
        close(alive[1]);
        close(creator[1]);
        stand_apart(alive[0], creator[0]);
        stand_guard(alive[0], creator[0], destroy);
        _exit(0);
    }
    close(alive[0]);
    close(creator[0]);
    guard->alive = alive[1];
    guard->creator = creator[1];
    if (result) {
        guard->pid = 0;
        launch_guard_end(guard);
    }
    return result;
}

void launch_guard_made(const struct launch_guard *guard)
{
    while (write(guard->alive, "", 1) < 0 && errno == EINTR)
        ;
}

void launch_guard_end(struct launch_guard *guard)
{
    if (guard->pid > 0) {
        kill(guard->pid, SIGKILL);
        waitpid(guard->pid, NULL, 0);
    }
    close(guard->alive);
    close(guard->creator);
    *guard = (struct launch_guard){.alive = -1, .creator = -1};
}
