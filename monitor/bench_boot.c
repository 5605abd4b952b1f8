/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `coracle bench boot`: starts `coracle run` again and again, with memory into which it writes how far
 * it has come (boot_trace.h), and waits for its end or for the first byte of an HTTP answer. The first
 * boot fills the host's caches and does not count. Nothing outlives the command.
 */
#include "bench_boot.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench_http.h"
#include "event.h"
#include "run.h"
#include "say.h"

#define TIMEOUT_DEFAULT "60"
#define END_NS 10000000000ull /* so long a boot that was asked to end may take for it */
#define NS_PER_SEC 1000000000ull
#define SAID_MAX 16384

struct bench {
    const struct options *options;
    struct words words; /* coracle run --boot-trace=... */
    struct boot_trace *trace;
    int said; /* what the boot wrote to standard error */
    int null;
    int signals;
    bool has_http;
    struct bench_http http;
    struct bench_result result;
    pid_t pid;
    bool ended;
    int wait_status;
    int interrupted; /* a status, or 0 */
    uint64_t answer_ns, end_ns;
};

/* The words for the boots: without the options of ours. */
static void make_words(struct bench *bench, char **argv, int trace_fd)
{
    static const char *const ours[] = {"--runs", "--http", "--svg", "--json"};
    struct words *words = &bench->words;

    words_add(words, "%s", argv[0]);
    words_add(words, "run");
    words_add(words, "--boot-trace=%d", trace_fd);
    if (!bench->options->timeout_ns)
        words_add(words, "--timeout=" TIMEOUT_DEFAULT);
    for (char **at = argv + 3; at < bench->options->args; at++) {
        size_t length = strcspn(*at, "=");
        bool value_follows = !(*at)[length] && strcmp(*at, "--json") != 0 &&
                             strcmp(*at, "--rng") != 0 && strcmp(*at, "--") != 0;
        bool own = false;
        for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
            own = own || (strlen(ours[i]) == length && !strncmp(*at, ours[i], length));
        if (!own)
            words_add(words, "%s", *at);
        at += value_follows;
        if (!own && value_follows)
            words_add(words, "%s", *at);
    }
    for (unsigned i = 0; i < bench->options->arg_count; i++)
        words_add(words, "%s", bench->options->args[i]);
}

static int start(struct bench *bench)
{
    sigset_t none;
    pid_t parent = getpid();

    sigemptyset(&none);
    bench->pid = vfork();
    if (bench->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (getppid() != parent)
            _exit(STATUS_MONITOR);
        setpgid(0, 0); /* a Ctrl-C is for the parent, which ends this one */
        dup2(bench->null, STDIN_FILENO);
        dup2(bench->null, STDOUT_FILENO);
        dup2(bench->said, STDERR_FILENO);
        sigprocmask(SIG_SETMASK, &none, NULL);
        execv("/proc/self/exe", bench->words.items);
        _exit(STATUS_MONITOR);
    }
    return bench->pid < 0 ? -errno : 0;
}

static void take_signal(struct bench *bench)
{
    struct signalfd_siginfo info;

    if (read(bench->signals, &info, sizeof info) != (ssize_t)sizeof info)
        return;
    if (info.ssi_signo != SIGCHLD) {
        bench->interrupted = info.ssi_signo == SIGINT ? STATUS_INTERRUPTED : STATUS_TERMINATED;
    } else if (waitpid(bench->pid, &bench->wait_status, WNOHANG) == bench->pid) {
        bench->end_ns = monotonic_ns();
        bench->ended = true;
    }
}

/* One wait, and what it brought. */
static void turn(struct bench *bench, uint64_t deadline_ns)
{
    struct pollfd polls[1 + BENCH_HTTP_TRIES] = {{bench->signals, POLLIN, 0}};
    uint64_t now = monotonic_ns(), wait_ns = deadline_ns > now ? deadline_ns - now : 0, sooner_ns;
    unsigned count = 0;

    if (bench->has_http && !bench->answer_ns && !bench->interrupted) {
        count = bench_http_turn(&bench->http, polls + 1, &sooner_ns);
        wait_ns = sooner_ns < wait_ns ? sooner_ns : wait_ns;
    }
    struct timespec wait = {(time_t)(wait_ns / NS_PER_SEC), (long)(wait_ns % NS_PER_SEC)};
    if (ppoll(polls, 1 + count, &wait, NULL) < 0)
        return;
    if (count && bench_http_take(&bench->http, polls + 1, count))
        bench->answer_ns = monotonic_ns();
    if (polls[0].revents)
        take_signal(bench);
}

/* Until the boot has ended, by itself or because it has answered or must end. */
static void wait_end(struct bench *bench)
{
    uint64_t deadline_ns = UINT64_MAX;

    while (!bench->ended) {
        if ((bench->answer_ns || bench->interrupted) && deadline_ns == UINT64_MAX) {
            kill(bench->pid, SIGTERM);
            deadline_ns = monotonic_ns() + END_NS;
        }
        if (monotonic_ns() >= deadline_ns)
            kill(bench->pid, SIGKILL);
        turn(bench, deadline_ns);
    }
}

/* What the boot said before it failed. */
static void pass_said(const struct bench *bench)
{
    static char text[SAID_MAX + 1];
    ssize_t got = pread(bench->said, text, SAID_MAX, 0);

    if (got > 0)
        say_raw("%s", text);
}

/* 0, or the status with which a boot that is of no use ends the command. */
static int judge(const struct bench *bench, unsigned number)
{
    int status = WIFEXITED(bench->wait_status) ? WEXITSTATUS(bench->wait_status) : STATUS_MONITOR;
    const char *image = bench->options->args[0];

    if (bench->interrupted)
        return bench->interrupted;
    if (bench->has_http ? bench->answer_ns != 0 : status == 0)
        return 0;
    pass_said(bench);
    if (status == STATUS_TIMEOUT)
        say("bench: %s, boot %u: %s%s in time (--timeout)", image, number,
            bench->has_http ? "no answer from " : "no end",
            bench->has_http ? bench->options->http : "");
    else
        say("bench: %s, boot %u: ended with status %d%s", image, number, status,
            bench->has_http ? " before an answer came" : "");
    return status ? status : STATUS_MONITOR;
}

static void note(struct bench *bench, uint64_t begin_ns, uint64_t *at_ns)
{
    const struct boot_trace *trace = bench->trace;
    struct bench_result *result = &bench->result;

    uint64_t last_ns = bench->has_http ? bench->answer_ns : bench->end_ns;

    /* Under QEMU the guest's stamps count from when its word for main was read, perhaps late: none
     * lies behind the end. */
    for (unsigned i = 0; i < BOOT_MARK_COUNT; i++) {
        uint64_t at = trace->at_ns[i] < last_ns ? trace->at_ns[i] : last_ns;
        at_ns[i] = at > begin_ns ? at - begin_ns : 0;
    }
    if (bench->has_http)
        at_ns[BOOT_EXIT] = 0; /* it was made to */
    at_ns[BENCH_ANSWER] = bench->answer_ns ? bench->answer_ns - begin_ns : 0;
    at_ns[BENCH_END] = bench->has_http ? 0 : bench->end_ns - begin_ns;
    result->counted = trace->at_ns[BOOT_ENTER] != 0;
    result->exits = trace->exits > result->exits ? trace->exits : result->exits;
    result->hypercalls = trace->hypercalls > result->hypercalls ? trace->hypercalls
                                                                : result->hypercalls;
}

/* One boot; number 0 is the one that does not count, and in which pages are counted instead. */
static int boot(struct bench *bench, unsigned number)
{
    uint64_t unused[BENCH_STEPS];
    uint64_t *at_ns = number ? bench->result.at_ns + (size_t)(number - 1) * BENCH_STEPS : unused;

    *bench->trace = (struct boot_trace){.reader = (uint64_t)getpid(), .pages = number == 0};
    bench->answer_ns = 0;
    bench->ended = false;
    if (ftruncate(bench->said, 0) || lseek(bench->said, 0, SEEK_SET))
        return STATUS_MONITOR;
    uint64_t begin_ns = monotonic_ns();
    int result = start(bench);
    if (result) {
        say("bench: no process: %s", strerror(-result));
        return STATUS_MONITOR;
    }
    wait_end(bench);
    bench_http_reset(&bench->http);
    result = judge(bench, number);
    if (result)
        return result;
    note(bench, begin_ns, at_ns);
    if (!number)
        bench->result.pages = bench->trace->pages;
    return 0;
}

static int prepare(struct bench *bench, char **argv)
{
    sigset_t ours;
    int trace_fd = memfd_create("boot-trace", 0);

    sigemptyset(&ours);
    sigaddset(&ours, SIGCHLD);
    sigaddset(&ours, SIGINT);
    sigaddset(&ours, SIGTERM);
    sigprocmask(SIG_BLOCK, &ours, NULL);
    bench->signals = signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
    bench->said = memfd_create("said", MFD_CLOEXEC);
    bench->null = open("/dev/null", O_RDWR | O_CLOEXEC);
    bench->result.at_ns = calloc((size_t)bench->options->runs * BENCH_STEPS,
                                 sizeof *bench->result.at_ns);
    if (trace_fd < 0 || bench->signals < 0 || bench->said < 0 || bench->null < 0 ||
        !bench->result.at_ns || ftruncate(trace_fd, sizeof *bench->trace))
        goto fail;
    bench->trace = mmap(NULL, sizeof *bench->trace, PROT_READ | PROT_WRITE, MAP_SHARED, trace_fd,
                        0);
    if (bench->trace == MAP_FAILED)
        goto fail;
    make_words(bench, argv, trace_fd);
    if (!bench->words.failed)
        return 0;
    errno = ENOMEM;

fail:
    say("bench: %s", strerror(errno));
    return -EIO;
}

static int put(int fd, const char *name, struct text *text)
{
    size_t done = 0;

    while (!text->failed && done < text->length) {
        ssize_t put = write(fd, text->bytes + done, text->length - done);
        if (put < 0 && errno != EINTR)
            break;
        done += put > 0 ? (size_t)put : 0;
    }
    if (!text->failed && done == text->length)
        return 0;
    say("%s: %s", name, text->failed ? "out of memory" : strerror(errno));
    return STATUS_MONITOR;
}

static int show(const struct bench *bench, int svg_fd)
{
    const struct options *options = bench->options;
    struct text text = {0}, picture = {0};

    (options->json ? bench_write_json : bench_write_table)(&bench->result, &text);
    int status = put(STDOUT_FILENO, "standard output", &text);
    if (!status && svg_fd >= 0) {
        bench_write_svg(&bench->result, &picture);
        /* A pipe or /dev/stdout cannot be emptied, and need not. */
        if (ftruncate(svg_fd, 0) && errno != EINVAL)
            say("--svg %s: %s", options->svg, strerror(errno));
        status = put(svg_fd, options->svg, &picture);
    }
    text_free(&text);
    text_free(&picture);
    return status;
}

/* Opened before anything is measured, and emptied only when there is a picture. */
static int open_svg(const char *path, bool *made)
{
    *made = access(path, F_OK) != 0;
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666);
    if (fd < 0)
        say("--svg %s: %s", path, strerror(errno));
    return fd;
}

int bench_boot(const struct options *options, char **argv)
{
    static struct bench bench; /* static: large, and the process runs one */
    bool made = false;
    int svg_fd = -1, status = 0;

    bench.options = options;
    bench.result = (struct bench_result){.options = options, .runs = options->runs};
    bench.result.on = options->on                            ? options->on
                      : access("/dev/kvm", R_OK | W_OK) == 0 ? "native"
                                                             : "microvm";
    bench.has_http = options->http != NULL;
    if (bench.has_http && bench_http_open(&bench.http, options))
        return STATUS_USAGE;
    if (bench.has_http && bench_http_is_taken(&bench.http)) {
        say("--http %s: somebody else answers there", options->http);
        return STATUS_USAGE;
    }
    if (options->svg && (svg_fd = open_svg(options->svg, &made)) < 0)
        return STATUS_USAGE;
    if (prepare(&bench, argv))
        status = STATUS_MONITOR;
    for (unsigned number = 0; number <= options->runs && !status; number++)
        status = boot(&bench, number);
    if (!status)
        status = show(&bench, svg_fd);
    if (status && made)
        unlink(options->svg);
    words_free(&bench.words);
    free(bench.result.at_ns);
    return status;
}
