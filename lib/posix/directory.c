/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Directory streams over a directory's file. A position is the number of entries read; seeking
 * reads from the start again.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"

struct __dir {
    int fd;
    struct file *file;
    long position;
    struct dirent entry;
};

DIR *fdopendir(int fd)
{
    struct file *file = fd_file(fd);
    if (!file) {
        errno = EBADF;
        return NULL;
    }
    DIR *directory = NULL;
    if (!file->ops->next_entry)
        errno = ENOTDIR;
    else
        directory = malloc(sizeof *directory);
    if (!directory) {
        file_put(file);
        return NULL;
    }
    directory->fd = fd;
    directory->file = file;
    directory->position = 0;
    return directory;
}

DIR *opendir(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    DIR *directory = fdopendir(fd);
    if (!directory) {
        int error = errno;
        close(fd);
        errno = error;
    }
    return directory;
}

int dirfd(DIR *directory)
{
    return directory->fd;
}

struct dirent *readdir(DIR *directory)
{
    int result = directory->file->ops->next_entry(directory->file, &directory->entry);
    if (result < 0)
        errno = -result;
    if (result <= 0)
        return NULL;
    directory->position++;
    return &directory->entry;
}

int readdir_r(DIR *restrict directory, struct dirent *restrict entry,
              struct dirent **restrict result)
{
    int status = directory->file->ops->next_entry(directory->file, entry);
    *result = status > 0 ? entry : NULL;
    directory->position += status > 0;
    return status < 0 ? -status : 0;
}

void rewinddir(DIR *directory)
{
    if (directory->file->ops->lseek)
        directory->file->ops->lseek(directory->file, 0, SEEK_SET);
    directory->position = 0;
}

long telldir(DIR *directory)
{
    return directory->position;
}

void seekdir(DIR *directory, long position)
{
    rewinddir(directory);
    while (directory->position < position && readdir(directory))
        ;
}

int closedir(DIR *directory)
{
    int fd = directory->fd;
    file_put(directory->file);
    free(directory);
    return close(fd);
}

int alphasort(const struct dirent **first, const struct dirent **second)
{
    return strcmp((*first)->d_name, (*second)->d_name);
}

static void names_free(struct dirent **names, int count)
{
    for (int i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

/* Adds a copy to the list, which grows by doubling. */
static int names_add(struct dirent ***names, int *count, const struct dirent *entry)
{
    if ((*count & (*count - 1)) == 0) {
        size_t size = *count ? (size_t)*count * 2 : 1;
        struct dirent **grown = realloc(*names, size * sizeof *grown);
        if (!grown)
            return -ENOMEM;
        *names = grown;
    }
    struct dirent *copy = malloc(sizeof *copy);
    if (!copy)
        return -ENOMEM;
    *copy = *entry;
    (*names)[(*count)++] = copy;
    return 0;
}

typedef int compare_entries(const struct dirent **, const struct dirent **);
typedef int compare_pointers(const void *, const void *);

int scandir(const char *path, struct dirent ***result, int (*choose)(const struct dirent *),
            compare_entries *compare)
{
    DIR *directory = opendir(path);
    if (!directory)
        return -1;
    struct dirent **names = NULL, *entry;
    int count = 0, error = 0;
    while (errno = 0, error == 0 && (entry = readdir(directory)))
        if (!choose || choose(entry))
            error = names_add(&names, &count, entry);
    if (error == 0)
        error = -errno;
    closedir(directory);
    if (error < 0) {
        names_free(names, count);
        return (int)errno_result(error);
    }
    if (compare && count > 1)
        qsort(names, (size_t)count, sizeof *names, (compare_pointers *)(void *)compare);
    *result = names ? names : malloc(1);
    return count;
}
