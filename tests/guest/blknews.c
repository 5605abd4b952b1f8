/* SPDX-License-Identifier: BSD-2-Clause */
/* run: --blk @disk:65536@ */
/* Says how large /dev/blk0 is; with an argument, also each change of that, until it is gone: the
 * end-to-end tests resize and remove it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char block[4096]; /* read past the cache, so that the disk is asked */

int main(int argc, char **argv)
{
    int disk = open("/dev/blk0", O_RDONLY | O_DIRECT);
    long long bytes, before = -1;

    (void)argv;
    if (disk < 0) {
        perror("/dev/blk0");
        return 1;
    }
    do {
        bytes = lseek(disk, 0, SEEK_END);
        if (bytes != before)
            printf("%lld bytes\n", bytes);
        fflush(stdout);
        before = bytes;
        if (argc > 1)
            usleep(10000);
        if (pread(disk, block, sizeof(block), bytes - (off_t)sizeof(block)) < 0) {
            printf("read: %s\n", strerror(errno));
            return 0;
        }
    } while (argc > 1);
    puts("ok");
    return 0;
}
