/* SPDX-License-Identifier: BSD-2-Clause */
/* run: --blk @disk:262144@ */
/* expect-stdout: ^written: 262144$ */
/* Fills /dev/blk0 until its end or the first error; says how much was written. The end-to-end tests
 * give it a disk on a file system that is too small. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char buffer[16384];

int main(void)
{
    int disk = open("/dev/blk0", O_RDWR);
    long total = 0;
    ssize_t count;

    if (disk < 0) {
        perror("/dev/blk0");
        return 1;
    }
    memset(buffer, 'f', sizeof(buffer));
    off_t bytes = lseek(disk, 0, SEEK_END);
    while (total < bytes) {
        count = pwrite(disk, buffer, sizeof(buffer), total);
        if (count < 0) {
            printf("write error: %s\n", strerror(errno));
            break;
        }
        total += count;
    }
    printf("written: %ld\n", total);
    return 0;
}
