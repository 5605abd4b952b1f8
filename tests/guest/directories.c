/* SPDX-License-Identifier: BSD-2-Clause */
/* Directories: making, listing, positions, the working directory, removing, errors. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <libgen.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

#define FILES 50

static unsigned count_entries(DIR *directory, unsigned char type)
{
    unsigned count = 0;
    struct dirent *entry;
    while (errno = 0, (entry = readdir(directory)))
        if (entry->d_name[0] != '.') {
            CHECK(entry->d_type == type);
            count++;
        }
    CHECK(errno == 0);
    return count;
}

static void listing(void)
{
    char name[32];
    for (int i = 0; i < FILES; i++) {
        snprintf(name, sizeof name, "/tmp/d/file%02d", i);
        CHECK(close(open(name, O_WRONLY | O_CREAT, 0644)) == 0);
    }
    DIR *directory = opendir("/tmp/d");
    CHECK(directory && count_entries(directory, DT_REG) == FILES);
    rewinddir(directory);
    CHECK(count_entries(directory, DT_REG) == FILES);
    rewinddir(directory);
    CHECK(readdir(directory) && readdir(directory) && readdir(directory));
    long position = telldir(directory);
    strcpy(name, readdir(directory)->d_name);
    CHECK(readdir(directory));
    seekdir(directory, position);
    CHECK(strcmp(readdir(directory)->d_name, name) == 0);
    struct stat status;
    CHECK(fstat(dirfd(directory), &status) == 0 && S_ISDIR(status.st_mode));
    char byte;
    CHECK_FAILS(read(dirfd(directory), &byte, 1), EISDIR);
    CHECK(closedir(directory) == 0);

    struct dirent **names;
    int count = scandir("/tmp/d", &names, NULL, alphasort);
    CHECK(count >= FILES && strcmp(names[count - 1]->d_name, "file49") == 0);
    for (int i = 0; i < count; i++)
        free(names[i]);
    free(names);
    CHECK(!opendir("/tmp/none") && errno == ENOENT);
    CHECK(!opendir("/tmp/d/file00") && errno == ENOTDIR);
    for (int i = 0; i < FILES; i++) {
        snprintf(name, sizeof name, "/tmp/d/file%02d", i);
        CHECK(unlink(name) == 0);
    }
}

static void working_directory(void)
{
    char path[64];
    CHECK(getcwd(path, sizeof path) && strcmp(path, "/") == 0);
    CHECK(chdir("/tmp/d") == 0 && getcwd(path, sizeof path) && strcmp(path, "/tmp/d") == 0);
    CHECK(mkdir("below", 0755) == 0 && chdir("below/../below") == 0);
    CHECK(getcwd(path, sizeof path) && strcmp(path, "/tmp/d/below") == 0);
    CHECK(!getcwd(path, 5) && errno == ERANGE);
    char *allocated = getcwd(NULL, 0);
    CHECK(allocated && strcmp(allocated, "/tmp/d/below") == 0);
    free(allocated);
    CHECK(realpath("..", path) && strcmp(path, "/tmp/d") == 0);
    CHECK_FAILS(chdir("/tmp/none"), ENOENT);
    CHECK(chdir("/") == 0 && rmdir("/tmp/d/below") == 0);
}

int main(void)
{
    CHECK(mkdir("/tmp/d", 0755) == 0);
    CHECK_FAILS(mkdir("/tmp/d", 0755), EEXIST);
    CHECK_FAILS(mkdir("/tmp/none/below", 0755), ENOENT);
    listing();
    working_directory();
    CHECK(mkdir("/tmp/d/sub", 0700) == 0);
    CHECK_FAILS(rmdir("/tmp/d"), ENOTEMPTY);
    CHECK(rename("/tmp/d/sub", "/tmp/sub") == 0 && remove("/tmp/sub") == 0);
    CHECK_FAILS(unlink("/tmp/d"), EISDIR);
    CHECK(rmdir("/tmp/d") == 0);
    CHECK_FAILS(rmdir("/tmp/d"), ENOENT);
    char path[] = "/usr//lib/";
    CHECK(strcmp(basename(path), "lib") == 0 && strcmp(dirname(path), "/usr") == 0);
    puts("ok");
    return 0;
}
