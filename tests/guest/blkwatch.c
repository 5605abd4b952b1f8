/* SPDX-License-Identifier: BSD-2-Clause */
/* run: --blk @disk:1048576@ */
/* expect-stdout: ^second pass: 0 errors$ */
/* Reads all of /dev/blk0, waits for a line on standard input, reads it all again: the end-to-end
 * tests shrink the disk in between. Counts the blocks that cannot be read. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define BLOCK 32768

static char buffer[BLOCK];

static int pass(int disk)
{
    int errors = 0;
    off_t bytes = lseek(disk, 0, SEEK_END);

    for (off_t at = 0; at < bytes; at += BLOCK)
        if (pread(disk, buffer, BLOCK, at) <= 0)
            errors++;
    return errors;
}

int main(void)
{
    int disk = open("/dev/blk0", O_RDONLY);
    char line[16];

    if (disk < 0) {
        perror("/dev/blk0");
        return 1;
    }
    printf("first pass: %d errors\n", pass(disk));
    fgets(line, sizeof(line), stdin);
    printf("second pass: %d errors\n", pass(disk));
    return 0;
}
