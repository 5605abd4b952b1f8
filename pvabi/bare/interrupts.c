/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From interrupts to events: a vector has sources, a source has events. All is data, so that
 * nothing of a transport runs while a program is interrupted. Sources are connected once and stay.
 *
 * A storm is a line that interrupts again and again for nobody, or a vector that comes so often
 * while the kernel takes no event that the program cannot be getting anywhere.
 */
#include "bare.h"
#include "cpu.h"
#include "pvabi/errno.h"

#define SOURCES_MAX 96u
#define VECTOR_DEVICE (BARE_VECTOR_TIMER + 1u)
#define VECTOR_DEVICE_END BARE_VECTOR_SPURIOUS
#define NO_LINE UINT32_MAX
#define MESSAGE_ADDRESS 0xfee00000u
#define DESTINATION_SHIFT 12u
#define STATUS_CONFIG_CHANGED 2u /* virtio 1.2, 4.1.4.5 and 4.2.2: of a device with a status */
#define STORM_NOBODY 1000u
#define STORM_NO_PROGRESS 10000u
#define POLL_NS 10000000ull

/* Of each vector: the IO-APIC line that it belongs to, and its sources as a list. */
static struct {
    struct bare_source source;
    uint8_t vector;
} bare_sources[SOURCES_MAX];
static volatile unsigned bare_source_count;
static struct {
    uint32_t line; /* NO_LINE: messages */
    uint32_t count, nobody, progress;
    bool masked;
} bare_vector[BARE_VECTORS];
static uint32_t bare_progress;
static bool bare_polling;
static unsigned bare_vector_next = VECTOR_DEVICE;
static unsigned bare_event_next = PVN_EVENT_DEVICE;

struct pvn_vcpu bare_vcpu;

/* Interrupts and the program run on one CPU: an instruction that changes memory is enough, and
 * stores of one CPU are seen by itself in program order. */
void bare_event_raise(unsigned event)
{
    __atomic_fetch_or(&bare_vcpu.events[event / 64], 1ull << event % 64, __ATOMIC_SEQ_CST);
    *(volatile uint8_t *)&bare_vcpu.upcall_pending = 1;
}

unsigned bare_events_take(unsigned count)
{
    unsigned first = bare_event_next;

    if (count > PV_EVENT_COUNT - first)
        return 0;
    bare_event_next += count;
    return first;
}

/* Why it interrupted, 0 when it did not. Whether it did or not, it is quiet afterwards. */
static uint32_t bare_source_status(const struct bare_source *source)
{
    uint32_t status;

    if (source->status != NULL) {
        status = *source->status;
        if (status != 0 && source->acknowledge != NULL)
            *source->acknowledge = status;
        return status;
    }
    if (source->status_byte != NULL)
        return *source->status_byte;
    if (source->status_port != 0)
        return bare_inb(source->status_port);
    return ~STATUS_CONFIG_CHANGED; /* a message: its events say it all */
}

static void bare_source_raise(const struct bare_source *source, uint32_t status)
{
    if (status & STATUS_CONFIG_CHANGED)
        bare_event_raise(PV_EVENT_SYSTEM);
    for (unsigned i = 0; i < source->event_count; i++)
        bare_event_raise(source->event_first + i);
}

void bare_interrupts_progress(void)
{
    bare_progress++;
}

uint64_t bare_poll_ns(void)
{
    return bare_polling ? POLL_NS : 0;
}

void bare_poll(void)
{
    for (unsigned i = 0; i < bare_source_count && bare_polling; i++) {
        const struct bare_source *source = &bare_sources[i].source;

        if (!bare_vector[bare_sources[i].vector].masked)
            continue;
        bare_source_raise(source, bare_source_status(source));
    }
}

static void bare_storm_end(unsigned vector)
{
    bare_vector[vector].masked = true;
    bare_polling = true;
    bare_say("interrupt storm: ");
    if (bare_vector[vector].line != NO_LINE) {
        bare_ioapic_mask(bare_vector[vector].line);
        bare_say("line ");
        bare_say_decimal(bare_vector[vector].line);
    } else {
        bare_say("message ");
        bare_say_decimal(vector);
    }
    bare_say(" is masked, its devices are polled\n");
    for (unsigned i = 0; i < bare_source_count; i++) {
        if (bare_sources[i].vector == vector && bare_sources[i].source.mask != NULL)
            *bare_sources[i].source.mask = 1;
    }
}

/* One more interrupt, that a source asked for or nobody did. */
static void bare_storm_watch(unsigned vector, bool asked)
{
    if (bare_vector[vector].progress != bare_progress || bare_vector[vector].masked) {
        bare_vector[vector].progress = bare_progress;
        bare_vector[vector].count = 0;
    }
    bare_vector[vector].count++;
    bare_vector[vector].nobody = asked ? 0 : bare_vector[vector].nobody + 1;
    if (!bare_vector[vector].masked && (bare_vector[vector].nobody == STORM_NOBODY ||
                                        bare_vector[vector].count == STORM_NO_PROGRESS))
        bare_storm_end(vector);
}

/* A device's: neither the timer's nor a hypervisor's, which sets its events itself. */
static bool bare_vector_taken(unsigned vector)
{
    return vector >= VECTOR_DEVICE && vector < bare_vector_next;
}

void bare_interrupt(unsigned vector)
{
    bool asked = false;

    if (vector == BARE_VECTOR_SPURIOUS)
        return;
    if (vector == BARE_VECTOR_TIMER) {
        bare_timer_fired();
        bare_poll();
    }
    for (unsigned i = 0; i < bare_source_count; i++) {
        const struct bare_source *source = &bare_sources[i].source;
        uint32_t status = bare_sources[i].vector == vector ? bare_source_status(source) : 0;

        if (status == 0)
            continue;
        asked = true;
        bare_source_raise(source, status);
    }
    if (bare_vector_taken(vector))
        bare_storm_watch(vector, asked);
    bare_apic_eoi();
}

/* A vector for `line`: the line's own if it has one already. When they run out, the last one is
 * shared: its sources are all asked. */
static unsigned bare_vector_take(uint32_t line, bool *fresh)
{
    unsigned vector;

    for (vector = VECTOR_DEVICE; vector < bare_vector_next && line != NO_LINE; vector++) {
        if (bare_vector[vector].line == line) {
            *fresh = false;
            return vector;
        }
    }
    *fresh = true;
    if (bare_vector_next == VECTOR_DEVICE_END)
        return VECTOR_DEVICE_END - 1;
    bare_vector[bare_vector_next].line = line;
    return bare_vector_next++;
}

/* The source is complete before it counts. */
static void bare_source_add(const struct bare_source *source, unsigned vector)
{
    bare_sources[bare_source_count].source = *source;
    bare_sources[bare_source_count].vector = (uint8_t)vector;
    __asm__ volatile("" : : : "memory"); /* filled in before an interrupt can look */
    bare_source_count = bare_source_count + 1;
}

int bare_line_connect(const struct bare_aml_line *line, const struct bare_source *source)
{
    struct bare_aml_line to = bare_acpi_line(bare_acpi(), *line);
    unsigned vector;
    bool fresh;

    if (bare_source_count == SOURCES_MAX)
        return -ENOMEM;
    vector = bare_vector_take(to.line, &fresh);
    bare_source_add(source, vector);
    return fresh ? bare_ioapic_route(to.line, vector, to.level, to.active_low) : 0;
}

int bare_message_connect(const struct bare_source *source, uint64_t *address, uint32_t *data)
{
    unsigned vector;
    bool fresh;

    if (bare_source_count == SOURCES_MAX)
        return -ENOMEM;
    vector = bare_vector_take(NO_LINE, &fresh);
    bare_source_add(source, vector);
    *address = MESSAGE_ADDRESS | (uint64_t)(bare_apic_id() & 0xff) << DESTINATION_SHIFT;
    *data = vector;
    return 0;
}
