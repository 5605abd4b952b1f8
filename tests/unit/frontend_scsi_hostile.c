/* SPDX-License-Identifier: BSD-2-Clause */
/* like: tests/unit/support/scsi_bed.h */
/* The virtio SCSI frontend against a host and disks that the test plays: hostile ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/support/clock.h"
#include "tests/unit/support/scsi_bed.h"

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
    uint64_t before_ns = clock_now_ns;

    (void)state;
    bed = bed_prepare(ALL);
    bed->target.silent = true;
    expect_refused(bed, "does not answer");
    assert_in_range(clock_now_ns - before_ns, 1000000000ull, 60000000000ull);

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
