/* SPDX-License-Identifier: BSD-2-Clause */
/* Standard output that leads to a file before it is first used is buffered by blocks, not lines. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

static off_t size_of(const char *path)
{
    struct stat status;

    CHECK(stat(path, &status) == 0);
    return status.st_size;
}

int main(void)
{
    int console = dup(STDOUT_FILENO), file = open("/tmp/out", O_WRONLY | O_CREAT, 0666);

    CHECK(console > 2 && file > 2 && dup2(file, STDOUT_FILENO) == STDOUT_FILENO);
    puts("a line");
    CHECK(size_of("/tmp/out") == 0);
    CHECK(fflush(stdout) == 0 && size_of("/tmp/out") == 7);
    CHECK(dup2(console, STDOUT_FILENO) == STDOUT_FILENO);
    puts("ok");
    return 0;
}
