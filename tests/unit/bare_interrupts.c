/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupts become events; storms of them end, and their devices are polled. */
/* sources: pvabi/bare/interrupts.c pvabi/bare/acpi.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "pvabi/bare/bare.h"
#include "pvabi/bare/cpu.h"

#define LINE 11u
#define MANY 100000u

static struct bare_acpi acpi;
static char said[4096];
static unsigned eoi_count, timer_count, routed_line, routed_vector, masked_line, masked_count;
static bool routed_level, routed_low;

const struct bare_acpi *bare_acpi(void)
{
    return &acpi;
}

void bare_apic_eoi(void)
{
    eoi_count++;
}

uint32_t bare_apic_id(void)
{
    return 3;
}

void bare_timer_fired(void)
{
    timer_count++;
}

int bare_ioapic_route(unsigned line, unsigned vector, bool level, bool active_low)
{
    routed_line = line;
    routed_vector = vector;
    routed_level = level;
    routed_low = active_low;
    return 0;
}

void bare_ioapic_mask(unsigned line)
{
    masked_line = line;
    masked_count++;
}

void bare_say(const char *text)
{
    strcat(said, text);
}

void bare_say_decimal(unsigned value)
{
    sprintf(said + strlen(said), "%u", value);
}

/* Each test has lines, messages and events of its own: there is no way to forget them. */
static unsigned line_next = LINE;

static unsigned connect_line(struct bare_source *source)
{
    struct bare_aml_line line = {.line = line_next++, .level = true};

    source->event_first = (uint16_t)bare_events_take(2);
    source->event_count = 2;
    assert_int_equal(bare_line_connect(&line, source), 0);
    return routed_vector;
}

static unsigned connect_message(struct bare_source *source)
{
    uint64_t address;
    uint32_t data;

    source->event_first = (uint16_t)bare_events_take(1);
    source->event_count = 1;
    assert_int_equal(bare_message_connect(source, &address, &data), 0);
    assert_int_equal(address, 0xfee03000);
    return data;
}

static bool raised(const struct bare_source *source)
{
    unsigned event = source->event_first;
    bool was = bare_vcpu.events[event / 64] >> event % 64 & 1;

    memset(bare_vcpu.events, 0, sizeof(bare_vcpu.events));
    bare_vcpu.upcall_pending = 0;
    return was;
}

static int set_up(void **state)
{
    (void)state;
    said[0] = '\0';
    masked_count = 0;
    memset(bare_vcpu.events, 0, sizeof(bare_vcpu.events));
    return 0;
}

/* A hypervisor's upcalls, which have a vector but no device, are no storm however many come. Runs
 * first: afterwards the vector is a line's. */
static void test_upcalls(void **state)
{
    (void)state;
    for (unsigned i = 0; i < MANY; i++)
        bare_interrupt(BARE_VECTOR_UPCALL);
    assert_string_equal(said, "");
    assert_int_equal(masked_count, 0);
    assert_int_equal(bare_poll_ns(), 0);
}

static void test_events(void **state)
{
    volatile uint32_t status = 0, acknowledge = 0;
    struct bare_source source = {.status = &status, .acknowledge = &acknowledge}, message = {0};
    unsigned vector = connect_line(&source), other = connect_message(&message);

    (void)state;
    bare_interrupt(vector);
    assert_false(raised(&source));
    status = 3;
    bare_interrupt(vector);
    assert_int_equal(acknowledge, 3);
    assert_int_equal(bare_vcpu.upcall_pending, 1);
    assert_true(raised(&source));
    bare_interrupt(other);
    assert_true(raised(&message));
    eoi_count = 0;
    bare_interrupt(BARE_VECTOR_SPURIOUS);
    assert_int_equal(eoi_count, 0);
    bare_interrupt(BARE_VECTOR_TIMER);
    assert_int_equal(eoi_count, 1);
    assert_int_equal(bare_poll_ns(), 0);
}

/* ISA lines go where the overrides send them. */
/* Bit 1 of a status says that the configuration changed; a message has its event for that. */
static void test_config_changed(void **state)
{
    volatile uint32_t status = 1;
    struct bare_source source = {.status = &status}, message = {0};
    const struct bare_source system = {.event_first = PV_EVENT_SYSTEM};
    unsigned vector = connect_line(&source), other = connect_message(&message);

    (void)state;
    bare_interrupt(vector);
    bare_interrupt(other);
    assert_false(raised(&system));
    status = 2;
    bare_interrupt(vector);
    assert_true(raised(&system));
}

static void test_override(void **state)
{
    struct bare_source source = {0};
    struct bare_aml_line line = {.line = 9, .is_isa = true};

    (void)state;
    acpi.override_count = 1;
    acpi.overrides[0].isa = 9;
    acpi.overrides[0].line = 20;
    acpi.overrides[0].says_trigger = acpi.overrides[0].level = acpi.overrides[0].active_low = true;
    assert_int_equal(bare_line_connect(&line, &source), 0);
    assert_int_equal(routed_line, 20);
    assert_true(routed_level && routed_low);
    acpi.override_count = 0;
}

/* A program that makes progress may be interrupted as often as one likes. */
static void test_no_storm(void **state)
{
    struct bare_source message = {0};
    unsigned vector = connect_message(&message);

    (void)state;
    for (unsigned i = 0; i < MANY; i++) {
        bare_interrupt(vector);
        if (i % 1000 == 0)
            bare_interrupts_progress();
    }
    for (unsigned i = 0; i < MANY; i++)
        bare_interrupt(BARE_VECTOR_TIMER);
    assert_string_equal(said, "");
}

/* A line that stays up though nobody is behind it. */
static void test_line_of_nobody(void **state)
{
    volatile uint32_t status = 0, acknowledge;
    struct bare_source source = {.status = &status, .acknowledge = &acknowledge};
    unsigned vector = connect_line(&source);
    char line[100];

    (void)state;
    for (unsigned i = 0; i < MANY; i++) {
        bare_interrupt(vector);
        bare_interrupts_progress();
    }
    snprintf(line, sizeof(line), "interrupt storm: line %u is masked, its devices are polled\n",
             line_next - 1);
    assert_string_equal(said, line);
    assert_int_equal(masked_count, 1);
    assert_int_equal(masked_line, line_next - 1);
    assert_true(bare_poll_ns() > 0);
    assert_false(raised(&source));
    bare_poll();
    assert_true(raised(&source));
    bare_interrupt(BARE_VECTOR_TIMER);
    assert_true(raised(&source));
}

/* A device that always says it was itself, and messages without end: others are not touched. */
static void test_storms(void **state)
{
    volatile uint32_t status = 1, acknowledge, mask = 0, other_mask = 0;
    struct bare_source source = {.status = &status, .acknowledge = &acknowledge};
    struct bare_source message = {.mask = &mask}, other = {.mask = &other_mask};
    unsigned line_vector = connect_line(&source), vector = connect_message(&message);

    (void)state;
    connect_message(&other);
    for (unsigned i = 0; i < MANY; i++)
        bare_interrupt(line_vector);
    assert_int_equal(masked_count, 1);
    for (unsigned i = 0; i < MANY; i++)
        bare_interrupt(vector);
    assert_int_equal(masked_count, 1);
    assert_int_equal(mask, 1);
    assert_int_equal(other_mask, 0);
    assert_non_null(strstr(said, "message"));
    assert_true(raised(&message));
    bare_poll();
    assert_true(raised(&message));
    bare_poll();
    assert_false(raised(&other));
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup(function, set_up)
    const struct CMUnitTest tests[] = {TEST(test_upcalls),        TEST(test_events),
                                       TEST(test_config_changed), TEST(test_override),
                                       TEST(test_no_storm),       TEST(test_line_of_nobody),
                                       TEST(test_storms)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
