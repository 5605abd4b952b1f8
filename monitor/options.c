/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads the command line. One table names the options of `run`; every mistake is one line that
 * names the option, the value and the reason. No side effects; see options.h.
 */
#include "options.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "layout.h"
#include "pvabi/native.h"

const char options_help[] =
    "usage: coracle run [OPTION]... IMAGE [ARG]...\n"
    "       coracle inspect [--profile FILE] IMAGE\n"
    "       coracle firecracker-config [OPTION]... IMAGE [ARG]...\n"
    "       coracle image [OPTION]... IMAGE [OPTION]... [--] [ARG]...\n"
    "       coracle bench boot [OPTION]... IMAGE [ARG]...\n"
    "       coracle --help | --version\n"
    "\n"
    "Options of run, each as `--option value` or `--option=value`, before IMAGE:\n"
    "  --on native|microvm|q35|pc|xen-pv|xen-pvh   the hypervisor\n"
    "  --accel kvm|tcg   with microvm, q35, pc: how QEMU runs the guest\n"
    "  --print           print QEMU's command line or xl's configuration, do not run it\n"
    "  --mem SIZE        all of the guest's RAM, with K, M or G (default 32M)\n"
    "  --net user[,HOST:GUEST]...   user-mode network; forwards TCP port HOST of 127.0.0.1\n"
    "  --net tap:IFNAME[,ip=ADDR/LEN[,gw=ADDR]]   a tap interface\n"
    "  --net bridge:IFNAME[,ip=ADDR/LEN[,gw=ADDR]]   under Xen: an interface on this bridge\n"
    "  --blk FILE[,ro][,direct]   a block device; blk0, blk1, ...; direct: past the page cache\n"
    "  --rng             under QEMU: a device that gives random numbers, for a CPU that has none\n"
    "  --env NAME=VALUE  a variable of the program's environment\n"
    "  --timeout SECONDS ends the VM with status 124\n"
    "  --watchdog SECONDS   under Xen: it ends a guest that hangs for so long\n"
    "  --poll MICROSECONDS   natively: that a guest may look for a disk's answer before it sleeps\n"
    "                    (default 2000, on one CPU 0)\n"
    "  --stats FILE      counters as JSON at exit; \"-\" is standard error\n"
    "  --profile FILE    where the program spends its time, for inspect --profile\n"
    "  --profile-rate HZ samples a second (default 499)\n"
    "\n"
    "Options of image: --env as above, and\n"
    "  -o DISK           the disk to make, DISK.raw or DISK.qcow2; boots under BIOS and UEFI\n"
    "  --net dhcp|ip=ADDR/LEN[,gw=ADDR]   the address of net0, net1, ... in this order\n"
    "\n"
    "Options of bench boot, which measures how an image starts: all of run but --print and "
    "--stats, and\n"
    "  -n, --runs N      how many boots (default 20)\n"
    "  --http [ADDRESS:]PORT[/PATH]   until this answers, instead of until the image ends\n"
    "  --json            the result as JSON instead of as a table\n"
    "  --svg FILE        the medians as a timeline, too\n"
    "\n"
    "The status is the program's own; 2 wrong usage, 124 time-out, 125 fault of the hypervisor,\n"
    "130 and 143 SIGINT and SIGTERM, 134 crash of the guest.\n";

struct parser {
    struct options *options;
    char *error;
};

/* An option, and where its value goes if it is of a common kind. */
struct run_option {
    const char *name;  /* with its dashes */
    unsigned commands; /* that have it: a bit for each enum command */
    /* Checks a value and puts it where it belongs. */
    int (*set)(struct parser *parser, const struct run_option *option, const char *value);
    bool alone;           /* takes no value: set gets NULL */
    size_t at;            /* in struct options, for set_file, set_flag, set_number, set_choice */
    uint32_t least, most; /* set_number */
    const char *const *choices; /* set_choice, with NULL at its end */
    const char *wrong;          /* what set_number and set_choice say of other values */
};

static int fail(struct parser *parser, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int fail(struct parser *parser, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(parser->error, OPTIONS_ERROR_MAX, format, arguments);
    va_end(arguments);
    for (char *at = parser->error; *at; at++)
        if ((unsigned char)*at < 0x20)
            *at = '?';
    return -EINVAL;
}

/* Digits alone, and no more than `limit`; the rest of the string is left at *end. */
static bool read_number(const char *text, uint64_t limit, uint64_t *value, const char **end)
{
    uint64_t result = 0;
    if (*text < '0' || *text > '9')
        return false;
    for (; *text >= '0' && *text <= '9'; text++) {
        uint64_t digit = (uint64_t)(*text - '0');
        if (result > (limit - digit) / 10)
            return false;
        result = result * 10 + digit;
    }
    *value = result;
    *end = text;
    return true;
}

static void *place_of(struct parser *parser, const struct run_option *option)
{
    return (char *)parser->options + option->at;
}

static int set_file(struct parser *parser, const struct run_option *option, const char *value)
{
    if (!value[0])
        return fail(parser, "%s: no file is named", option->name);
    *(const char **)place_of(parser, option) = value;
    return 0;
}

static int set_flag(struct parser *parser, const struct run_option *option, const char *none)
{
    (void)none;
    *(bool *)place_of(parser, option) = true;
    return 0;
}

static int set_number(struct parser *parser, const struct run_option *option, const char *value)
{
    const char *end;
    uint64_t number;

    if (!read_number(value, option->most, &number, &end) || *end || number < option->least)
        return fail(parser, "%s %s: %s", option->name, value, option->wrong);
    *(uint32_t *)place_of(parser, option) = (uint32_t)number;
    return 0;
}

static int set_choice(struct parser *parser, const struct run_option *option, const char *value)
{
    for (const char *const *choice = option->choices; *choice; choice++) {
        if (!strcmp(value, *choice)) {
            *(const char **)place_of(parser, option) = *choice;
            return 0;
        }
    }
    return fail(parser, "%s %s: %s", option->name, value, option->wrong);
}

static int set_mem(struct parser *parser, const struct run_option *option, const char *value)
{
    const char *end;
    unsigned shift = 0;
    uint64_t number;

    if (!read_number(value, UINT64_MAX >> 1, &number, &end))
        return fail(parser, "%s %s: not a size (such as 32M)", option->name, value);
    if (*end == 'K' || *end == 'k')
        shift = 10;
    else if (*end == 'M' || *end == 'm')
        shift = 20;
    else if (*end == 'G' || *end == 'g')
        shift = 30;
    if (shift)
        end++;
    if (*end)
        return fail(parser, "%s %s: not a size (such as 32M)", option->name, value);
    if (number > LAYOUT_RAM_MAX >> shift)
        return fail(parser, "%s %s: more than 256G", option->name, value);
    parser->options->mem_bytes = number << shift;
    if (parser->options->mem_bytes < PVN_PAGE_SIZE)
        return fail(parser, "%s %s: less than one page of 4K", option->name, value);
    if (parser->options->mem_bytes % PVN_PAGE_SIZE)
        return fail(parser, "%s %s: not a multiple of 4K", option->name, value);
    return 0;
}

static int add_device(struct parser *parser, const struct run_option *option, enum device_kind kind,
                      const char *spec)
{
    struct options *options = parser->options;
    if (options->device_count == OPTIONS_DEVICES_MAX)
        return fail(parser, "%s: more than %u devices", option->name, OPTIONS_DEVICES_MAX);
    options->devices[options->device_count++] = (struct device_option){kind, spec};
    return 0;
}

static int set_net(struct parser *parser, const struct run_option *option, const char *value)
{
    if (parser->options->command == COMMAND_IMAGE)
        return add_device(parser, option, DEVICE_NET_ADDRESS, value);
    if (!strncmp(value, "tap:", 4) && value[4])
        return add_device(parser, option, DEVICE_NET_TAP, value + 4);
    if (!strncmp(value, "bridge:", 7) && value[7])
        return add_device(parser, option, DEVICE_NET_BRIDGE, value + 7);
    if (!strcmp(value, "user"))
        return add_device(parser, option, DEVICE_NET_USER, "");
    if (!strncmp(value, "user,", 5))
        return add_device(parser, option, DEVICE_NET_USER, value + 5);
    return fail(parser,
                "%s %s: none of user[,HOST:GUEST]..., tap:IFNAME[,...], bridge:IFNAME[,...]",
                option->name, value);
}

static int set_blk(struct parser *parser, const struct run_option *option, const char *value)
{
    if (!value[0] || value[0] == ',')
        return fail(parser, "%s %s: no file is named", option->name, value);
    return add_device(parser, option, DEVICE_BLOCK, value);
}

static int set_rng(struct parser *parser, const struct run_option *option, const char *value)
{
    const struct options *options = parser->options;

    (void)value;
    for (unsigned i = 0; i < options->device_count; i++)
        if (options->devices[i].kind == DEVICE_RNG)
            return 0;
    return add_device(parser, option, DEVICE_RNG, "");
}

static int set_env(struct parser *parser, const struct run_option *option, const char *value)
{
    struct options *options = parser->options;
    const char *equals = strchr(value, '=');

    if (!equals || equals == value)
        return fail(parser, "%s %s: not NAME=VALUE", option->name, value);
    /* The last one of a name wins. */
    for (unsigned i = 0; i < options->env_count; i++) {
        if (!strncmp(options->env[i], value, (size_t)(equals - value) + 1)) {
            options->env[i] = value;
            return 0;
        }
    }
    if (options->env_count == OPTIONS_ENV_MAX)
        return fail(parser, "%s %s: more than %u variables", option->name, value, OPTIONS_ENV_MAX);
    options->env[options->env_count++] = value;
    return 0;
}

static int set_timeout(struct parser *parser, const struct run_option *option, const char *value)
{
    const uint64_t second = 1000000000;
    uint64_t whole, fraction = 0;
    const char *end;

    if (!read_number(value, 1000000000, &whole, &end))
        return fail(parser, "%s %s: not a number of seconds", option->name, value);
    if (*end == '.') {
        uint64_t unit = second / 10;
        for (end++; *end >= '0' && *end <= '9'; end++, unit /= 10)
            fraction += (uint64_t)(*end - '0') * unit;
    }
    if (*end)
        return fail(parser, "%s %s: not a number of seconds", option->name, value);
    parser->options->timeout_ns = whole * second + fraction;
    if (!parser->options->timeout_ns)
        return fail(parser, "%s %s: must be more than 0", option->name, value);
    return 0;
}

static int set_http(struct parser *parser, const struct run_option *option, const char *value)
{
    if (!value[0] || value[0] == '/')
        return fail(parser, "%s %s: not [ADDRESS:]PORT[/PATH]", option->name, value);
    parser->options->http = value;
    return 0;
}

#define RUN (1u << COMMAND_RUN)
#define BENCH (1u << COMMAND_BENCH)
#define FIRECRACKER (1u << COMMAND_FIRECRACKER)
#define DISK_IMAGE (1u << COMMAND_IMAGE)
#define INSPECT (1u << COMMAND_INSPECT)
#define AT(FIELD) .at = offsetof(struct options, FIELD)
#define TEXT_OF(NUMBER) #NUMBER
#define FROM_TO(LEAST, MOST) \
    .least = LEAST, .most = MOST, .wrong = "not a number from " TEXT_OF(LEAST) " to " TEXT_OF(MOST)

static const char *const machines[] = {"native", "microvm", "q35", "pc", "xen-pv", "xen-pvh", NULL};
static const char *const accelerators[] = {"kvm", "tcg", NULL};

static const struct run_option run_options[] = {
    {"--on", RUN | BENCH, .set = set_choice, AT(on), .choices = machines,
     .wrong = "not one of native, microvm, q35, pc, xen-pv, xen-pvh"},
    {"--mem", RUN | BENCH | FIRECRACKER, .set = set_mem},
    {"--net", RUN | BENCH | FIRECRACKER | DISK_IMAGE, .set = set_net},
    {"--blk", RUN | BENCH | FIRECRACKER, .set = set_blk},
    {"--rng", RUN | BENCH | FIRECRACKER, .set = set_rng, .alone = true},
    {"--env", RUN | BENCH | FIRECRACKER | DISK_IMAGE, .set = set_env},
    {"--stats", RUN, .set = set_file, AT(stats)},
    {"--profile", RUN | INSPECT, .set = set_file, AT(profile)},
    {"--profile-rate", RUN, .set = set_number, AT(profile_hz), FROM_TO(1, OPTIONS_PROFILE_HZ_MAX)},
    {"--timeout", RUN | BENCH, .set = set_timeout},
    {"--watchdog", RUN, .set = set_number, AT(watchdog_s), FROM_TO(1, OPTIONS_WATCHDOG_MAX)},
    {"--poll", RUN, .set = set_number, AT(poll_us), FROM_TO(0, OPTIONS_POLL_US_MAX)},
    {"--accel", RUN | BENCH, .set = set_choice, AT(accel), .choices = accelerators,
     .wrong = "neither kvm nor tcg"},
    {"--print", RUN, .set = set_flag, AT(print), .alone = true},
    {"--boot-trace", RUN, .set = set_number, AT(boot_trace), .most = 65535,
     .wrong = "not a descriptor"},
    {"--runs", BENCH, .set = set_number, AT(runs), FROM_TO(1, BENCH_RUNS_MAX)},
    {"--http", BENCH, .set = set_http},
    {"--svg", BENCH, .set = set_file, AT(svg)},
    {"--json", BENCH, .set = set_flag, AT(json), .alone = true},
};
static const struct run_option disk_option = {"-o", DISK_IMAGE, .set = set_file, AT(disk)};

/* One option at argv[*at], its value in the same word or in the next one. */
static int read_run_option(struct parser *parser, int argc, char **argv, int *at)
{
    const char *word = argv[*at], *value = strchr(word, '=');
    size_t length = value ? (size_t)(value - word) : strlen(word);

    for (size_t i = 0; i < sizeof run_options / sizeof run_options[0]; i++) {
        const struct run_option *option = &run_options[i];
        if (length != strlen(option->name) || strncmp(word, option->name, length) != 0)
            continue;
        if (!(option->commands & 1u << parser->options->command))
            return fail(parser, "%s: %s has no such option", option->name, argv[1]);
        if (option->alone && value)
            return fail(parser, "%s: takes no value", option->name);
        if (option->alone)
            return option->set(parser, option, NULL);
        if (value)
            return option->set(parser, option, value + 1);
        if (*at + 1 >= argc)
            return fail(parser, "%s: a value is missing", word);
        *at += 1;
        return option->set(parser, option, argv[*at]);
    }
    return fail(parser, "%.*s: no such option (coracle --help lists them)", (int)length, word);
}

/* `run`, and those that take the same line, from the word `at` on. */
static int parse_run(struct parser *parser, int argc, char **argv, int at)
{
    static char runs_option[] = "--runs";
    struct options *options = parser->options;

    for (; at < argc && argv[at][0] == '-' && argv[at][1]; at++) {
        if (!strcmp(argv[at], "--")) {
            at++;
            break;
        }
        if (!strcmp(argv[at], "--help")) {
            options->command = COMMAND_HELP;
            return 0;
        }
        if (options->command == COMMAND_BENCH && !strcmp(argv[at], "-n"))
            argv[at] = runs_option;
        int result = read_run_option(parser, argc, argv, &at);
        if (result)
            return result;
    }
    if (at >= argc || !argv[at][0])
        return fail(parser, "%s: IMAGE is missing", argv[1]);
    options->args = argv + at;
    options->arg_count = (unsigned)(argc - at);
    return 0;
}

/* Options of `image` from *at on, up to a word that is none; past a "--". */
static int read_image_options(struct parser *parser, int argc, char **argv, int *at)
{
    for (; *at < argc && argv[*at][0] == '-' && argv[*at][1]; *at += 1) {
        int result;

        if (!strcmp(argv[*at], "--")) {
            *at += 1;
            break;
        }
        if (strcmp(argv[*at], "-o") != 0) {
            result = read_run_option(parser, argc, argv, at);
        } else if (*at + 1 < argc) {
            *at += 1;
            result = set_file(parser, &disk_option, argv[*at]);
        } else {
            result = fail(parser, "-o: a value is missing");
        }
        if (result)
            return result;
    }
    return 0;
}

/* The disk is named behind the image as well as before it. */
static int parse_image(struct parser *parser, int argc, char **argv, int at)
{
    struct options *options = parser->options;
    int image;

    if (argc > at && !strcmp(argv[at], "--help")) {
        options->command = COMMAND_HELP;
        return 0;
    }
    int result = read_image_options(parser, argc, argv, &at);
    if (result)
        return result;
    if (at >= argc || !argv[at][0])
        return fail(parser, "image: IMAGE is missing");
    image = at++;
    result = read_image_options(parser, argc, argv, &at);
    if (result)
        return result;
    /* The image's name, and right after it the program's arguments. */
    argv[at - 1] = argv[image];
    options->args = argv + at - 1;
    options->arg_count = (unsigned)(argc - at + 1);
    return 0;
}

static int parse_inspect(struct parser *parser, int argc, char **argv, int at)
{
    for (; at < argc && argv[at][0] == '-'; at++) {
        if (!strcmp(argv[at], "--")) {
            at++;
            break;
        }
        if (strncmp(argv[at], "--profile", 9) != 0)
            return fail(parser, "%s: inspect has no such option", argv[at]);
        int result = read_run_option(parser, argc, argv, &at);
        if (result)
            return result;
    }
    if (at >= argc || !argv[at][0])
        return fail(parser, "inspect: IMAGE is missing");
    if (at + 1 < argc)
        return fail(parser, "inspect: one image at a time, not also %s", argv[at + 1]);
    parser->options->args = argv + at;
    parser->options->arg_count = 1;
    return 0;
}

static int parse_bench(struct parser *parser, int argc, char **argv, int at)
{
    if (argc > at && !strcmp(argv[at], "--help")) {
        parser->options->command = COMMAND_HELP;
        return 0;
    }
    if (argc <= at || strcmp(argv[at], "boot") != 0)
        return fail(parser, "bench: only boot is measured: coracle bench boot IMAGE");
    return parse_run(parser, argc, argv, at + 1);
}

static const struct {
    const char *name;
    enum command command;
    int (*parse)(struct parser *parser, int argc, char **argv, int at); /* from the word `at` on */
} commands[] = {
    {"run", COMMAND_RUN, parse_run},
    {"inspect", COMMAND_INSPECT, parse_inspect},
    {"firecracker-config", COMMAND_FIRECRACKER, parse_run},
    {"image", COMMAND_IMAGE, parse_image},
    {"bench", COMMAND_BENCH, parse_bench},
};

int options_parse(int argc, char **argv, struct options *options, char error[OPTIONS_ERROR_MAX])
{
    struct parser parser = {options, error};

    *options = (struct options){.mem_bytes = OPTIONS_MEM_DEFAULT,
                                .profile_hz = OPTIONS_PROFILE_HZ_DEFAULT,
                                .poll_us = OPTIONS_POLL_US_OWN,
                                .boot_trace = -1,
                                .runs = BENCH_RUNS_DEFAULT};
    error[0] = 0;
    if (argc < 2)
        return fail(&parser, "no command is named (coracle --help tells more)");
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
        options->command = COMMAND_HELP;
        return 0;
    }
    if (!strcmp(argv[1], "--version")) {
        options->command = COMMAND_VERSION;
        return 0;
    }
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(argv[1], commands[i].name) != 0)
            continue;
        options->command = commands[i].command;
        return commands[i].parse(&parser, argc, argv, 2);
    }
    return fail(&parser, "%s: no such command (run, inspect, firecracker-config, image, bench)",
                argv[1]);
}
