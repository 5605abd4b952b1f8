/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Running an image under QEMU: `coracle run --on microvm|q35|pc`, and the choice of the hypervisor
 * where none is named. See launch.h.
 */
#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "boot_trace.h"
#include "event.h"
#include "launch_cmdline.h"
#include "launch_devices.h"
#include "run.h"
#include "say.h"
#include "vm.h"

/* A shell's own; each opens anew what is there. */
static const struct launch_channels shell_channels = {"/dev/stdout", "/dev/stderr", "/dev/stderr"};

static const struct launch_vmm qemu = {.name = "QEMU", .package = "qemu-system-x86"};

uint64_t launch_wall_clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static bool device_opens(const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/*
 * A KVM whose processor shows neither VMX nor SVM runs ring 3 natively but emulates ring 0
 * instruction by instruction, slower than QEMU's own emulation and not completely.
 */
static bool kvm_runs_ring0(void)
{
    FILE *file = fopen("/proc/cpuinfo", "re");
    char line[8192];
    bool found = false;

    while (file && !found && fgets(line, sizeof line, file)) {
        if (strncmp(line, "flags", 5) != 0)
            continue;
        for (char *word = strtok(line, " \t\n"); word && !found; word = strtok(NULL, " \t\n"))
            found = !strcmp(word, "vmx") || !strcmp(word, "svm");
        break;
    }
    if (file)
        fclose(file);
    return found && device_opens("/dev/kvm");
}

static int check_cmdline(const struct launch *launch)
{
    struct text text = {0};
    unsigned nets = 0;
    int result = 0;

    for (unsigned i = 0; i < launch->device_count; i++)
        nets += launch_is_net(&launch->devices[i]);
    launch_cmdline(launch, UINT64_MAX, &text);
    if (text.length > LAUNCH_CMDLINE_MAX) {
        say("arguments and environment make a kernel command line of %zu bytes: more than %u",
            text.length, LAUNCH_CMDLINE_MAX);
        result = -E2BIG;
    } else if (nets > LAUNCH_NETS_MAX) {
        say("--net: %u networks are more than %u", nets, LAUNCH_NETS_MAX);
        result = -EINVAL;
    }
    text_free(&text);
    return result;
}

int launch_open(struct launch *launch, const struct options *options, const char *machine,
                bool check)
{
    int result = image_open(&launch->image, options->args[0]);
    uint64_t least = launch->image.elf.memory_min_bytes;

    unsigned device_count = options->device_count;

    launch->options = options;
    launch->machine = machine;
    launch->guest_status = -1;
    launch->input.fd = -1;
    launch->has_input = machine && launch_input_there();
    if (!result && options->mem_bytes < least) {
        say("--mem %lluK is too little: %s needs at least %lluK",
            (unsigned long long)options->mem_bytes >> 10, launch->image.path,
            (unsigned long long)(least + 1023) >> 10);
        result = -EINVAL;
    }
    if (!result && machine && !strcmp(machine, "microvm") &&
        device_count + launch->has_input > LAUNCH_MMIO_MAX) {
        say("--on microvm: %u devices%s, but the machine has room for %u", device_count,
            launch->has_input ? " and standard input" : "", LAUNCH_MMIO_MAX);
        result = -EINVAL;
    }
    if (!result)
        result = launch_read_devices(launch, check);
    return result ? result : check_cmdline(launch);
}

void launch_close(struct launch *launch)
{
    for (unsigned i = 0; i < launch->device_count; i++)
        free(launch->devices[i].name);
    launch->device_count = 0;
    image_close(&launch->image);
}

void launch_cmdline(const struct launch *launch, uint64_t wall_ns, struct text *to)
{
    const struct options *options = launch->options;
    struct pvn_net_address nets[OPTIONS_DEVICES_MAX];
    struct launch_cmdline from = {
        .name = options->args[0],
        .args = options->args + 1,
        .arg_count = options->arg_count - 1,
        .env = options->env,
        .env_count = options->env_count,
        .nets = nets,
        .wall_ns = wall_ns,
        .stamps = boot_trace != NULL,
        .counters = options->stats && !options->print,
        .profile_hz = options->profile && !options->print ? options->profile_hz : 0,
        .watchdog_s = options->watchdog_s,
    };

    for (unsigned i = 0; i < launch->device_count; i++)
        if (launch_is_net(&launch->devices[i]))
            nets[from.net_count++] = launch->devices[i].net;
    if (launch->machine && !strcmp(launch->machine, "microvm"))
        from.mmio_count = launch->device_count + launch->has_input;
    launch_cmdline_write(&from, to);
}

int launch_print(const struct text *text)
{
    if (!text->failed && fputs(text->bytes, stdout) >= 0 && !fflush(stdout))
        return 0;
    say("--print: standard output cannot be written");
    return STATUS_MONITOR;
}

/* One line that a POSIX shell runs. The clock of the machine tells the time then. */
static int print_words(char *const *words)
{
    struct text text = {0};

    for (unsigned i = 0; words[i]; i++) {
        if (i)
            text_add(&text, " ", 1);
        text_add_shell_word(&text, words[i]);
    }
    text_add(&text, "\n", 1);
    int result = launch_print(&text);
    text_free(&text);
    return result;
}

int launch_run_words(struct launch *launch, char *const *words)
{
    int stats_fd = -1;

    if (launch->options->stats) {
        stats_fd = stats_open(launch->options->stats);
        if (stats_fd < 0)
            return STATUS_USAGE;
    }
    if (profile_file_open(&launch->profile, launch->options->profile, launch->options->profile_hz,
                          &launch->image)) {
        if (stats_fd >= 0)
            close(stats_fd);
        return STATUS_USAGE;
    }
    int result = launch->has_input ? launch_input_open(&launch->input) : 0;
    if (result) {
        say("standard input: %s", strerror(-result));
        launch->cause = "monitor";
        launch->status = STATUS_MONITOR;
    } else {
        boot_trace_mark(BOOT_INPUTS);
        launch_run(launch, words);
    }
    launch_input_close(&launch->input);
    profile_file_close(&launch->profile);
    if (stats_fd >= 0)
        launch_stats_write(launch, stats_fd);
    return launch->status;
}

int run_qemu(const struct options *options, const char *machine)
{
    static struct launch launch; /* static: large, and the process runs one */
    bool print = options->print;
    struct words words = {0};
    int status;

    launch.start_ns = launch.running_ns = monotonic_ns();
    launch.vmm = &qemu;
    if (launch_open(&launch, options, machine, true)) {
        launch_close(&launch);
        return STATUS_USAGE;
    }
    launch.kvm = options->accel ? !strcmp(options->accel, "kvm") : kvm_runs_ring0();
    launch_qemu_words(&launch, print ? &shell_channels : &launch_run_channels,
                      print ? 0 : launch_wall_clock_ns(), &words);
    if (words.failed) {
        say("out of memory");
        status = STATUS_MONITOR;
    } else {
        status = print ? print_words(words.items) : launch_run_words(&launch, words.items);
    }
    words_free(&words);
    launch_close(&launch);
    return status;
}

/* What the hypervisor cannot do with the options. False after a line that says so. */
static bool serves(const struct options *options, const char *on)
{
    bool native = !strcmp(on, "native"), xen = !strncmp(on, "xen-", 4);

    if (options->accel && (native || xen)) {
        say("--accel: only with --on microvm, q35 or pc");
        return false;
    }
    if (options->print && native) {
        say("--print: only with --on microvm, q35, pc, xen-pv or xen-pvh");
        return false;
    }
    if (options->watchdog_s && !xen) {
        say("--watchdog: only with --on xen-pv or xen-pvh");
        return false;
    }
    if (options->poll_us != OPTIONS_POLL_US_OWN && !native) {
        say("--poll: only with --on native");
        return false;
    }
    for (unsigned i = 0; i < options->device_count; i++) {
        enum device_kind kind = options->devices[i].kind;
        if (kind == DEVICE_NET_BRIDGE && !xen) {
            say("--net bridge:%s: only with --on xen-pv or xen-pvh", options->devices[i].spec);
            return false;
        }
        if (kind == DEVICE_RNG && xen) {
            say("--rng: not with --on %s", on);
            return false;
        }
        if ((kind == DEVICE_NET_USER || kind == DEVICE_NET_TAP) && xen) {
            say("--on %s: networks are --net bridge:NAME", on);
            return false;
        }
    }
    return true;
}

int run_somewhere(const struct options *options)
{
    const char *on = options->on;

    if (!on)
        on = device_opens("/dev/kvm") ? "native" : "microvm";
    if (!serves(options, on))
        return STATUS_USAGE;
    if (!strcmp(on, "native"))
        return run_native(options);
    return strncmp(on, "xen-", 4) ? run_qemu(options, on) : run_xen(options, on);
}
