/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: pvabi/virtio/scsi.c pvabi/virtio/scsi_command.c pvabi/virtio/scsi_disk.c */
/* sources: pvabi/virtio/blk_request.c pvabi/virtio/attach.c pvabi/virtio/virtqueue.c */
/* sources: tests/unit/support/device.c tests/unit/support/scsi_target.c */
/* The virtio SCSI frontend against a host and disks that the test plays, honest and hostile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/pvclock.h"
#include "pvabi/errno.h"
#include "pvabi/virtio/scsi.h"
#include "tests/unit/support/scsi_target.h"

#define SIZE 64u
#define ALL (VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | VIRTIO_SCSI_F_HOTPLUG | VIRTIO_SCSI_F_CHANGE)

static const struct pv_blk_ops *const ops = &virtio_scsi_ops;
static uint64_t now_ns;

const struct pvclock *pv_clock;

/* A look at the clock takes a millisecond. */
uint64_t pvclock_read_ns(const struct pvclock *clock)
{
    (void)clock;
    return now_ns += 1000000;
}

struct bed {
    struct scsi_target target;
    struct scsi_target_disk *disks;
    struct pv_blk *blk;
    void *memory;
    uint8_t data[4][8192];
};

static struct virtio_scsi_config *config_of(struct bed *bed)
{
    return (struct virtio_scsi_config *)(void *)bed->target.device.config;
}

static struct bed *bed_prepare(uint64_t features)
{
    struct bed *bed = calloc(1, sizeof(*bed));

    assert_non_null(bed);
    scsi_target_open(&bed->target, features, SIZE);
    bed->disks = bed->target.disks;
    return bed;
}

static int bed_attach(struct bed *bed)
{
    size_t bytes = ops->memory_bytes(&bed->target.device.pv);

    assert_int_equal(bytes % 4096u, 0);
    assert_int_equal(posix_memalign(&bed->memory, 4096, bytes), 0);
    memset(bed->memory, 0, bytes);
    return ops->attach(&bed->target.device.pv, bed->memory, &bed->blk);
}

static struct bed *bed_open(uint64_t features)
{
    struct bed *bed = bed_prepare(features);

    assert_int_equal(bed_attach(bed), 0);
    assert_non_null(bed->blk);
    assert_null(bed->blk->fault);
    return bed;
}

static void bed_close(struct bed *bed)
{
    scsi_target_close(&bed->target);
    free(bed->memory);
    free(bed);
}

static int submit(struct pv_blk *blk, enum pv_blk_operation operation, uint64_t sector, void *data,
                  uint32_t bytes, void *cookie)
{
    struct pv_segment segment = {data, bytes};
    struct pv_blk_request request = {.operation = operation,
                                     .sector = sector,
                                     .sector_count = bytes / PV_SECTOR_BYTES,
                                     .segments = &segment,
                                     .segment_count = 1,
                                     .cookie = cookie};

    return ops->submit(blk, &request);
}

/* A request from its beginning to its end. */
static int run(struct pv_blk *blk, enum pv_blk_operation operation, uint64_t sector, void *data,
               uint32_t bytes)
{
    void *cookie = NULL;
    int result = 1, got = submit(blk, operation, sector, data, bytes, &result);

    if (got < 0)
        return got;
    ops->kick(blk);
    for (unsigned i = 0; i < 100000u && (got = ops->take(blk, &cookie, &result)) == 0; i++)
        ;
    if (got < 0)
        return got;
    assert_int_equal(got, 1);
    assert_ptr_equal(cookie, &result);
    return result;
}

static int read_one(struct bed *bed)
{
    return run(bed->blk, PV_BLK_READ, 0, bed->data[0], 512);
}

/* ---- honest disks -------------------------------------------------------------------------- */

static void test_attach(void **state)
{
    struct bed *bed;
    const struct pv_blk *second;

    (void)state;
    bed = bed_prepare(ALL | 1ull << 40 | 1ull);
    bed->disks[1].write_protected = true;
    assert_int_equal(bed_attach(bed), 0);
    assert_int_equal(bed->target.device.accepted, ALL);
    assert_true(bed->target.device.begun && bed->target.device.driver_ok);
    for (unsigned i = 0; i < 3; i++)
        assert_true(bed->target.device.queues[i].set_up);
    assert_int_equal(bed->blk->event, 12);
    assert_int_equal(bed->blk->sector_count, 2048);
    assert_int_equal(bed->blk->block_bytes, 512);
    assert_int_equal(bed->blk->segments_max, 6);
    assert_int_equal(bed->blk->requests_max, SIZE / 3u);
    assert_int_equal(bed->blk->sectors_max, 0x8000);
    assert_true(bed->blk->can_flush);
    assert_false(bed->blk->read_only || bed->blk->can_discard);
    second = bed->blk->next;
    assert_non_null(second);
    assert_null(second->next);
    assert_int_equal(second->sector_count, 800);
    assert_int_equal(second->block_bytes, 4096);
    assert_true(second->read_only);
    bed_close(bed);
}

static void test_few_notifications(void **state)
{
    struct bed *bed;

    (void)state;
    bed = bed_prepare(ALL);
    for (unsigned i = 0; i < SCSI_TARGET_DISKS; i++)
        bed->disks[i].present = false;
    config_of(bed)->max_target = 63;
    assert_int_equal(bed_attach(bed), 0);
    assert_null(bed->blk);
    assert_int_equal(bed->target.commands, 64);
    assert_int_equal(bed->target.device.queues[VIRTIO_SCSI_REQUESTS].notified, 4);
    bed_close(bed);
}

static void test_units_of_one_target(void **state)
{
    struct bed *bed;
    unsigned count = 0;

    (void)state;
    bed = bed_prepare(ALL);
    bed->disks[1].target = 0;
    bed->disks[1].lun = 7;
    bed->disks[2] = (struct scsi_target_disk){
        .present = true, .target = 5, .lun = 300, .blocks = 10, .block_bytes = 512};
    bed->disks[3] = (struct scsi_target_disk){
        .present = true, .type = 5, .target = 6, .blocks = 10, .block_bytes = 512};
    assert_int_equal(bed_attach(bed), 0);
    for (const struct pv_blk *blk = bed->blk; blk; blk = blk->next)
        count++;
    assert_int_equal(count, 2); /* LUN 300 has another form of address; type 5 is a CD */
    assert_int_equal(bed->blk->next->sector_count, 800);
    bed_close(bed);
}

static void test_read_write(void **state)
{
    struct bed *bed;
    struct pv_blk *second;

    (void)state;
    bed = bed_open(ALL);
    second = bed->blk->next;
    for (unsigned i = 0; i < 8192; i++)
        bed->data[0][i] = (uint8_t)(i * 7 + i / 512);
    assert_int_equal(run(bed->blk, PV_BLK_WRITE, 3, bed->data[0], 1024), 0);
    assert_memory_equal(bed->disks[0].data + 3 * 512, bed->data[0], 1024);
    assert_int_equal(run(second, PV_BLK_WRITE, 8, bed->data[0], 4096), 0);
    assert_memory_equal(bed->disks[1].data + 4096, bed->data[0], 4096);
    assert_int_equal(run(bed->blk, PV_BLK_READ, 3, bed->data[1], 1024), 0);
    assert_memory_equal(bed->data[1], bed->data[0], 1024);
    assert_int_equal(run(second, PV_BLK_READ, 8, bed->data[2], 4096), 0);
    assert_memory_equal(bed->data[2], bed->data[0], 4096);
    bed_close(bed);
}

static void test_segments(void **state)
{
    struct bed *bed;
    struct pv_segment segments[2];
    struct pv_blk_request request = {.operation = PV_BLK_READ,
                                     .sector = 1,
                                     .segments = segments,
                                     .segment_count = 2,
                                     .cookie = &request};
    void *cookie;
    int result;

    (void)state;
    bed = bed_open(ALL);
    segments[0] = (struct pv_segment){bed->data[0], 1024};
    segments[1] = (struct pv_segment){bed->data[1], 512};
    memset(bed->disks[0].data, 'x', 4096);
    bed->disks[0].data[512 + 1024] = 'y';
    assert_int_equal(ops->submit(bed->blk, &request), 0);
    ops->kick(bed->blk);
    assert_int_equal(ops->take(bed->blk, &cookie, &result), 1);
    assert_int_equal(result, 0);
    assert_int_equal(bed->data[1][0], 'y');
    bed_close(bed);
}

static void test_flush_discard(void **state)
{
    struct bed *bed;
    struct pv_blk *second;

    (void)state;
    bed = bed_prepare(ALL);
    bed->disks[1].unmaps = true;
    bed->disks[1].unmap_blocks_max = 50;
    bed->disks[1].unmap_ranges_max = 1;
    bed->disks[1].transfer_blocks_max = 64;
    bed->disks[0].no_cache = true;
    assert_int_equal(bed_attach(bed), 0);
    second = bed->blk->next;
    assert_true(second->can_discard);
    assert_int_equal(second->sectors_max, 400);
    assert_int_equal(run(second, PV_BLK_DISCARD, 16, NULL, 80 * 512), 0);
    assert_int_equal(bed->disks[1].unmapped_first, 2);
    assert_int_equal(bed->disks[1].unmapped_blocks, 10);
    assert_int_equal(run(second, PV_BLK_FLUSH, 0, NULL, 0), 0);
    assert_int_equal(bed->disks[1].flushes, 1);
    assert_int_equal(run(bed->blk, PV_BLK_FLUSH, 0, NULL, 0), 0); /* it has no cache */
    assert_int_equal(run(bed->blk, PV_BLK_DISCARD, 0, NULL, 512), -EINVAL);
    bed_close(bed);
}

static void test_old_disks(void **state)
{
    struct bed *bed;

    (void)state;
    bed = bed_prepare(0); /* a legacy device without event index, too */
    bed->disks[0].no_capacity_16 = bed->disks[0].no_mode_sense = true;
    assert_int_equal(bed_attach(bed), 0);
    assert_null(bed->blk->fault);
    assert_int_equal(bed->blk->sector_count, 2048);
    assert_false(bed->blk->read_only);
    assert_int_equal(read_one(bed), 0);
    bed_close(bed);
}

static void test_large_disk(void **state)
{
    struct bed *bed;

    (void)state;
    bed = bed_prepare(ALL);
    bed->disks[0].blocks = 1ull << 40;
    assert_int_equal(bed_attach(bed), 0);
    assert_int_equal(bed->blk->sector_count, 1ull << 40);
    bed->target.twist_code = SCSI_READ_16;
    assert_int_equal(run(bed->blk, PV_BLK_READ, 1ull << 39, bed->data[0], 512), 0);
    assert_int_equal(bed->target.repeats, 1);
    bed_close(bed);
}

static void test_malformed_requests(void **state)
{
    struct bed *bed;
    struct pv_blk *second;
    struct pv_segment many[7];
    struct pv_blk_request request = {
        .operation = PV_BLK_READ, .segments = many, .segment_count = 7, .cookie = many};
    unsigned before;

    (void)state;
    bed = bed_open(ALL);
    second = bed->blk->next;
    before = bed->target.commands;
    for (unsigned i = 0; i < 7; i++)
        many[i] = (struct pv_segment){bed->data[0], 512};
    assert_int_equal(ops->submit(bed->blk, &request), -EINVAL);
    assert_int_equal(run(bed->blk, PV_BLK_READ, 0, bed->data[0], 513), -EINVAL);
    assert_int_equal(run(bed->blk, PV_BLK_READ, 0, bed->data[0], 0), -EINVAL);
    assert_int_equal(run(bed->blk, PV_BLK_READ, 2048, bed->data[0], 512), -EINVAL);
    assert_int_equal(run(bed->blk, PV_BLK_READ, UINT64_MAX, bed->data[0], 512), -EINVAL);
    assert_int_equal(run(second, PV_BLK_READ, 1, bed->data[0], 4096), -EINVAL); /* half a block */
    assert_int_equal(run(second, PV_BLK_READ, 0, bed->data[0], 512), -EINVAL);
    assert_int_equal(submit(bed->blk, PV_BLK_READ, 0, bed->data[0], 512, NULL), -EINVAL);
    assert_int_equal(run(bed->blk, (enum pv_blk_operation)9, 0, bed->data[0], 512), -EINVAL);
    second->read_only = true;
    assert_int_equal(run(second, PV_BLK_WRITE, 0, bed->data[0], 4096), -EINVAL);
    assert_int_equal(bed->target.commands, before);
    bed_close(bed);
}

static void test_full(void **state)
{
    struct bed *bed;
    unsigned count = 0;
    void *cookie;
    int result;

    (void)state;
    bed = bed_open(ALL);
    bed->target.silent = true;
    while (submit(bed->blk, PV_BLK_READ, count, bed->data[0], 512, bed) == 0)
        count++;
    assert_int_equal(count, bed->blk->requests_max);
    assert_int_equal(submit(bed->blk, PV_BLK_READ, 0, bed->data[0], 512, bed), -EAGAIN);
    bed->target.silent = false;
    ops->kick(bed->blk);
    while (ops->take(bed->blk, &cookie, &result) == 1)
        count--;
    assert_int_equal(count, 0);
    assert_int_equal(read_one(bed), 0);
    bed_close(bed);
}

/* ---- what is repeated, and what fails ------------------------------------------------------ */

struct outcome {
    uint8_t response, status;
    unsigned key, code;
    int result;
    bool repeated;
};

static const struct outcome *outcome;

static void twist_outcome(struct scsi_target *target, struct scsi_answer *answer)
{
    if (answer->cdb[0] != SCSI_READ_10 || target->twists == 0)
        return;
    target->twists--;
    *answer->response = (struct virtio_scsi_response){.response = outcome->response,
                                                      .status = outcome->status};
    if (outcome->status == SCSI_CHECK_CONDITION)
        scsi_sense_set(answer->response, outcome->key, outcome->code, target->twists % 2u);
}

static void test_outcomes(void **state)
{
    static const struct outcome outcomes[] = {
        {.status = 2, .key = 1, .result = 0},
        {.status = 2, .key = 0, .result = -EIO},
        {.status = 2, .key = 2, .code = 0x3a00, .result = -EIO},
        {.status = 2, .key = 2, .code = 0x0401, .repeated = true},
        {.status = 2, .key = 3, .code = 0x1100, .result = -EIO},
        {.status = 2, .key = 4, .result = -EIO},
        {.status = 2, .key = 5, .code = 0x2000, .result = -EOPNOTSUPP},
        {.status = 2, .key = 5, .code = 0x2400, .result = -EIO},
        {.status = 2, .key = 6, .code = 0x2900, .repeated = true},
        {.status = 2, .key = 7, .code = 0x2707, .result = -ENOSPC},
        {.status = 2, .key = 0xb, .repeated = true},
        {.status = 2, .key = 0xd, .result = -EIO},
        {.status = 8, .repeated = true},
        {.status = 0x28, .repeated = true},
        {.status = 0x40, .repeated = true},
        {.status = 0x18, .result = -EIO},
        {.response = 1, .result = -EIO},
        {.response = 2, .repeated = true},
        {.response = 4, .repeated = true},
        {.response = 5, .repeated = true},
        {.response = 6, .result = -EIO},
        {.response = 7, .result = -EIO},
        {.response = 8, .result = -EIO},
        {.response = 9, .result = -EIO},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++) {
        for (unsigned twists = 1; twists <= 2; twists++) {
            struct bed *bed = bed_open(ALL);

            outcome = &outcomes[i];
            bed->target.twist = twist_outcome;
            bed->target.twist_code = SCSI_READ_10;
            bed->target.twists = twists;
            bed->disks[0].data[0] = 'd';
            assert_int_equal(read_one(bed), outcome->result);
            assert_int_equal(bed->target.repeats, outcome->repeated ? twists + 1u : 1u);
            if (outcome->repeated)
                assert_int_equal(bed->data[0][0], 'd');
            assert_null(bed->blk->fault);
            bed_close(bed);
        }
    }
}

/* A disk that asks for ever to repeat is given up; the controller lives. */
static void test_endless_repetition(void **state)
{
    static const struct outcome endless[] = {{.status = 2, .key = 6}, {.status = 8}};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct bed *bed = bed_open(ALL);

        outcome = &endless[i];
        bed->target.twist = twist_outcome;
        bed->target.twists = UINT32_MAX;
        assert_int_equal(read_one(bed), -EIO);
        assert_int_equal(run(bed->blk->next, PV_BLK_FLUSH, 0, NULL, 0), 0);
        assert_null(bed->blk->fault);
        bed_close(bed);
    }
}

static void test_write_protected_since(void **state)
{
    static const struct outcome protect = {.status = 2, .key = 7, .code = 0x2700};
    struct bed *bed;

    (void)state;
    bed = bed_open(ALL);
    outcome = &protect;
    bed->target.twist = twist_outcome;
    bed->target.twists = 1;
    assert_int_equal(read_one(bed), -EROFS);
    assert_true(bed->blk->read_only);
    bed_close(bed);
}

static void twist_residual(struct scsi_target *target, struct scsi_answer *answer)
{
    if (answer->cdb[0] == SCSI_READ_10 && target->twists-- > 0)
        answer->response->residual_bytes = 512;
}

static void test_short_transfer(void **state)
{
    struct bed *bed;

    (void)state;
    bed = bed_open(ALL);
    bed->target.twist = twist_residual;
    bed->target.twists = 1;
    assert_int_equal(read_one(bed), -EIO);
    assert_int_equal(read_one(bed), 0);
    bed_close(bed);
}

/* ---- news ---------------------------------------------------------------------------------- */

static void test_capacity_changes(void **state)
{
    static const struct outcome changed = {.status = 2, .key = 6, .code = 0x2a09};
    static const struct outcome beyond = {.status = 2, .key = 5, .code = 0x2100};
    struct bed *bed;
    unsigned before;

    (void)state;
    bed = bed_open(ALL);
    before = bed->target.commands;
    ops->refresh(bed->blk);
    assert_int_equal(bed->target.commands, before); /* no news, no command */
    bed->disks[0].blocks = 4096;
    bed->disks[1].blocks = 200;
    scsi_target_event(&bed->target, &bed->disks[0], VIRTIO_SCSI_T_PARAM_CHANGE, 0x092a);
    ops->refresh(bed->blk);
    assert_int_equal(bed->blk->sector_count, 4096);
    ops->refresh(bed->blk->next);
    assert_int_equal(bed->blk->next->sector_count, 800);
    scsi_target_event(&bed->target, &bed->disks[3], VIRTIO_SCSI_T_EVENTS_MISSED, 0);
    ops->refresh(bed->blk->next);
    assert_int_equal(bed->blk->next->sector_count, 1600);

    bed->target
        .twist = twist_outcome; /* unit attention tells it, too; and a disk that has shrunk */
    bed->target.twists = 1;
    outcome = &changed;
    bed->disks[0].blocks = 3000;
    assert_int_equal(read_one(bed), 0);
    ops->refresh(bed->blk);
    assert_int_equal(bed->blk->sector_count, 3000);
    bed->target.twists = 1;
    outcome = &beyond;
    bed->disks[0].blocks = 2000;
    assert_int_equal(read_one(bed), -EIO);
    ops->refresh(bed->blk);
    assert_int_equal(bed->blk->sector_count, 2000);
    bed_close(bed);
}

/* Completions that come while the frontend waits for the new capacity are not lost. */
static void test_refresh_keeps_completions(void **state)
{
    struct bed *bed;
    unsigned cookies[3], seen = 0;
    void *cookie;
    int result;

    (void)state;
    bed = bed_open(ALL);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(submit(bed->blk, PV_BLK_READ, i, bed->data[i], 512, &cookies[i]), 0);
    ops->kick(bed->blk);
    bed->disks[0].blocks = 5000;
    scsi_target_event(&bed->target, &bed->disks[0], VIRTIO_SCSI_T_PARAM_CHANGE, 0x092a);
    ops->refresh(bed->blk);
    assert_int_equal(bed->blk->sector_count, 5000);
    assert_true(ops->ask(bed->blk));
    while (ops->take(bed->blk, &cookie, &result) == 1) {
        assert_ptr_equal(cookie, &cookies[seen++]);
        assert_int_equal(result, 0);
    }
    assert_int_equal(seen, 3);
    assert_false(ops->ask(bed->blk));
    bed_close(bed);
}

static void test_removed(void **state)
{
    struct bed *bed;

    (void)state;
    bed = bed_open(ALL);
    bed->disks[0].present = false;
    assert_int_equal(read_one(bed), -EIO);
    assert_string_equal(bed->blk->fault, "it was removed");
    assert_int_equal(submit(bed->blk, PV_BLK_READ, 0, bed->data[0], 512, bed), -EIO);
    assert_int_equal(run(bed->blk->next, PV_BLK_READ, 0, bed->data[0], 4096), 0);
    scsi_target_event(&bed->target, &bed->disks[1], VIRTIO_SCSI_T_TRANSPORT_RESET,
                      VIRTIO_SCSI_EVT_RESET_REMOVED);
    ops->refresh(bed->blk);
    assert_string_equal(bed->blk->next->fault, "it was removed");
    assert_int_equal(bed->target.device.failed, 0);
    bed_close(bed);
}

static void test_many_events(void **state)
{
    struct bed *bed;

    (void)state;
    bed = bed_open(ALL);
    for (unsigned i = 0; i < 500; i++) {
        scsi_target_event(&bed->target, &bed->disks[i % 2], i, i * 3);
        if (i % 7 == 0)
            ops->refresh(bed->blk);
    }
    assert_null(bed->blk->fault ? strstr(bed->blk->fault, "used") : NULL);
    bed_close(bed);
}

/* ---- hostile hosts and disks --------------------------------------------------------------- */

static void expect_lost(struct bed *bed, const char *words)
{
    void *cookie;
    int result;

    assert_non_null(bed->blk->fault);
    assert_non_null(strstr(bed->blk->fault, words));
    assert_int_equal(bed->target.device.failed, 1);
    assert_int_equal(submit(bed->blk, PV_BLK_READ, 0, bed->data[0], 512, bed), -EIO);
    assert_int_equal(ops->take(bed->blk, &cookie, &result), -EIO);
    assert_true(ops->ask(bed->blk));
    ops->kick(bed->blk);
    ops->refresh(bed->blk);
    assert_int_equal(bed->target.device.failed, 1);
    bed_close(bed);
}

static void expect_refused(struct bed *bed, const char *words)
{
    assert_int_equal(bed_attach(bed), -EIO);
    expect_lost(bed, words);
}

static void test_refused(void **state)
{
    struct bed *bed;

    (void)state;
    bed = bed_prepare(ALL);
    bed->target.device.refuses = true;
    expect_refused(bed, "negotiation");
    bed = bed_prepare(ALL);
    bed->target.device.breaks_set_up = true;
    expect_refused(bed, "set-up");
    bed = bed_prepare(ALL);
    config_of(bed)->sense_size = 97;
    expect_refused(bed, "sizes");
    bed = bed_prepare(ALL);
    config_of(bed)->cdb_size = 0;
    expect_refused(bed, "sizes");
    for (unsigned i = 0; i < 3; i++) {
        bed = bed_prepare(ALL);
        device_queue_close(&bed->target.device.queues[i]);
        expect_refused(bed, "queue is missing");
    }
    bed = bed_prepare(ALL);
    device_queue_close(&bed->target.device.queues[2]);
    device_queue_open(&bed->target.device.queues[2], 2);
    expect_refused(bed, "too small");
}

static void test_never_answers(void **state)
{
    struct bed *bed;
    uint64_t before_ns = now_ns;

    (void)state;
    bed = bed_prepare(ALL);
    bed->target.silent = true;
    expect_refused(bed, "does not answer");
    assert_in_range(now_ns - before_ns, 1000000000ull, 60000000000ull);

    bed = bed_open(ALL); /* falls silent later */
    bed->target.silent = true;
    scsi_target_event(&bed->target, &bed->disks[0], VIRTIO_SCSI_T_PARAM_CHANGE, 0x092a);
    ops->refresh(bed->blk);
    assert_string_equal(bed->blk->next->fault, bed->blk->fault);
    expect_lost(bed, "does not answer");
}

static void test_controller_vanishes(void **state)
{
    struct bed *bed;

    (void)state;
    bed = bed_open(ALL);
    assert_true(bed->blk->patience_ns > 0);
    bed->target.device.gone = true;
    ops->refresh(bed->blk->next);
    expect_lost(bed, "the device is gone");
}

static unsigned hostility;

static void twist_hostile(struct scsi_target *target, struct scsi_answer *answer)
{
    if (answer->cdb[0] != SCSI_READ_10)
        return;
    switch (hostility) {
    case 0:
        answer->id = 1000;
        break;
    case 1:
        answer->used_bytes = 5;
        break;
    case 2:
        answer->used_bytes = 1000000;
        break;
    case 3:
        answer->response->response = UINT8_MAX;
        break;
    case 4:
        answer->response->response = 13;
        break;
    case 5:
        answer->response->sense_bytes = 97;
        break;
    case 6:
        answer->response->residual_bytes = 513;
        break;
    default:
        target->device.queues[VIRTIO_SCSI_REQUESTS].used->idx += 5;
        answer->keep = true;
        break;
    }
}

static void test_hostile_answers(void **state)
{
    static const char *const words[] = {
        "used id",  "too short", "used length", "without a response",
        "no sense", "no sense",  "no sense",    "used index"};

    (void)state;
    for (hostility = 0; hostility < sizeof(words) / sizeof(words[0]); hostility++) {
        struct bed *bed = bed_open(ALL);

        bed->target.twist = twist_hostile;
        assert_int_equal(read_one(bed), -EIO);
        assert_string_equal(bed->blk->next->fault, bed->blk->fault);
        expect_lost(bed, words[hostility]);
    }
}

static void twist_no_length(struct scsi_target *target, struct scsi_answer *answer)
{
    (void)target;
    answer->used_bytes = 0;
}

/* Some hosts tell no lengths at all. */
static void test_no_lengths(void **state)
{
    struct bed *bed;

    (void)state;
    bed = bed_prepare(ALL);
    bed->target.twist = twist_no_length;
    assert_int_equal(bed_attach(bed), 0);
    assert_null(bed->blk->fault);
    assert_int_equal(read_one(bed), 0);
    bed_close(bed);
}

static void twist_sense_garbage(struct scsi_target *target, struct scsi_answer *answer)
{
    (void)target;
    answer->response->status = SCSI_CHECK_CONDITION;
    answer->response->sense_bytes = (uint32_t)rand() % 97u;
    for (unsigned i = 0; i < VIRTIO_SCSI_SENSE_BYTES; i++)
        answer->response->sense[i] = (uint8_t)rand();
    answer->response->sense[0] = (uint8_t)(0x70 + rand() % 5);
}

static void test_sense_garbage(void **state)
{
    struct bed *bed;

    (void)state;
    srand(3);
    bed = bed_open(ALL);
    bed->target.twist = twist_sense_garbage;
    for (unsigned i = 0; i < 1000 && !bed->blk->fault; i++)
        assert_in_range(-read_one(bed), 0, 200);
    assert_int_equal(bed->target.device.failed, 0);
    bed_close(bed);

    bed = bed_prepare(ALL); /* from the very beginning */
    bed->target.twist = twist_sense_garbage;
    assert_int_equal(bed_attach(bed), 0);
    bed_close(bed);
}

static void test_unusable_disks(void **state)
{
    static const uint32_t sizes[] = {0, 3, 513, 131072};
    struct bed *bed;

    (void)state;
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        bed = bed_prepare(ALL);
        bed->disks[0].block_bytes = sizes[i];
        assert_int_equal(bed_attach(bed), 0);
        assert_non_null(strstr(bed->blk->fault, "block size"));
        assert_int_equal(submit(bed->blk, PV_BLK_READ, 0, bed->data[0], 512, bed), -EIO);
        assert_null(bed->blk->next->fault); /* the other one works */
        assert_int_equal(run(bed->blk->next, PV_BLK_READ, 0, bed->data[0], 4096), 0);
        bed_close(bed);
    }
    bed = bed_prepare(ALL);
    bed->disks[0].blocks = 0; /* so that its last block is -1 */
    assert_int_equal(bed_attach(bed), 0);
    assert_non_null(strstr(bed->blk->fault, "capacity"));
    bed_close(bed);

    bed = bed_prepare(ALL);
    bed->disks[0].block_bytes = 8192;
    bed->disks[0].blocks = 4;
    assert_int_equal(bed_attach(bed), 0);
    assert_null(bed->blk->fault);
    assert_int_equal(bed->blk->sector_count, 64);
    assert_int_equal(run(bed->blk, PV_BLK_READ, 16, bed->data[0], 8192), 0);
    bed->disks[0].block_bytes = 4096; /* under our hands */
    scsi_target_event(&bed->target, &bed->disks[0], VIRTIO_SCSI_T_PARAM_CHANGE, 0x092a);
    ops->refresh(bed->blk);
    assert_non_null(strstr(bed->blk->fault, "block size"));
    bed_close(bed);

    bed = bed_prepare(ALL);
    config_of(bed)->max_sectors = 4; /* less than the second disk's block */
    assert_int_equal(bed_attach(bed), 0);
    assert_int_equal(bed->blk->sectors_max, 4);
    assert_non_null(strstr(bed->blk->next->fault, "less than a block"));
    bed_close(bed);
}

static void twist_luns(struct scsi_target *target, struct scsi_answer *answer)
{
    (void)target;
    if (answer->disk != NULL)
        return;
    *answer->response = (struct virtio_scsi_response){0};
    if (answer->cdb[0] == SCSI_REPORT_LUNS)
        scsi_sense_set(answer->response, SCSI_ILLEGAL_REQUEST, SCSI_ASC_INVALID_OPCODE, false);
}

static void test_everybody_is_there(void **state)
{
    struct bed *bed;
    unsigned count = 0;

    (void)state;
    bed = bed_prepare(ALL);
    config_of(bed)->max_target = 0xffff;
    bed->target.twist = twist_luns;
    assert_int_equal(bed_attach(bed), 0);
    for (const struct pv_blk *blk = bed->blk; blk; blk = blk->next)
        count++;
    assert_int_equal(count, PV_DEVICES_MAX);
    bed_close(bed);
}

static void test_extreme_limits(void **state)
{
    struct bed *bed;

    (void)state;
    bed = bed_prepare(ALL);
    config_of(bed)->seg_max = UINT32_MAX;
    config_of(bed)->max_sectors = UINT32_MAX;
    config_of(bed)->cmd_per_lun = UINT32_MAX;
    bed->disks[0].transfer_blocks_max = UINT32_MAX;
    bed->disks[0].unmaps = true;
    bed->disks[0].unmap_blocks_max = bed->disks[0].unmap_ranges_max = UINT32_MAX;
    assert_int_equal(bed_attach(bed), 0);
    assert_true(bed->blk->can_discard);
    assert_int_equal(bed->blk->sectors_max, 0x8000);
    assert_int_equal(bed->blk->segments_max, 6);
    bed_close(bed);

    bed = bed_prepare(ALL);
    device_queue_close(&bed->target.device.queues[2]);
    device_queue_open(&bed->target.device.queues[2], 4); /* one request at a time */
    config_of(bed)->seg_max = 0;
    config_of(bed)->cmd_per_lun = 1;
    assert_int_equal(bed_attach(bed), 0);
    assert_int_equal(bed->blk->segments_max, 1);
    assert_int_equal(bed->blk->requests_max, 1);
    assert_int_equal(read_one(bed), 0);
    bed_close(bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attach),
        cmocka_unit_test(test_few_notifications),
        cmocka_unit_test(test_units_of_one_target),
        cmocka_unit_test(test_read_write),
        cmocka_unit_test(test_segments),
        cmocka_unit_test(test_flush_discard),
        cmocka_unit_test(test_old_disks),
        cmocka_unit_test(test_large_disk),
        cmocka_unit_test(test_malformed_requests),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_outcomes),
        cmocka_unit_test(test_endless_repetition),
        cmocka_unit_test(test_write_protected_since),
        cmocka_unit_test(test_short_transfer),
        cmocka_unit_test(test_capacity_changes),
        cmocka_unit_test(test_refresh_keeps_completions),
        cmocka_unit_test(test_removed),
        cmocka_unit_test(test_many_events),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_never_answers),
        cmocka_unit_test(test_controller_vanishes),
        cmocka_unit_test(test_hostile_answers),
        cmocka_unit_test(test_no_lengths),
        cmocka_unit_test(test_sense_garbage),
        cmocka_unit_test(test_unusable_disks),
        cmocka_unit_test(test_everybody_is_there),
        cmocka_unit_test(test_extreme_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
