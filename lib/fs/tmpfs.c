/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The RAM file system at /tmp: names and nodes. Nodes are counted: one reference a name, one an
 * open file, one each that the VFS holds while it walks; the last one frees the node and its pages.
 * Contents and open files are in tmpfs_file.c.
 */
#include "tmpfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t next_inode = 2;

void tmpfs_now(struct timespec *time)
{
    clock_gettime(CLOCK_REALTIME, time);
}

static void tmpfs_get(void *node)
{
    struct tmpfs_node *tmp = node;
    __atomic_add_fetch(&tmp->references, 1, __ATOMIC_RELAXED);
}

void tmpfs_put(void *node)
{
    struct tmpfs_node *tmp = node;

    if (__atomic_sub_fetch(&tmp->references, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    tmpfs_contents_free(tmp);
    free(tmp->target);
    free(tmp);
}

static struct tmpfs_node *node_new(mode_t mode)
{
    struct tmpfs_node *node = calloc(1, sizeof(*node));

    if (node == NULL)
        return NULL;
    node->mode = mode;
    node->inode = next_inode++;
    node->references = 1;
    tmpfs_now(&node->modified);
    node->accessed = node->changed = node->modified;
    return node;
}

static struct tmpfs_entry **entry_find(struct tmpfs_node *directory, struct fs_name name)
{
    struct tmpfs_entry **link = &directory->entries;

    while (*link != NULL &&
           ((*link)->name_bytes != name.bytes || memcmp((*link)->name, name.text, name.bytes) != 0))
        link = &(*link)->next;
    return link;
}

static void directory_touch(struct tmpfs_node *directory)
{
    tmpfs_now(&directory->modified);
    directory->changed = directory->modified;
}

/* Names a node in a directory; takes a reference for the name. */
static int entry_add(struct tmpfs_node *directory, struct fs_name name, struct tmpfs_node *node)
{
    struct tmpfs_entry *entry = malloc(sizeof(*entry) + name.bytes + 1);
    struct tmpfs_entry **link = &directory->entries;

    if (entry == NULL)
        return -ENOMEM;
    memcpy(entry->name, name.text, name.bytes);
    entry->name[name.bytes] = '\0';
    entry->name_bytes = name.bytes;
    entry->cookie = ++directory->last_cookie;
    entry->node = node;
    entry->next = NULL;
    while (*link != NULL)
        link = &(*link)->next;
    *link = entry;
    tmpfs_get(node);
    node->links++;
    if (S_ISDIR(node->mode)) {
        node->links++;
        directory->links++;
    }
    directory_touch(directory);
    return 0;
}

static void entry_remove(struct tmpfs_node *directory, struct tmpfs_entry **link)
{
    struct tmpfs_entry *entry = *link;
    struct tmpfs_node *node = entry->node;

    *link = entry->next;
    free(entry);
    node->links--;
    if (S_ISDIR(node->mode)) {
        node->links--;
        directory->links--;
    }
    tmpfs_now(&node->changed);
    directory_touch(directory);
    tmpfs_put(node);
}

static int tmpfs_lookup(struct fs *fs, void *directory, struct fs_name name, void **node)
{
    struct tmpfs_entry *entry = *entry_find(directory, name);

    (void)fs;
    if (entry == NULL)
        return -ENOENT;
    tmpfs_get(entry->node);
    *node = entry->node;
    return 0;
}

static void tmpfs_stat(struct fs *fs, void *node, struct stat *status)
{
    (void)fs;
    tmpfs_node_stat(node, status);
}

static ssize_t tmpfs_readlink(struct fs *fs, void *node, char *target, size_t bytes)
{
    const struct tmpfs_node *tmp = node;

    (void)fs;
    if (!S_ISLNK(tmp->mode))
        return -EINVAL;
    size_t length = strlen(tmp->target);
    if (length > bytes)
        length = bytes;
    memcpy(target, tmp->target, length);
    return (ssize_t)length;
}

static int tmpfs_create(struct fs *fs, void *directory, struct fs_name name, mode_t mode,
                        const char *target, void **out)
{
    struct tmpfs_node *parent = directory;
    struct tmpfs_node *node;
    int result = -ENOMEM;

    (void)fs;
    if (parent->links == 0)
        return -ENOENT; /* removed, but still open or walked through */
    node = node_new(mode);
    if (node == NULL)
        return -ENOMEM;
    if (target != NULL) {
        node->target = strdup(target);
        if (node->target == NULL)
            goto out;
        node->size = (off_t)strlen(target);
    }
    result = entry_add(parent, name, node);
    if (result == 0) {
        *out = node; /* with the reference from node_new */
        return 0;
    }
out:
    tmpfs_put(node);
    return result;
}

static int removal_check(const struct tmpfs_node *node, bool is_directory)
{
    if (is_directory && !S_ISDIR(node->mode))
        return -ENOTDIR;
    if (!is_directory && S_ISDIR(node->mode))
        return -EISDIR;
    return is_directory && node->entries != NULL ? -ENOTEMPTY : 0;
}

static int tmpfs_unlink(struct fs *fs, void *directory, struct fs_name name, bool is_directory)
{
    struct tmpfs_entry **link = entry_find(directory, name);

    (void)fs;
    if (*link == NULL)
        return -ENOENT;
    int result = removal_check((*link)->node, is_directory);
    if (result == 0)
        entry_remove(directory, link);
    return result;
}

static int tmpfs_link(struct fs *fs, void *node, void *directory, struct fs_name name)
{
    struct tmpfs_node *tmp = node;

    (void)fs;
    if (S_ISDIR(tmp->mode))
        return -EPERM;
    return *entry_find(directory, name) != NULL ? -EEXIST : entry_add(directory, name, tmp);
}

/* Is `node` the directory `top` or below it? */
static bool is_below(const struct tmpfs_node *top, const struct tmpfs_node *node)
{
    if (top == node)
        return true;
    if (!S_ISDIR(top->mode))
        return false;
    for (const struct tmpfs_entry *entry = top->entries; entry != NULL; entry = entry->next)
        if (S_ISDIR(entry->node->mode) && is_below(entry->node, node))
            return true;
    return false;
}

static int tmpfs_rename(struct fs *fs, void *from, struct fs_name from_name, void *to,
                        struct fs_name to_name)
{
    struct tmpfs_entry *source = *entry_find(from, from_name);
    struct tmpfs_entry **replaced = entry_find(to, to_name);

    (void)fs;
    if (source == NULL)
        return -ENOENT;
    struct tmpfs_node *node = source->node;
    if (S_ISDIR(node->mode) && is_below(node, to))
        return -EINVAL;
    if (*replaced != NULL) {
        if ((*replaced)->node == node)
            return 0;
        int result = removal_check((*replaced)->node, S_ISDIR(node->mode));
        if (result != 0)
            return result;
    }
    tmpfs_get(node);
    /* The new name is made first, so that a lack of memory loses nothing. */
    int result = entry_add(to, to_name, node);
    if (result == 0) {
        replaced = entry_find(to, to_name);
        if ((*replaced)->node != node) /* entry_add appends: the older one is found first */
            entry_remove(to, replaced);
        entry_remove(from, entry_find(from, from_name));
    }
    tmpfs_put(node);
    return result;
}

static int tmpfs_truncate(struct fs *fs, void *node, off_t size)
{
    (void)fs;
    return tmpfs_resize(node, size);
}

static int tmpfs_chmod(struct fs *fs, void *node, mode_t mode)
{
    struct tmpfs_node *tmp = node;

    (void)fs;
    tmp->mode = (tmp->mode & S_IFMT) | (mode & 07777);
    tmpfs_now(&tmp->changed);
    return 0;
}

static int tmpfs_utimens(struct fs *fs, void *node, const struct timespec times[2])
{
    struct tmpfs_node *tmp = node;

    (void)fs;
    tmpfs_now(&tmp->changed);
    tmp->accessed = times[0].tv_nsec == UTIME_NOW    ? tmp->changed
                    : times[0].tv_nsec == UTIME_OMIT ? tmp->accessed
                                                     : times[0];
    tmp->modified = times[1].tv_nsec == UTIME_NOW    ? tmp->changed
                    : times[1].tv_nsec == UTIME_OMIT ? tmp->modified
                                                     : times[1];
    return 0;
}

static int tmpfs_open(struct fs *fs, void *node, int flags, struct file **file)
{
    int result = tmpfs_file_open(fs, node, flags, file);
    if (result == 0)
        tmpfs_get(node);
    return result;
}

static const struct fs_ops tmpfs_ops = {
    .lookup = tmpfs_lookup,
    .get = tmpfs_get,
    .put = tmpfs_put,
    .stat = tmpfs_stat,
    .readlink = tmpfs_readlink,
    .open = tmpfs_open,
    .create = tmpfs_create,
    .unlink = tmpfs_unlink,
    .link = tmpfs_link,
    .rename = tmpfs_rename,
    .truncate = tmpfs_truncate,
    .chmod = tmpfs_chmod,
    .utimens = tmpfs_utimens,
};

int tmpfs_mount(struct fs *fs)
{
    struct tmpfs_node *root = node_new(S_IFDIR | 01777);

    if (root == NULL)
        return -ENOMEM;
    root->links = 2;
    fs->ops = &tmpfs_ops;
    fs->root = root;
    return 0;
}
