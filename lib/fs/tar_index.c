/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Builds the tree of a tar file. Names are hashed with their directory, so that a lookup costs the
 * same in a directory of ten entries and of ten thousand.
 */
#include "tar_index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS_FIRST 64u
#define NAME_MAX_BYTES 255u
#define DEPTH_MAX 128u

static size_t hash_name(const struct tar_node *directory, const char *name, size_t bytes)
{
    uint64_t hash = 0xcbf29ce484222325u ^ directory->inode; /* FNV-1a */
    for (size_t at = 0; at < bytes; at++)
        hash = (hash ^ (uint8_t)name[at]) * 0x100000001b3u;
    return (size_t)(hash ^ hash >> 32);
}

struct tar_node *tar_index_lookup(const struct tar_index *index, const struct tar_node *directory,
                                  const char *name, size_t name_bytes)
{
    size_t bucket = hash_name(directory, name, name_bytes) & (index->bucket_count - 1);
    struct tar_node *node = index->buckets[bucket];

    while (node != NULL && (node->parent != directory || node->name_bytes != name_bytes ||
                            memcmp(node->name, name, name_bytes) != 0))
        node = node->hash_next;
    return node;
}

static void hash_insert(struct tar_index *index, struct tar_node *node)
{
    size_t bucket = hash_name(node->parent, node->name, node->name_bytes) &
                    (index->bucket_count - 1);
    node->hash_next = index->buckets[bucket];
    index->buckets[bucket] = node;
}

/* Doubles the table. */
static int hash_grow(struct tar_index *index)
{
    size_t old_count = index->bucket_count;
    struct tar_node **old = index->buckets;
    struct tar_node **buckets = calloc(old_count * 2, sizeof(*buckets));

    if (buckets == NULL)
        return -ENOMEM;
    index->buckets = buckets;
    index->bucket_count = old_count * 2;
    for (size_t bucket = 0; bucket < old_count; bucket++)
        for (struct tar_node *node = old[bucket], *next; node != NULL; node = next) {
            next = node->hash_next;
            hash_insert(index, node);
        }
    free(old);
    return 0;
}

static struct tar_node *node_new(struct tar_index *index, struct tar_node *parent, const char *name,
                                 size_t name_bytes)
{
    struct tar_node *node = calloc(1, sizeof(*node) + name_bytes + 1);
    if (node == NULL)
        return NULL;
    memcpy(node->name, name, name_bytes);
    node->name_bytes = name_bytes;
    node->kind = TAR_DIRECTORY;
    node->mode = 0755;
    node->links = 1;
    node->inode = index->next_inode++;
    node->parent = parent == NULL ? node : parent;
    return node;
}

/* Adds an entry to a directory that has none of that name. */
static int entry_add(struct tar_index *index, struct tar_node *parent, const char *name,
                     size_t name_bytes, struct tar_node **out)
{
    if (index->node_count >= index->bucket_count && hash_grow(index) != 0)
        return -ENOMEM;
    struct tar_node *node = node_new(index, parent, name, name_bytes);
    if (node == NULL)
        return -ENOMEM;
    index->node_count++;
    if (parent->last != NULL)
        parent->last->sibling = node;
    else
        parent->first = node;
    parent->last = node;
    hash_insert(index, node);
    *out = node;
    return 0;
}

/* Steps `path` over slashes and "." to its next component; false at the end. */
static bool component_next(const char **path, const char **name, size_t *bytes)
{
    for (;;) {
        while (**path == '/')
            (*path)++;
        *name = *path;
        while (**path != '\0' && **path != '/')
            (*path)++;
        *bytes = (size_t)(*path - *name);
        if (*bytes != 1 || **name != '.')
            return *bytes > 0;
    }
}

/* Why a member's name cannot be placed, or NULL. */
static const char *name_refusal(const char *path)
{
    const char *name;
    size_t bytes;
    unsigned depth = 0;

    while (component_next(&path, &name, &bytes)) {
        if (bytes == 2 && name[0] == '.' && name[1] == '.')
            return "its name leads upwards";
        if (bytes > NAME_MAX_BYTES)
            return "its name is too long";
        if (++depth > DEPTH_MAX)
            return "its name is too deep";
    }
    return NULL;
}

/* Finds a node by an archive's name, without following links; NULL when there is none. */
static struct tar_node *path_find(const struct tar_index *index, const char *path)
{
    struct tar_node *node = index->root;
    const char *name;
    size_t bytes;

    while (node != NULL && component_next(&path, &name, &bytes))
        node = node->kind == TAR_DIRECTORY ? tar_index_lookup(index, node, name, bytes) : NULL;
    return node;
}

/* Finds or makes the node for a member, and the directories above it. `*why` is set when a name on
 * the way is no directory. */
static int path_make(struct tar_index *index, const char *path, struct tar_node **out,
                     const char **why)
{
    struct tar_node *node = index->root;
    const char *name;
    size_t bytes;

    while (component_next(&path, &name, &bytes)) {
        if (node->kind != TAR_DIRECTORY) {
            *why = "a part of its name is no directory";
            return 0;
        }
        struct tar_node *next = tar_index_lookup(index, node, name, bytes);
        if (next == NULL) {
            int result = entry_add(index, node, name, bytes, &next);
            if (result != 0)
                return result;
        }
        node = next;
    }
    *out = node;
    return 0;
}

/* A hard link takes over what the earlier member is. */
static int hard_link_fill(struct tar_index *index, struct tar_node *node, const char *target,
                          const char **why)
{
    struct tar_node *origin = path_find(index, target);
    if (origin != NULL && origin->origin != NULL)
        origin = origin->origin;
    if (origin == NULL || origin->kind == TAR_DIRECTORY) {
        *why = "it is a hard link to a member that is not there";
        node->kind = TAR_REFUSED;
        return 0;
    }
    if (origin == node)
        return 0;
    node->kind = origin->kind;
    node->origin = origin;
    origin->links++;
    return 0;
}

static int node_fill(struct tar_index *index, struct tar_node *node,
                     const struct tar_member *member, const char **why)
{
    if (node == index->root && member->kind != TAR_DIRECTORY) {
        *why = "it has no name";
        return 0;
    }
    if (node->kind == TAR_DIRECTORY && member->kind != TAR_DIRECTORY && node->first != NULL) {
        *why = "a directory of that name is not empty";
        return 0;
    }
    if (node->links > 1) {
        *why = "a hard link names the older member of that name";
        return 0;
    }
    if (node->origin != NULL)
        node->origin->links--;
    node->origin = NULL;
    free(node->target);
    node->target = NULL;
    if (member->kind == TAR_HARD_LINK)
        return hard_link_fill(index, node, member->link, why);
    if (member->kind == TAR_SYMLINK) {
        node->target = strdup(member->link);
        if (node->target == NULL)
            return -ENOMEM;
    }
    node->kind = member->kind;
    node->mode = member->mode;
    node->uid = member->uid;
    node->gid = member->gid;
    node->size = member->kind == TAR_SYMLINK ? strlen(member->link) : member->size;
    node->offset = member->offset;
    node->mtime_sec = member->mtime_sec;
    node->mtime_nsec = member->mtime_nsec;
    *why = member->refusal;
    return 0;
}

static int member_add(struct tar_index *index, const struct tar_member *member, tar_report report,
                      void *context)
{
    struct tar_node *node = NULL;
    const char *why = name_refusal(member->name);
    int result = 0;

    if (why == NULL)
        result = path_make(index, member->name, &node, &why);
    if (result == 0 && why == NULL)
        result = node_fill(index, node, member, &why);
    if (why != NULL)
        report(context, member->name, why);
    return result;
}

int tar_index_build(struct tar_index *index, tar_read read, void *read_context, uint64_t bytes,
                    tar_report report, void *report_context)
{
    struct tar *tar = malloc(sizeof(*tar));
    struct tar_member member;
    int result = -ENOMEM;

    memset(index, 0, sizeof(*index));
    index->next_inode = 1;
    index->bucket_count = BUCKETS_FIRST;
    index->buckets = calloc(index->bucket_count, sizeof(struct tar_node *));
    index->root = node_new(index, NULL, "", 0);
    if (tar == NULL || index->buckets == NULL || index->root == NULL)
        goto out;

    tar_begin(tar, read, read_context, bytes);
    uint64_t count = 0;
    while ((result = tar_next(tar, &member)) == 1) {
        count++;
        result = member_add(index, &member, report, report_context);
        if (result != 0)
            break;
    }
    if (result < 0 && result != -ENOMEM && count > 0) {
        report(report_context, tar->name, tar->error);
        result = 0;
    }
    tar_end(tar);
out:
    free(tar);
    if (result != 0)
        tar_index_free(index);
    return result;
}

static void node_free(struct tar_node *node)
{
    free(node->target);
    free(node);
}

void tar_index_free(struct tar_index *index)
{
    for (size_t bucket = 0; index->buckets != NULL && bucket < index->bucket_count; bucket++)
        for (struct tar_node *node = index->buckets[bucket], *next; node != NULL; node = next) {
            next = node->hash_next;
            node_free(node);
        }
    if (index->root != NULL)
        node_free(index->root);
    free(index->buckets);
    memset(index, 0, sizeof(*index));
}
