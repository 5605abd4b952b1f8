/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: monitor/launch_log.c monitor/words.c monitor/symbols.c */
/* The log channel of a foreign VMM's guest: status marks, crash reports, and what only looks so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <elf.h>

#include "launch_log.h"

/* An image's file: a symbol table of two functions, then their names. */
static struct {
    Elf64_Sym symbols[2];
    char names[16];
} file = {
    .symbols =
        {{.st_name = 1, .st_info = STT_FUNC, .st_shndx = 1, .st_value = 0x100010, .st_size = 0x20},
         {.st_name = 6, .st_info = STT_FUNC, .st_shndx = 1, .st_value = 0x100030, .st_size = 0x20}},
    .names = "\0main\0next",
};
static const struct elf_image elf = {
    .segments = {{0x100000, 0x1000, 0, 0x1000, ELF_READ_EXECUTE},
                 {0x200000, 0x1000, 0, 0x1000, ELF_READ_WRITE}},
    .segment_count = 2,
    .symbols_offset = offsetof(__typeof__(file), symbols),
    .symbol_count = 2,
    .names_offset = offsetof(__typeof__(file), names),
    .names_bytes = sizeof file.names,
};
static struct launch_log log_;

/* Feeds in pieces of `piece` bytes and compares what comes out. */
static void feed(const char *text, size_t bytes, size_t piece, const char *wanted)
{
    text_free(&log_.out);
    log_ = (struct launch_log){.path = "app", .file = (const uint8_t *)&file, .elf = &elf};
    for (size_t at = 0; at < bytes; at += piece)
        launch_log_feed(&log_, text + at, piece < bytes - at ? piece : bytes - at);
    launch_log_finish(&log_);
    assert_string_equal(log_.out.length ? log_.out.bytes : "", wanted);
}

static void check(const char *text, const char *wanted, int status)
{
    for (size_t piece = 1; piece < 40; piece += 7) {
        feed(text, strlen(text), piece, wanted);
        assert_int_equal(log_.end, status < 0 ? LAUNCH_END_NONE : LAUNCH_END_EXIT);
        if (status >= 0)
            assert_int_equal(log_.status, status);
    }
}

static void test_plain_lines(void **state)
{
    (void)state;
    check("", "", -1);
    check("one\ntwo\n", "one\ntwo\n", -1);
    check("no end", "no end", -1);
    check("  at 0x100010\n", "  at 0x100010\n", -1); /* not within a report */
    check("a crash: here\n", "a crash: here\n", -1);
}

static void test_status(void **state)
{
    (void)state;
    check("\001coracle-counters 0x1f 0x0 0xa\n\001coracle-exit 0\n", "", 0);
    assert_true(log_.counted && log_.kicks == 31 && log_.upcalls == 0 && log_.waits == 10);
    for (unsigned i = 0; i < 4; i++) {
        static const char *const wrong[] = {"", "0x1 0x2", "0x1 0x2 0x3 0x4", "1 2 3"};
        char line[64];
        snprintf(line, sizeof line, "\001coracle-counters %s\n\001coracle-exit 0\n", wrong[i]);
        check(line, "", 0);
        assert_false(log_.counted);
    }
    check("\001coracle-pages 0x81 0x1 0x0 0xff\n\001coracle-exit 0\n", "", 0);
    assert_true(log_.pages_counted && log_.pages.granted == 129 && log_.pages.kept == 1);
    assert_true(log_.pages.given == 0 && log_.pages.leaked == 255);
    check("\001coracle-pages 0x1 0x2 0x3\n\001coracle-exit 0\n", "", 0);
    assert_false(log_.pages_counted);
    check("\001coracle-exit 0\n", "", 0);
    check("last words\n\001coracle-exit 255\n", "last words\n", 255);
    check("unfinished\001coracle-exit 7\n", "unfinished", 7);
    check("\001coracle-exit 3", "", 3); /* cut off by the end */
    check("\001coracle-exit 3\n\001coracle-exit 4\n", "", 3);
}

static void test_bad_status(void **state)
{
    (void)state;
    check("\001coracle-exit 256\n", "", -1);
    check("\001coracle-exit -1\n", "", -1);
    check("\001coracle-exit\n", "", -1);
    check("\001coracle-exit \n", "", -1);
    check("\001coracle-exit 0001\n", "", -1);
    check("\001coracle-exit 99999999999999999999\n", "", -1);
    check("\001coracle-exit 1x\n", "", -1);
    check("\001something else\nline\n", "line\n", -1);
    check("coracle-exit 1\n", "coracle-exit 1\n", -1);
}

static void test_report(void **state)
{
    (void)state;
    check("crash: page fault: write to 0x0 (NULL page)\n"
          "  rax 0000000000000000\n"
          "backtrace:\n"
          "  at 0x100010\n"
          "  by 0x100030\n" /* the call was main's last instruction */
          "  by 0x100035\n"
          "  by 0x200000\n"
          "  by 0x0\n"
          "  by 0xffffffffffffffffff\n"
          "  at 0x100010 x\n"
          "\001coracle-exit 134\n",
          "coracle: app: crash: page fault: write to 0x0 (NULL page)\n"
          "  rax 0000000000000000\n"
          "backtrace:\n"
          "  at 0x100010 main+0x0\n"
          "  by 0x100030 main+0x20\n"
          "  by 0x100035 next+0x5\n"
          "  by 0x200000\n"
          "  by 0x0\n"
          "  by 0xffffffffffffffffff\n"
          "  at 0x100010 x\n",
          134);
    assert_true(log_.reported);
}

static void test_long_lines_and_zeros(void **state)
{
    static char text[5000], wanted[5001];

    (void)state;
    memset(text, 'x', sizeof text);
    memset(wanted, 'x', sizeof text);
    feed(text, sizeof text, 100, wanted);
    /* A mark that never ends is dropped, bit by bit. */
    text[0] = '\001';
    feed(text, sizeof text, 100, wanted + LAUNCH_LINE_MAX - 1);
    feed("a\0b\n", 4, 4, "a");
    assert_int_equal(log_.out.length, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_lines),          cmocka_unit_test(test_status),
        cmocka_unit_test(test_bad_status),           cmocka_unit_test(test_report),
        cmocka_unit_test(test_long_lines_and_zeros),
    };
    int result = cmocka_run_group_tests(tests, NULL, NULL);
    text_free(&log_.out);
    return result;
}
