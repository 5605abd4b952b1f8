/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files as the server sees them: open, with the header fields that describe them rendered, small
 * ones with their content in memory. The cache is bounded in entries, descriptors and bytes; an
 * entry is compared with the file system once a second at most.
 */
#ifndef HTTPD_FILECACHE_H
#define HTTPD_FILECACHE_H

#include <sys/types.h>

#include "text.h"

enum {
    FILE_CONTENT_MAX = 262144, /* files up to this many bytes are kept in memory, if it suffices */
    /* Bytes of content in the whole cache: a quarter of the memory that is free at the start, but */
    FILECACHE_BYTES_MIN = 262144,
    FILECACHE_BYTES_MAX = 67108864,
    FILECACHE_ENTRIES = 128,
    FILECACHE_FDS = 24, /* descriptors that the cache keeps open */
};

struct file {
    struct file *hash_next, *newer, *older; /* the cache's own, like all up to `content` */
    unsigned refs;
    bool cached;
    int64_t checked_s;
    dev_t dev;
    ino_t ino;
    int64_t mtime_ns; /* the part below a second */
    int fd;           /* -1 where the content is in memory */
    char *content;    /* all `size` bytes, or NULL */
    uint64_t size;
    int64_t mtime_s;
    struct str etag; /* points into fields */
    /* "ETag: ...", "Last-Modified: ..." | "Accept-Ranges: ...", "Content-Type: ..." |
       "Content-Length: ..."; each line with CR LF, and the bytes up to each bar. */
    char fields[320];
    size_t validators_len, common_len, fields_len;
    size_t path_len;
    char path[];
};

/*
 * Says below which directory files are served: others of its file systems are not. Returns 0, or
 * -1 with a message on standard error where it holds nothing that could be served.
 */
int filecache_set_root(const char *root);

/*
 * Looks a path up, which ends in a NUL after len bytes. Returns 0 and a reference in *out, which
 * goes back through file_put; or an HTTP status: 301 for a directory, 403, 404, 500, or 503 where
 * memory or descriptors are short.
 */
int filecache_get(const char *path, size_t len, struct file **out);

/* A file that is only in memory, without validators. Takes over content (from malloc), also where
   it fails and returns NULL. */
struct file *file_from_memory(char *content, size_t size, const char *type);

/* Gives a reference back. NULL is allowed. */
void file_put(struct file *file);

/* Closes all that nobody uses just now, to free descriptors and memory. */
void filecache_drop(void);

/*
 * Copies up to len bytes from an offset into buf, of a file whose content is not in memory; the file has
 * them all. Returns the count, at least 1, or -1 where it could not be read or is shorter than it was.
 */
long file_read(const struct file *file, char *buf, size_t len, uint64_t offset);

#endif
