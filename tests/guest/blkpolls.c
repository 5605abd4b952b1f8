/* SPDX-License-Identifier: BSD-2-Clause */
/* run: --blk @disk:1048576@,ro */
/* expect-stdout: ^[0-9]+ sleeps saved in 100 reads$ */
/* Reads a disk block by block, past the cache: how often was the answer there before the program slept?
 * tests/e2e/disks.py looks at the number where it must be 0, and where it must not. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "check.h"

#define BLOCK 4096
#define READS 100

int main(void)
{
    static char block[BLOCK] __attribute__((aligned(BLOCK)));
    int disk = open("/dev/blk0", O_RDONLY | O_DIRECT);
    double before = metric("coracle_polls_total");

    CHECK(before >= 0 && disk >= 0);
    for (int i = 0; i < READS; i++)
        CHECK(pread(disk, block, BLOCK, (off_t)i * BLOCK) == BLOCK);
    printf("%.0f sleeps saved in %d reads\n", metric("coracle_polls_total") - before, READS);
    return 0;
}
