/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel command line's parser (pvabi/cmdline.h). */
#include "pvabi/cmdline.h"

#define NAME_DEFAULT "guest"
#define NAME_MAX (PV_CMDLINE_STRINGS_MAX - 4096u - 2u) /* with its NUL */
#define MMIO_PREFIX "virtio_mmio.device="

/* A word, unquoted: the last one in the buffer that it is appended to. */
struct cmdline_word {
    char *text;
    size_t bytes;  /* without the NUL */
    bool unquoted; /* nothing in it was quoted */
};

static bool cmdline_is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Reads the next word of [*at, end) into `room`; false at the end of the line. A word never grows
 * by unquoting, so the line's own length plus one is room enough. */
static bool cmdline_next_word(const char **at, const char *end, char *room,
                              struct cmdline_word *word)
{
    bool inside = false;

    while (*at < end && cmdline_is_space(**at))
        (*at)++;
    if (*at == end)
        return false;
    *word = (struct cmdline_word){.text = room, .unquoted = true};
    for (; *at < end && (inside || !cmdline_is_space(**at)); (*at)++) {
        char c = **at;

        if (c == '"') {
            inside = !inside;
            word->unquoted = false;
            continue;
        }
        if (c == '\\' && *at + 1 < end) {
            c = *++*at;
            word->unquoted = false;
        }
        room[word->bytes++] = c;
    }
    room[word->bytes] = '\0';
    return true;
}

/* The rest of the text after `prefix`, or NULL. One copy: fewer instructions to translate or fetch
 * before main than one for each prefix. */
static __attribute__((noinline)) const char *cmdline_after(const char *text, const char *prefix)
{
    while (*prefix != '\0') {
        if (*text++ != *prefix++)
            return NULL;
    }
    return text;
}

/* 16 for what is no digit. */
static unsigned cmdline_digit(char c)
{
    unsigned digit = (unsigned)(uint8_t)c - '0', letter = ((unsigned)(uint8_t)c | 0x20u) - 'a';

    if (digit < 10)
        return digit;
    return letter < 6 ? letter + 10 : 16;
}

/* A decimal number, or a hexadecimal one with 0x; false when there is none or it is too great. */
static bool cmdline_number(const char **at, uint64_t *value)
{
    unsigned base = 10;
    bool any = false;

    if ((*at)[0] == '0' && ((*at)[1] == 'x' || (*at)[1] == 'X')) {
        base = 16;
        *at += 2;
    }
    *value = 0;
    for (unsigned digit; (digit = cmdline_digit(**at)) < base; (*at)++, any = true) {
        if (__builtin_mul_overflow(*value, (uint64_t)base, value) ||
            __builtin_add_overflow(*value, (uint64_t)digit, value))
            return false;
    }
    return any;
}

static bool cmdline_size(const char **at, uint64_t *value)
{
    unsigned shift = 0;

    if (!cmdline_number(at, value))
        return false;
    switch (**at) {
    case 'K':
    case 'k':
        shift = 10;
        break;
    case 'M':
    case 'm':
        shift = 20;
        break;
    case 'G':
    case 'g':
        shift = 30;
        break;
    }
    if (shift == 0)
        return true;
    (*at)++;
    if (*value > UINT64_MAX >> shift)
        return false;
    *value <<= shift;
    return true;
}

static bool cmdline_character(const char **at, char c)
{
    if (**at != c)
        return false;
    (*at)++;
    return true;
}

static bool cmdline_address(const char **at, uint8_t address[4])
{
    for (unsigned i = 0; i < 4; i++) {
        uint64_t part;

        if ((i > 0 && !cmdline_character(at, '.')) || !cmdline_number(at, &part) || part > 255)
            return false;
        address[i] = (uint8_t)part;
    }
    return true;
}

/* SIZE@ADDR:IRQ[:ID] */
static const char *cmdline_take_mmio(const char *at, struct pv_cmdline *out)
{
    struct pv_cmdline_mmio device;
    uint64_t line, id;

    if (!cmdline_size(&at, &device.bytes) || !cmdline_character(&at, '@') ||
        !cmdline_number(&at, &device.address) || !cmdline_character(&at, ':') ||
        !cmdline_number(&at, &line) || line > UINT32_MAX ||
        (*at == ':' && (at++, !cmdline_number(&at, &id))) || *at != '\0')
        return "virtio_mmio.device=: not SIZE@ADDRESS:IRQ";
    if (out->mmio_count == PV_CMDLINE_MMIO_MAX)
        return "virtio_mmio.device=: too many devices";
    device.line = (uint32_t)line;
    out->mmio[out->mmio_count++] = device;
    return NULL;
}

/* N=ADDR/LEN[,GATEWAY[,DNS]]. Others' words may begin with "net", too, but have no digit there. */
static const char *cmdline_take_net(const char *at, struct pv_cmdline *out)
{
    struct pv_cmdline_net net = {.prefix4 = 0};
    uint64_t index, prefix;

    if (cmdline_digit(*at) >= 10)
        return NULL;
    if (!cmdline_number(&at, &index) || index >= PV_CMDLINE_NETS_MAX ||
        !cmdline_character(&at, '=') || !cmdline_address(&at, net.ip4) ||
        !cmdline_character(&at, '/') || !cmdline_number(&at, &prefix) || prefix < 1 ||
        prefix > 32 || (*at == ',' && (at++, *at != ',') && !cmdline_address(&at, net.gateway4)) ||
        (*at == ',' && (at++, !cmdline_address(&at, net.dns4))) || *at != '\0')
        return "net0=: not ADDRESS/LENGTH[,GATEWAY[,DNS]]";
    net.prefix4 = (uint8_t)prefix;
    out->net[index] = net;
    return NULL;
}

/* NAME=VALUE, which ends a word at the end of out->env. */
static const char *cmdline_take_env(const char *at, struct pv_cmdline *out)
{
    char *to = out->env + out->env_bytes;
    bool named = false;

    for (const char *rest = at; *rest != '\0' && !named; rest++)
        named = *rest == '=' && rest > at;
    if (!named)
        return "env.: not env.NAME=VALUE";
    do
        *to++ = *at;
    while (*at++ != '\0');
    out->env_bytes = (uint32_t)(to - out->env);
    out->env_count++;
    return NULL;
}

static const char *cmdline_take_wall(const char *at, struct pv_cmdline *out)
{
    uint64_t value;

    if (!cmdline_number(&at, &value) || *at != '\0')
        return "wall=: not a number of nanoseconds";
    out->wall_ns = value;
    return NULL;
}

static const char *cmdline_take_counters(const char *at, struct pv_cmdline *out)
{
    out->counters = at[0] == '1' && at[1] == '\0';
    return NULL;
}

static const char *cmdline_take_profile(const char *at, struct pv_cmdline *out)
{
    uint64_t value;

    if (!cmdline_number(&at, &value) || *at != '\0' || value > UINT32_MAX)
        return "profile=: not a number of samples a second";
    out->profile_hz = (uint32_t)value;
    return NULL;
}

static const char *cmdline_take_stamps(const char *at, struct pv_cmdline *out)
{
    out->stamps = at[0] == '1' && at[1] == '\0';
    return NULL;
}

/* The first one counts. One that leaves no room for the arguments is passed over. */
static const char *cmdline_take_name(const char *at, struct pv_cmdline *out)
{
    size_t bytes = 0;

    if (out->arg_count != 0)
        return NULL;
    do {
        if (bytes == NAME_MAX)
            return NULL;
        out->args[bytes] = at[bytes];
    } while (at[bytes++] != '\0');
    out->arg_bytes = (uint32_t)bytes;
    out->arg_count = 1;
    return NULL;
}

/* Words before "--", by how they begin. Each takes the rest and returns what is wrong with it. */
static const struct cmdline_kind {
    const char *prefix;
    const char *(*take)(const char *rest, struct pv_cmdline *out);
} cmdline_kinds[] = {
    {"name=", cmdline_take_name},     {"wall=", cmdline_take_wall},
    {MMIO_PREFIX, cmdline_take_mmio}, {"net", cmdline_take_net},
    {"env.", cmdline_take_env},       {"counters=", cmdline_take_counters},
    {"stamps=", cmdline_take_stamps}, {"profile=", cmdline_take_profile},
};

static const char *cmdline_take_word(const char *text, struct pv_cmdline *out)
{
    for (size_t i = 0; i < sizeof(cmdline_kinds) / sizeof(cmdline_kinds[0]); i++) {
        const char *rest = cmdline_after(text, cmdline_kinds[i].prefix);

        if (rest != NULL)
            return cmdline_kinds[i].take(rest, out);
    }
    return NULL;
}

/* An argument, at the end of out->args, unless a VMM has appended a device to them. */
static const char *cmdline_take_argument(const struct cmdline_word *word, struct pv_cmdline *out)
{
    const char *rest = word->unquoted ? cmdline_after(word->text, MMIO_PREFIX) : NULL;

    if (rest != NULL)
        return cmdline_take_mmio(rest, out);
    out->arg_bytes += (uint32_t)word->bytes + 1;
    out->arg_count++;
    return NULL;
}

void pv_cmdline_parse(const char *line, size_t bytes, struct pv_cmdline *out)
{
    const char *at = line, *end, *wrong;
    struct cmdline_word word;
    bool arguments = false;

    if (bytes > 4096u)
        bytes = 4096u;
    end = line + bytes;
    while (cmdline_next_word(
        &at, end, arguments ? out->args + out->arg_bytes : out->env + out->env_bytes, &word)) {
        if (!arguments && word.unquoted && word.bytes == 2 && cmdline_after(word.text, "--")) {
            arguments = true;
            cmdline_take_name(NAME_DEFAULT, out);
            continue;
        }
        wrong = arguments ? cmdline_take_argument(&word, out) : cmdline_take_word(word.text, out);
        if (out->wrong == NULL)
            out->wrong = wrong;
    }
    cmdline_take_name(NAME_DEFAULT, out);
}
