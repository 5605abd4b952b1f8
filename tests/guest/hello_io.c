/* SPDX-License-Identifier: BSD-2-Clause */
/* run: --blk @disk:65536@,ro */
/* expect-stdout: ^Hello from Coracle$ */
/*
 * hello, and what a server does besides at its start: it opens a socket that listens and reads the
 * first block of the first disk. So it is linked with TCP/IP and with the drivers for networks and
 * disks of every backend, which hello has no use for. bench/ measures its size and its start.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define BLOCK_BYTES 4096

/* Counting can end here. */
void both_in_use(void);
__attribute__((noinline)) void both_in_use(void)
{
    __asm__ volatile("");
}

int main(void)
{
    static char block[BLOCK_BYTES];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(80)};

    printf("Hello from Coracle\n");
    int server = socket(AF_INET, SOCK_STREAM, 0);
    if (server < 0 || bind(server, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(server, 1) < 0) {
        perror("socket");
        return 1;
    }
    int disk = open("/dev/blk0", O_RDONLY);
    if (disk < 0 || read(disk, block, BLOCK_BYTES) != BLOCK_BYTES) {
        perror("/dev/blk0");
        return 1;
    }
    both_in_use();
    return 0;
}
