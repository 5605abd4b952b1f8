/* SPDX-License-Identifier: BSD-2-Clause */
/* What a PV guest is handed at its start, honest and not. */
/* sources: pvabi/xen/start.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/support/xen_start.h"

static struct xen_start start;

static int build(void **state)
{
    (void)state;
    mem_build();
    return 0;
}

static int forget(void **state)
{
    (void)state;
    mem_forget();
    return 0;
}

static const char *parse(void)
{
    return xen_start_parse(mem_read, MEM_INFO * MEM_PAGE, MEM_IMAGE_END, &start);
}

static void expect_refused(const char *words)
{
    const char *wrong = parse();

    assert_non_null(wrong);
    if (strstr(wrong, words) == NULL)
        fail_msg("\"%s\" says nothing of \"%s\"", wrong, words);
}

static void everything(void **state)
{
    (void)state;
    assert_null(parse());
    assert_int_equal(start.page_count, MEM_PAGES);
    assert_ptr_equal(start.frames, mem_page(MEM_LIST));
    assert_int_equal(start.shared_frame, 0x7654);
    assert_int_equal(start.store, MEM_STORE);
    assert_int_equal(start.store_port, 1);
    assert_int_equal(start.console, MEM_CONSOLE);
    assert_int_equal(start.console_port, 2);
    assert_int_equal(start.table, MEM_TABLE);
    assert_int_equal(start.table_count, MEM_TABLES);
    assert_int_equal(start.l3, MEM_TABLE + 1);
    assert_int_equal(start.l2, MEM_TABLE + 2);
    assert_int_equal(start.free, MEM_TABLE + MEM_TABLES);
    assert_int_equal(start.cmdline_bytes, 16);
    assert_memory_equal(start.cmdline, "name=boat -- one", 16);
}

/* The first domain on a host has a description of a screen where others have a console. */
static void first_domain(void **state)
{
    (void)state;
    mem_info()->flags = SIF_INITDOMAIN | SIF_PRIVILEGED;
    mem_info()->store_mfn = 0;
    mem_info()->console.dom0.info_off = 1200;
    mem_info()->console.dom0.info_size = 24;
    assert_null(parse());
    assert_int_equal(start.store, 0);
    assert_int_equal(start.console, 0);
}

static void no_rings(void **state)
{
    (void)state;
    mem_info()->store_mfn = 0;
    mem_info()->console.domU.mfn = 0;
    assert_null(parse());
    assert_int_equal(start.store, 0);
    assert_int_equal(start.console, 0);
}

static void command_line_fills_its_field(void **state)
{
    (void)state;
    memset(mem_info()->cmd_line, 'x', MAX_GUEST_CMDLINE);
    assert_null(parse());
    assert_int_equal(start.cmdline_bytes, MAX_GUEST_CMDLINE);
}

static void page_counts(void **state)
{
    static const uint64_t counts[] = {0, 1, 20, 1ull << 28, 1ull << 52, UINT64_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        mem_info()->nr_pages = counts[i];
        expect_refused("memory");
    }
    mem_info()->nr_pages = 1u << 20; /* the list would end behind what is mapped */
    expect_refused("list");
    mem_info()->nr_pages = MEM_TABLE + MEM_TABLES; /* nothing is left for the kernel */
    expect_refused("too little memory");
    mem_info()->nr_pages = MEM_TABLE + 1;
    expect_refused("tables");
}

/* Every field that names memory, with values that name none of ours. */
static void wild_addresses(void **state)
{
    static const uint64_t wild[] = {0,          1,          4096,       MEM_PAGES * MEM_PAGE,
                                    1ull << 47, 1ull << 63, UINT64_MAX, UINT64_MAX - 4095};

    (void)state;
    for (size_t i = 0; i < sizeof(wild) / sizeof(wild[0]); i++) {
        mem_info()->mfn_list = wild[i];
        expect_refused("list");
        mem_info()->mfn_list = MEM_LIST * MEM_PAGE;
        mem_info()->pt_base = wild[i];
        expect_refused("tables");
        mem_info()->pt_base = MEM_TABLE * MEM_PAGE;
        mem_info()->nr_pt_frames = wild[i] == 1 ? 0 : wild[i];
        expect_refused("tables");
        mem_info()->nr_pt_frames = MEM_TABLES;
        if (wild[i] != 0) {
            mem_info()->store_mfn = wild[i];
            expect_refused("store");
            mem_info()->store_mfn = MEM_FRAME(MEM_STORE);
            mem_info()->console.domU.mfn = wild[i];
            expect_refused("console");
            mem_info()->console.domU.mfn = MEM_FRAME(MEM_CONSOLE);
        }
    }
    assert_null(parse());
}

/* Pages that lie in the image are not the builder's to give. */
static void inside_the_image(void **state)
{
    (void)state;
    mem_info()->pt_base = 5 * MEM_PAGE;
    expect_refused("tables");
    mem_info()->pt_base = MEM_TABLE * MEM_PAGE;
    mem_info()->mfn_list = 5 * MEM_PAGE;
    expect_refused("list");
}

static void shared_page(void **state)
{
    (void)state;
    mem_info()->shared_info = 0;
    expect_refused("shared");
    mem_info()->shared_info = 0x7654001;
    expect_refused("shared");
}

static void malformed_tables(void **state)
{
    (void)state;
    mem_page(MEM_TABLE)[0] = 0;
    expect_refused("malformed");
    mem_page(MEM_TABLE)[0] = MEM_FRAME(3) * 4096ull | 1;
    expect_refused("malformed");
    mem_page(MEM_TABLE)[0] = MEM_FRAME(MEM_TABLE + 1) * 4096ull | 1;
    mem_page(MEM_TABLE + 1)[0] = UINT64_MAX;
    expect_refused("malformed");
}

static void info_out_of_reach(void **state)
{
    (void)state;
    assert_non_null(xen_start_parse(mem_read, 0, MEM_IMAGE_END, &start));
    assert_non_null(xen_start_parse(mem_read, MEM_INFO * MEM_PAGE + 8, MEM_IMAGE_END, &start));
    assert_non_null(xen_start_parse(mem_read, UINT64_MAX - 4095, MEM_IMAGE_END, &start));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(everything, build, forget),
        cmocka_unit_test_setup_teardown(first_domain, build, forget),
        cmocka_unit_test_setup_teardown(no_rings, build, forget),
        cmocka_unit_test_setup_teardown(command_line_fills_its_field, build, forget),
        cmocka_unit_test_setup_teardown(page_counts, build, forget),
        cmocka_unit_test_setup_teardown(wild_addresses, build, forget),
        cmocka_unit_test_setup_teardown(inside_the_image, build, forget),
        cmocka_unit_test_setup_teardown(shared_page, build, forget),
        cmocka_unit_test_setup_teardown(malformed_tables, build, forget),
        cmocka_unit_test_setup_teardown(info_out_of_reach, build, forget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
