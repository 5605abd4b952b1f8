/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signals within the one process. A signal's handler runs in the thread that sends it, at once, or
 * when that thread unblocks it, or when a thread waits for it (signal_wait.c). One mutex guards
 * what is pending; actions are words that are read and written whole.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "kernel/log.h"
#include "kernel/start.h"
#include "kernel/thread.h"
#include "signal_state.h"
#include "signals.h"

#define BIT(number) (UINT32_C(1) << (number))

/* What happens to a signal without a handler: nothing, a crash, or an end with 128 + number. */
#define IGNORED_BY_DEFAULT                                                                    \
    (BIT(SIGURG) | BIT(SIGSTOP) | BIT(SIGTSTP) | BIT(SIGCONT) | BIT(SIGCHLD) | BIT(SIGTTIN) | \
     BIT(SIGTTOU) | BIT(SIGIO) | BIT(SIGWINCH) | BIT(SIGPIPE))
#define CRASHES_BY_DEFAULT                                                                  \
    (BIT(SIGQUIT) | BIT(SIGILL) | BIT(SIGTRAP) | BIT(SIGABRT) | BIT(SIGEMT) | BIT(SIGFPE) | \
     BIT(SIGBUS) | BIT(SIGSEGV) | BIT(SIGSYS) | BIT(SIGXCPU) | BIT(SIGXFSZ))

struct signal_state signal_state;
_Thread_local sigset_t signal_blocked;

static struct sigaction actions[NSIG];

static bool signal_valid(int number)
{
    return number > 0 && number < NSIG;
}

static bool signal_ignored(int number)
{
    void (*handler)(int) = actions[number].sa_handler;
    return handler == SIG_IGN || (handler == SIG_DFL && (IGNORED_BY_DEFAULT & BIT(number)));
}

static void handler_call(int number)
{
    struct sigaction action = actions[number];
    sigset_t before = signal_blocked;
    signal_blocked |= action.sa_mask;
    if (!(action.sa_flags & SA_NODEFER))
        signal_blocked |= signal_bit(number);
    if (action.sa_flags & SA_RESETHAND)
        actions[number].sa_handler = SIG_DFL;
    if (action.sa_flags & SA_SIGINFO) {
        siginfo_t info = {.si_signo = number, .si_code = SI_USER, .si_pid = getpid()};
        action.sa_sigaction(number, &info, NULL);
    } else {
        action.sa_handler(number);
    }
    signal_blocked = before;
}

void signal_deliver(int number)
{
    if (signal_ignored(number))
        return;
    if (actions[number].sa_handler != SIG_DFL)
        handler_call(number);
    else if (CRASHES_BY_DEFAULT & BIT(number))
        panic("ended by signal %d (%s)", number, strsignal(number));
    else
        kernel_exit(128 + number);
}

void signal_run_handler(int number)
{
    if (actions[number].sa_handler != SIG_DFL && actions[number].sa_handler != SIG_IGN)
        handler_call(number);
}

unsigned long signal_mask(void)
{
    return signal_blocked;
}

void signal_mask_set(unsigned long mask)
{
    signal_blocked = mask;
}

int signal_take(sigset_t wanted)
{
    sigset_t there = signal_state.pending & wanted;
    if (!there)
        return 0;
    int number = __builtin_ctzl(there);
    signal_state.pending &= ~signal_bit(number);
    return number;
}

/* Runs what became deliverable to this thread. */
static void signal_unblocked(void)
{
    for (;;) {
        mutex_lock(&signal_state.lock);
        int number = signal_take(~signal_blocked);
        mutex_unlock(&signal_state.lock);
        if (number == 0)
            return;
        signal_deliver(number);
    }
}

static int signal_send(int number)
{
    if (number == 0)
        return 0;
    if (!signal_valid(number))
        return -EINVAL;
    if (!(signal_blocked & signal_bit(number)) || number == SIGKILL) {
        signal_deliver(number);
        signal_unblocked(); /* what came while its handler ran */
        return 0;
    }
    if (signal_ignored(number))
        return 0;
    mutex_lock(&signal_state.lock);
    signal_state.pending |= signal_bit(number);
    waitq_wake(&signal_state.waiters, UINT32_MAX);
    mutex_unlock(&signal_state.lock);
    return 0;
}

int raise(int number)
{
    return (int)errno_result(number == 0 ? -EINVAL : signal_send(number));
}

int kill(pid_t pid, int number)
{
    if (pid != getpid() && pid != 0 && pid != -1)
        return (int)errno_result(-ESRCH);
    return (int)errno_result(signal_send(number));
}

void program_ask_to_end(void)
{
    signal_send(SIGTERM);
}

int killpg(pid_t group, int number)
{
    return kill(group, number);
}

int pthread_kill(pthread_t thread, int number)
{
    if (number < 0 || number >= NSIG)
        return EINVAL;
    bool handled = number != 0 && actions[number].sa_handler != SIG_DFL && !signal_ignored(number);
    if (handled && (struct thread *)thread != thread_self())
        return ENOSYS;
    return -signal_send(number);
}

int sigaction(int number, const struct sigaction *action, struct sigaction *before)
{
    if (!signal_valid(number) || (action && (number == SIGKILL || number == SIGSTOP)))
        return (int)errno_result(-EINVAL);
    if (before)
        *before = actions[number];
    if (action)
        actions[number] = *action;
    return 0;
}

_sig_func_ptr signal(int number, _sig_func_ptr handler)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART}, before = {0};
    return sigaction(number, &action, &before) < 0 ? SIG_ERR : before.sa_handler;
}

int pthread_sigmask(int how, const sigset_t *set, sigset_t *before)
{
    if (set && how != SIG_BLOCK && how != SIG_UNBLOCK && how != SIG_SETMASK)
        return EINVAL;
    if (before)
        *before = signal_blocked;
    if (!set)
        return 0;
    if (how == SIG_BLOCK)
        signal_blocked |= *set;
    else if (how == SIG_UNBLOCK)
        signal_blocked &= ~*set;
    else
        signal_blocked = *set;
    signal_blocked &= ~(signal_bit(SIGKILL) | signal_bit(SIGSTOP));
    signal_unblocked();
    return 0;
}

int sigprocmask(int how, const sigset_t *set, sigset_t *before)
{
    return (int)errno_result(-pthread_sigmask(how, set, before));
}
