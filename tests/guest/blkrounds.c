/* SPDX-License-Identifier: BSD-2-Clause */
/* run: --blk @disk:1048576@ -- 40 */
/* expect-stdout: ^round 0\n(round [0-9]+\n)*ok$ */
/*
 * Writes a block, reads it and the one before it back, says which round it was, and so on: blkrounds
 * ROUNDS. What was written must be there whatever happens to the disk's backend in between.
 */
#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

#include "check.h"

#define BLOCK 4096
#define BLOCKS 200u

static int disk;
static uint32_t *block;

static void write_block(uint32_t round)
{
    for (unsigned i = 0; i < BLOCK / sizeof *block; i++)
        block[i] = round * 2654435761u + i;
    CHECK(pwrite(disk, block, BLOCK, (off_t)(round % BLOCKS * BLOCK)) == BLOCK);
}

static void check_block(uint32_t round)
{
    CHECK(pread(disk, block, BLOCK, (off_t)(round % BLOCKS * BLOCK)) == BLOCK);
    for (unsigned i = 0; i < BLOCK / sizeof *block; i++)
        CHECK(block[i] == round * 2654435761u + i);
}

int main(int argc, char **argv)
{
    uint32_t rounds = argc > 1 ? (uint32_t)atoi(argv[1]) : 1;

    disk = open("/dev/blk0", O_RDWR | O_DIRECT);
    CHECK(disk >= 0);
    CHECK(posix_memalign((void **)&block, BLOCK, BLOCK) == 0);
    for (uint32_t round = 0; round < rounds; round++) {
        write_block(round);
        check_block(round);
        if (round > 0)
            check_block(round - 1);
        printf("round %u\n", round);
        usleep(2000);
    }
    CHECK(fsync(disk) == 0);
    free(block);
    puts("ok");
    return 0;
}
