/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: lib/fs/tar.c lib/fs/tar_pax.c lib/fs/tar_index.c */
/* cflags: -Ilib/fs */
/*
 * The tar reader against archives that the machine's own tar writes in each of its formats, and
 * against headers made by hand that no tar would write.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tar_index.h"
#include "tar_pax.h"

struct archive {
    uint8_t *data;
    size_t bytes;
    unsigned reads_left; /* then reads fail */
};

static char reported[8192];

static int archive_read(void *context, uint64_t offset, void *data, size_t bytes)
{
    struct archive *archive = context;

    /* The reader must never ask for what is not there. */
    assert_true(offset <= archive->bytes && bytes <= archive->bytes - offset);
    if (archive->reads_left-- == 0)
        return -EIO;
    memcpy(data, archive->data + offset, bytes);
    return 0;
}

static void report(void *context, const char *name, const char *why)
{
    (void)context;
    size_t used = strlen(reported);
    snprintf(reported + used, sizeof(reported) - used, "[%s: %s]", name, why);
}

static int build(struct tar_index *index, struct archive *archive)
{
    reported[0] = '\0';
    archive->reads_left = UINT32_MAX;
    return tar_index_build(index, archive_read, archive, archive->bytes, report, NULL);
}

static const struct tar_node *find(const struct tar_index *index, const char *path)
{
    const struct tar_node *node = index->root;

    while (node != NULL && *path != '\0') {
        size_t bytes = strcspn(path, "/");
        node = tar_index_lookup(index, node, path, bytes);
        path += bytes + (path[bytes] == '/');
    }
    return node;
}

/* Runs a shell script in a fresh directory that leaves its archive at $A. */
static void archive_make(struct archive *archive, const char *script)
{
    char directory[] = "/tmp/coracle-tar-XXXXXX", command[8192], path[64];

    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s.tar", directory);
    snprintf(command, sizeof(command), "set -e; export LC_ALL=C A=%s; cd %s; %s", path, directory,
             script);
    assert_int_equal(system(command), 0);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    archive->bytes = (size_t)ftell(file);
    rewind(file);
    archive->data = malloc(archive->bytes);
    assert_int_equal(fread(archive->data, 1, archive->bytes, file), archive->bytes);
    fclose(file);
    unlink(path);
    snprintf(command, sizeof(command), "rm -rf %s", directory);
    assert_int_equal(system(command), 0);
}

static void expect_contents(const struct archive *archive, const struct tar_node *node,
                            const char *contents)
{
    assert_non_null(node);
    if (node->origin != NULL)
        node = node->origin;
    assert_int_equal(node->kind, TAR_FILE);
    assert_int_equal(node->size, strlen(contents));
    assert_memory_equal(archive->data + node->offset, contents, node->size);
}

#define LONG_PART "a-rather-long-part-of-a-name-that-repeats-"
#define LONG_NAME                                                    \
    LONG_PART LONG_PART LONG_PART "1/" LONG_PART LONG_PART LONG_PART \
                                  "2/" LONG_PART LONG_PART LONG_PART "3"

static const char tree_script[] =
    "mkdir -p d/e; printf one > d/one; printf three > d/e/three; : > empty;"
    "ln -s ../d/one d/link; ln d/one hard; chmod 640 d/one;"
    "mkdir -p $(dirname " LONG_NAME "); printf long > " LONG_NAME ";"
    "ln -s " LONG_NAME " longlink; touch -d @1234567890 d/e/three;";

static void formats(void **state)
{
    static const char *const format[] = {"gnu", "oldgnu", "pax", "posix"};
    (void)state;

    for (unsigned i = 0; i < sizeof(format) / sizeof(format[0]); i++) {
        struct archive archive;
        struct tar_index index;
        char script[8192];

        snprintf(script, sizeof(script), "%s tar --format=%s -cf $A .", tree_script, format[i]);
        archive_make(&archive, script);
        assert_int_equal(build(&index, &archive), 0);
        assert_string_equal(reported, "");
        expect_contents(&archive, find(&index, "d/one"), "one");
        expect_contents(&archive, find(&index, "hard"), "one");
        expect_contents(&archive, find(&index, "d/e/three"), "three");
        expect_contents(&archive, find(&index, "empty"), "");
        expect_contents(&archive, find(&index, LONG_NAME), "long");
        assert_string_equal(find(&index, "longlink")->target, LONG_NAME);
        assert_string_equal(find(&index, "d/link")->target, "../d/one");
        assert_int_equal(find(&index, "d/link")->kind, TAR_SYMLINK);
        assert_int_equal(find(&index, "d/e")->kind, TAR_DIRECTORY);
        assert_int_equal(find(&index, "d/e/three")->mtime_sec, 1234567890);
        const struct tar_node *one = find(&index, "d/one"), *hard = find(&index, "hard");
        const struct tar_node *origin = one->origin ? one->origin : one;
        assert_ptr_equal(origin, hard->origin ? hard->origin : hard);
        assert_int_equal(origin->links, 2);
        assert_int_equal(origin->mode, 0640);
        assert_null(find(&index, "d/two"));
        tar_index_free(&index);
        free(archive.data);
    }
}

static void old_formats(void **state)
{
    static const char *const format[] = {"v7", "ustar"};
    (void)state;

    for (unsigned i = 0; i < 2; i++) {
        struct archive archive;
        struct tar_index index;
        char script[512];

        snprintf(script, sizeof(script),
                 "mkdir -p d/e; printf x > d/e/f; ln -s d l; tar --format=%s -cf $A d l",
                 format[i]);
        archive_make(&archive, script);
        assert_int_equal(build(&index, &archive), 0);
        assert_string_equal(reported, "");
        expect_contents(&archive, find(&index, "d/e/f"), "x");
        assert_int_equal(find(&index, "d/e")->kind, TAR_DIRECTORY);
        assert_string_equal(find(&index, "l")->target, "d");
        tar_index_free(&index);
        free(archive.data);
    }
}

/* ustar's prefix field splits names of up to 256 bytes. */
static void ustar_prefix(void **state)
{
    struct archive archive;
    struct tar_index index;
    (void)state;

    archive_make(&archive, "mkdir -p " LONG_PART LONG_PART "; printf p > " LONG_PART LONG_PART
                           "/" LONG_PART "; tar --format=ustar -cf $A *");
    assert_int_equal(build(&index, &archive), 0);
    expect_contents(&archive, find(&index, LONG_PART LONG_PART "/" LONG_PART), "p");
    tar_index_free(&index);
    free(archive.data);
}

static void sparse_is_refused_by_name(void **state)
{
    static const char *const format[] = {"gnu", "pax --sparse-version=0.1",
                                         "pax --sparse-version=0.0", "pax --sparse-version=1.0"};
    (void)state;

    for (unsigned i = 0; i < sizeof(format) / sizeof(format[0]); i++) {
        struct archive archive;
        struct tar_index index;
        char script[512];

        snprintf(script, sizeof(script),
                 "truncate -s 10M holes; printf x >> holes; printf after > z;"
                 "tar --sparse --format=%s -cf $A holes z",
                 format[i]);
        archive_make(&archive, script);
        assert_int_equal(build(&index, &archive), 0);
        assert_string_equal(reported, "[holes: sparse members are not supported]");
        assert_int_equal(find(&index, "holes")->kind, TAR_REFUSED);
        expect_contents(&archive, find(&index, "z"), "after");
        tar_index_free(&index);
        free(archive.data);
    }
}

static void many_members(void **state)
{
    struct archive archive;
    struct tar_index index;
    char name[32];
    (void)state;

    archive_make(&archive, "i=0; mkdir m; while [ $i -lt 3000 ]; do echo $i > m/$i; i=$((i+1)); "
                           "done; tar -cf $A m");
    assert_int_equal(build(&index, &archive), 0);
    for (int i = 0; i < 3000; i++) {
        char contents[16];
        snprintf(name, sizeof(name), "m/%d", i);
        snprintf(contents, sizeof(contents), "%d\n", i);
        expect_contents(&archive, find(&index, name), contents);
    }
    tar_index_free(&index);
    free(archive.data);
}

/* A later member of the same name replaces the former, as tar -r means it. */
static void last_one_wins(void **state)
{
    struct archive archive;
    struct tar_index index;
    (void)state;

    archive_make(&archive, "echo old > f; tar -cf $A f; echo newer > f; tar -rf $A f");
    assert_int_equal(build(&index, &archive), 0);
    expect_contents(&archive, find(&index, "f"), "newer\n");
    tar_index_free(&index);
    free(archive.data);
}

/* Every way to cut an archive short keeps what came whole before and never reads beyond. */
static void truncated(void **state)
{
    struct archive archive;
    (void)state;

    archive_make(&archive, "echo 1 > a; head -c 3000 /dev/zero > b; echo 3 > c; tar -cf $A a b c");
    for (size_t bytes = 0; bytes <= archive.bytes; bytes += 256) {
        struct archive cut = {malloc(bytes + 1), bytes, 0};
        struct tar_index index;
        memcpy(cut.data, archive.data, bytes);
        int result = build(&index, &cut);
        if (bytes < 512) {
            assert_int_equal(result, -EINVAL);
        } else if (bytes >= 1024) {
            assert_int_equal(result, 0);
            expect_contents(&cut, find(&index, "a"), "1\n");
        }
        if (bytes == 2048)
            assert_string_equal(reported, "[b: archive ends within a member]");
        tar_index_free(&index);
        free(cut.data);
    }
    free(archive.data);
}

static void read_errors(void **state)
{
    struct archive archive;
    struct tar_index index;
    (void)state;

    archive_make(&archive, "echo 1 > a; echo 2 > b; tar -cf $A a b");
    archive.reads_left = 0;
    assert_int_equal(tar_index_build(&index, archive_read, &archive, archive.bytes, report, NULL),
                     -EIO);
    archive.reads_left = 1;
    reported[0] = '\0';
    assert_int_equal(tar_index_build(&index, archive_read, &archive, archive.bytes, report, NULL),
                     0);
    assert_string_equal(reported, "[a: read error]");
    tar_index_free(&index);
    free(archive.data);
}

/* ---- headers made by hand ---- */

static void header_make(uint8_t *block, const char *name, char type, const char *size,
                        const char *link)
{
    unsigned sum = 0;

    memset(block, 0, 512);
    strncpy((char *)block, name, 100);
    strcpy((char *)block + 100, "0000644");
    strcpy((char *)block + 108, "0000000");
    strcpy((char *)block + 116, "0000000");
    memcpy(block + 124, size, strlen(size) < 12 ? strlen(size) + 1 : 12);
    strcpy((char *)block + 136, "00000000000");
    block[156] = (uint8_t)type;
    strncpy((char *)block + 157, link, 100);
    memcpy(block + 257, "ustar\00000", 8);
    memset(block + 148, ' ', 8);
    for (unsigned i = 0; i < 512; i++)
        sum += block[i];
    snprintf((char *)block + 148, 8, "%06o", sum);
}

struct made {
    const char *name;
    char type;
    const char *size, *link;
};

/* Builds an index of members without contents. */
static int made_build(struct tar_index *index, const struct made *made, unsigned count)
{
    struct archive archive = {calloc(count + 2, 512), (count + 2) * 512u, 0};

    for (unsigned i = 0; i < count; i++)
        header_make(archive.data + 512 * i, made[i].name, made[i].type,
                    made[i].size ? made[i].size : "0", made[i].link ? made[i].link : "");
    int result = build(index, &archive);
    free(archive.data);
    return result;
}

static void names_that_lead_out(void **state)
{
    static const struct made made[] = {
        {"../up", '0', NULL, NULL},     {"a/../../up", '0', NULL, NULL},
        {"/absolute", '0', NULL, NULL}, {"./././dot", '0', NULL, NULL},
        {"f", '0', NULL, NULL},         {"f/below", '0', NULL, NULL},
        {"d/x", '0', NULL, NULL},       {"d", '0', NULL, NULL},
        {"", '0', NULL, NULL},          {"l", '1', NULL, "nowhere"},
        {"h", '1', NULL, "h"},          {"dl", '1', NULL, "d"},
    };
    struct tar_index index;
    (void)state;

    assert_int_equal(made_build(&index, made, sizeof(made) / sizeof(made[0])), 0);
    assert_string_equal(reported, "[../up: its name leads upwards]"
                                  "[a/../../up: its name leads upwards]"
                                  "[f/below: a part of its name is no directory]"
                                  "[d: a directory of that name is not empty]"
                                  "[: it has no name]"
                                  "[l: it is a hard link to a member that is not there]"
                                  "[h: it is a hard link to a member that is not there]"
                                  "[dl: it is a hard link to a member that is not there]");
    assert_non_null(find(&index, "absolute"));
    assert_non_null(find(&index, "dot"));
    assert_null(find(&index, "up"));
    tar_index_free(&index);
}

static void hard_links_replaced(void **state)
{
    static const struct made made[] = {
        {"a", '0', NULL, NULL}, {"b", '1', NULL, "a"},  {"c", '1', NULL, "b"},
        {"b", '0', NULL, NULL}, {"a", '0', NULL, NULL}, {"c", '1', NULL, "a"},
    };
    struct tar_index index;
    (void)state;

    assert_int_equal(made_build(&index, made, 4), 0);
    assert_string_equal(reported, "");
    assert_ptr_equal(find(&index, "c")->origin, find(&index, "a"));
    assert_int_equal(find(&index, "a")->links, 2);
    tar_index_free(&index);
    assert_int_equal(made_build(&index, made, 6), 0);
    assert_string_equal(reported, "[a: a hard link names the older member of that name]");
    assert_int_equal(find(&index, "a")->links, 2);
    tar_index_free(&index);
}

static void sizes(void **state)
{
    static const struct {
        const char *size;
        const char *reported;
    } cases[] = {
        {"0000000001", "[f: archive ends within a member]"}, /* one byte, but nothing left */
        {"77777777777", "[f: archive ends within a member]"},
        {"1z", "[f: malformed size]"},
        {"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", "[f: archive ends within a member]"},
        {"\x80\0\0\0\x80\0\0\0\0\0\0\0", "[f: malformed size]"}, /* 2^63 */
        {"\x81\1\1\1\1\1\1\1\1\1\1\1", "[f: malformed size]"},
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "[f: malformed size]"}, /* -1 */
    };
    (void)state;

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        /* A good member, one that cannot be, and the device ends. */
        struct archive archive = {calloc(2, 512), 2 * 512u, 0};
        struct tar_index index;
        uint8_t field[12] = {0};
        memcpy(field, cases[i].size, cases[i].size[0] & 0x80 ? 12 : strlen(cases[i].size));
        header_make(archive.data, "f", '0', "0", "");
        header_make(archive.data + 512, "g", '0', "0", "");
        memcpy(archive.data + 512 + 124, field, 12);
        /* The sum again. */
        unsigned sum = 0;
        memset(archive.data + 512 + 148, ' ', 8);
        for (unsigned at = 0; at < 512; at++)
            sum += archive.data[512 + at];
        snprintf((char *)archive.data + 512 + 148, 8, "%06o", sum);
        assert_int_equal(build(&index, &archive), 0);
        /* The report names the last member whose name was read. */
        assert_non_null(strstr(reported, strchr(cases[i].reported, ':')));
        assert_null(find(&index, "g"));
        tar_index_free(&index);
        free(archive.data);
    }
}

static void base_256_size_is_read(void **state)
{
    struct archive archive = {calloc(5, 512), 5 * 512u, 0};
    struct tar_index index;
    (void)state;

    header_make(archive.data, "f", '0', "\x80\0\0\0\0\0\0\0\0\0\2\1", "");
    archive.data[124] = 0x80; /* header_make copies up to twelve bytes */
    memcpy(archive.data + 124, "\x80\0\0\0\0\0\0\0\0\0\2\1", 12);
    unsigned sum = 0;
    memset(archive.data + 148, ' ', 8);
    for (unsigned at = 0; at < 512; at++)
        sum += archive.data[at];
    snprintf((char *)archive.data + 148, 8, "%06o", sum);
    assert_int_equal(build(&index, &archive), 0);
    assert_int_equal(find(&index, "f")->size, 0x201);
    assert_int_equal(find(&index, "f")->offset, 512);
    tar_index_free(&index);
    free(archive.data);
}

static void not_a_tar_file(void **state)
{
    struct archive archive = {malloc(4096), 4096, 0};
    struct tar_index index;
    (void)state;

    memset(archive.data, 'x', 4096);
    assert_int_equal(build(&index, &archive), -EINVAL);
    memset(archive.data, 0, 4096); /* an archive of no members */
    assert_int_equal(build(&index, &archive), 0);
    assert_null(index.root->first);
    tar_index_free(&index);
    archive.bytes = 0;
    assert_int_equal(build(&index, &archive), -EINVAL);
    free(archive.data);
}

static void pax_records(void **state)
{
    static const char *const malformed[] = {
        "x",
        "5",
        "5 a=b",
        "0 a=b\n",
        "99 a=b\n",
        "6 a=b\n\n7",
        "5 a=\n\n",
        "6 =bc\n",
        " 6 a=b\n",
        "-6 a=b\n",
        "18446744073709551622 a=b\n",
        "10 size=x\n",
        "12 mtime=1x\n",
        "10 mtime=\x01\n",
    };
    struct tar_attributes attributes = {0};
    static const char good[] = "11 path=ab\n12 size=123\n22 mtime=-1.500000000\n8 size=\n"
                               "16 linkpath=a=b\n";
    (void)state;

    for (unsigned i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
        assert_int_equal(tar_pax_parse(malformed[i], strlen(malformed[i]), &attributes), -EINVAL);
        tar_attributes_clear(&attributes);
    }
    assert_int_equal(tar_pax_parse(good, 11 + 12, &attributes), 0);
    assert_string_equal(attributes.path, "ab");
    assert_true(attributes.has_size);
    assert_int_equal(attributes.size, 123);
    assert_int_equal(tar_pax_parse(good, sizeof(good) - 1, &attributes), 0);
    assert_false(attributes.has_size);
    assert_int_equal(attributes.mtime_sec, -2);
    assert_int_equal(attributes.mtime_nsec, 500000000);
    assert_string_equal(attributes.linkpath, "a=b");
    assert_int_equal(tar_pax_parse("9 path=a\0\n", 10, &attributes), -EINVAL);
    assert_int_equal(tar_pax_parse("10 path=\0\n", 10, &attributes), -EINVAL);
    tar_attributes_clear(&attributes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats),
        cmocka_unit_test(old_formats),
        cmocka_unit_test(ustar_prefix),
        cmocka_unit_test(sparse_is_refused_by_name),
        cmocka_unit_test(many_members),
        cmocka_unit_test(last_one_wins),
        cmocka_unit_test(truncated),
        cmocka_unit_test(read_errors),
        cmocka_unit_test(names_that_lead_out),
        cmocka_unit_test(hard_links_replaced),
        cmocka_unit_test(sizes),
        cmocka_unit_test(base_256_size_is_read),
        cmocka_unit_test(not_a_tar_file),
        cmocka_unit_test(pax_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
