/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes the kernel command line; see launch_cmdline.h. */
#include "launch_cmdline.h"

#include <string.h>

/* prefix and value are one word. */
static void add_word(struct text *to, const char *prefix, const char *value)
{
    const char *special = " \t\r\n\v\f\"\\";
    bool quoted = value[strcspn(value, special)] || prefix[strcspn(prefix, special)] ||
                  (!*prefix && !*value);

    if (to->length)
        text_add(to, " ", 1);
    if (!quoted) {
        text_format(to, "%s%s", prefix, value);
        return;
    }
    text_add(to, "\"", 1);
    for (const char *part = prefix, *at = part;; at++) {
        if (!*at && part == prefix)
            at = part = value;
        if (!*at)
            break;
        if (*at == '"' || *at == '\\')
            text_add(to, "\\", 1);
        text_add(to, at, 1);
    }
    text_add(to, "\"", 1);
}

static bool is_zero(const uint8_t address[4])
{
    return !(address[0] | address[1] | address[2] | address[3]);
}

static void add_address(struct text *to, const uint8_t address[4])
{
    text_format(to, "%u.%u.%u.%u", address[0], address[1], address[2], address[3]);
}

void launch_cmdline_net(struct text *to, unsigned index, const struct pvn_net_address *net)
{
    text_format(to, "net%u=", index);
    add_address(to, net->ip4);
    text_format(to, "/%u", net->prefix4);
    if (is_zero(net->gateway4) && is_zero(net->dns4))
        return;
    text_add(to, ",", 1);
    add_address(to, net->gateway4);
    if (is_zero(net->dns4))
        return;
    text_add(to, ",", 1);
    add_address(to, net->dns4);
}

void launch_cmdline_write(const struct launch_cmdline *from, struct text *to)
{
    add_word(to, "name=", from->name);
    for (unsigned i = 0; i < from->env_count; i++)
        add_word(to, "env.", from->env[i]);
    for (unsigned i = 0; i < from->net_count; i++) {
        if (from->nets[i].prefix4) {
            text_add(to, " ", 1);
            launch_cmdline_net(to, i, &from->nets[i]);
        }
    }
    if (from->wall_ns)
        text_format(to, " wall=%llu", (unsigned long long)from->wall_ns);
    if (from->stamps)
        text_format(to, " stamps=1");
    if (from->counters)
        text_format(to, " counters=1");
    if (from->profile_hz)
        text_format(to, " profile=%u", from->profile_hz);
    if (from->watchdog_s)
        text_format(to, " watchdog=%u", from->watchdog_s);
    for (unsigned i = 0; i < from->mmio_count; i++)
        text_format(to, " virtio_mmio.device=%u@0x%x:%u", LAUNCH_MMIO_BYTES,
                    LAUNCH_MMIO_BASE + i * LAUNCH_MMIO_BYTES, LAUNCH_MMIO_IRQ + i);
    if (from->arg_count == 0)
        return;
    text_add(to, " --", 3);
    for (unsigned i = 0; i < from->arg_count; i++)
        add_word(to, "", from->args[i]);
}
