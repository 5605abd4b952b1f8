/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tar format: headers, numbers, and the order of extension headers. pax records are in
 * tar_pax.c. Relies on malloc for extension headers only.
 */
#include "tar.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tar_pax.h"

/* A header block (POSIX ustar; GNU tar uses the same first 257 bytes). */
struct tar_header {
    char name[100];
    char mode[8];
    char uid[8];
    char gid[8];
    char size[12];
    char mtime[12];
    char checksum[8];
    char type;
    char link[100];
    char magic[6];
    char version[2];
    char owner[32];
    char group[32];
    char device_major[8];
    char device_minor[8];
    char prefix[155];
    char padding[12];
};
_Static_assert(sizeof(struct tar_header) == TAR_BLOCK_BYTES, "tar_header");

void tar_begin(struct tar *tar, tar_read read, void *context, uint64_t bytes)
{
    memset(tar, 0, sizeof(*tar));
    tar->read = read;
    tar->context = context;
    tar->bytes = bytes;
}

void tar_end(struct tar *tar)
{
    tar_attributes_clear(&tar->global);
    tar_attributes_clear(&tar->local);
}

static int tar_fail(struct tar *tar, int result, const char *error)
{
    tar->error = error;
    return result;
}

/* A numeric field: octal digits between spaces, or base-256 when the first bit is set (GNU). */
static bool number_parse(const char *field, size_t bytes, int64_t *value)
{
    const uint8_t *digits = (const uint8_t *)field;
    size_t at = 0;

    if (digits[0] & 0x80) {
        bool negative = digits[0] & 0x40;
        /* The marker bit aside, the bytes are a two's complement number. */
        uint64_t number = negative ? UINT64_MAX : 0;
        uint8_t first = negative ? digits[0] : digits[0] & 0x7f;
        for (at = 0; at < bytes; at++) {
            uint8_t byte = at == 0 ? first : digits[at];
            uint8_t top = (uint8_t)(number >> 56);
            if (top != (negative ? 0xff : 0))
                return false;
            number = number << 8 | byte;
        }
        if ((number >> 63) != negative)
            return false;
        *value = (int64_t)number;
        return true;
    }
    uint64_t number = 0;
    while (at < bytes && digits[at] == ' ')
        at++;
    for (; at < bytes && digits[at] >= '0' && digits[at] <= '7'; at++) {
        if (number >> 60)
            return false;
        number = number << 3 | (uint64_t)(digits[at] - '0');
    }
    if (at < bytes && digits[at] != ' ' && digits[at] != '\0')
        return false;
    *value = (int64_t)number;
    return true;
}

/* The checksum counts its own field as spaces; some old writers summed signed bytes. */
static bool checksum_matches(const struct tar_header *header)
{
    const uint8_t *bytes = (const uint8_t *)header;
    const size_t begin = offsetof(struct tar_header, checksum);
    const size_t end = begin + sizeof(header->checksum);
    int64_t wanted, sum = 0, signed_sum = 0;

    for (size_t at = 0; at < sizeof(*header); at++) {
        bool own = at >= begin && at < end;
        sum += own ? ' ' : bytes[at];
        signed_sum += own ? ' ' : (int8_t)bytes[at];
    }
    if (!number_parse(header->checksum, sizeof(header->checksum), &wanted))
        return false;
    return wanted == sum || wanted == signed_sum;
}

static bool is_zero(const void *data, size_t bytes)
{
    const uint8_t *at = data;
    while (bytes > 0 && *at == 0)
        at++, bytes--;
    return bytes == 0;
}

/* The contents of an extension header, terminated by a NUL of ours. */
static int extension_read(struct tar *tar, uint64_t bytes, char **text)
{
    if (bytes > TAR_EXTENSION_MAX)
        return tar_fail(tar, -EINVAL, "extension header too long");
    char *data = malloc((size_t)bytes + 1);
    if (data == NULL)
        return tar_fail(tar, -ENOMEM, "out of memory");
    int result = bytes == 0 ? 0 : tar->read(tar->context, tar->offset, data, (size_t)bytes);
    if (result != 0) {
        free(data);
        return tar_fail(tar, result, "read error");
    }
    data[bytes] = '\0';
    *text = data;
    return 0;
}

/* One extension header (its contents begin at tar->offset): into the attributes of the next member
 * or of all that follow. */
static int extension_apply(struct tar *tar, char type, uint64_t bytes)
{
    char *text;
    int result = extension_read(tar, bytes, &text);
    if (result != 0)
        return result;
    if (type == 'L' || type == 'K') {
        char **slot = type == 'L' ? &tar->local.path : &tar->local.linkpath;
        free(*slot);
        *slot = text;
        return 0;
    }
    result = tar_pax_parse(text, (size_t)bytes, type == 'g' ? &tar->global : &tar->local);
    free(text);
    return result == 0 ? 0 : tar_fail(tar, result, "malformed pax header");
}

static bool copy_field(char *out, const char *field, size_t bytes)
{
    size_t length = strnlen(field, bytes);
    memcpy(out, field, length);
    out[length] = '\0';
    return length > 0;
}

/* Name and link: from the extension headers, else from the fields (with ustar's prefix). */
static int names_fill(struct tar *tar, const struct tar_header *header)
{
    const struct tar_attributes *local = &tar->local, *global = &tar->global;
    const char *path = local->path ? local->path : global->path;
    const char *link = local->linkpath ? local->linkpath : global->linkpath;

    if ((path && strlen(path) > TAR_NAME_MAX) || (link && strlen(link) > TAR_NAME_MAX))
        return tar_fail(tar, -EINVAL, "name too long");
    if (path) {
        strcpy(tar->name, path);
    } else {
        size_t used = 0;
        bool ustar = memcmp(header->magic, "ustar", sizeof("ustar")) == 0;
        if (ustar && copy_field(tar->name, header->prefix, sizeof(header->prefix))) {
            used = strlen(tar->name);
            tar->name[used++] = '/';
        }
        copy_field(tar->name + used, header->name, sizeof(header->name));
    }
    if (link)
        strcpy(tar->link, link);
    else
        copy_field(tar->link, header->link, sizeof(header->link));
    return 0;
}

static void refuse(struct tar_member *member, const char *why)
{
    member->kind = TAR_REFUSED;
    member->refusal = why;
}

/* What kind of member the type says, and whether contents follow its header. */
static bool kind_fill(const struct tar *tar, char type, struct tar_member *member)
{
    size_t length = strlen(tar->name);

    switch (type) {
    case '1':
        member->kind = TAR_HARD_LINK;
        return false;
    case '2':
        member->kind = TAR_SYMLINK;
        return false;
    case '3':
    case '4':
    case '6':
        member->kind = TAR_SPECIAL;
        return false;
    case '5':
        member->kind = TAR_DIRECTORY;
        return false;
    case 'D': /* GNU, incremental: contents are a list of names */
        member->kind = TAR_DIRECTORY;
        return true;
    case 'S':
        refuse(member, "sparse members are not supported");
        return true;
    case 'M':
        refuse(member, "members continued from another volume are not supported");
        return true;
    default: /* POSIX: an unknown type is a regular file */
        member->kind = TAR_FILE;
        if (type == '\0' && length > 0 && tar->name[length - 1] == '/')
            member->kind = TAR_DIRECTORY; /* v7 marks directories so */
        else if (tar->local.is_sparse || tar->global.is_sparse)
            refuse(member, "sparse members are not supported");
        return true;
    }
}

static uint64_t pick(bool in_local, uint64_t local, bool in_global, uint64_t global, uint64_t field)
{
    return in_local ? local : in_global ? global : field;
}

/* Fills `member` from a header whose contents begin at tar->offset, and steps over them. */
static int member_fill(struct tar *tar, const struct tar_header *header, int64_t field_size,
                       struct tar_member *member)
{
    const struct tar_attributes *local = &tar->local, *global = &tar->global;
    int64_t mode, uid, gid, mtime;

    if (!number_parse(header->mode, sizeof(header->mode), &mode) ||
        !number_parse(header->uid, sizeof(header->uid), &uid) ||
        !number_parse(header->gid, sizeof(header->gid), &gid) ||
        !number_parse(header->mtime, sizeof(header->mtime), &mtime))
        return tar_fail(tar, -EINVAL, "malformed number");
    int result = names_fill(tar, header);
    if (result != 0)
        return result;

    memset(member, 0, sizeof(*member));
    member->name = tar->name;
    member->link = tar->link;
    member->mode = (uint32_t)mode & 07777;
    member->uid = (uint32_t)pick(local->has_uid, local->uid, global->has_uid, global->uid,
                                 (uint64_t)uid);
    member->gid = (uint32_t)pick(local->has_gid, local->gid, global->has_gid, global->gid,
                                 (uint64_t)gid);
    member->mtime_sec = local->has_mtime    ? local->mtime_sec
                        : global->has_mtime ? global->mtime_sec
                                            : mtime;
    member->mtime_nsec = local->has_mtime ? local->mtime_nsec : global->mtime_nsec;

    uint64_t size = 0;
    if (kind_fill(tar, header->type, member)) {
        size = pick(local->has_size, local->size, global->has_size, global->size,
                    (uint64_t)field_size);
        if (size > tar->bytes - tar->offset)
            return tar_fail(tar, -EINVAL, "archive ends within a member");
    }
    member->size = member->kind == TAR_FILE ? size : 0;
    member->offset = tar->offset;
    /* No overflow: size is at most what is left of the device. */
    tar->offset += (size + TAR_BLOCK_BYTES - 1) / TAR_BLOCK_BYTES * TAR_BLOCK_BYTES;
    return 1;
}

static bool is_extension(char type)
{
    return type == 'x' || type == 'g' || type == 'X' || type == 'L' || type == 'K';
}

int tar_next(struct tar *tar, struct tar_member *member)
{
    struct tar_header header;
    int64_t size;

    tar_attributes_clear(&tar->local);
    for (;;) {
        bool first = tar->offset == 0;
        if (tar->offset > tar->bytes || tar->bytes - tar->offset < TAR_BLOCK_BYTES)
            return first ? tar_fail(tar, -EINVAL, "not a tar file") : 0;
        int result = tar->read(tar->context, tar->offset, &header, sizeof(header));
        if (result != 0)
            return tar_fail(tar, result, "read error");
        if (is_zero(&header, sizeof(header)))
            return 0;
        if (!checksum_matches(&header))
            return tar_fail(tar, -EINVAL, first ? "not a tar file" : "malformed header");
        if (!number_parse(header.size, sizeof(header.size), &size) || size < 0)
            return tar_fail(tar, -EINVAL, "malformed size");
        tar->offset += TAR_BLOCK_BYTES;

        if (!is_extension(header.type) && header.type != 'V')
            return member_fill(tar, &header, size, member);
        if ((uint64_t)size > tar->bytes - tar->offset)
            return tar_fail(tar, -EINVAL, "archive ends within a member");
        if (header.type != 'V') { /* a volume's label says nothing */
            result = extension_apply(tar, header.type, (uint64_t)size);
            if (result != 0)
                return result;
        }
        tar->offset += ((uint64_t)size + TAR_BLOCK_BYTES - 1) / TAR_BLOCK_BYTES * TAR_BLOCK_BYTES;
    }
}
