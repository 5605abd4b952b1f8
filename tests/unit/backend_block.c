/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: monitor/block.c monitor/block_request.c monitor/disk.c monitor/backend.c */
/* sources: monitor/vring.c monitor/iov.c monitor/loop.c monitor/memory.c monitor/json.c */
/* sources: monitor/say.c monitor/uring.c */
/* sources: tests/unit/backend/fake_guest.c tests/unit/backend/guest_thread.c */
/* libs: -pthread */
/* The block backend on files: what a guest can ask for, and what may be wrong with the disk. */
#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_blk.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "backend/guest_thread.h"
#include "backends.h"

#define DISK_BYTES 1048576u
#define HEADER 8192u
#define STATUS 8224u
#define DATA 16384u
#define DATA_MAX (256u * 1024u)
#define NO_STATUS 0xee

static char path[64];
static const char *mode = ""; /* each test runs with ",direct" as well */
static struct guest_thread vm;
static uint8_t content[DISK_BYTES];

static void make_disk(size_t bytes)
{
    FILE *file;

    /* Not in /tmp, which may be memory, and that knows no direct I/O. */
    strcpy(path, "/var/tmp/backend_block.XXXXXX");
    close(mkstemp(path));
    file = fopen(path, "w");
    for (size_t i = 0; i < bytes; i++)
        content[i] = (uint8_t)rand();
    assert_int_equal(fwrite(content, 1, bytes, file), bytes);
    fclose(file);
}

static void start(const char *options)
{
    struct device *device;
    char spec[80];

    snprintf(spec, sizeof(spec), "%s%s%s", path, options, mode);
    assert_int_equal(block_open(spec, &device), 0);
    guest_thread_start(&vm, device, device->features);
}

static void finish(void)
{
    guest_thread_destroy(&vm);
    unlink(path);
}

static struct virtio_blk_config config(void)
{
    struct virtio_blk_config copy = {0};

    memcpy(&copy, vm.guest.device->config, vm.guest.device->config_bytes);
    return copy;
}

static void put_header(uint32_t type, uint64_t sector)
{
    struct virtio_blk_outhdr header = {.type = type, .sector = sector};

    memcpy(guest_ram(&vm.guest, HEADER), &header, sizeof(header));
    *(uint8_t *)guest_ram(&vm.guest, STATUS) = NO_STATUS;
}

/* One request with its data in one piece; returns the status. */
static uint8_t request(uint32_t type, uint64_t sector, uint32_t bytes)
{
    bool to_guest = type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_GET_ID;
    const struct fake_segment segments[] = {
        {HEADER, 16, false},
        {DATA, bytes, to_guest},
        {STATUS, 1, true},
    };
    uint16_t head, posted;
    uint32_t used;

    put_header(type, sector);
    posted = guest_post_and_ring(&vm, 0, segments, 3);
    assert_true(guest_wait(&vm, 0, &head, &used, 5000));
    assert_int_equal(head, posted);
    assert_int_equal(used, to_guest ? bytes + 1 : 1);
    return *(uint8_t *)guest_ram(&vm.guest, STATUS);
}

static void *data(void)
{
    return guest_ram(&vm.guest, DATA);
}

static void test_read_write_flush(void **state)
{
    uint8_t *copy = malloc(DATA_MAX);
    FILE *file;

    (void)state;
    make_disk(DISK_BYTES);
    start("");
    assert_int_equal(config().capacity, DISK_BYTES / 512);
    assert_int_equal(vm.guest.device->features & 1u << VIRTIO_BLK_F_RO, 0);
    for (int i = 0; i < 200; i++) {
        uint32_t bytes = (1 + (uint32_t)rand() % (DATA_MAX / 512)) * 512;
        uint64_t sector = (uint64_t)rand() % ((DISK_BYTES - bytes) / 512 + 1);

        if (rand() % 2) {
            for (uint32_t j = 0; j < bytes; j++)
                ((uint8_t *)data())[j] = (uint8_t)rand();
            memcpy(content + sector * 512, data(), bytes);
            assert_int_equal(request(VIRTIO_BLK_T_OUT, sector, bytes), VIRTIO_BLK_S_OK);
        } else {
            assert_int_equal(request(VIRTIO_BLK_T_IN, sector, bytes), VIRTIO_BLK_S_OK);
            assert_memory_equal(data(), content + sector * 512, bytes);
        }
    }
    assert_int_equal(request(VIRTIO_BLK_T_FLUSH, 0, 0), VIRTIO_BLK_S_OK);
    file = fopen(path, "r");
    assert_int_equal(fread(copy, 1, DATA_MAX, file), DATA_MAX);
    assert_memory_equal(copy, content, DATA_MAX);
    fclose(file);
    free(copy);
    finish();
}

static void test_any_borders_between_segments(void **state)
{
    /* Header in three pieces, the last of them holding data too; the status byte behind data. */
    const struct fake_segment write[] = {
        {HEADER, 3, false},
        {HEADER + 3, 9, false},
        {HEADER + 12, 4 + 512, false},
        {DATA, 1, true},
    };
    const struct fake_segment read[] = {
        {HEADER, 15, false},
        {HEADER + 15, 1, false},
        {DATA, 100, true},
        {DATA + 100, 413, true},
    };
    uint16_t head;
    uint32_t used;

    (void)state;
    make_disk(4096);
    start("");
    put_header(VIRTIO_BLK_T_OUT, 3);
    memset(guest_ram(&vm.guest, HEADER + 16), 0x5a, 512);
    *(uint8_t *)data() = NO_STATUS;
    guest_post_and_ring(&vm, 0, write, 4);
    assert_true(guest_wait(&vm, 0, &head, &used, 5000));
    assert_int_equal(*(uint8_t *)data(), VIRTIO_BLK_S_OK);
    put_header(VIRTIO_BLK_T_IN, 3);
    guest_post_and_ring(&vm, 0, read, 4);
    assert_true(guest_wait(&vm, 0, &head, &used, 5000));
    assert_int_equal(used, 513);
    for (unsigned i = 0; i < 512; i++)
        assert_int_equal(((uint8_t *)data())[i], 0x5a);
    assert_int_equal(((uint8_t *)data())[512], VIRTIO_BLK_S_OK);
    finish();
}

static void test_many_in_flight(void **state)
{
    uint16_t head;
    uint32_t used;
    unsigned done = 0;

    (void)state;
    make_disk(DISK_BYTES);
    start("");
    for (int round = 0; round < 20; round++) {
        for (unsigned i = 0; i < 40; i++) {
            struct virtio_blk_outhdr header = {.type = VIRTIO_BLK_T_IN, .sector = i * 50u};
            uint32_t at = DATA + i * 2048;
            const struct fake_segment segments[] = {
                {at, 16, false}, {at + 512, 1024, true}, {at + 16, 1, true}};

            memcpy(guest_ram(&vm.guest, at), &header, sizeof(header));
            guest_post_and_ring(&vm, 0, segments, 3);
        }
        for (unsigned i = 0; i < 40; i++, done++)
            assert_true(guest_wait(&vm, 0, &head, &used, 5000));
        for (unsigned i = 0; i < 40; i++)
            assert_memory_equal(guest_ram(&vm.guest, DATA + i * 2048 + 512), content + i * 25600,
                                1024);
    }
    assert_int_equal(done, 800);
    finish();
}

static void test_tail_is_padded_and_can_be_written(void **state)
{
    static const uint8_t zeros[24];
    struct stat status;

    (void)state;
    make_disk(1000);
    start("");
    assert_int_equal(config().capacity, 2);
    memset(data(), 0xff, 1024);
    assert_int_equal(request(VIRTIO_BLK_T_IN, 0, 1024), VIRTIO_BLK_S_OK);
    assert_memory_equal(data(), content, 1000);
    assert_memory_equal((uint8_t *)data() + 1000, zeros, 24);
    memset(data(), 0x77, 512);
    assert_int_equal(request(VIRTIO_BLK_T_OUT, 1, 512), VIRTIO_BLK_S_OK);
    stat(path, &status);
    assert_int_equal(status.st_size, 1024);
    assert_int_equal(request(VIRTIO_BLK_T_IN, 1, 512), VIRTIO_BLK_S_OK);
    assert_int_equal(((uint8_t *)data())[511], 0x77);
    /* What was written belongs to the disk: without it, the disk has become shorter. */
    assert_int_equal(truncate(path, 1000), 0);
    capture_stderr();
    assert_int_equal(request(VIRTIO_BLK_T_IN, 1, 512), VIRTIO_BLK_S_IOERR);
    assert_non_null(strstr(captured_stderr(), "shorter"));
    finish();
}

static void test_bad_ranges_and_types(void **state)
{
    (void)state;
    make_disk(8192);
    start("");
    assert_int_equal(request(VIRTIO_BLK_T_IN, 16, 512), VIRTIO_BLK_S_IOERR);
    assert_int_equal(request(VIRTIO_BLK_T_IN, 15, 1024), VIRTIO_BLK_S_IOERR);
    assert_int_equal(request(VIRTIO_BLK_T_IN, UINT64_MAX, 1024), VIRTIO_BLK_S_IOERR);
    assert_int_equal(request(VIRTIO_BLK_T_OUT, UINT64_MAX / 512 + 1, 512), VIRTIO_BLK_S_IOERR);
    assert_int_equal(request(VIRTIO_BLK_T_OUT, 16, 512), VIRTIO_BLK_S_IOERR);
    assert_int_equal(request(VIRTIO_BLK_T_IN, 0, 511), VIRTIO_BLK_S_IOERR);
    assert_int_equal(request(VIRTIO_BLK_T_OUT, 0, 513), VIRTIO_BLK_S_IOERR);
    assert_int_equal(request(99, 0, 0), VIRTIO_BLK_S_UNSUPP);
    assert_int_equal(request(VIRTIO_BLK_T_GET_ID, 0, 20), VIRTIO_BLK_S_OK);
    assert_string_equal(data(), "blk0");
    assert_int_equal(request(VIRTIO_BLK_T_IN, 15, 512), VIRTIO_BLK_S_OK); /* still in service */
    finish();
}

static void test_read_only(void **state)
{
    struct stat status;

    (void)state;
    make_disk(1000);
    start(",ro");
    assert_true(vm.guest.device->features & 1u << VIRTIO_BLK_F_RO);
    assert_false(vm.guest.device->features & 1u << VIRTIO_BLK_F_DISCARD);
    assert_int_equal(request(VIRTIO_BLK_T_OUT, 0, 512), VIRTIO_BLK_S_IOERR);
    assert_int_equal(request(VIRTIO_BLK_T_DISCARD, 0, 16), VIRTIO_BLK_S_IOERR);
    assert_int_equal(request(VIRTIO_BLK_T_FLUSH, 0, 0), VIRTIO_BLK_S_OK);
    assert_int_equal(request(VIRTIO_BLK_T_IN, 0, 1024), VIRTIO_BLK_S_OK);
    assert_memory_equal(data(), content, 1000);
    stat(path, &status);
    assert_int_equal(status.st_size, 1000);
    finish();
}

static void test_shrinking_disk(void **state)
{
    const char *said;

    (void)state;
    make_disk(65536);
    start("");
    assert_int_equal(truncate(path, 4096), 0);
    capture_stderr();
    assert_int_equal(request(VIRTIO_BLK_T_IN, 7, 1024), VIRTIO_BLK_S_IOERR);
    assert_int_equal(request(VIRTIO_BLK_T_IN, 100, 512), VIRTIO_BLK_S_IOERR);
    said = captured_stderr();
    assert_non_null(strstr(said, path));
    assert_non_null(strstr(said, "shorter"));
    assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1); /* one line, not two */
    assert_int_equal(request(VIRTIO_BLK_T_IN, 0, 4096), VIRTIO_BLK_S_OK);
    finish();
}

static void test_full_disk(void **state)
{
    struct rlimit before, small;
    const char *said;

    (void)state;
    make_disk(65536);
    start("");
    getrlimit(RLIMIT_FSIZE, &before);
    small = before;
    small.rlim_cur = 32768;
    capture_stderr();
    setrlimit(RLIMIT_FSIZE, &small);
    assert_int_equal(request(VIRTIO_BLK_T_OUT, 100, 512), VIRTIO_BLK_S_IOERR);
    assert_int_equal(request(VIRTIO_BLK_T_OUT, 60, 8192), VIRTIO_BLK_S_IOERR);
    assert_int_equal(request(VIRTIO_BLK_T_OUT, 0, 512), VIRTIO_BLK_S_OK);
    setrlimit(RLIMIT_FSIZE, &before);
    said = captured_stderr();
    assert_non_null(strstr(said, "writing fails"));
    assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
    assert_int_equal(request(VIRTIO_BLK_T_OUT, 100, 512), VIRTIO_BLK_S_OK);
    finish();
}

static void test_discard(void **state)
{
    static const uint8_t zeros[65536];
    struct virtio_blk_discard_write_zeroes range = {.sector = 128, .num_sectors = 128};

    (void)state;
    make_disk(DISK_BYTES);
    start("");
    if ((vm.guest.device->features & 1u << VIRTIO_BLK_F_DISCARD) == 0) {
        finish();
        skip();
    }
    memcpy(data(), &range, sizeof(range));
    assert_int_equal(request(VIRTIO_BLK_T_DISCARD, 0, sizeof(range)), VIRTIO_BLK_S_OK);
    assert_int_equal(request(VIRTIO_BLK_T_IN, 128, 65536), VIRTIO_BLK_S_OK);
    assert_memory_equal(data(), zeros, 65536);
    assert_int_equal(request(VIRTIO_BLK_T_IN, 127, 512), VIRTIO_BLK_S_OK);
    assert_memory_equal(data(), content + 127 * 512, 512);

    range.sector = DISK_BYTES / 512 - 1;
    range.num_sectors = 2;
    memcpy(data(), &range, sizeof(range));
    assert_int_equal(request(VIRTIO_BLK_T_DISCARD, 0, sizeof(range)), VIRTIO_BLK_S_IOERR);
    range.num_sectors = 1;
    range.flags = 1;
    memcpy(data(), &range, sizeof(range));
    assert_int_equal(request(VIRTIO_BLK_T_DISCARD, 0, sizeof(range)), VIRTIO_BLK_S_UNSUPP);
    assert_int_equal(request(VIRTIO_BLK_T_DISCARD, 0, 0), VIRTIO_BLK_S_IOERR);
    assert_int_equal(request(VIRTIO_BLK_T_DISCARD, 0, 17), VIRTIO_BLK_S_IOERR);
    assert_int_equal(request(VIRTIO_BLK_T_DISCARD, 0, 16 * 17), VIRTIO_BLK_S_IOERR);
    finish();
}

static void test_empty_disk(void **state)
{
    (void)state;
    make_disk(0);
    start("");
    assert_int_equal(config().capacity, 0);
    assert_int_equal(request(VIRTIO_BLK_T_IN, 0, 512), VIRTIO_BLK_S_IOERR);
    assert_int_equal(request(VIRTIO_BLK_T_IN, 0, 0), VIRTIO_BLK_S_OK);
    finish();
}

static void expect_out_of_service(const struct fake_segment *segments, unsigned count,
                                  const char *words)
{
    uint16_t head;
    uint32_t used;

    make_disk(4096);
    start("");
    put_header(VIRTIO_BLK_T_IN, 0);
    guest_post_and_ring(&vm, 0, segments, count);
    assert_true(guest_wait_failed(&vm));
    guest_thread_stop(&vm);
    assert_non_null(strstr(board_failure, words));
    assert_false(guest_take(&vm.guest, 0, &head, &used));
    finish();
}

static void test_hostile_requests(void **state)
{
    const struct fake_segment no_status[] = {{HEADER, 16, false}};
    const struct fake_segment short_header[] = {{HEADER, 15, false}, {STATUS, 1, true}};
    const struct fake_segment into_text[] = {
        {HEADER, 16, false}, {GUEST_READ_ONLY_BYTES - 512, 1024, true}, {STATUS, 1, true}};
    const struct fake_segment beyond_ram[] = {
        {HEADER, 16, false}, {GUEST_RAM_BYTES - 512, 1024, true}, {STATUS, 1, true}};

    (void)state;
    expect_out_of_service(no_status, 1, "header and status");
    expect_out_of_service(short_header, 2, "header and status");
    expect_out_of_service(into_text, 3, "outside writable RAM");
    expect_out_of_service(beyond_ram, 3, "outside writable RAM");
}

static void test_features_not_offered(void **state)
{
    struct device *device;

    (void)state;
    make_disk(4096);
    assert_int_equal(block_open(path, &device), 0);
    guest_thread_start(&vm, device, device->features | 1ull << 60);
    guest_ring(&vm, 0);
    assert_true(guest_wait_failed(&vm));
    finish();
}

static void test_avail_index_out_of_hand(void **state)
{
    (void)state;
    make_disk(4096);
    start("");
    vm.guest.queues[0].next_avail = 1000;
    guest_avail(&vm.guest, 0, 0);
    guest_ring(&vm, 0);
    assert_true(guest_wait_failed(&vm));
    finish();
}

static void expect_refusal(const char *spec, int result, const char *words)
{
    struct device *device = NULL;
    const char *said;

    capture_stderr();
    assert_int_equal(block_open(spec, &device), result);
    said = captured_stderr();
    assert_null(device);
    assert_int_equal(strncmp(said, "coracle: --blk ", 15), 0);
    assert_non_null(strstr(said, words));
    assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
}

static void test_refusals(void **state)
{
    char pipe_path[] = "/tmp/backend_block_pipe.XXXXXX", read_only[64];

    (void)state;
    expect_refusal("/nonexistent/disk.img", -ENOENT, "disk.img: No such file");
    expect_refusal(",ro", -EINVAL, "no file is named");
    expect_refusal("/tmp", -EISDIR, "neither a file nor a block device");
    expect_refusal("/tmp,ro", -ENOTBLK, "neither a file nor a block device");
    expect_refusal("/dev/null", -ENOTBLK, "neither a file nor a block device");
    close(mkstemp(pipe_path));
    unlink(pipe_path);
    assert_int_equal(mkfifo(pipe_path, 0600), 0);
    expect_refusal(pipe_path, -ENOTBLK, "neither a file nor a block device");
    snprintf(read_only, sizeof(read_only), "%s,ro", pipe_path);
    expect_refusal(read_only, -ENOTBLK, "neither a file nor a block device");
    unlink(pipe_path);
}

static void test_names_with_commas(void **state)
{
    char with_comma[80], spec[96];
    struct device *device;

    (void)state;
    make_disk(512);
    snprintf(with_comma, sizeof(with_comma), "%s,ro,x", path);
    rename(path, with_comma);
    assert_int_equal(block_open(with_comma, &device), 0);
    assert_false(device->features & 1u << VIRTIO_BLK_F_RO);
    device->ops->destroy(device);
    snprintf(spec, sizeof(spec), "%s,ro", with_comma);
    assert_int_equal(block_open(spec, &device), 0);
    assert_true(device->features & 1u << VIRTIO_BLK_F_RO);
    device->ops->destroy(device);
    unlink(with_comma);
}

static void test_locks(void **state)
{
    struct device *first, *second;
    char read_only[80];

    (void)state;
    make_disk(512);
    snprintf(read_only, sizeof(read_only), "%s,ro", path);
    assert_int_equal(block_open(path, &first), 0);
    expect_refusal(path, -EBUSY, "in use");
    expect_refusal(read_only, -EBUSY, "in use");
    first->ops->destroy(first);
    assert_int_equal(block_open(read_only, &first), 0);
    assert_int_equal(block_open(read_only, &second), 0);
    expect_refusal(path, -EBUSY, "in use");
    first->ops->destroy(first);
    second->ops->destroy(second);
    unlink(path);
}

static void test_direct_options(void **state)
{
    static const char *const orders[] = {",direct,ro", ",ro,direct"};

    (void)state;
    make_disk(512);
    for (unsigned i = 0; i < 2; i++) {
        struct device *device;
        char spec[96];

        snprintf(spec, sizeof(spec), "%s%s", path, orders[i]);
        assert_int_equal(block_open(spec, &device), 0);
        assert_true(device->features & 1u << VIRTIO_BLK_F_RO);
        device->ops->destroy(device);
    }
    unlink(path);
    expect_refusal(",direct", -EINVAL, "no file is named");
    expect_refusal("/proc/self/status,direct,ro", -EOPNOTSUPP, "no direct I/O");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read_write_flush),
        cmocka_unit_test(test_any_borders_between_segments),
        cmocka_unit_test(test_many_in_flight),
        cmocka_unit_test(test_tail_is_padded_and_can_be_written),
        cmocka_unit_test(test_bad_ranges_and_types),
        cmocka_unit_test(test_read_only),
        cmocka_unit_test(test_shrinking_disk),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_discard),
        cmocka_unit_test(test_empty_disk),
        cmocka_unit_test(test_hostile_requests),
        cmocka_unit_test(test_features_not_offered),
        cmocka_unit_test(test_avail_index_out_of_hand),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_names_with_commas),
        cmocka_unit_test(test_locks),
        cmocka_unit_test(test_direct_options),
    };
    int failed = cmocka_run_group_tests_name("through the cache", tests, NULL, NULL);

    mode = ",direct";
    return failed + cmocka_run_group_tests_name("direct", tests, NULL, NULL);
}
