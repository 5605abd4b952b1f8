/* SPDX-License-Identifier: BSD-2-Clause */
/* mmap: anonymous memory is zeroed, parts go alone, files are copied, wrong requests are refused.
 */
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"

#define PAGE 4096u

static char *anonymous(size_t bytes)
{
    return mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static double in_use(void)
{
    return metric("coracle_memory_in_use_bytes");
}

static void parts(void)
{
    in_use();
    double before = in_use();
    char *memory = anonymous(8 * PAGE);
    CHECK(memory != MAP_FAILED && (uintptr_t)memory % PAGE == 0);
    for (size_t i = 0; i < 8 * PAGE; i++)
        CHECK(memory[i] == 0);
    memset(memory, 1, 8 * PAGE);
    CHECK(in_use() >= before + 8 * PAGE);
    CHECK(munmap(memory + 3 * PAGE, 2 * PAGE) == 0 && memory[3 * PAGE - 1] == 1);
    CHECK(memory[5 * PAGE] == 1 && munmap(memory, PAGE) == 0 && memory[PAGE] == 1);
    CHECK(madvise(memory + PAGE, PAGE, MADV_DONTNEED) == 0 && memory[PAGE] == 0);
    CHECK(munmap(memory, 8 * PAGE) == 0 && munmap(memory, 8 * PAGE) == 0);
    char *again = anonymous(8 * PAGE);
    for (size_t i = 0; i < 8 * PAGE; i++)
        CHECK(again[i] == 0);
    CHECK(munmap(again, 8 * PAGE - 100) == 0);
    CHECK(in_use() == before);
}

static void files(void)
{
    int fd = open("/tmp/file", O_RDWR | O_CREAT, 0600);
    char text[5000];
    for (unsigned i = 0; i < sizeof text; i++)
        text[i] = (char)(i * 7);
    CHECK(write(fd, text, sizeof text) == sizeof text);
    char *copy = mmap(NULL, sizeof text, PROT_READ, MAP_SHARED, fd, 0);
    CHECK(copy != MAP_FAILED && memcmp(copy, text, sizeof text) == 0 && copy[5001] == 0);
    char *part = mmap(NULL, 904, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, PAGE);
    CHECK(part != MAP_FAILED && memcmp(part, text + PAGE, 904) == 0);
    part[0]++;
    CHECK(copy[PAGE] == text[PAGE] && munmap(copy, sizeof text) == 0 && munmap(part, 904) == 0);
    CHECK_FAILS(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), ENOTSUP);
    CHECK_FAILS(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 100), EINVAL);
    CHECK(close(fd) == 0 && unlink("/tmp/file") == 0);
    CHECK_FAILS(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0), EBADF);
}

int main(void)
{
    parts();
    files();
    CHECK_FAILS(mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), EINVAL);
    CHECK_FAILS(mmap(NULL, PAGE, PROT_READ, MAP_ANONYMOUS, -1, 0), EINVAL);
    CHECK_FAILS(mmap(NULL, PAGE, PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOTSUP);
    CHECK_FAILS(munmap((void *)1, PAGE), EINVAL);
    puts("ok");
    return 0;
}
