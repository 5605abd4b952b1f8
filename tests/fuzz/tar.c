/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: lib/fs/tar.c lib/fs/tar_pax.c lib/fs/tar_index.c */
/* cflags: -Ilib/fs */
/*
 * Any bytes as a tar file. To get past the checksums, each block that looks like a header by the
 * fuzzer's choice (first byte odd) gets a right one before it is read.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tar_index.h"

struct input {
    const uint8_t *data;
    size_t bytes;
};

static int input_read(void *context, uint64_t offset, void *data, size_t bytes)
{
    const struct input *input = context;
    uint8_t *block = data;

    if (offset > input->bytes || bytes > input->bytes - offset)
        abort(); /* beyond the device */
    memcpy(data, input->data + offset, bytes);
    if (bytes == 512 && (block[0] & 1)) {
        unsigned sum = 0;
        memset(block + 148, ' ', 8);
        for (unsigned at = 0; at < 512; at++)
            sum += block[at];
        snprintf((char *)block + 148, 8, "%06o", sum);
    }
    return 0;
}

static void report(void *context, const char *name, const char *why)
{
    if (strlen(name) > TAR_NAME_MAX || why == NULL)
        abort();
    (void)context;
}

/* The tree must be whole: parents right, contents on the device. */
static void check(const struct tar_node *directory, uint64_t bytes, unsigned depth)
{
    if (depth > 200)
        abort();
    for (const struct tar_node *node = directory->first; node != NULL; node = node->sibling) {
        const struct tar_node *origin = node->origin != NULL ? node->origin : node;
        if (node->parent != directory || strlen(node->name) != node->name_bytes ||
            origin->origin != NULL)
            abort();
        if (origin->kind == TAR_FILE &&
            (origin->offset > bytes || origin->size > bytes - origin->offset))
            abort();
        if (origin->kind == TAR_SYMLINK && origin->target == NULL)
            abort();
        if (node->kind == TAR_DIRECTORY)
            check(node, bytes, depth + 1);
        else if (node->first != NULL)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct input input = {data, bytes};
    struct tar_index index;

    if (tar_index_build(&index, input_read, &input, bytes, report, NULL) == 0)
        check(index.root, bytes, 0);
    tar_index_free(&index);
    return 0;
}
