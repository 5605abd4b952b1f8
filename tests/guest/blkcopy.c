/* SPDX-License-Identifier: BSD-2-Clause */
/* run: --blk @disk:1048576@,ro --blk @disk:1048576@ */
/* expect-stdout: ^1048576 bytes$ */
/* Copies /dev/blk0 to /dev/blk1. Status 2: cannot read, 3: cannot write. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static char buffer[100000]; /* no whole number of sectors */

int main(void)
{
    long total = 0;
    ssize_t count;
    int from = open("/dev/blk0", O_RDONLY);
    int to = open("/dev/blk1", O_WRONLY);

    if (from < 0) {
        perror("/dev/blk0");
        return 2;
    }
    if (to < 0) {
        perror("/dev/blk1");
        return 3;
    }
    while ((count = read(from, buffer, sizeof(buffer))) > 0) {
        if (write(to, buffer, (size_t)count) != count) {
            perror("/dev/blk1");
            return 3;
        }
        total += count;
    }
    if (count < 0) {
        perror("/dev/blk0");
        return 2;
    }
    if (fsync(to) != 0 || close(to) != 0 || close(from) != 0) {
        perror("close");
        return 3;
    }
    printf("%ld bytes\n", total);
    return 0;
}
