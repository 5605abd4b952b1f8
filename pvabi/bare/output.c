/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where words go when there is no hypercall: QEMU's debug consoles, one port a channel, as the
 * launcher sets them up, or else one 16550 for everything; polled, usable from the first moment. Or
 * else a virtio-console, once there are page tables: until then words are kept.
 */
#include "bare.h"
#include "cpu.h"

#define DEBUGCON_PORT 0xe9u /* and the next two: stdout, stderr, log */
#define DEBUGCON_ANSWER 0xe9u
#define UART_PORT 0x3f8u
#define UART_LINE_CONTROL (UART_PORT + 3u)
#define UART_MODEM_CONTROL (UART_PORT + 4u)
#define UART_LINE_STATUS (UART_PORT + 5u)
#define UART_SCRATCH (UART_PORT + 7u)
#define UART_ROOM 0x20u
#define UART_PATIENCE 100000u

static uint16_t bare_output_ports[3]; /* of the debug consoles; 0: none */
static bool bare_output_uart;
static bool bare_output_console;
static char bare_kept[1024]; /* of the log: nobody else speaks so early */
static size_t bare_kept_bytes;

static bool bare_uart_there(void)
{
    bare_outb(UART_SCRATCH, 0x5a);
    if (bare_inb(UART_SCRATCH) != 0x5a)
        return false;
    bare_outb(UART_LINE_CONTROL, 0x03); /* 8 bits, no parity */
    bare_outb(UART_MODEM_CONTROL, 0x03);
    return true;
}

EARLY void bare_output_start(void)
{
    for (unsigned i = 0; i < 3; i++) {
        uint16_t port = (uint16_t)(DEBUGCON_PORT + i);
        uint8_t answer = bare_inb(port);

        if (answer == DEBUGCON_ANSWER || (i > 0 && answer == port))
            bare_output_ports[i] = port;
    }
    if (bare_output_ports[0] == 0) {
        bare_output_uart = bare_uart_there();
        return;
    }
    for (unsigned i = 1; i < 3; i++) {
        if (bare_output_ports[i] == 0)
            bare_output_ports[i] = bare_output_ports[i - 1];
    }
}

static void bare_uart_write(const char *data, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        for (unsigned tries = 0; tries < UART_PATIENCE; tries++) {
            if (bare_inb(UART_LINE_STATUS) & UART_ROOM)
                break;
        }
        bare_outb(UART_PORT, (uint8_t)data[i]);
    }
}

/* What no longer fits is lost. */
static void bare_keep(const char *data, size_t bytes)
{
    for (size_t i = 0; i < bytes && bare_kept_bytes < sizeof(bare_kept); i++)
        bare_kept[bare_kept_bytes++] = data[i];
}

EARLY void bare_output_attach(struct bootrec *record)
{
    static uint8_t bare_no_thread[64]; /* where code outside this folder finds a canary */

    if (bare_output_ports[0] != 0 || bare_output_uart)
        return;
    bare_wrmsr(BARE_MSR_FS_BASE, (uintptr_t)bare_no_thread);
    bare_output_console = bare_console_start(record);
    if (bare_output_console)
        (void)bare_console_write(PV_LOG, bare_kept, bare_kept_bytes);
}

long bare_output(enum pv_channel channel, const char *data, size_t bytes)
{
    uint16_t port = bare_output_ports[channel];

    if (bare_output_console)
        return bare_console_write(channel, data, bytes);
    if (port != 0)
        bare_outsb(port, data, bytes);
    else if (bare_output_uart)
        bare_uart_write(data, bytes);
    else if (channel == PV_LOG)
        bare_keep(data, bytes);
    return (long)bytes;
}

bool bare_output_separate_log(void)
{
    if (bare_output_console)
        return bare_console_separate_log();
    return bare_output_ports[PV_LOG] != bare_output_ports[PV_STDOUT];
}

void bare_say(const char *text)
{
    bare_output(PV_LOG, text, __builtin_strlen(text));
}

void bare_say_hex(uint64_t value, unsigned digits)
{
    char text[16];
    unsigned at = sizeof(text);

    do {
        text[--at] = "0123456789abcdef"[value & 15];
        value >>= 4;
    } while (at > 0 && (value != 0 || sizeof(text) - at < digits));
    bare_output(PV_LOG, text + at, sizeof(text) - at);
}

void bare_say_decimal(unsigned value)
{
    char text[10];
    unsigned at = sizeof(text);

    do {
        text[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    bare_output(PV_LOG, text + at, sizeof(text) - at);
}
