/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signals (POSIX.1-2024, <signal.h>), in place of newlib's header, which knows no SA_SIGINFO. There
 * is one process and nobody outside it: a signal comes from raise, kill, abort or pthread_kill, and
 * its handler runs synchronously in the thread that sent it. Faults do not become signals; the
 * monitor reports them. SIGPIPE is never sent.
 */
#ifndef _SYS_SIGNAL_H
#define _SYS_SIGNAL_H

#include <_ansi.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/_sigset.h>
#include <sys/_timespec.h>
#include <sys/cdefs.h>
#include <sys/features.h>
#include <sys/types.h>

#if !defined(_SIGSET_T_DECLARED)
#define _SIGSET_T_DECLARED
typedef __sigset_t sigset_t;
#endif

#define SIGHUP 1
#define SIGINT 2
#define SIGQUIT 3
#define SIGILL 4
#define SIGTRAP 5
#define SIGABRT 6
#define SIGIOT SIGABRT
#define SIGEMT 7
#define SIGFPE 8
#define SIGKILL 9
#define SIGBUS 10
#define SIGSEGV 11
#define SIGSYS 12
#define SIGPIPE 13
#define SIGALRM 14
#define SIGTERM 15
#define SIGURG 16
#define SIGSTOP 17
#define SIGTSTP 18
#define SIGCONT 19
#define SIGCHLD 20
#define SIGCLD SIGCHLD
#define SIGTTIN 21
#define SIGTTOU 22
#define SIGIO 23
#define SIGPOLL SIGIO
#define SIGXCPU 24
#define SIGXFSZ 25
#define SIGVTALRM 26
#define SIGPROF 27
#define SIGWINCH 28
#define SIGLOST 29
#define SIGUSR1 30
#define SIGUSR2 31
#define NSIG 32

union sigval {
    int sival_int;
    void *sival_ptr;
};

#define SIGEV_NONE 1
#define SIGEV_SIGNAL 2
#define SIGEV_THREAD 3

struct sigevent {
    int sigev_notify;
    int sigev_signo;
    union sigval sigev_value;
    void (*sigev_notify_function)(union sigval value);
    pthread_attr_t *sigev_notify_attributes;
};

#define SI_USER 1
#define SI_QUEUE 2
#define SI_TIMER 3
#define SI_ASYNCIO 4
#define SI_MESGQ 5

typedef struct {
    int si_signo;
    int si_code;
    int si_errno;
    int si_status;
    pid_t si_pid;
    uid_t si_uid;
    void *si_addr;
    union sigval si_value;
} siginfo_t;

typedef void (*_sig_func_ptr)(int);

struct sigaction {
    union {
        _sig_func_ptr __handler;
        void (*__action)(int signal, siginfo_t *info, void *context);
    } __function;
    sigset_t sa_mask;
    int sa_flags;
};

#define sa_handler __function.__handler
#define sa_sigaction __function.__action

#define SA_NOCLDSTOP 0x0001
#define SA_NOCLDWAIT 0x0002
#define SA_SIGINFO 0x0004
#define SA_ONSTACK 0x0008 /* accepted; the handler runs on the caller's stack */
#define SA_RESTART 0x0010 /* accepted; no call is ever interrupted */
#define SA_NODEFER 0x0020
#define SA_RESETHAND 0x0040

#define SIG_SETMASK 0
#define SIG_BLOCK 1
#define SIG_UNBLOCK 2

#define MINSIGSTKSZ 2048
#define SIGSTKSZ 8192
#define SS_ONSTACK 1
#define SS_DISABLE 2

typedef struct sigaltstack {
    void *ss_sp;
    int ss_flags;
    size_t ss_size;
} stack_t;

__BEGIN_DECLS

int sigaction(int signal, const struct sigaction *action, struct sigaction *before);
int sigemptyset(sigset_t *set);
int sigfillset(sigset_t *set);
int sigaddset(sigset_t *set, int signal);
int sigdelset(sigset_t *set, int signal);
int sigismember(const sigset_t *set, int signal);
int sigprocmask(int how, const sigset_t *set, sigset_t *before);
int pthread_sigmask(int how, const sigset_t *set, sigset_t *before);
int sigpending(sigset_t *set);
int sigsuspend(const sigset_t *mask);
int sigwait(const sigset_t *set, int *signal);
int sigwaitinfo(const sigset_t *set, siginfo_t *info);
int sigtimedwait(const sigset_t *set, siginfo_t *info, const struct timespec *timeout);

/* Sends to this process (its pid, 0 or -1); any other pid is ESRCH. */
int kill(pid_t pid, int signal);
int killpg(pid_t group, int signal);
/* For the calling thread like raise. Another thread cannot be interrupted: ENOSYS, unless the
 * signal is 0, ignored, or ends the program. */
int pthread_kill(pthread_t thread, int signal);

/* newlib's: names of signals. */
int sig2str(int signal, char *name);
int str2sig(const char *__restrict name, int *__restrict signal);
#define SIG2STR_MAX 17

__END_DECLS

#ifndef _SIGNAL_H_
#include <signal.h>
#endif

#endif
