/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The cache of open files, see filecache.h: a hash table by path and one list from the most to the
 * least recently used. A reference keeps a file alive after it has left the cache.
 */
#include "filecache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "metrics.h"
#include "mime.h"
#include "path.h"

enum {
    BUCKETS = 64,
    FILES_LEAST = 4, /* that have room in the cache: larger ones are not kept */
};

static struct {
    struct file *bucket[BUCKETS];
    struct file *newest, *oldest;
    size_t entries, fds, bytes;
    size_t bytes_max;
    dev_t dev; /* of the root */
} cache = {.bytes_max = FILECACHE_BYTES_MIN};

static unsigned hash_of(const char *path, size_t len)
{
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)path[i]) * 16777619u;
    return (hash ^ hash >> 16) % BUCKETS;
}

void file_put(struct file *file)
{
    if (!file || --file->refs > 0)
        return;
    if (file->fd >= 0)
        close(file->fd);
    free(file->content);
    free(file);
}

static void list_add(struct file *file)
{
    file->newer = NULL;
    file->older = cache.newest;
    *(cache.newest ? &cache.newest->newer : &cache.oldest) = file;
    cache.newest = file;
}

static void list_remove(struct file *file)
{
    *(file->newer ? &file->newer->older : &cache.newest) = file->older;
    *(file->older ? &file->older->newer : &cache.oldest) = file->newer;
}

static void evict(struct file *file)
{
    struct file **link = &cache.bucket[hash_of(file->path, file->path_len)];

    while (*link != file)
        link = &(*link)->hash_next;
    *link = file->hash_next;
    list_remove(file);
    cache.entries--;
    if (file->content)
        cache.bytes -= file->size;
    if (file->fd >= 0)
        cache.fds--;
    file->cached = false;
    file_put(file);
}

/* Evicts the least recently used until the bounds hold again. */
static void enforce_bounds(void)
{
    struct file *file = cache.oldest;

    while (file && (cache.entries > FILECACHE_ENTRIES || cache.bytes > cache.bytes_max ||
                    cache.fds > FILECACHE_FDS)) {
        struct file *newer = file->newer;

        if (cache.entries > FILECACHE_ENTRIES || (cache.bytes > cache.bytes_max && file->content) ||
            (cache.fds > FILECACHE_FDS && file->fd >= 0))
            evict(file);
        file = newer;
    }
}

static void insert(struct file *file)
{
    struct file **bucket = &cache.bucket[hash_of(file->path, file->path_len)];

    file->hash_next = *bucket;
    *bucket = file;
    list_add(file);
    file->cached = true;
    file->refs++;
    cache.entries++;
    if (file->content)
        cache.bytes += file->size;
    if (file->fd >= 0)
        cache.fds++;
    enforce_bounds();
}

void filecache_drop(void)
{
    struct file *file = cache.oldest;

    while (file) {
        struct file *newer = file->newer;

        if (file->refs == 1)
            evict(file);
        file = newer;
    }
}

long file_read(const struct file *file, char *buf, size_t len, uint64_t offset)
{
    ssize_t n;

    do {
        n = pread(file->fd, buf, len, (off_t)offset);
    } while (n < 0 && errno == EINTR);
    return n > 0 ? (long)n : -1;
}

static void render_fields(struct file *file, const char *type, bool has_validators)
{
    struct text out = {file->fields, 0, sizeof(file->fields), false};

    if (has_validators) {
        TEXT_LIT(&out, "ETag: ");
        file->etag.p = out.data + out.len;
        TEXT_LIT(&out, "\"");
        text_put_hex(&out, (uint64_t)file->mtime_s * 1000000000 + (uint64_t)file->mtime_ns);
        TEXT_LIT(&out, "-");
        text_put_hex(&out, file->size);
        TEXT_LIT(&out, "-");
        text_put_hex(&out, (uint64_t)file->ino);
        TEXT_LIT(&out, "\"");
        file->etag.len = (size_t)(out.data + out.len - file->etag.p);
        TEXT_LIT(&out, "\r\nLast-Modified: ");
        date_put_http(&out, file->mtime_s);
        TEXT_LIT(&out, "\r\n");
        file->validators_len = out.len;
        TEXT_LIT(&out, "Accept-Ranges: bytes\r\n");
    }
    TEXT_LIT(&out, "Content-Type: ");
    text_puts(&out, type);
    TEXT_LIT(&out, "\r\n");
    file->common_len = out.len;
    TEXT_LIT(&out, "Content-Length: ");
    text_put_u64(&out, file->size);
    TEXT_LIT(&out, "\r\n");
    file->fields_len = out.len;
}

struct file *file_from_memory(char *content, size_t size, const char *type)
{
    struct file *file = calloc(1, sizeof(*file));

    if (!file) {
        free(content);
        return NULL;
    }
    file->refs = 1;
    file->fd = -1;
    file->content = content;
    file->size = size;
    render_fields(file, type, false);
    return file;
}

/* Brings a small file's content into memory and closes it. Where that fails it stays a file. */
static void load_content(struct file *file)
{
    uint64_t done = 0;
    char *content;

    if (file->size > FILE_CONTENT_MAX || file->size > cache.bytes_max / FILES_LEAST)
        return;
    content = malloc(file->size > 0 ? (size_t)file->size : 1);
    if (!content)
        return;
    while (done < file->size) {
        long n = file_read(file, content + done, (size_t)(file->size - done), done);
        if (n < 0) {
            free(content);
            return;
        }
        done += (uint64_t)n;
    }
    close(file->fd);
    file->fd = -1;
    file->content = content;
}

static int status_of_errno(int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
    case ELOOP:
        return 404;
    case EACCES:
    case EPERM:
        return 403;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
        return 503;
    default:
        return 500;
    }
}

/* Is it ours to serve? Devices, pipes and what other file systems are mounted (/proc) are not. */
static int status_of_stat(const struct stat *st)
{
    if (st->st_dev != cache.dev)
        return 404;
    if (S_ISDIR(st->st_mode))
        return 301;
    return S_ISREG(st->st_mode) ? 0 : 404;
}

static struct file *new_file(const char *path, size_t len, int fd, const struct stat *st)
{
    struct file *file = calloc(1, sizeof(*file) + len + 1);

    if (!file)
        return NULL;
    file->refs = 1;
    file->fd = fd;
    file->dev = st->st_dev;
    file->ino = st->st_ino;
    file->size = (uint64_t)st->st_size;
    file->mtime_s = (int64_t)st->st_mtim.tv_sec;
    file->mtime_ns = (int64_t)st->st_mtim.tv_nsec;
    file->checked_s = clock_now.mono_ms / 1000;
    file->path_len = len;
    memcpy(file->path, path, len + 1);
    render_fields(file, mime_type((struct str){path, len}), true);
    load_content(file);
    return file;
}

static int open_file(const char *path, size_t len, struct file **out)
{
    struct stat st;
    int fd, status;

    /* Looked at before it is opened, because opening a device or a pipe can have effects. */
    if (stat(path, &st) != 0)
        return status_of_errno(errno);
    status = status_of_stat(&st);
    if (status != 0)
        return status;
    fd = open(path, O_RDONLY | O_NONBLOCK);
    if (fd < 0)
        return status_of_errno(errno);
    status = fstat(fd, &st) == 0 ? status_of_stat(&st) : 500;
    if (status == 0) {
        *out = new_file(path, len, fd, &st);
        if (*out) {
            insert(*out);
            return 0;
        }
        status = 503;
    }
    close(fd);
    return status == 301 ? 404 : status;
}

/* Is a cached file still what the path names? Asked at most once a second. */
static bool still_fresh(struct file *file)
{
    int64_t now_s = clock_now.mono_ms / 1000;
    struct stat st;

    if (file->checked_s == now_s)
        return true;
    file->checked_s = now_s;
    return stat(file->path, &st) == 0 && st.st_dev == file->dev && st.st_ino == file->ino &&
           (uint64_t)st.st_size == file->size && (int64_t)st.st_mtim.tv_sec == file->mtime_s &&
           (int64_t)st.st_mtim.tv_nsec == file->mtime_ns;
}

int filecache_get(const char *path, size_t len, struct file **out)
{
    struct file *file = cache.bucket[hash_of(path, len)];
    int status;

    while (file && (file->path_len != len || memcmp(file->path, path, len) != 0))
        file = file->hash_next;
    if (file && still_fresh(file)) {
        if (file != cache.newest) {
            list_remove(file);
            list_add(file);
        }
        file->refs++;
        *out = file;
        metrics.cache_hits++;
        return 0;
    }
    if (file)
        evict(file);
    metrics.cache_misses++;
    status = open_file(path, len, out);
    if (status == 503) {
        filecache_drop();
        status = open_file(path, len, out);
    }
    return status;
}

static size_t bytes_max(void)
{
    long pages = sysconf(_SC_AVPHYS_PAGES);
    size_t bytes = pages > 0 ? (size_t)pages * (size_t)sysconf(_SC_PAGESIZE) / 4 : 0;

    if (bytes < FILECACHE_BYTES_MIN)
        return FILECACHE_BYTES_MIN;
    return bytes < FILECACHE_BYTES_MAX ? bytes : FILECACHE_BYTES_MAX;
}

int filecache_set_root(const char *root)
{
    const char *slash = root[0] != '\0' && root[strlen(root) - 1] == '/' ? "" : "/";
    char path[HTTPD_PATH_MAX];
    struct dirent *entry;
    bool found = false;
    struct stat st;
    DIR *dir;

    dir = opendir(root);
    if (!dir || stat(root, &st) != 0) {
        fprintf(stderr, "httpd: cannot serve %s: %s\n", root, strerror(errno));
        if (dir)
            closedir(dir);
        return -1;
    }
    cache.dev = st.st_dev;
    cache.bytes_max = bytes_max();
    while (!found && (entry = readdir(dir))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(path, sizeof(path), "%s%s%s", root, slash, entry->d_name);
        found = stat(path, &st) == 0 && st.st_dev == cache.dev;
    }
    closedir(dir);
    if (!found)
        fprintf(stderr, "httpd: nothing to serve: %s is empty (is there a disk with the site?)\n",
                root);
    return found ? 0 : -1;
}
