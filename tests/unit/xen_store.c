/* SPDX-License-Identifier: BSD-2-Clause */
/* The xenstore client against a daemon that the test plays, honest and hostile. */
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

#include <cmocka.h>

#include <xen/io/xs_wire.h>

#include "pvabi/errno.h"
#include "pvabi/xen/xenbus.h"
#include "pvabi/xen/xenstore.h"
#include "tests/unit/support/xen_backend.h"

/* ---- requests ----------------------------------------------------------------------------- */

static void test_read_and_write(void **state)
{
    char value[16];

    (void)state;
    for (unsigned i = 0; i < 200; i++) { /* around the ring many times */
        char text[16];

        snprintf(text, sizeof(text), "value %u", i);
        assert_int_equal(xenstore_write(0, "data/coracle", "status", text), 0);
        assert_string_equal(xen_store_get(XEN_HOME "data/coracle/status"), text);
        assert_int_equal(xenstore_read(0, NULL, "data/coracle/status", value, sizeof(value)),
                         strlen(text));
        assert_string_equal(value, text);
    }
    assert_int_equal(xenstore_write(0, NULL, "data/empty", ""), 0);
    assert_int_equal(xenstore_read(0, "data", "empty", value, sizeof(value)), 0);
    assert_string_equal(value, "");
    assert_int_equal(xenstore_read(0, NULL, "nothing", value, sizeof(value)), -ENOENT);
    assert_int_equal(xenstore_write(0, NULL, "data/long", "0123456789abcdef"), 0);
    assert_int_equal(xenstore_read(0, NULL, "data/long", value, sizeof(value)), -EINVAL);
    assert_int_equal(xenstore_read(0, NULL, "data/empty", value, sizeof(value)), 0);
    assert_int_equal(xen_machine.masked, 0);
    assert_int_equal(xen_machine.said, 0);
}

static void test_request_too_long(void **state)
{
    char value[1100];

    (void)state;
    memset(value, 'x', sizeof(value));
    value[sizeof(value) - 1u] = '\0';
    assert_int_equal(xenstore_write(0, NULL, "data/long", value), -EINVAL);
    assert_null(xenstore_fault());
    assert_int_equal(xenstore_write(0, NULL, "data/long", "short"), 0);
}

static void test_directory(void **state)
{
    char names[64];

    (void)state;
    xen_store_set(XEN_HOME "device/vif/0/state", "1");
    xen_store_set(XEN_HOME "device/vif/10/state", "1");
    assert_int_equal(xenstore_directory(0, "device", "vif", names, sizeof(names)), 5);
    assert_memory_equal(names,
                        "0\0"
                        "10",
                        5);
    assert_int_equal(xenstore_directory(0, "device", "vbd", names, sizeof(names)), -ENOENT);
    assert_int_equal(xenstore_directory(0, "device", "vif", names, 4), -EINVAL);
}

static void test_transaction(void **state)
{
    uint32_t transaction = 0;

    (void)state;
    assert_int_equal(xenstore_begin(&transaction), 0);
    assert_int_equal(transaction, 77);
    xen_machine.again = 1;
    assert_int_equal(xenstore_end(transaction, true), -EAGAIN);
    assert_int_equal(xenstore_end(transaction, true), 0);
    assert_int_equal(xenstore_end(transaction, false), 0);
}

static void test_watch(void **state)
{
    const uint64_t all = UINT64_MAX;

    (void)state;
    assert_false(xen_machine.listens);
    assert_int_equal(xenstore_watch("control", "shutdown", 7), 0);
    assert_true(xen_machine.listens);
    assert_int_equal(xenstore_watch(NULL, "memory/target", 20), 0);
    xen_store_deliver();
    assert_true(xenstore_fired(1ull << 7) == 1ull << 7); /* a new one fires */
    assert_true(xenstore_fired(all) == 1ull << 20);
    assert_true(xenstore_fired(all) == 0);
    for (unsigned i = 0; i < 100; i++)
        xen_store_set(XEN_HOME "control/shutdown", "poweroff");
    xen_store_deliver();
    assert_true(xenstore_fired(all) == 1ull << 7);
    assert_int_equal(xenstore_unwatch("control", "shutdown", 7), 0);
    xen_store_set(XEN_HOME "control/shutdown", "halt");
    xen_store_deliver();
    assert_true(xenstore_fired(all) == 0);
}

/* A watch whose answer nobody waits for, among requests whose answers count. */
static void test_posted_watch(void **state)
{
    char value[16];

    (void)state;
    xenstore_watch_post("control", "shutdown", 7);
    xenstore_watch_post("memory", "target", 8);
    assert_int_equal(xenstore_write(0, NULL, "name", "value"), 0);
    xenstore_watch_post("memory", "static-max", 9);
    assert_int_equal(xenstore_read(0, NULL, "name", value, sizeof(value)), 5);
    assert_string_equal(value, "value");
    assert_true(xenstore_fired(UINT64_MAX) == 0x380u);
    xen_machine.mood = STORE_REFUSES;
    xenstore_watch_post("memory", "target", 8);
    xen_store_deliver();
    xen_machine.mood = STORE_HONEST;
    assert_int_equal(xenstore_read(0, NULL, "name", value, sizeof(value)), 5);
    assert_null(xenstore_fault());
}

static void event_send(const char *payload, size_t bytes)
{
    struct xsd_sockmsg header = {.type = XS_WATCH_EVENT, .len = (uint32_t)bytes};

    xen_store_send(&header, sizeof(header));
    xen_store_send(payload, bytes);
    xen_store_deliver();
}

static void test_odd_events(void **state)
{
    (void)state;
    event_send("", 0);
    event_send("path", 4);
    event_send("path\0", 5);
    event_send("path\0"
               "12",
               7); /* not ended */
    event_send("path\0"
               "64",
               8);
    event_send("path\0"
               "4294967297",
               16);
    event_send("path\0"
               "-1",
               8);
    event_send("path\0"
               "1x",
               8);
    event_send("path\0"
               "",
               6);
    assert_true(xenstore_fired(UINT64_MAX) == 0);
    event_send("path\0"
               "12\0"
               "13",
               11);
    event_send("\0"
               "0",
               3);
    assert_true(xenstore_fired(UINT64_MAX) == (1ull << 12 | 1));
    assert_null(xenstore_fault());
}

static void test_hostile_stores(void **state)
{
    static const struct {
        enum xen_store_mood mood;
        const char *words;
    } cases[] = {
        {STORE_SILENT, "does not answer"},   {STORE_HUGE, "too long"},
        {STORE_WRONG_ID, "was not asked"},   {STORE_WRONG_TYPE, "was not asked"},
        {STORE_WILD_INDEX, "index is wild"},
    };
    char value[16];

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t start_ns;

        xen_machine_stop();
        xen_machine_start();
        xen_machine.mood = cases[i].mood;
        start_ns = xen_machine.now_ns;
        assert_int_equal(xenstore_read(0, NULL, "name", value, sizeof(value)), -EIO);
        assert_non_null(xenstore_fault());
        assert_non_null(strstr(xen_machine.words, cases[i].words));
        xen_machine.mood = STORE_HONEST;
        assert_int_equal(xenstore_write(0, NULL, "name", "value"), -EIO); /* for good */
        assert_int_equal(xenstore_watch(NULL, "name", 3), -EIO);
        xen_store_deliver();
        assert_int_equal(xen_machine.said, 1); /* one line */
        assert_true(xen_machine.now_ns - start_ns < 6000000000ull);
    }
}

static void test_request_index_wild(void **state)
{
    (void)state;
    xen_store->req_cons = 5000;
    assert_int_equal(xenstore_write(0, NULL, "name", "value"), -EIO);
    assert_non_null(strstr(xenstore_fault(), "wild"));
}

/* The ring is full of an earlier request that nobody takes. */
static void test_request_ring_full(void **state)
{
    (void)state;
    xen_store->req_prod = 1020;
    xen_machine.mood = STORE_SILENT;
    xen_store->req_cons = 0;
    memset(xen_store->req, 0, sizeof(xen_store->req));
    xen_store->req[12] = 0x7f; /* the daemon sees a message that is not whole */
    ((uint32_t *)(void *)xen_store->req)[3] = 1004;
    assert_int_equal(xenstore_write(0, NULL, "name", "value"), -EIO);
}

static void test_answer_without_question(void **state)
{
    struct xsd_sockmsg header = {.type = XS_READ, .req_id = 1};

    (void)state;
    xen_store_send(&header, sizeof(header));
    xen_store_deliver();
    assert_non_null(strstr(xenstore_fault(), "was not asked"));
}

static void test_slow_and_stormy(void **state)
{
    static const enum xen_store_mood moods[] = {STORE_TRICKLES, STORE_STORMS};
    char value[16];

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        xen_machine.mood = moods[i];
        assert_int_equal(xenstore_write(0, NULL, "name", "value"), 0);
        assert_int_equal(xenstore_read(0, NULL, "name", value, sizeof(value)), 5);
        assert_string_equal(value, "value");
    }
    assert_true(xenstore_fired(UINT64_MAX) == 1ull << 40);
    xen_machine.mood = STORE_REFUSES;
    assert_int_equal(xenstore_read(0, NULL, "name", value, sizeof(value)), -EIO);
    assert_null(xenstore_fault());
}

static void test_no_store(void **state)
{
    struct xenstore_domain_interface *store = xen_store;
    unsigned count = 1;
    char value[4];

    (void)state;
    xen_store = NULL;
    assert_int_equal(xenstore_read(0, NULL, "name", value, sizeof(value)), -EIO);
    xenstore_restart();
    xenbus_event();
    (void)xenbus_devices(&count);
    assert_int_equal(count, 0);
    assert_int_equal(xen_machine.said, 0);
    xen_store = store;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, xen_machine_set_up, xen_machine_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_no_store),          TEST(test_read_and_write),
        TEST(test_request_too_long),  TEST(test_directory),
        TEST(test_transaction),       TEST(test_watch),
        TEST(test_posted_watch),      TEST(test_odd_events),
        TEST(test_hostile_stores),    TEST(test_request_index_wild),
        TEST(test_request_ring_full), TEST(test_answer_without_question),
        TEST(test_slow_and_stormy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
