/* SPDX-License-Identifier: BSD-2-Clause */
/* XenBus against a xenstore and backends that the test plays: devices are found, lead through their
 * states, and connect anew after a restore. */
/* sources: pvabi/xen/grant.c pvabi/xen/xenbus.c pvabi/xen/xenstore.c */
/* sources: tests/unit/support/xen_backend.c */
/* sources: tests/unit/support/xen_backend_store.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "pvabi/xen/xenbus.h"
#include "pvabi/xen/xenstore.h"
#include "tests/unit/support/xen_backend.h"

#define EVENT 99u
#define CONNECT_NS 10000000000ull

/* ---- discovery: a process each, as devices are looked for once ------------------------------ */

static void in_a_child(void (*body)(void))
{
    pid_t child = fork();
    int status = -1;

    if (child == 0) {
        body();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void require(bool condition)
{
    if (!condition)
        _exit(1);
}

static void child_finds(void)
{
    static const char *const paths[] = {"device/vbd/768", "device/vbd/51712", "device/vbd/51728",
                                        "device/vif/2", "device/vif/10"};
    const struct pv_device *devices;
    unsigned count;

    xen_store_set(XEN_HOME "device/vbd/51728/state", "1");
    xen_store_set(XEN_HOME "device/vbd/51712/state", "1");
    xen_store_set(XEN_HOME "device/vbd/768/state", "1");
    xen_store_set(XEN_HOME "device/vbd/odd/state", "1");
    xen_store_set(XEN_HOME "device/vbd/4294967296/state", "1");
    xen_store_set(XEN_HOME "device/vif/10/state", "1");
    xen_store_set(XEN_HOME "device/vif/2/state", "1");
    devices = xenbus_devices(&count);
    require(count == 6 && devices[5].class == PV_CONSOLE);
    for (unsigned i = 0; i < 5; i++) {
        require(strcmp(xenbus_device_of(&devices[i])->path, paths[i]) == 0);
        require(devices[i].family == PV_FAMILY_XEN);
        require(devices[i].class == (i < 3 ? PV_BLK : PV_NET));
        require(devices[i].index == (i < 3 ? i : i - 3));
    }
    require(devices[4].net.ip4[3] == 3 && devices[4].net.prefix4 == 24);
    require(devices[0].net.prefix4 == 0);
    xen_store_set(XEN_HOME "device/vif/3/state", "1");
    (void)xenbus_devices(&count);
    require(count == 6 && devices[5].class == PV_CONSOLE);
}

static void child_finds_too_many(void)
{
    unsigned count;

    for (unsigned i = 0; i < 40; i++) {
        char path[64];

        snprintf(path, sizeof(path), XEN_HOME "device/vbd/%u/state", i);
        xen_store_set(path, "1");
    }
    (void)xenbus_devices(&count);
    require(count == PV_DEVICES_MAX && xen_machine.said == 1);
}

static void child_finds_none(void)
{
    unsigned count = 1;

    xen_machine.mood = STORE_SILENT;
    (void)xenbus_devices(&count);
    require(count == 1 && xen_machine.said == 1); /* the console needs no store */
}

static void test_discovery(void **state)
{
    (void)state;
    in_a_child(child_finds);
    in_a_child(child_finds_too_many);
    in_a_child(child_finds_none);
}

/* ---- a frontend of nothing but states ------------------------------------------------------- */

struct front {
    struct xenbus_device *bus;
    unsigned forgotten, offered, connected;
};

static void front_forget(void *front)
{
    ((struct front *)front)->forgotten++;
}

static const char *front_offer(void *driven)
{
    const struct xenbus_value values[] = {{"ring-ref", NULL, 4294967295u}, {"text", "words", 0}};
    struct front *front = driven;

    assert_true(xen_machine.masked > 0);
    front->offered++;
    front->bus->event = EVENT;
    return xenbus_publish(front->bus, values, 2, XenbusStateInitialised);
}

static const char *front_connected(void *front)
{
    ((struct front *)front)->connected++;
    return NULL;
}

static const struct xenbus_driver driver = {front_forget, front_offer, front_connected};

/* The first block device, and what it is driven by. */
static struct xenbus_device *blk_bus(struct front *front)
{
    const struct pv_device *devices;
    struct xenbus_device *bus;
    unsigned count;

    xen_blk_create();
    devices = xenbus_devices(&count);
    assert_true(count >= 1);
    bus = xenbus_device_of(&devices[0]);
    *front = (struct front){.bus = bus};
    bus->driver = &driver;
    bus->frontend = front;
    return bus;
}

static bool ready(struct xenbus_device *bus)
{
    const char *wrong;
    bool there = xenbus_ready(bus, &wrong);

    assert_null(wrong);
    assert_int_equal(xen_machine.masked, 0);
    return there;
}

static void expect_wrong(const char *wrong, const char *words)
{
    assert_non_null(wrong);
    assert_non_null(strstr(wrong, words));
    assert_int_equal(xen_machine.masked, 0);
}

/* The other host's xenstore: nothing is connected yet. */
static void restore(const char *backend_state)
{
    xen_store_put(XEN_BLK_BACKEND, "state", backend_state);
    xen_store_put(XEN_HOME XEN_BLK_PATH, "state", "1");
    xenbus_restored();
}

/* ---- states ------------------------------------------------------------------------------- */

static void test_states(void **state)
{
    struct front front;
    struct xenbus_device *bus = blk_bus(&front);

    (void)state;
    xen_machine.again = 3;
    assert_null(xenbus_attach(bus));
    assert_true(front.offered == 1 && front.connected == 1 && ready(bus));
    assert_string_equal(bus->backend, XEN_BLK_BACKEND);
    assert_int_equal(xenbus_number(bus, "sectors", 1), 4096);
    assert_int_equal(xenbus_number(bus, "nothing", 17), 17);
    assert_string_equal(xen_store_get(XEN_HOME XEN_BLK_PATH "/ring-ref"), "4294967295");
    assert_string_equal(xen_store_get(XEN_HOME XEN_BLK_PATH "/text"), "words");
    assert_int_equal(xen_store_number(XEN_HOME XEN_BLK_PATH "/state"), XenbusStateConnected);
    xen_store_deliver();
    assert_true(xen_event_taken(EVENT) && ready(bus));

    xen_store_set(XEN_BLK_BACKEND "/state", "4"); /* the same again: perhaps it grew */
    xen_store_deliver();
    assert_true(ready(bus) && !xen_event_taken(EVENT));
    xen_store_set(XEN_BLK_BACKEND "/state", "5");
    xen_store_deliver();
    assert_true(bus->lost && xen_event_taken(EVENT));
    xenbus_close(bus);
    assert_int_equal(xen_store_number(XEN_HOME XEN_BLK_PATH "/state"), XenbusStateClosed);
    assert_int_equal(xen_store_number(XEN_BLK_BACKEND "/state"), XenbusStateClosed);
    assert_false(xen_event_taken(EVENT));
}

static void test_never_ending_transaction(void **state)
{
    struct front front;

    (void)state;
    xen_machine.again = 1000000;
    expect_wrong(xenbus_attach(blk_bus(&front)), "refuses");
}

static void test_backend_states(void **state)
{
    static const struct {
        const char *state, *words;
    } cases[] = {
        {"1", "does not connect"},
        {"3", "does not connect"},
        {"4", "does not connect"},
        {"5", "closes"},
        {"6", "closes"},
        {"0", "gone"},
        {"9", "gone"},
        {"-1", "gone"},
        {"nonsense", "gone"},
        {"18446744073709551618", "gone"},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct front front;
        struct xenbus_device *bus = blk_bus(&front);

        xen_store_set(XEN_BLK_BACKEND "/state", cases[i].state);
        expect_wrong(xenbus_attach(bus), cases[i].words);
        xen_machine.now_ns = 0;
        xenbus_close(bus);
        assert_true(xen_machine.now_ns < 1000000000u); /* it was not waited for for long */
    }
}

/* A backend that does not let go: others run while that is waited for, and not seldom. */
static unsigned turns;
static uint64_t turn_ns, longest_ns;

static void note_turn(void)
{
    uint64_t now_ns = xen_machine.now_ns;

    if (turns++ > 0 && now_ns - turn_ns > longest_ns)
        longest_ns = now_ns - turn_ns;
    turn_ns = now_ns;
}

static void restore_once(void)
{
    if (turns++ == 3)
        restore("4");
}

static void test_closing_takes_time(void **state)
{
    struct front front;
    struct xenbus_device *bus = blk_bus(&front);
    uint64_t began_ns;

    (void)state;
    assert_null(xenbus_attach(bus));
    xen_machine.backend_passive = true;
    began_ns = xen_machine.now_ns;
    turns = 0;
    xen_machine.unmasked = note_turn;
    xenbus_close(bus);
    xen_machine.unmasked = NULL;
    assert_true(xen_machine.now_ns - began_ns >= 500000000u);
    assert_true(xen_machine.now_ns - began_ns < 600000000u);
    assert_true(turns >= 20 && longest_ns < 30000000u);
    assert_int_equal(xen_machine.masked, 0);
}

/* A restore amid that: what the frontend had granted is void, and nobody waits for the old backend. */
static void test_restored_while_closing(void **state)
{
    struct front front;
    struct xenbus_device *bus = blk_bus(&front);

    (void)state;
    assert_null(xenbus_attach(bus));
    xen_machine.backend_passive = true;
    turns = 0;
    xen_machine.unmasked = restore_once;
    xenbus_close(bus);
    xen_machine.unmasked = NULL;
    assert_true(turns < 6 && front.forgotten == 1 && front.offered == 1);
    assert_true(bus->phase == XENBUS_CLOSED && !bus->watched);
    assert_null(xenstore_fault());
}

static void test_no_backend(void **state)
{
    struct front front;
    struct xenbus_device *bus = blk_bus(&front);
    char path[200];

    (void)state;
    memset(path, 'x', sizeof(path) - 1u);
    path[sizeof(path) - 1u] = '\0';
    xen_store_set(XEN_HOME XEN_BLK_PATH "/backend-id", "65536");
    expect_wrong(xenbus_attach(bus), "names no backend");
    xen_store_set(XEN_HOME XEN_BLK_PATH "/backend-id", "x");
    expect_wrong(xenbus_attach(bus), "names no backend");
    xen_store_set(XEN_HOME XEN_BLK_PATH "/backend-id", "0");
    xen_store_set(XEN_HOME XEN_BLK_PATH "/backend", path);
    expect_wrong(xenbus_attach(bus), "names no backend");
    xen_store_set(XEN_HOME XEN_BLK_PATH "/backend", NULL);
    expect_wrong(xenbus_attach(bus), "names no backend");
    xen_store_set(XEN_HOME XEN_BLK_PATH "/backend", XEN_BLK_BACKEND);
    assert_null(xenbus_attach(bus));
}

static void test_store_dies_while_connecting(void **state)
{
    struct front front;
    struct xenbus_device *bus = blk_bus(&front);
    const char *wrong;

    (void)state;
    assert_null(xenbus_attach(bus));
    restore("1");
    assert_false(ready(bus));
    xen_machine.mood = STORE_SILENT;
    xen_machine.now_ns += CONNECT_NS;
    assert_false(xenbus_ready(bus, &wrong));
    expect_wrong(wrong, "xenstore is out of service");
    xenbus_close(bus);
    assert_int_equal(xen_machine.said, 1);
}

/* ---- connecting anew ------------------------------------------------------------------------ */

/* Step by step, as the backend's watch tells; no call waits. */
static void test_reconnects(void **state)
{
    struct front front;
    struct xenbus_device *bus = blk_bus(&front);
    uint64_t before;

    (void)state;
    assert_null(xenbus_attach(bus));
    assert_true(xen_event_taken(EVENT));
    assert_true(xenbus_overdue() == PV_NO_DEADLINE);
    xen_machine.backend_passive = true;
    restore("1");
    assert_true(front.forgotten == 1 && xen_event_taken(EVENT));
    before = xen_machine.now_ns;
    for (unsigned i = 0; i < 100; i++)
        assert_false(ready(bus));
    assert_true(xen_machine.now_ns - before < 1000000 && front.offered == 1);
    xen_store_put(XEN_BLK_BACKEND, "state", "2");
    xen_store_deliver();
    assert_true(xen_event_taken(EVENT));
    assert_false(ready(bus));
    assert_true(front.offered == 2 && front.connected == 1);
    xen_store_put(XEN_BLK_BACKEND, "state", "4");
    xen_store_deliver();
    assert_true(xen_event_taken(EVENT) && ready(bus) && front.connected == 2);
    assert_true(xen_event_taken(EVENT)); /* for whoever was told that it was not there */
    assert_true(xenbus_overdue() == PV_NO_DEADLINE);
}

/* Restored once more in each of the phases of connecting: it begins again. */
static void test_restored_while_connecting(void **state)
{
    static const char *const states[] = {"1", "2", NULL};
    struct front front;
    struct xenbus_device *bus = blk_bus(&front);

    (void)state;
    assert_null(xenbus_attach(bus));
    xen_machine.backend_passive = true;
    for (unsigned i = 0; i < 3; i++) {
        restore(states[i] != NULL ? states[i] : "1");
        if (states[i] != NULL) /* the last one is not even looked at */
            assert_false(ready(bus));
    }
    assert_int_equal(front.offered, 2);
    xen_machine.backend_passive = false;
    restore("2");
    assert_false(ready(bus) && front.offered != 3);
    xen_store_deliver();
    assert_true(ready(bus));
    assert_true(front.forgotten == 4 && front.connected == 2);
}

/* Nobody comes: the time runs out although no event of the backend's ever tells so. */
static void test_backend_stays_away(void **state)
{
    struct front front;
    struct xenbus_device *bus = blk_bus(&front);
    const char *wrong;
    uint64_t slept = 0;

    (void)state;
    assert_null(xenbus_attach(bus));
    restore("1");
    assert_false(ready(bus));
    xen_store_deliver();
    assert_false(ready(bus));
    while (slept < CONNECT_NS + 2000000000ull) { /* as the kernel's thread does */
        uint64_t again_ns = xenbus_overdue();

        assert_true(again_ns > 0 && again_ns < CONNECT_NS);
        assert_true(xen_event_taken(EVENT));
        if (!xenbus_ready(bus, &wrong) && wrong != NULL)
            break;
        xen_machine.now_ns += again_ns;
        slept += again_ns;
    }
    expect_wrong(wrong, "does not connect");
    assert_true(slept >= CONNECT_NS - 1000000000ull);
    xenbus_close(bus);
    assert_true(xenbus_overdue() == PV_NO_DEADLINE);
}

/* One device's backend stays away; the other one's does not wait for that. */
static void child_side_by_side(void)
{
    const struct pv_device *devices;
    struct front fronts[2];
    unsigned count;

    xen_blk_create();
    xen_net_create();
    devices = xenbus_devices(&count);
    require(count == 3);
    for (unsigned i = 0; i < 2; i++) {
        struct xenbus_device *bus = xenbus_device_of(&devices[i]);

        fronts[i] = (struct front){.bus = bus};
        bus->driver = &driver;
        bus->frontend = &fronts[i];
        require(xenbus_attach(bus) == NULL);
    }
    xen_store_put(XEN_NET_BACKEND, "state", "2");
    restore("1");
    for (unsigned i = 0; i < 3; i++) {
        const char *wrong;

        (void)xenbus_ready(fronts[0].bus, &wrong);
        (void)xenbus_ready(fronts[1].bus, &wrong);
        xen_store_deliver();
    }
    require(fronts[0].bus->phase == XENBUS_AWAITED && fronts[1].bus->phase == XENBUS_CONNECTED);
    require(xen_machine.now_ns < 1000000000u);
}

static void test_side_by_side(void **state)
{
    (void)state;
    in_a_child(child_side_by_side);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, xen_machine_set_up, xen_machine_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_discovery),
        TEST(test_side_by_side), /* before this process has looked for devices */
        TEST(test_states),
        TEST(test_never_ending_transaction),
        TEST(test_backend_states),
        TEST(test_closing_takes_time),
        TEST(test_restored_while_closing),
        TEST(test_no_backend),
        TEST(test_store_dies_while_connecting),
        TEST(test_reconnects),
        TEST(test_restored_while_connecting),
        TEST(test_backend_stays_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
