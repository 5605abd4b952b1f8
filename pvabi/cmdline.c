/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel command line's parser (pvabi/cmdline.h). */
#include "pvabi/cmdline.h"

#define NAME_DEFAULT "guest"

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

/* The rest of the text after `prefix`, or NULL. */
static const char *cmdline_after(const char *text, const char *prefix)
{
    while (*prefix != '\0') {
        if (*text++ != *prefix++)
            return NULL;
    }
    return text;
}

static int cmdline_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return 16;
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
    for (; (unsigned)cmdline_digit(**at) < base; (*at)++, any = true) {
        if (__builtin_mul_overflow(*value, (uint64_t)base, value) ||
            __builtin_add_overflow(*value, (uint64_t)cmdline_digit(**at), value))
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

/* N=ADDR/LEN[,GATEWAY[,DNS]] */
static const char *cmdline_take_net(const char *at, struct pv_cmdline *out)
{
    struct pv_cmdline_net net = {.prefix4 = 0};
    uint64_t index, prefix;

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

/* Is it net and a digit? Others' words may begin with "net", too. */
static const char *cmdline_net_word(const char *text)
{
    const char *at = cmdline_after(text, "net");

    return at != NULL && cmdline_digit(*at) < 10 ? at : NULL;
}

/* A word before "--"; its text lies at the end of out->env. */
static const char *cmdline_take_word(const struct cmdline_word *word, struct pv_cmdline *out)
{
    const char *at;

    if ((at = cmdline_after(word->text, "env.")) != NULL) {
        size_t bytes = word->bytes - 4;
        bool named = false;

        for (size_t i = 1; i < bytes && !named; i++)
            named = at[i] == '=';
        if (!named)
            return "env.: not env.NAME=VALUE";
        for (size_t i = 0; i <= bytes; i++)
            word->text[i] = word->text[i + 4];
        out->env_bytes += (uint32_t)bytes + 1;
        out->env_count++;
        return NULL;
    }
    if ((at = cmdline_after(word->text, "wall=")) != NULL) {
        uint64_t value;

        if (!cmdline_number(&at, &value) || *at != '\0')
            return "wall=: not a number of nanoseconds";
        out->wall_ns = value;
        return NULL;
    }
    if ((at = cmdline_after(word->text, "virtio_mmio.device=")) != NULL)
        return cmdline_take_mmio(at, out);
    if ((at = cmdline_net_word(word->text)) != NULL)
        return cmdline_take_net(at, out);
    return NULL;
}

/* The name comes first, wherever it stands: a pass of its own. */
static void cmdline_take_name(const char *line, const char *end, struct pv_cmdline *out)
{
    const char *name = NAME_DEFAULT, *at = line;
    struct cmdline_word word;
    size_t bytes = sizeof(NAME_DEFAULT);

    while (cmdline_next_word(&at, end, out->env, &word) &&
           !(word.unquoted && __builtin_strcmp(word.text, "--") == 0)) {
        const char *value = cmdline_after(word.text, "name=");

        if (value != NULL && word.bytes - 5 < PV_CMDLINE_STRINGS_MAX - 4096u - 2u) {
            name = value;
            bytes = word.bytes - 5 + 1;
            break;
        }
    }
    for (size_t i = 0; i < bytes; i++)
        out->args[i] = name[i];
    out->arg_bytes = (uint32_t)bytes;
    out->arg_count = 1;
}

void pv_cmdline_parse(const char *line, size_t bytes, struct pv_cmdline *out)
{
    const char *at = line, *end, *wrong;
    struct cmdline_word word;
    bool arguments = false;

    if (bytes > 4096u)
        bytes = 4096u;
    end = line + bytes;
    cmdline_take_name(line, end, out);
    for (;;) {
        char *room = arguments ? out->args + out->arg_bytes : out->env + out->env_bytes;

        if (!cmdline_next_word(&at, end, room, &word))
            break;
        wrong = NULL;
        if (!arguments) {
            if (word.unquoted && __builtin_strcmp(word.text, "--") == 0)
                arguments = true;
            else
                wrong = cmdline_take_word(&word, out);
        } else if (word.unquoted && cmdline_after(word.text, "virtio_mmio.device=") != NULL) {
            wrong = cmdline_take_mmio(cmdline_after(word.text, "virtio_mmio.device="), out);
        } else {
            out->arg_bytes += (uint32_t)word.bytes + 1;
            out->arg_count++;
        }
        if (out->wrong == NULL)
            out->wrong = wrong;
    }
}
