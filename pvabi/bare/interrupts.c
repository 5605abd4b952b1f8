/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From interrupts to events: a vector has sources, a source has events. All is data, so that
 * nothing of a transport runs while a program is interrupted. Sources are connected once and stay.
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

/* Of each vector: the IO-APIC line that it belongs to, and its sources as a list. */
static struct {
    struct bare_source source;
    uint8_t vector;
} bare_sources[SOURCES_MAX];
static volatile unsigned bare_source_count;
static uint32_t bare_vector_line[BARE_VECTORS];
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

void bare_interrupt(unsigned vector)
{
    if (vector == BARE_VECTOR_SPURIOUS)
        return;
    if (vector == BARE_VECTOR_TIMER)
        bare_timer_fired();
    for (unsigned i = 0; i < bare_source_count; i++) {
        const struct bare_source *source = &bare_sources[i].source;
        uint32_t status = bare_sources[i].vector == vector ? bare_source_status(source) : 0;

        if (status == 0)
            continue;
        if (status & STATUS_CONFIG_CHANGED)
            bare_event_raise(PV_EVENT_SYSTEM);
        for (unsigned j = 0; j < source->event_count; j++)
            bare_event_raise(source->event_first + j);
    }
    bare_apic_eoi();
}

/* A vector for `line`: the line's own if it has one already. When they run out, the last one is
 * shared: its sources are all asked. */
static unsigned bare_vector_take(uint32_t line, bool *fresh)
{
    unsigned vector;

    for (vector = VECTOR_DEVICE; vector < bare_vector_next && line != NO_LINE; vector++) {
        if (bare_vector_line[vector] == line) {
            *fresh = false;
            return vector;
        }
    }
    *fresh = true;
    if (bare_vector_next == VECTOR_DEVICE_END)
        return VECTOR_DEVICE_END - 1;
    bare_vector_line[bare_vector_next] = line;
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

int bare_line_connect(unsigned line, bool level, bool active_low, const struct bare_source *source)
{
    unsigned vector;
    bool fresh;

    if (bare_source_count == SOURCES_MAX)
        return -ENOMEM;
    vector = bare_vector_take(line, &fresh);
    bare_source_add(source, vector);
    return fresh ? bare_ioapic_route(line, vector, level, active_low) : 0;
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
