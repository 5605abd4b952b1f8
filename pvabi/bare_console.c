/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Output where there is neither a debug console nor a 16550: the first virtio-console that takes any.
 * It is attached before the kernel starts, out of memory that the kernel never sees; the kernel reads
 * standard input from the same device. Called by bare/output.c.
 */
#include "arch/bootrec.h"
#include "bare/bare.h"
#include "bare/cpu.h"
#include "bare_buses.h"
#include "virtio/console.h"

static struct pv_console *bare_console; /* NULL: there is none */

/* Zeroed pages of the first range of RAM, which is the image's; NULL when there are too few. */
static void *bare_console_memory(struct bootrec *record, size_t bytes)
{
    struct bootrec_range *range = &record->ram[0];
    void *memory = (void *)range->begin;

    if (bytes > range->end - range->begin)
        return NULL;
    range->begin += bytes;
    return __builtin_memset(memory, 0, bytes);
}

static void bare_console_report(unsigned index, struct pv_console *console)
{
    if (console->fault == NULL || console->reported)
        return;
    console->reported = true;
    bare_say("console");
    bare_say_decimal(index);
    bare_say(" out of service: ");
    bare_say(console->fault);
    bare_say("\n");
}

static void bare_console_attach(const struct pv_device *device, unsigned number,
                                struct bootrec *record)
{
    struct pv_console *console = NULL;
    void *memory = bare_console_memory(record, virtio_console_ops.memory_bytes(device));

    if (memory == NULL) {
        bare_say("boot: too little memory for a console\n");
        return;
    }
    (void)virtio_console_ops.attach(device, memory, &console);
    bare_buses_attached(number, console);
    if (console->fault == NULL && console->writable)
        bare_console = console;
    bare_console_report(device->index, console);
}

bool bare_console_start(struct bootrec *record)
{
    unsigned count;
    const struct pv_device *devices = bare_devices(&count);

    for (unsigned i = 0; i < count && bare_console == NULL; i++)
        if (devices[i].class == PV_CONSOLE)
            bare_console_attach(&devices[i], i, record);
    return bare_console != NULL;
}

long bare_console_write(enum pv_channel channel, const char *data, size_t bytes)
{
    bool interrupts = bare_interrupts_on();
    long written;

    /* Nobody else may write in between. */
    bare_cli();
    written = virtio_console_ops.write(bare_console, channel, data, bytes);
    bare_console_report(0, bare_console);
    if (interrupts)
        bare_sti();
    return written;
}

bool bare_console_separate_log(void)
{
    return bare_console != NULL && bare_console->log_apart;
}
