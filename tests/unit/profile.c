/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: monitor/profile_text.c monitor/profile_fold.c monitor/symbols.c monitor/words.c */
/* Profiles: the guest's lines, whole files and broken ones, and what names make of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <elf.h>

#include "profile_fold.h"

#define HEAD PROFILE_FIRST_LINE "\nimage 12ab\nrate 499\n"
#define TEXT 0x100000
#define NAMES "\0main\0leaf\0coracle.deep.part.0\0kernel_upcall\0sample"
#define FUNCTION(NAME, START)                                                                   \
    {                                                                                           \
        .st_name = NAME, .st_info = STT_FUNC, .st_shndx = 1, .st_value = START, .st_size = 0x20 \
    }

/* An image's file: code with calls, a symbol table, names. */
static struct {
    uint8_t code[0x100];
    Elf64_Sym symbols[5];
    char names[sizeof NAMES];
} file = {
    .symbols = {FUNCTION(1, TEXT), FUNCTION(6, TEXT + 0x20), FUNCTION(11, TEXT + 0x40),
                FUNCTION(31, TEXT + 0x60), FUNCTION(45, TEXT + 0x80)},
    .names = NAMES,
};
static const struct elf_image elf = {
    .segments = {{TEXT, sizeof file.code, 0, sizeof file.code, ELF_READ_EXECUTE}},
    .segment_count = 1,
    .symbols_offset = offsetof(__typeof__(file), symbols),
    .symbol_count = 5,
    .names_offset = offsetof(__typeof__(file), names),
    .names_bytes = sizeof file.names,
};

/* CALL, so that `back` is its return address. */
static void put_call(uint32_t back, uint32_t target)
{
    uint32_t distance = target - back;

    file.code[back - TEXT - 5] = 0xe8;
    memcpy(&file.code[back - TEXT - 4], &distance, sizeof distance);
}

static void folds(const char *lines, const char *wanted)
{
    char whole[1024];
    struct profile_reader reader;
    struct text out = {0};
    int length = snprintf(whole, sizeof whole, HEAD "%send\n", lines);

    assert_int_equal(profile_read_head(&reader, whole, (size_t)length), PROFILE_OK);
    assert_int_equal(profile_fold(&reader, (const uint8_t *)&file, &elf, &out), PROFILE_DONE);
    assert_string_equal(out.length ? out.bytes : "", wanted);
    text_free(&out);
}

static void reads_lines(void **state)
{
    struct profile_line line;
    const char good[] = "stack 7 10ab 0 10cd 10ef =a b=c";

    (void)state;
    assert_true(profile_line_read(good, strlen(good), &line));
    assert_int_equal(line.kind, PROFILE_STACK);
    assert_int_equal(line.count, 7);
    assert_int_equal(line.pc, 0x10ab);
    assert_int_equal(line.caller_count, 2);
    assert_int_equal(line.callers[1], 0x10ef);
    assert_string_equal(line.thread, "a b=c");
    assert_true(profile_line_read("lost 4294967295", 15, &line));
    assert_int_equal(line.count, UINT32_MAX);
}

static void refuses_lines(void **state)
{
    static const char *const bad[] = {"",
                                      "stack",
                                      "stack 0 1 0 =",
                                      "stack 1 100000000 0 =",
                                      "stack 1 1 =x",
                                      "stack 1 1 0 2=x",
                                      "stack 1 1 0 =a\001b",
                                      "stack 1 1 0 =sixteen bytes ab",
                                      "stack -1 1 0 =",
                                      "stack 1 1 0 ",
                                      "idle",
                                      "idle 0",
                                      "idle 4294967296",
                                      "idle 1 ",
                                      "idle x",
                                      "lost 1\n",
                                      "end",
                                      "stack 1 G 0 =x"};
    char deep[PROFILE_LINE_MAX + 1] = "stack 1 1 0 ";
    struct profile_line line;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(profile_line_read(bad[i], strlen(bad[i]), &line));
    for (unsigned i = 0; i <= PROFILE_CALLERS_MAX; i++)
        strcat(deep, "2 ");
    strcat(deep, "=x");
    assert_false(profile_line_read(deep, strlen(deep), &line));
}

/* The first `length` bytes of a file. */
static enum profile_result reads(const char *text, size_t length)
{
    struct profile_reader reader;
    struct profile_line line;
    enum profile_result result = profile_read_head(&reader, text, length);

    while (result == PROFILE_OK)
        result = profile_read_next(&reader, &line);
    return result;
}

static void tells_what_is_wrong_with_a_file(void **state)
{
    static const char whole[] = HEAD "stack 2 100001 0 =main\nidle 3\ncut 9\nend\n";

    (void)state;
    assert_int_equal(reads(whole, strlen(whole)), PROFILE_DONE);
    for (size_t length = 1; length < strlen(whole); length++)
        assert_int_equal(reads(whole, length), PROFILE_SHORT);
    assert_int_equal(reads("", 0), PROFILE_FOREIGN);
    assert_int_equal(reads("\177ELF", 4), PROFILE_FOREIGN);
    assert_int_equal(reads("coracle profile 2\n", 18), PROFILE_FOREIGN);
    assert_int_equal(reads(HEAD "what\nend\n", strlen(HEAD) + 9), PROFILE_DAMAGED);
    assert_int_equal(reads(HEAD "end\nidle 1\n", strlen(HEAD) + 11), PROFILE_DAMAGED);
    assert_int_equal(reads(HEAD "end\nx", strlen(HEAD) + 5), PROFILE_DAMAGED);
}

static void adds_up_and_sorts(void **state)
{
    (void)state;
    folds("stack 2 100021 0 100010 =main\nstack 1 100001 0 =main\nstack 3 100029 0 100018 =main\n"
          "lost 4\nidle 5\nidle 6\n",
          "main;main;leaf 5\nmain;main 1\n[idle] 11\n[lost] 4\n");
    folds("stack 1 500 0 =a;b\nstack 1 100045 0 =\n", "a_b;[unknown] 1\nthread;deep 1\n");
}

/* A return address at the very end of a function still belongs to it. */
static void looks_before_return_addresses(void **state)
{
    (void)state;
    folds("stack 1 100041 0 100020 =t\n", "t;main;deep 1\n");
}

static void finds_callers_without_a_frame(void **state)
{
    (void)state;
    put_call(TEXT + 0x10, TEXT + 0x20); /* main calls leaf */
    put_call(TEXT + 0x30, TEXT + 0x40); /* leaf calls deep */
    /* deep has no frame yet: leaf is on top of the stack, main is the first by frame pointers. */
    folds("stack 1 100040 100030 100010 =t\n", "t;main;leaf;deep 1\n");
    /* It has one now, and what is on top of the stack is left over. */
    folds("stack 1 100048 100030 100030 100010 =t\n", "t;main;leaf;deep 1\n");
    folds("stack 1 100048 100010 100030 100010 =t\n", "t;main;leaf;deep 1\n");
}

static void drops_what_is_the_profilers(void **state)
{
    (void)state;
    folds("stack 1 100088 0 100070 100030 100010 =t\n", "t;main;leaf 1\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_lines),
        cmocka_unit_test(refuses_lines),
        cmocka_unit_test(tells_what_is_wrong_with_a_file),
        cmocka_unit_test(adds_up_and_sorts),
        cmocka_unit_test(looks_before_return_addresses),
        cmocka_unit_test(finds_callers_without_a_frame),
        cmocka_unit_test(drops_what_is_the_profilers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
