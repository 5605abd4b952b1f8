/* SPDX-License-Identifier: BSD-2-Clause */
/* Starts a VMM as a child; see launch_child.h. */
#include "launch_child.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launch.h"
#include "say.h"

/* The channels' numbers in the child; its own words are its standard error. */
#define CHILD_FD 3
const struct launch_channels launch_run_channels = {"/dev/fd/3", "/dev/fd/4", "/dev/fd/5"};

struct start {
    char *const *words;
    const sigset_t *signals;
    bool one_console;
    int input;                     /* becomes its standard input; negative: it has none */
    int ends[LAUNCH_STREAM_COUNT]; /* where the child writes */
    pid_t parent;
    volatile int error; /* why the child does not run the program; written by the child */
};

/* In the child, which borrows the parent's memory until it runs the program: everything but memory
 * is its own already. */
static void become(struct start *start)
{
    int high[LAUNCH_STREAM_COUNT], null = open("/dev/null", O_RDWR | O_CLOEXEC);
    struct rlimit files;

    if (!start->one_console)
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != start->parent)
        _exit(STATUS_MONITOR);
    /* A Ctrl-C of the terminal is for the parent alone, which then ends this one. */
    setpgid(0, 0);
    for (int i = 0; i < LAUNCH_STREAM_COUNT; i++)
        high[i] = fcntl(start->ends[i], F_DUPFD_CLOEXEC, 32);
    for (int i = 0; i < LAUNCH_WORDS && !start->one_console; i++)
        dup2(high[i], CHILD_FD + i);
    dup2(start->input >= 0 ? start->input : null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    dup2(high[LAUNCH_WORDS], STDERR_FILENO);
    /* User-mode networking takes one descriptor for each connection. */
    if (!getrlimit(RLIMIT_NOFILE, &files) && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, start->signals, NULL);
    execvp(start->words[0], start->words);
    start->error = errno;
    _exit(STATUS_MONITOR);
}

/* vfork, because copying this process's page tables only to drop them takes longer than the rest. */
static int run_child(struct start *start, pid_t *pid)
{
    *pid = vfork();
    if (*pid == 0)
        become(start);
    return *pid < 0 ? -errno : 0;
}

int launch_child_start(char *const *words, int input, bool one_console, const sigset_t *signals,
                       int from[LAUNCH_STREAM_COUNT], pid_t *pid)
{
    struct start start = {.words = words,
                          .input = input,
                          .one_console = one_console,
                          .signals = signals,
                          .ends = {-1, -1, -1, -1},
                          .parent = getpid()};
    int result = 0;

    for (int i = 0; i < LAUNCH_STREAM_COUNT && !result; i++) {
        int both[2];
        result = pipe2(both, O_CLOEXEC) ? -errno : 0;
        if (!result) {
            from[i] = both[0];
            start.ends[i] = both[1];
        }
    }
    if (!result)
        result = run_child(&start, pid);
    if (!result && start.error) {
        waitpid(*pid, NULL, 0);
        result = -start.error;
    }
    for (int i = 0; i < LAUNCH_STREAM_COUNT; i++)
        if (start.ends[i] >= 0)
            close(start.ends[i]);
    return result;
}
