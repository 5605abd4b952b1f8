/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end of the VM: by the ways that there are, in the order of what they tell. QEMU's debug-exit
 * device carries seven bits of the status; a launcher that listens to the log gets all eight from a
 * line there. Power-off and reset carry nothing.
 */
#include "bare.h"
#include "cpu.h"
#include "pvabi/stamps.h"

#define DEBUG_EXIT_PORT 0x501u /* the launcher puts it here */
#define NO_DEVICE 0xffu
#define KEYBOARD_PORT 0x64u
#define KEYBOARD_RESET 0xfeu

void bare_exit(int status)
{
    static char bare_exit_word[] = "\001coracle-exit 000\n";
    unsigned byte = (unsigned)status & 0xffu;

    bare_cli();
    if (bare_output_separate_log()) {
        if (pv_cmdline.counters)
            pv_report_counters();
        if (pv_stamps != NULL)
            pv_stamps_tell();
        bare_exit_word[14] = (char)('0' + byte / 100);
        bare_exit_word[15] = (char)('0' + byte / 10 % 10);
        bare_exit_word[16] = (char)('0' + byte % 10);
        bare_output(PV_LOG, bare_exit_word, sizeof(bare_exit_word) - 1);
    }
    if (bare_inb(DEBUG_EXIT_PORT) != NO_DEVICE)
        bare_outl(DEBUG_EXIT_PORT, byte);
    bare_acpi_power_off();
    bare_outb(KEYBOARD_PORT, KEYBOARD_RESET); /* Firecracker's way, too */
    for (unsigned i = 0; i < 1000000; i++)
        __asm__ volatile("pause");
    bare_triple_fault();
}

void bare_crash_end(void)
{
    bare_exit(PV_CRASH_STATUS);
}

void bare_crash(const char *message, const void *frame)
{
    bare_cli();
    pv_report_crash(message, frame);
    pv_machine->end();
}
