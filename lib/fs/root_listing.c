/* SPDX-License-Identifier: BSD-2-Clause */
/* The open root directory: wraps the one of the file system that is mounted there. */
#include "root_listing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct root_listing {
    struct file *inner;
    uint32_t seen;  /* mount points whose name the inner directory gave */
    unsigned mount; /* the next one to give */
    bool inner_at_end;
};

static int root_next_entry(struct file *file, struct dirent *entry)
{
    struct root_listing *listing = file->data;
    const char *name;

    if (!listing->inner_at_end) {
        int result = listing->inner->ops->next_entry(listing->inner, entry);
        if (result < 0)
            return result;
        for (unsigned i = 0; result == 1 && (name = vfs_mount_name(i)) != NULL; i++)
            if (strcmp(name, entry->d_name) == 0) {
                listing->seen |= 1u << i;
                entry->d_type = S_IFDIR >> 12;
            }
        if (result == 1)
            return 1;
        listing->inner_at_end = true;
    }
    while ((name = vfs_mount_name(listing->mount)) != NULL) {
        unsigned index = listing->mount++;
        if (listing->seen & 1u << index)
            continue;
        entry->d_ino = index + 1;
        entry->d_type = S_IFDIR >> 12;
        strcpy(entry->d_name, name);
        return 1;
    }
    return 0;
}

static off_t root_lseek(struct file *file, off_t offset, int whence)
{
    struct root_listing *listing = file->data;
    off_t result = listing->inner->ops->lseek(listing->inner, offset, whence);

    if (result >= 0) {
        listing->seen = 0;
        listing->mount = 0;
        listing->inner_at_end = false;
    }
    return result;
}

static int root_stat(struct file *file, struct stat *status)
{
    struct root_listing *listing = file->data;
    return listing->inner->ops->stat(listing->inner, status);
}

static void root_close(struct file *file)
{
    struct root_listing *listing = file->data;

    file_put(listing->inner);
    free(listing);
}

static const struct file_ops root_ops = {
    .lseek = root_lseek,
    .stat = root_stat,
    .next_entry = root_next_entry,
    .close = root_close,
};

int root_listing_open(struct file **file, int flags)
{
    struct root_listing *listing = calloc(1, sizeof(*listing));
    struct file *outer = listing != NULL ? file_new(&root_ops, listing, flags) : NULL;

    if (outer == NULL) {
        free(listing);
        file_put(*file);
        return -ENOMEM;
    }
    listing->inner = *file;
    *file = outer;
    return 0;
}
