/* SPDX-License-Identifier: BSD-2-Clause */
/* expect-stdout: \A\Z */
/* Prints everything below / but the mount points: kind, name, and a file's size and Fletcher-32 or
 * a link's target. Without a disk that is nothing. */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void print_file(const char *path)
{
    unsigned char buffer[4000];
    uint32_t low = 0, high = 0;
    long total = 0;
    ssize_t count;
    int file = open(path, O_RDONLY);

    if (file < 0) {
        perror(path);
        return;
    }
    while ((count = read(file, buffer, sizeof(buffer))) > 0) {
        for (ssize_t i = 0; i < count; i++) {
            low = (low + buffer[i]) % 65535;
            high = (high + low) % 65535;
        }
        total += count;
    }
    if (count < 0)
        perror(path);
    close(file);
    printf("f %s %ld %08lx\n", path, total, (unsigned long)(high << 16 | low));
}

static void walk(char *path)
{
    size_t length = strlen(path);
    DIR *directory = opendir(length == 0 ? "/" : path);
    struct dirent *entry;
    struct stat status;
    char target[PATH_MAX];

    if (directory == NULL) {
        perror(path);
        return;
    }
    while ((entry = readdir(directory)) != NULL) {
        const char *name = entry->d_name;
        if (!strcmp(name, ".") || !strcmp(name, ".."))
            continue;
        if (length == 0 && (!strcmp(name, "dev") || !strcmp(name, "proc") || !strcmp(name, "tmp")))
            continue;
        snprintf(path + length, PATH_MAX - length, "/%s", name);
        if (lstat(path, &status) != 0) {
            perror(path);
        } else if (S_ISDIR(status.st_mode)) {
            printf("d %s\n", path);
            walk(path);
        } else if (S_ISLNK(status.st_mode)) {
            ssize_t bytes = readlink(path, target, sizeof(target) - 1);
            target[bytes < 0 ? 0 : bytes] = '\0';
            printf("l %s %s\n", path, target);
        } else {
            print_file(path);
        }
        path[length] = '\0';
    }
    closedir(directory);
}

int main(void)
{
    static char path[PATH_MAX];

    walk(path);
    fflush(stdout);
    return 0;
}
