/* SPDX-License-Identifier: BSD-2-Clause */
/* expect-stdout: \Afirst 1\nsecond 2\nno newline, flushed\nok\n\Z */
/* expect-stderr: ^to standard error 3$ */
/* stdio: formats, streams on files, positions, unget, lines, memory streams, the console's streams.
 */
#define _GNU_SOURCE
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include "check.h"

static void formats(void)
{
    char text[128];
    CHECK(snprintf(text, sizeof text, "%5d|%-5s|%05.1f|%llx", 42, "ab", 3.14159,
                   0x123456789abcULL) == 30);
    CHECK(strcmp(text, "   42|ab   |003.1|123456789abc") == 0);
    volatile size_t small = 4;
    CHECK(snprintf(text, small, "%s", "longer") == 6 && strcmp(text, "lon") == 0);
    CHECK(snprintf(text, sizeof text, "%zu %jd %td %hhd", sizeof text, (intmax_t)-5, (ptrdiff_t)7,
                   300) == 11);
    CHECK(strcmp(text, "128 -5 7 44") == 0);
    CHECK(snprintf(text, sizeof text, "%.17g %e", 0.1, 1e100) > 0);
    CHECK(strcmp(text, "0.10000000000000001 1.000000e+100") == 0);
    int number;
    char word[16];
    CHECK(sscanf(" 17 apples", "%d %15s", &number, word) == 2 && number == 17);
    CHECK(strcmp(word, "apples") == 0);
}

static void files(void)
{
    FILE *file = fopen("/tmp/stdio", "w+");
    CHECK(file);
    for (int i = 0; i < 10000; i++)
        CHECK(fprintf(file, "line %d\n", i) > 0);
    CHECK(ftell(file) > 10000 && fseek(file, 0, SEEK_SET) == 0);
    char line[32];
    for (int i = 0; i < 10000; i++) {
        char wanted[32];
        snprintf(wanted, sizeof wanted, "line %d\n", i);
        CHECK(fgets(line, sizeof line, file) && strcmp(line, wanted) == 0);
    }
    CHECK(!fgets(line, sizeof line, file) && feof(file) && !ferror(file));
    rewind(file);
    CHECK(getc(file) == 'l' && ungetc('X', file) == 'X' && getc(file) == 'X' && getc(file) == 'i');
    CHECK(fclose(file) == 0);

    file = fopen("/tmp/stdio", "a");
    CHECK(file && fputs("last", file) >= 0 && fclose(file) == 0);
    file = fopen("/tmp/stdio", "r");
    CHECK(file && fseek(file, -4, SEEK_END) == 0 && fread(line, 1, 8, file) == 4);
    CHECK(memcmp(line, "last", 4) == 0 && fputc('x', file) == EOF && ferror(file));
    CHECK(fclose(file) == 0 && remove("/tmp/stdio") == 0);
    CHECK(!fopen("/tmp/stdio", "r") && errno == ENOENT);
}

static void lines(void)
{
    static const char text[] = "one\ntwo;three";
    FILE *file = fmemopen((void *)(uintptr_t)text, sizeof text - 1, "r");
    char *line = NULL;
    size_t bytes = 0;
    CHECK(file && getline(&line, &bytes, file) == 4 && strcmp(line, "one\n") == 0);
    CHECK(getdelim(&line, &bytes, ';', file) == 4 && strcmp(line, "two;") == 0);
    CHECK(getline(&line, &bytes, file) == 5 && strcmp(line, "three") == 0);
    CHECK(getline(&line, &bytes, file) == -1 && feof(file));
    free(line);
    fclose(file);

    char *memory;
    file = open_memstream(&memory, &bytes);
    CHECK(file && fprintf(file, "%s %d", "memory", 1) == 8 && fclose(file) == 0);
    CHECK(bytes == 8 && strcmp(memory, "memory 1") == 0);
    free(memory);
    CHECK(asprintf(&memory, "%d-%d", 1, 2) == 3 && strcmp(memory, "1-2") == 0);
    free(memory);
}

static void temporary(void)
{
    FILE *file = tmpfile();
    CHECK(file && fputs("gone", file) >= 0 && fclose(file) == 0);
    char name[] = "/tmp/nameXXXXXX";
    int fd = mkstemp(name);
    CHECK(fd >= 0 && write(fd, "x", 1) == 1 && close(fd) == 0 && unlink(name) == 0);
}

int main(void)
{
    CHECK(isatty(0) && isatty(1) && isatty(2));
    printf("first %d\n", 1);
    printf("second ");
    printf("%d\n", 2);
    printf("no newline");
    printf(", flushed");
    CHECK(fflush(stdout) == 0);
    putchar('\n');
    fprintf(stderr, "to standard error %d\n", 3);
    formats();
    files();
    lines();
    temporary();
    flockfile(stdout);
    puts("ok");
    funlockfile(stdout);
    return 0;
}
