/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtual file system: what is mounted where, and the calls that take paths. Everything is
 * mounted when the first path is used, so a program that opens no file pays nothing. The root is
 * the tar file on blk0 (or an empty directory), with /tmp, /dev and /proc beside its names.
 */
#include "vfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs.h"
#include "kernel/blk.h"
#include "kernel/log.h"
#include "root_listing.h"
#include "vfs_lock.h"
#include "walk.h"

static struct mutex lock;
static bool is_mounted;
static char working_directory[PATH_MAX] = "/";
static struct fs root;

static struct mount {
    const char *name;
    int (*mount)(struct fs *fs);
    struct fs fs;
} mounts[] = {
    {.name = "dev", .mount = devfs_mount},
    {.name = "proc", .mount = procfs_mount},
    {.name = "tmp", .mount = tmpfs_mount},
};
#define MOUNT_COUNT (sizeof(mounts) / sizeof(mounts[0]))

static int root_mount(void)
{
    int result;

    if (blk_count() == 0)
        return emptyfs_mount(&root);
    result = tarfs_mount(&root, 0);
    if (result == -EINVAL)
        log_line("blk0: no tar file, not mounted");
    else if (result != 0)
        log_line("blk0: not mounted: %s", strerror(-result));
    return result == 0 ? 0 : emptyfs_mount(&root);
}

static int mount_all(void)
{
    if (is_mounted)
        return 0;
    root.device = 1;
    int result = root_mount();
    for (unsigned i = 0; i < MOUNT_COUNT && result == 0; i++) {
        mounts[i].fs.device = (dev_t)(i + 2);
        if (mounts[i].fs.ops == NULL)
            result = mounts[i].mount(&mounts[i].fs);
    }
    is_mounted = result == 0;
    return result;
}

void vfs_lock(void)
{
    mutex_lock(&lock);
}

void vfs_unlock(void)
{
    mutex_unlock(&lock);
}

struct place vfs_root(void)
{
    return (struct place){&root, root.root};
}

struct fs *vfs_mounted(struct fs_name name)
{
    for (unsigned i = 0; i < MOUNT_COUNT; i++)
        if (strlen(mounts[i].name) == name.bytes &&
            memcmp(mounts[i].name, name.text, name.bytes) == 0)
            return &mounts[i].fs;
    return NULL;
}

const char *vfs_mount_name(unsigned index)
{
    return index < MOUNT_COUNT ? mounts[index].name : NULL;
}

/* Takes the lock, mounts what is not mounted yet, and walks. path_end must follow in every case. */
static int path_begin(struct walk *walk, const char *path, enum walk_mode mode)
{
    vfs_lock();
    walk->depth = 0;
    int result = mount_all();
    return result == 0 ? walk_begin(walk, working_directory, path, mode) : result;
}

static void path_end(struct walk *walk)
{
    walk_end(walk);
    vfs_unlock();
}

/* Is the last component one that can be made or removed? */
static int name_check(const struct walk *walk)
{
    if (walk->last.bytes == 0)
        return -EBUSY; /* the root itself */
    if (strcmp(walk->last_text, ".") == 0)
        return -EINVAL;
    if (strcmp(walk->last_text, "..") == 0)
        return -ENOTEMPTY;
    return walk->depth == 1 && vfs_mounted(walk->last) != NULL ? -EBUSY : 0;
}

/* Makes a node at the walk's directory and name. */
static int node_create(const struct walk *walk, mode_t mode, const char *target, void **node)
{
    struct place at = walk_place(walk);

    if (at.fs->ops->create == NULL)
        return -EROFS;
    return at.fs->ops->create(at.fs, at.node, walk->last, mode, target, node);
}

static void node_put(struct fs *fs, void *node)
{
    if (fs->ops->put != NULL)
        fs->ops->put(node);
}

static int open_created(const struct walk *walk, int flags, mode_t mode, struct file **file)
{
    struct fs *fs = walk_place(walk).fs;
    void *node;

    if (walk->wants_directory)
        return -EISDIR;
    int result = node_create(walk, S_IFREG | (mode & 07777), NULL, &node);
    if (result != 0)
        return result;
    result = fs->ops->open(fs, node, flags, file);
    node_put(fs, node);
    return result;
}

static int open_existing(const struct walk *walk, int flags, struct file **file)
{
    struct place at = walk_place(walk);
    bool is_directory = place_is_directory(at);

    if ((flags & O_CREAT) && (flags & O_EXCL))
        return -EEXIST;
    if ((flags & O_DIRECTORY) && !is_directory)
        return -ENOTDIR;
    if (is_directory && ((flags & O_ACCMODE) != O_RDONLY || (flags & O_CREAT)))
        return -EISDIR;
    int result = at.fs->ops->open(at.fs, at.node, flags, file);
    if (result == 0 && walk->depth == 1)
        result = root_listing_open(file, flags);
    return result;
}

int vfs_open(const char *path, int flags, mode_t mode, struct file **file)
{
    struct walk walk;
    bool no_follow = (flags & O_NOFOLLOW) || ((flags & O_CREAT) && (flags & O_EXCL));
    int result = path_begin(&walk, path, no_follow ? WALK_NO_FOLLOW : WALK_FOLLOW);

    if (result == -ENOENT && walk.missing && (flags & O_CREAT)) {
        result = open_created(&walk, flags, mode, file);
    } else if (result == 0) {
        struct stat status = {0};
        struct place at = walk_place(&walk);
        at.fs->ops->stat(at.fs, at.node, &status);
        if (S_ISLNK(status.st_mode))
            result = (flags & O_EXCL) ? -EEXIST : -ELOOP;
        else
            result = open_existing(&walk, flags, file);
    }
    path_end(&walk);
    return result;
}

static int path_stat(const char *path, struct stat *status, enum walk_mode mode)
{
    struct walk walk;
    int result = path_begin(&walk, path, mode);

    if (result == 0) {
        struct place at = walk_place(&walk);
        memset(status, 0, sizeof(*status));
        at.fs->ops->stat(at.fs, at.node, status);
        status->st_dev = at.fs->device;
    }
    path_end(&walk);
    return result;
}

int vfs_stat(const char *path, struct stat *status)
{
    return path_stat(path, status, WALK_FOLLOW);
}

int vfs_lstat(const char *path, struct stat *status)
{
    return path_stat(path, status, WALK_NO_FOLLOW);
}

/* mkdir and symlink: a name that must not be there yet. */
static int path_create(const char *path, mode_t mode, const char *target)
{
    struct walk walk;
    void *node;
    int result = path_begin(&walk, path, WALK_NO_FOLLOW);

    if (result == 0) {
        result = -EEXIST;
    } else if (result == -ENOENT && walk.missing) {
        if (walk.wants_directory && !S_ISDIR(mode))
            goto out;
        result = node_create(&walk, mode, target, &node);
        if (result == 0)
            node_put(walk_place(&walk).fs, node);
    }
out:
    path_end(&walk);
    return result;
}

int vfs_mkdir(const char *path, mode_t mode)
{
    return path_create(path, S_IFDIR | (mode & 07777), NULL);
}

int vfs_symlink(const char *target, const char *path)
{
    if (target[0] == '\0')
        return -ENOENT;
    return strlen(target) >= PATH_MAX ? -ENAMETOOLONG : path_create(path, S_IFLNK | 0777, target);
}

static int path_remove(const char *path, bool is_directory)
{
    struct walk walk;
    int result = path_begin(&walk, path, WALK_PARENT);

    if (result == 0)
        result = name_check(&walk);
    if (result == 0 && walk.wants_directory && !is_directory)
        result = -ENOTDIR;
    if (result == 0) {
        struct place at = walk_place(&walk);
        result = at.fs->ops->unlink == NULL
                     ? -EROFS
                     : at.fs->ops->unlink(at.fs, at.node, walk.last, is_directory);
    }
    path_end(&walk);
    return result;
}

int vfs_rmdir(const char *path)
{
    return path_remove(path, true);
}

int vfs_unlink(const char *path)
{
    return path_remove(path, false);
}

/* Two paths at once: the second walk is done while the first is held. `first_mode` tells whether
 * the first path names the node itself (link) or its directory (rename). */
static int two_paths(const char *first_path, enum walk_mode first_mode, const char *second_path,
                     int (*act)(const struct walk *first, const struct walk *second))
{
    struct walk *walks = malloc(2 * sizeof(*walks)); /* too large for a small stack */
    int result;

    if (walks == NULL)
        return -ENOMEM;
    result = path_begin(&walks[0], first_path, first_mode);
    walks[1].depth = 0;
    if (result == 0)
        result = walk_begin(&walks[1], working_directory, second_path, WALK_PARENT);
    if (result == 0 && first_mode == WALK_PARENT)
        result = name_check(&walks[0]);
    if (result == 0)
        result = name_check(&walks[1]);
    if (result == 0 && walk_place(&walks[0]).fs != walk_place(&walks[1]).fs)
        result = -EXDEV;
    if (result == 0)
        result = act(&walks[0], &walks[1]);
    walk_end(&walks[1]);
    path_end(&walks[0]);
    free(walks);
    return result;
}

static int act_rename(const struct walk *from, const struct walk *to)
{
    struct place source = walk_place(from), target = walk_place(to);

    if (source.fs->ops->rename == NULL)
        return -EROFS;
    return source.fs->ops->rename(source.fs, source.node, from->last, target.node, to->last);
}

int vfs_rename(const char *from, const char *to)
{
    return two_paths(from, WALK_PARENT, to, act_rename);
}

static int act_link(const struct walk *from, const struct walk *to)
{
    struct place source = walk_place(from), target = walk_place(to);

    if (source.fs->ops->link == NULL)
        return -EROFS;
    return source.fs->ops->link(source.fs, source.node, target.node, to->last);
}

int vfs_link(const char *from, const char *to)
{
    return two_paths(from, WALK_NO_FOLLOW, to, act_link);
}

ssize_t vfs_readlink(const char *path, char *target, size_t bytes)
{
    struct walk walk;
    ssize_t result = path_begin(&walk, path, WALK_NO_FOLLOW);

    if (result == 0) {
        struct place at = walk_place(&walk);
        result = at.fs->ops->readlink == NULL ? -EINVAL
                                              : at.fs->ops->readlink(at.fs, at.node, target, bytes);
    }
    path_end(&walk);
    return result;
}

int vfs_truncate(const char *path, off_t size)
{
    struct walk walk;
    int result = path_begin(&walk, path, WALK_FOLLOW);

    if (result == 0) {
        struct place at = walk_place(&walk);
        result = at.fs->ops->truncate == NULL ? -EROFS : at.fs->ops->truncate(at.fs, at.node, size);
    }
    path_end(&walk);
    return result;
}

int vfs_chmod(const char *path, mode_t mode)
{
    struct walk walk;
    int result = path_begin(&walk, path, WALK_FOLLOW);

    if (result == 0) {
        struct place at = walk_place(&walk);
        result = at.fs->ops->chmod == NULL ? -EROFS : at.fs->ops->chmod(at.fs, at.node, mode);
    }
    path_end(&walk);
    return result;
}

int vfs_utimens(const char *path, const struct timespec times[2])
{
    struct walk walk;
    int result = path_begin(&walk, path, WALK_FOLLOW);

    if (result == 0) {
        struct place at = walk_place(&walk);
        result = at.fs->ops->utimens == NULL ? -EROFS : at.fs->ops->utimens(at.fs, at.node, times);
    }
    path_end(&walk);
    return result;
}

int vfs_access(const char *path, int mode)
{
    struct walk walk;
    int result = path_begin(&walk, path, WALK_FOLLOW);

    if (result == 0) {
        struct place at = walk_place(&walk);
        struct stat status = {0};
        at.fs->ops->stat(at.fs, at.node, &status);
        bool fixed = at.fs->ops->create == NULL;
        if ((mode & W_OK) && fixed && (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)))
            result = -EROFS;
        else if ((mode & X_OK) && !S_ISDIR(status.st_mode) && !(status.st_mode & 0111))
            result = -EACCES;
    }
    path_end(&walk);
    return result;
}

int vfs_chdir(const char *path)
{
    struct walk walk;
    int result = path_begin(&walk, path, WALK_FOLLOW);

    if (result == 0 && !place_is_directory(walk_place(&walk)))
        result = -ENOTDIR;
    if (result == 0)
        strcpy(working_directory, walk.real_bytes > 0 ? walk.real : "/");
    path_end(&walk);
    return result;
}

ssize_t vfs_realpath(const char *path, char *real, size_t bytes)
{
    struct walk walk;
    ssize_t result = path_begin(&walk, path, WALK_FOLLOW);

    if (result == 0) {
        const char *found = walk.real_bytes > 0 ? walk.real : "/";
        result = (ssize_t)strlen(found);
        if ((size_t)result < bytes)
            strcpy(real, found);
        else
            result = -ENAMETOOLONG;
    }
    path_end(&walk);
    return result;
}

int vfs_getcwd(char *path, size_t bytes)
{
    vfs_lock();
    size_t length = strlen(working_directory);
    int result = -ERANGE;
    if (length < bytes) {
        strcpy(path, working_directory);
        result = (int)length;
    }
    vfs_unlock();
    return result;
}
