/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Build-time program: prints seccomp_filter.h, two compiled system-call filters, so that the
 * monitor itself need not link libseccomp and pays nothing for compiling them. Whatever is not
 * listed ends the process. sandbox.c installs the result.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/if_tun.h>
#include <linux/kvm.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define CALL(name) SCMP_SYS(name)
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* For every VM, with any arguments. */
static const int plain_calls[] = {
    /* memory and threads */
    CALL(munmap), CALL(mremap), CALL(brk), CALL(madvise), CALL(futex), CALL(exit), CALL(exit_group),
    CALL(set_robust_list), CALL(rseq), CALL(sched_getaffinity), CALL(gettid), CALL(getpid),
    CALL(getrusage),
    /* time and signals */
    CALL(clock_gettime), CALL(clock_nanosleep), CALL(gettimeofday), CALL(timer_create),
    CALL(timer_settime), CALL(rt_sigreturn), CALL(rt_sigprocmask), CALL(restart_syscall),
    CALL(setitimer), CALL(rt_sigaction), /* by libc, with the first thread */
    /* descriptors that are open */
    CALL(read), CALL(readv), CALL(write), CALL(writev), CALL(close), CALL(poll), CALL(fstat),
    CALL(lseek), /* by libc's streams */
    CALL(epoll_create1), CALL(epoll_ctl), CALL(epoll_wait),
    CALL(epoll_pwait), /* in some C libraries what epoll_wait makes */
    CALL(eventfd2), CALL(getrandom),
    /* block devices */
    CALL(preadv), CALL(pwritev), CALL(preadv2), CALL(fdatasync), CALL(fallocate),
    CALL(io_uring_enter), /* of a ring that reads and writes one disk and nothing else (uring.h) */
};

/* With user networking: sockets. */
static const int user_calls[] = {
    CALL(socket),   CALL(bind),        CALL(listen),      CALL(accept),     CALL(accept4),
    CALL(connect),  CALL(getsockname), CALL(getpeername), CALL(getsockopt), CALL(setsockopt),
    CALL(recvfrom), CALL(recvmsg),     CALL(sendto),      CALL(sendmsg),    CALL(shutdown),
};

static const unsigned long ioctls[] = {
    KVM_RUN,       KVM_INTERRUPT, KVM_GET_SREGS, BLKDISCARD,
    TUNSETOFFLOAD, FIONREAD,      TIOCGWINSZ, /* musl's question before it writes to stdout first */
};

static void must(int result, const char *what)
{
    if (result == 0)
        return;
    fprintf(stderr, "seccomp_filter: %s: error %d\n", what, -result);
    exit(1);
}

static void allow_calls(scmp_filter_ctx filter, const int *calls, size_t count)
{
    for (size_t i = 0; i < count; i++)
        must(seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0), "a call");
}

static void add_rules(scmp_filter_ctx filter, bool user_network)
{
    const unsigned thread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;

    allow_calls(filter, plain_calls, LENGTH(plain_calls));
    for (size_t i = 0; i < LENGTH(ioctls); i++)
        must(seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(ioctl), 1,
                              SCMP_A1_64(SCMP_CMP_MASKED_EQ, 0xffffffff, ioctls[i])),
             "an ioctl");
    /* No memory of the monitor becomes executable. */
    must(seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(mmap), 1,
                          SCMP_A2_64(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)),
         "mmap");
    must(seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(mprotect), 1,
                          SCMP_A2_64(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)),
         "mprotect");
    /* Threads, not processes. clone3 hides its flags in memory; libc falls back to clone. */
    must(seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(clone), 1,
                          SCMP_A0_64(SCMP_CMP_MASKED_EQ, thread, thread)),
         "clone");
    must(seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), CALL(clone3), 0), "clone3");
    /* The vCPU's thread is interrupted with this signal, and with no other. */
    must(seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(tgkill), 1,
                          SCMP_A2_64(SCMP_CMP_MASKED_EQ, 0xffffffff, SIGUSR1)),
         "tgkill");
    /* fstat of an open descriptor; a path only where libslirp asks whether resolv.conf changed:
     * it is told that nothing did. */
    must(seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(newfstatat), 1,
                          SCMP_A3_64(SCMP_CMP_MASKED_EQ, AT_EMPTY_PATH, AT_EMPTY_PATH)),
         "newfstatat");
    if (!user_network)
        return;
    allow_calls(filter, user_calls, LENGTH(user_calls));
    must(seccomp_rule_add(filter, SCMP_ACT_ERRNO(0), CALL(newfstatat), 2,
                          SCMP_A0_64(SCMP_CMP_MASKED_EQ, 0xffffffff, (unsigned)AT_FDCWD),
                          SCMP_A3_64(SCMP_CMP_MASKED_EQ, AT_EMPTY_PATH, 0)),
         "newfstatat");
    /* Without a name server of a family it looks for one again and again: there is none. */
    must(seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), CALL(openat), 0), "openat");
    static const int commands[] = {F_GETFL, F_SETFL, F_GETFD, F_SETFD};
    for (size_t i = 0; i < LENGTH(commands); i++)
        must(seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(fcntl), 1,
                              SCMP_A1_64(SCMP_CMP_MASKED_EQ, 0xffffffff, (unsigned)commands[i])),
             "fcntl");
}

static void print_filter(const char *name, bool user_network)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    FILE *compiled = tmpfile();
    struct sock_filter instruction;

    if (!filter || !compiled)
        must(-ENOMEM, "memory or a temporary file");
    must(seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2), "optimization");
    must(seccomp_syscall_priority(filter, CALL(ioctl), 255), "priority");
    add_rules(filter, user_network);
    must(seccomp_export_bpf(filter, fileno(compiled)), "export");
    seccomp_release(filter);
    rewind(compiled);
    printf("static const struct sock_filter %s[] = {\n", name);
    while (fread(&instruction, sizeof instruction, 1, compiled) == 1)
        printf("    { 0x%04x, %u, %u, 0x%08x },\n", instruction.code, instruction.jt,
               instruction.jf, instruction.k);
    printf("};\n");
    fclose(compiled);
}

int main(void)
{
    printf("/* Made by monitor/gen/seccomp_filter.c. */\n#include <linux/filter.h>\n");
    print_filter("seccomp_filter_plain", false);
    print_filter("seccomp_filter_user_network", true);
    return fflush(stdout) || ferror(stdout);
}
