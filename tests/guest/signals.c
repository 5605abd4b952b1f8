/* SPDX-License-Identifier: BSD-2-Clause */
/* Signals: handlers, masks, pending ones, waiting for them, sending between threads, jumps. */
#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <unistd.h>

#include "check.h"

static volatile int count, last;
static sigjmp_buf back;

static void handler(int number)
{
    count++;
    last = number;
}

static void nested(int number)
{
    if (++count == 1) {
        raise(number); /* blocked while its own handler runs */
        CHECK(count == 1);
    }
}

static void with_info(int number, siginfo_t *info, void *context)
{
    (void)context;
    CHECK(info->si_signo == number && info->si_pid == getpid());
    count += 10;
}

static void jumping(int number)
{
    siglongjmp(back, number);
}

static void handlers(void)
{
    CHECK(signal(SIGUSR1, handler) == SIG_DFL && raise(SIGUSR1) == 0 && count == 1);
    CHECK(last == SIGUSR1 && kill(getpid(), SIGUSR1) == 0 && count == 2);
    CHECK(signal(SIGUSR1, SIG_IGN) == handler && raise(SIGUSR1) == 0 && count == 2);
    CHECK_FAILS(kill(4711, SIGUSR1), ESRCH);
    CHECK_FAILS(raise(99), EINVAL);
    CHECK(kill(getpid(), 0) == 0);
    CHECK(signal(SIGKILL, handler) == SIG_ERR && errno == EINVAL);
    CHECK(raise(SIGCHLD) == 0 && raise(SIGPIPE) == 0); /* ignored by default */

    struct sigaction action = {.sa_handler = nested}, before;
    count = 0;
    CHECK(sigaction(SIGUSR2, &action, NULL) == 0 && raise(SIGUSR2) == 0 && count == 2);
    action = (struct sigaction){.sa_sigaction = with_info, .sa_flags = SA_SIGINFO | SA_RESETHAND};
    CHECK(sigaction(SIGUSR2, &action, &before) == 0 && before.sa_handler == nested);
    CHECK(raise(SIGUSR2) == 0 && count == 12);
    CHECK(sigaction(SIGUSR2, NULL, &before) == 0 && before.sa_handler == SIG_DFL);
}

static void masks(void)
{
    sigset_t set, before, pending;
    int number;
    signal(SIGUSR1, handler);
    count = 0;
    CHECK(sigemptyset(&set) == 0 && sigaddset(&set, SIGUSR1) == 0 &&
          sigismember(&set, SIGUSR1) == 1);
    CHECK(sigismember(&set, SIGUSR2) == 0 && sigprocmask(SIG_BLOCK, &set, &before) == 0);
    CHECK_FAILS(sigaddset(&set, 77), EINVAL);
    CHECK_FAILS(sigprocmask(55, &set, NULL), EINVAL);
    CHECK(raise(SIGUSR1) == 0 && count == 0 && sigpending(&pending) == 0);
    CHECK(sigismember(&pending, SIGUSR1) == 1 && sigwait(&set, &number) == 0 && number == SIGUSR1);
    struct timespec moment = {0, 1000000};
    CHECK_FAILS(sigtimedwait(&set, NULL, &moment), EAGAIN);
    CHECK(raise(SIGUSR1) == 0 && sigprocmask(SIG_SETMASK, &before, NULL) == 0 && count == 1);
    CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0 && raise(SIGUSR1) == 0);
    CHECK_FAILS(sigsuspend(&before), EINTR);
    CHECK(count == 2 && sigprocmask(SIG_SETMASK, NULL, &pending) == 0);
    CHECK(sigismember(&pending, SIGUSR1) == 1 && sigprocmask(SIG_SETMASK, &before, NULL) == 0);
}

static void *waiter(void *argument)
{
    sigset_t *set = argument, inherited;
    int number;
    CHECK(pthread_sigmask(SIG_BLOCK, NULL, &inherited) == 0);
    CHECK(sigismember(&inherited, SIGUSR2) == 1 && sigismember(&inherited, SIGUSR1) == 0);
    CHECK(sigwait(set, &number) == 0);
    return (void *)(long)number;
}

static void threads(void)
{
    sigset_t set;
    pthread_t thread;
    void *result;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    CHECK(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
    CHECK(pthread_create(&thread, NULL, waiter, &set) == 0);
    usleep(10000);
    CHECK(kill(getpid(), SIGUSR2) == 0 && pthread_join(thread, &result) == 0);
    CHECK((long)result == SIGUSR2 && pthread_sigmask(SIG_UNBLOCK, &set, NULL) == 0);
    signal(SIGUSR1, handler);
    count = 0;
    CHECK(pthread_kill(pthread_self(), SIGUSR1) == 0 && count == 1);
}

static void jumps(void)
{
    sigset_t before, after;
    sigprocmask(SIG_SETMASK, NULL, &before);
    signal(SIGUSR1, jumping);
    int value = sigsetjmp(back, 1);
    if (value == 0)
        raise(SIGUSR1);
    CHECK(value == SIGUSR1 && sigprocmask(SIG_SETMASK, NULL, &after) == 0 && before == after);
    jmp_buf plain;
    volatile int rounds = 0;
    if (setjmp(plain) < 3)
        longjmp(plain, ++rounds);
    CHECK(rounds == 3);
}

int main(void)
{
    handlers();
    masks();
    threads();
    jumps();
    puts("ok");
    return 0;
}
