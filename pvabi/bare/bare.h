/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ring-0 platform's parts among each other, and what pvabi/bare_buses.c connects devices with.
 * Everything in this folder is named bare_*: image.lds keeps it on pages of its own, which other
 * platforms never touch, and scripts/check-image allows privileged instructions here only. It is
 * compiled without SSE and without stack protector (mk/guest.mk), because it interrupts programs
 * and runs before there is a canary.
 */
#ifndef BARE_BARE_H
#define BARE_BARE_H

#include "bootinfo.h"
#include "pvabi/cmdline.h"
#include "pvabi/native.h"
#include "pvabi/probe.h"
#include "pvabi/report.h"

#define BARE_PAGE 4096ull

extern const struct pv_hypervisor bare_hypervisor; /* setup.c */
extern const struct pv_platform bare_platform;     /* operations.c */

/* What the VMM said; filled by setup.c, read-only afterwards. */
extern struct bare_info bare_info;
/* The events, as on the native interface: written by interrupts. */
extern struct pvn_vcpu bare_vcpu;

/* ---- setup.c ------------------------------------------------------------------------------ */

/* The part of the start that does not depend on the hypervisor: memory, command line, page tables,
 * traps, the CPU. pv_machine is set before. */
void bare_machine_start(enum pv_entry entry, const void *argument, struct bootrec *record);
/* Until then the PVH entry's page tables reach 1 GiB; this adds the 2 MiB around an address below
 * 4 GiB. False: it is not below. */
bool bare_early_map(uint64_t address);

/* ---- operations.c ------------------------------------------------------------------------- */

/* From now on interrupts come, and enter the kernel when pv_upcall says so. */
void bare_upcalls_start(void);
extern bool bare_upcalls_on;

/* pvabi/bare_buses.c: finds the devices, when it is called first. */
const struct pv_device *bare_devices(unsigned *count);

/* pvabi/bare_console.c: output to a virtio-console, for output.c. Finds and attaches one, with memory
 * that it takes from record->ram[0]; the page tables and the clock must be there. False: none. */
bool bare_console_start(struct bootrec *record);
long bare_console_write(enum pv_channel channel, const char *data, size_t bytes);
bool bare_console_separate_log(void);

/* ---- output.c: wherever bytes can go; any time after bare_output_start ------------------- */

void bare_output_start(void);
/* Where output needs a device that is still to be found: finds it, and lets out what was kept until
 * then. */
void bare_output_attach(struct bootrec *record);
/* Returns how many bytes were taken, or -EIO. */
long bare_output(enum pv_channel channel, const char *data, size_t bytes);
/* Has the log a channel of its own, that a launcher reads? */
bool bare_output_separate_log(void);
/* This platform, for pvabi/report.h. */
extern const struct pv_machine bare_machine;
#define bare_say pv_say
#define bare_say_hex pv_say_hex
#define bare_say_decimal pv_say_decimal

/* ---- poweroff.c -------------------------------------------------------------------------- */

/* Ends the VM, telling the status where there is a way to. */
void bare_exit(int status) __attribute__((noreturn));
void bare_crash_end(void) __attribute__((noreturn)); /* pv_machine.end */
/* What the machine does when everything else failed. */
void bare_triple_fault(void) __attribute__((noreturn)); /* traps.c */
/* "crash: MESSAGE" on the log channel and status 134; `frame` as in pv_platform.crash. */
void bare_crash(const char *message, const void *frame) __attribute__((noreturn));

/* ---- paging.c ---------------------------------------------------------------------------- */

/* Switches to page tables of our own: the image with its segments' rights, `ram` read-write, modules
 * read-only, the rest unmapped. Takes the memory for the tables from one of the ranges in `ram`. */
void bare_paging_start(struct bootrec *record);
/* Maps device registers, uncached, or firmware's tables, read-only. NULL when that is impossible:
 * they lie in RAM, beyond the address space, or there is no memory for tables. Never unmapped. */
volatile void *bare_map_device(uint64_t address, uint64_t bytes);
const void *bare_map_firmware(uint64_t address, uint64_t bytes);
/* The same, read-write and cached: memory that a hypervisor shares. */
void *bare_map_shared(uint64_t address, uint64_t bytes);
/* Is the address in RAM (the image included)? */
bool bare_in_ram(uint64_t address);
int bare_protect(void *address, size_t bytes, enum pv_rights rights);
/* What is mapped at `address`: 0 nothing, otherwise PV_MAP_*. */
unsigned bare_mapped(uint64_t address);

/* ---- traps.c, vectors.S ------------------------------------------------------------------ */

void bare_traps_start(void);
#define BARE_VECTOR_FIRST 32u /* interrupts; exceptions are below */
#define BARE_VECTOR_TIMER 32u
#define BARE_VECTOR_UPCALL 33u /* where a hypervisor has set the events already; no device's then */
#define BARE_VECTOR_SPURIOUS 63u
#define BARE_VECTORS 64u

/* ---- apic.c ------------------------------------------------------------------------------ */

/* Before the first interrupt can come, and the timer; once is enough. */
void bare_apic_start(void);
uint32_t bare_apic_id(void);
void bare_apic_eoi(void);
/* Counts nanoseconds down; 0 stops it. Raises BARE_VECTOR_TIMER at its end. */
void bare_apic_timer(uint32_t ns);
uint32_t bare_apic_timer_left(void);
/* Silences the timer's interrupt, for calibrating; false: back to how it is used. */
void bare_apic_timer_quiet(bool quiet);
void bare_apic_deadline(uint64_t tsc); /* only where bare_apic_has_deadline */
extern bool bare_apic_has_deadline;

/* ---- clock.c ----------------------------------------------------------------------------- */

/* System time begins; what measures it is set going when somebody first asks for it. */
void bare_clock_start(void);
uint64_t bare_clock_ns(void);
/* Arms the timer no later than a deadline of the pvclock's time. */
void bare_timer_arm(uint64_t deadline_ns);
uint64_t bare_timer_armed_ns(void);
void bare_timer_fired(void); /* by its interrupt */

/* ---- interrupts.c: from interrupts to events --------------------------------------------- */

/*
 * Something that interrupts and the events that this raises. Where there is a status register, it
 * is read first: zero means "not me", anything else is written to `acknowledge` (NULL: reading was
 * enough). With neither, each interrupt counts: message-signalled ones.
 */
struct bare_source {
    volatile uint32_t *status;
    volatile uint32_t *acknowledge;
    volatile uint8_t *status_byte; /* instead of `status`: legacy PCI's */
    uint16_t status_port;          /* instead of `status`: the same as a port */
    volatile uint32_t *mask;       /* a 1 written here silences a message; NULL: nothing does */
    uint16_t event_first, event_count;
};

/* Gives out `count` consecutive events; 0 when there are no more. */
unsigned bare_events_take(unsigned count);
/* Connects a source to an interrupt line of the IO-APICs; an ISA interrupt goes where the overrides
 * send it. 0 or a negative errno. */
struct bare_aml_line;
int bare_line_connect(const struct bare_aml_line *line, const struct bare_source *source);
/* Connects a source to a message: what the device is to write, and where. */
int bare_message_connect(const struct bare_source *source, uint64_t *address, uint32_t *data);
/* By traps.c for each interrupt. One that comes without end is masked, with a line on the log, and
 * its devices are polled from then on. */
void bare_interrupt(unsigned vector);
/* The kernel has taken events: the program is getting somewhere. */
void bare_interrupts_progress(void);
/* How long nobody may sleep, because there are devices to be polled; 0: as long as one likes. */
uint64_t bare_poll_ns(void);
/* Raises the events of the devices that are polled. */
void bare_poll(void);
void bare_event_raise(unsigned event);

/* ---- ioapic.c ---------------------------------------------------------------------------- */

int bare_ioapic_route(unsigned line, unsigned vector, bool level, bool active_low);
/* Masks a line that was routed. */
void bare_ioapic_mask(unsigned line);

/* ---- firmware.c: ACPI, looked for when it is first needed -------------------------------- */

#include "acpi.h"
const struct bare_acpi *bare_acpi(void);
/* What the definition blocks say of devices. */
const struct bare_aml *bare_acpi_devices(void);
/* Tries ACPI's sleep state 5, then its reset register; returns when neither is there. */
void bare_acpi_power_off(void);

#endif
