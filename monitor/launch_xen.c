/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Running an image under Xen: `coracle run --on xen-pv|xen-pvh` calls xl, in a dom0, with a
 * configuration made from the options. xl stays and tells the domain's end; its console is a terminal
 * of xenconsoled's, and its status is read from xenstore, where the guest has put it, and only then
 * the domain is destroyed. A process apart destroys it if we cannot. See launch.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "event.h"
#include "launch.h"
#include "launch_devices.h"
#include "launch_guard.h"
#include "launch_xen_report.h"
#include "launch_xenstore.h"
#include "run.h"
#include "say.h"

#define MIB (1ull << 20)
#define PV_MEMORY_MIB_MIN 4u             /* what xl's domain builder can do */
#define PV_CMDLINE_MAX 1023u             /* xen/xen.h: MAX_GUEST_CMDLINE */
#define STATUS_KEY "data/coracle/status" /* below the domain's own path; the guest writes it */
#define SHUTDOWN_POWEROFF 0              /* xen/sched.h */
#define SHUTDOWN_REBOOT 1
#define SHUTDOWN_WATCHDOG 4

extern char **environ;

/* The one domain of this process. */
static struct {
    char name[64];
    unsigned id;      /* 0: not known */
    bool by_watchdog; /* that ended it */
    struct launch_guard guard;
} domain;

/* --- the configuration --- */

/* A string of xl's, which knows C's escapes. */
static void add_string(struct text *to, const char *value)
{
    text_add(to, "\"", 1);
    for (; *value; value++) {
        if (*value == '"' || *value == '\\')
            text_format(to, "\\%c", *value);
        else if ((unsigned char)*value < 0x20 || *value == 0x7f)
            text_format(to, "\\x%02x", (unsigned char)*value);
        else
            text_add(to, value, 1);
    }
    text_add(to, "\"", 1);
}

static void add_setting(struct text *to, const char *name, const char *value)
{
    text_format(to, "%s=", name);
    add_string(to, value);
    text_add(to, "\n", 1);
}

/* xvda to xvdz, xvdaa, ... */
static void add_disk(const struct launch_device *device, unsigned index, struct text *to)
{
    char path[PATH_MAX], vdev[8] = "xvd";
    struct text spec = {0};

    if (index >= 26)
        snprintf(vdev + 3, sizeof vdev - 3, "%c%c", (char)('a' + index / 26 - 1),
                 (char)('a' + index % 26));
    else
        snprintf(vdev + 3, sizeof vdev - 3, "%c", (char)('a' + index));
    /* The target comes last, because all that follows belongs to it. */
    text_format(&spec, "format=raw,vdev=%s,access=%s,target=%s", vdev,
                device->read_only ? "ro" : "rw",
                realpath(device->name, path) ? path : device->name);
    add_string(to, spec.failed ? "" : spec.bytes);
    to->failed |= spec.failed;
    text_free(&spec);
}

static void add_devices(const struct launch *launch, struct text *to)
{
    unsigned disks = 0, nets = 0;

    text_format(to, "disk=[");
    for (unsigned i = 0; i < launch->device_count; i++) {
        if (launch->devices[i].kind != DEVICE_BLOCK)
            continue;
        text_format(to, "%s", disks ? ", " : "");
        add_disk(&launch->devices[i], disks++, to);
    }
    text_format(to, "]\nvif=[");
    for (unsigned i = 0; i < launch->device_count; i++) {
        char spec[64];
        if (!launch_is_net(&launch->devices[i]))
            continue;
        snprintf(spec, sizeof spec, "bridge=%s", launch->devices[i].name);
        text_format(to, "%s", nets++ ? ", " : "");
        add_string(to, spec);
    }
    text_format(to, "]\n");
}

/* As on every machine, RAM begins at 1 MiB for the guest; Xen counts what lies below, too. */
static unsigned long long memory_mib(const struct launch *launch)
{
    unsigned long long mib = (launch->options->mem_bytes + MIB - 1) / MIB + 1;

    return mib < PV_MEMORY_MIB_MIN && !strcmp(launch->machine, "xen-pv") ? PV_MEMORY_MIB_MIN : mib;
}

void launch_xen_config(const struct launch *launch, const char *name, uint64_t wall_ns,
                       struct text *to)
{
    char path[PATH_MAX];
    struct text extra = {0};

    launch_cmdline(launch, wall_ns, &extra);
    add_setting(to, "name", name);
    add_setting(to, "type", launch->machine + strlen("xen-"));
    add_setting(to, "kernel", realpath(launch->image.path, path) ? path : launch->image.path);
    add_setting(to, "extra", extra.failed ? "" : extra.bytes);
    text_format(to, "memory=%llu\nvcpus=1\n", memory_mib(launch));
    /* The guest reads the counter with the scale that Xen gives it, also after a migration. */
    add_setting(to, "tsc_mode", "native");
    add_devices(launch, to);
    /* Kept until the status was read. */
    add_setting(to, "on_poweroff", "preserve");
    add_setting(to, "on_reboot", "preserve");
    add_setting(to, "on_crash", "preserve");
    add_setting(to, "on_watchdog", "preserve");
    to->failed |= extra.failed;
    text_free(&extra);
}

/* --- while it runs --- */

/* Runs a program of Xen's to its end; up to `most` bytes of what it says are left in `said`. */
static void run_tool(char *const *words, char *said, size_t most)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    size_t got = 0;
    ssize_t count;
    int both[2];
    pid_t pid;

    if (pipe2(both, O_CLOEXEC))
        return;
    sigemptyset(&none);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, both[1], STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    int result = posix_spawnp(&pid, words[0], &actions, &attributes, words, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    close(both[1]);
    while (!result && got < most &&
           ((count = read(both[0], said + got, most - got)) > 0 || (count < 0 && errno == EINTR)))
        got += count > 0 ? (size_t)count : 0;
    said[got] = 0;
    close(both[0]);
    while (!result && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

/* A value below the domain's path; its length or a negative errno. */
static int read_value(const char *name, char *value, size_t room)
{
    char path[64];

    snprintf(path, sizeof path, "/local/domain/%u/%s", domain.id, name);
    return launch_xenstore_read(path, value, room);
}

static void read_status(struct launch *launch)
{
    char said[16] = "", *end;

    if (read_value(STATUS_KEY, said, sizeof said) <= 0)
        return;
    unsigned long status = strtoul(said, &end, 10);
    if (end != said && !*end && status <= 255)
        launch->guest_status = (int)status;
}

/* The terminal that xenconsoled makes some time after the domain. */
static int open_console(const struct launch *launch)
{
    char path[64];
    struct termios mode;
    int result = read_value("console/tty", path, sizeof path);

    (void)launch;
    if (result == 0 || result == -ENOENT)
        return -EAGAIN;
    int fd = result < 0 ? result : open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (result > 0 && fd < 0)
        return -errno;
    if (fd >= 0 && !tcgetattr(fd, &mode)) {
        cfmakeraw(&mode);
        tcsetattr(fd, TCSANOW, &mode);
    }
    return fd;
}

static void read_report(struct launch *launch)
{
    static char said[1u << 18]; /* Xen's log is a ring that is much smaller */
    char tool[] = "xl", verb[] = "dmesg";
    char *words[] = {tool, verb, NULL};

    run_tool(words, said, sizeof said - 1);
    launch_xen_report(said, domain.id, &launch->report);
}

static void end_domain(struct launch *launch)
{
    char tool[] = "xl", verb[] = "destroy", said[16];
    char *words[] = {tool, verb, domain.name, NULL};

    if (launch->guest_ended && domain.id)
        read_status(launch);
    if (domain.by_watchdog)
        text_format(&launch->report, "crash: watchdog: the guest hung for %u seconds\n",
                    launch->options->watchdog_s);
    else if (launch->guest_crashed)
        read_report(launch);
    run_tool(words, said, sizeof said - 1);
}

/* Words of xl's that tell what happens to the domain. */
static bool hear(struct launch *launch, const char *line)
{
    static const char *const silent[] = {"got a tsc mode string", "Action for shutdown reason",
                                         "Done. Exiting now"};
    unsigned id, reason;
    const char *at = strstr(line, " (domid ");

    if (!strncmp(line, "Waiting for domain ", 19) && at && sscanf(at, " (domid %u)", &id) == 1) {
        domain.id = id;
        launch->running_ns = monotonic_ns(); /* making a domain takes xl a while */
        launch_guard_made(&domain.guard);
        return true;
    }
    if (sscanf(line, "Domain %u has shut down, reason code %u", &id, &reason) == 2) {
        launch->guest_ended = true;
        launch->guest_crashed = reason != SHUTDOWN_POWEROFF && reason != SHUTDOWN_REBOOT;
        domain.by_watchdog = reason == SHUTDOWN_WATCHDOG;
        return true;
    }
    if (strstr(line, " has been destroyed.")) {
        launch->guest_ended = true;
        return true;
    }
    for (size_t i = 0; i < sizeof silent / sizeof silent[0]; i++)
        if (!strncmp(line, silent[i], strlen(silent[i])))
            return true;
    return false;
}

static const struct launch_vmm xen = {
    .name = "xl",
    .package = "xen-utils-common",
    .one_console = true,
    .open_console = open_console,
    .hear = hear,
    .end_vm = end_domain,
};

/* The image's name, as far as a domain's may have its characters, made unique on this host. */
static void name_domain(const char *image, bool unique)
{
    const char *slash = strrchr(image, '/');
    size_t length = 0;

    for (const char *at = slash ? slash + 1 : image; *at && length < 40; at++) {
        bool fits = (*at >= '0' && *at <= '9') || (*at >= 'A' && *at <= 'Z') ||
                    (*at >= 'a' && *at <= 'z') || strchr("-_.", *at);
        domain.name[length++] = fits ? *at : '_';
    }
    if (unique)
        snprintf(domain.name + length, sizeof domain.name - length, "-%d", (int)getpid());
}

/* xl reads its configuration from a file that has no name. Its descriptor, or -errno. */
static int config_file(const struct text *config)
{
    int fd = memfd_create("xl.cfg", 0);

    if (fd < 0)
        return -errno;
    if (write(fd, config->bytes, config->length) == (ssize_t)config->length)
        return fd;
    close(fd);
    return -EIO;
}

static int run_config(struct launch *launch, const struct text *config)
{
    char tool[] = "xl", verb[] = "destroy";
    char *destroy[] = {tool, verb, domain.name, NULL};
    struct words words = {0};
    int fd = config_file(config), status = STATUS_MONITOR;

    if (fd >= 0 && launch_guard_start(&domain.guard, destroy)) {
        close(fd);
        fd = -1;
    }
    if (fd >= 0) {
        words_add(&words, "xl");
        words_add(&words, "create");
        words_add(&words, "-q");
        words_add(&words, "-F");
        words_add(&words, "/proc/self/fd/%d", fd);
        if (!words.failed)
            status = launch_run_words(launch, words.items);
        launch_guard_end(&domain.guard);
        close(fd);
    }
    if (fd < 0 || words.failed)
        say("out of memory");
    words_free(&words);
    return status;
}

static int open_launch(struct launch *launch, const struct options *options, const char *machine)
{
    struct text cmdline = {0};

    launch->vmm = &xen;
    int result = launch_open(launch, options, machine, !options->print);
    if (!result)
        result = launch_refuse_direct(launch, "xl");
    if (result || strcmp(machine, "xen-pv") != 0)
        return result;
    launch_cmdline(launch, UINT64_MAX, &cmdline);
    if (cmdline.length > PV_CMDLINE_MAX) {
        say("arguments and environment make a kernel command line of %zu bytes: more than %u",
            cmdline.length, PV_CMDLINE_MAX);
        result = -E2BIG;
    }
    text_free(&cmdline);
    return result;
}

int run_xen(const struct options *options, const char *machine)
{
    static struct launch launch; /* static: large, and the process runs one */
    struct text config = {0};
    int status;

    launch.start_ns = monotonic_ns();
    if (open_launch(&launch, options, machine)) {
        launch_close(&launch);
        return STATUS_USAGE;
    }
    name_domain(launch.image.path, !options->print);
    launch_xen_config(&launch, domain.name, 0, &config);
    if (config.failed) {
        say("out of memory");
        status = STATUS_MONITOR;
    } else {
        status = options->print ? launch_print(&config) : run_config(&launch, &config);
    }
    text_free(&config);
    launch_close(&launch);
    return status;
}
