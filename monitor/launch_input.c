/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Standard input for a foreign VMM (launch_input.h). QEMU reads its own standard input only as far as
 * the guest has room for it, but it makes it non-blocking, and a terminal raw, and it runs in a
 * process group of its own, where a terminal is not to be read. So a pipe is opened anew, a file is
 * handed over as it is, and a terminal is read by a process of ours, line by line.
 */
#include "launch_input.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define RELAY_BYTES 4096
#define BACKGROUND_US 200000
#define FD_FIRST 32 /* out of the way of the channels' numbers in the child */

bool launch_input_there(void)
{
    struct stat status;

    if (fstat(STDIN_FILENO, &status) < 0 || S_ISDIR(status.st_mode))
        return false;
    return !S_ISCHR(status.st_mode) || status.st_rdev != makedev(1, 3); /* /dev/null */
}

/* Copies the terminal while we are in its foreground. */
static void relay(int to)
{
    char line[RELAY_BYTES];

    signal(SIGTTIN, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    for (;;) {
        ssize_t got = read(STDIN_FILENO, line, sizeof line);

        if (got < 0 && (errno == EINTR || errno == EAGAIN ||
                        (errno == EIO && tcgetpgrp(STDIN_FILENO) != getpgrp()))) {
            usleep(BACKGROUND_US);
            continue;
        }
        if (got <= 0)
            return;
        for (ssize_t done = 0, step; done < got; done += step) {
            step = write(to, line + done, (size_t)(got - done));
            if (step < 0)
                return;
        }
    }
}

static int open_terminal(struct launch_input *input, int *fd)
{
    pid_t parent = getpid();
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    fcntl(ends[1], F_SETPIPE_SZ, RELAY_BYTES); /* no further ahead of the guest than that */
    input->relay = fork();
    if (input->relay == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(ends[0]);
        if (getppid() == parent)
            relay(ends[1]);
        _exit(0);
    }
    close(ends[1]);
    if (input->relay < 0) {
        int error = errno;

        input->relay = 0;
        close(ends[0]);
        return -error;
    }
    *fd = ends[0];
    return 0;
}

int launch_input_open(struct launch_input *input)
{
    struct stat status;
    int fd = -1, result = 0;

    *input = (struct launch_input){.fd = -1};
    if (!launch_input_there() || fstat(STDIN_FILENO, &status) < 0)
        return 0;
    if (isatty(STDIN_FILENO))
        result = open_terminal(input, &fd);
    else if (S_ISFIFO(status.st_mode))
        fd = open("/proc/self/fd/0", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (result < 0)
        return result;
    input->fd = fcntl(fd < 0 ? STDIN_FILENO : fd, F_DUPFD_CLOEXEC, FD_FIRST);
    if (input->fd < 0)
        result = -errno;
    if (fd >= 0)
        close(fd);
    return result;
}

void launch_input_close(struct launch_input *input)
{
    if (input->fd >= 0)
        close(input->fd);
    if (input->relay > 0) {
        kill(input->relay, SIGKILL);
        waitpid(input->relay, NULL, 0);
    }
    *input = (struct launch_input){.fd = -1};
}
