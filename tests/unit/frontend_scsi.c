/* SPDX-License-Identifier: BSD-2-Clause */
/* like: tests/unit/support/scsi_bed.h */
/* The virtio SCSI frontend against a host and disks that the test plays: honest ones, also in trouble. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/support/scsi_bed.h"

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

/* A device that has something of ours may have missed that. */
static void test_lost_doorbell(void **state)
{
    struct bed *bed;
    unsigned cookie, notified;
    const unsigned *count;

    (void)state;
    bed = bed_open(ALL);
    count = &bed->target.device.queues[VIRTIO_SCSI_REQUESTS].notified;
    notified = *count;
    ops->refresh(bed->blk);
    assert_int_equal(*count, notified);
    assert_int_equal(submit(bed->blk, PV_BLK_READ, 0, bed->data[0], 512, &cookie), 0);
    ops->kick(bed->blk);
    notified = *count;
    ops->refresh(bed->blk);
    assert_int_equal(*count, notified + 1);
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
        cmocka_unit_test(test_lost_doorbell),
        cmocka_unit_test(test_refresh_keeps_completions),
        cmocka_unit_test(test_removed),
        cmocka_unit_test(test_many_events),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
