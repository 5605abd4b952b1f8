/* SPDX-License-Identifier: BSD-2-Clause */
/* The block devices that the kernel's tests play (fake_blk.h). */
#include "kernel/fake_blk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/errno.h"
#include "kernel/fake.h"
#include "kernel/page.h"

struct posted {
    struct pv_blk_request request;
    struct pv_segment segment;
};

uint8_t disk[SECTORS * PV_SECTOR_BYTES];
static struct posted ring[RING];
unsigned ring_count;
static unsigned kicked_count;
static struct {
    void *cookie;
    int result;
} done[RING];
unsigned done_count;
bool event_asked;
unsigned kicks, flushes, discarded, takes;
struct pv_blk device_state;
struct pv_blk controller_disks[2];

static size_t fake_memory_bytes(const struct pv_device *device)
{
    (void)device;
    return 3 * PAGE_BYTES;
}

static int fake_attach(const struct pv_device *device, void *memory, struct pv_blk **blk)
{
    for (unsigned i = 0; i < 3 * PAGE_BYTES; i++)
        assert_int_equal(((uint8_t *)memory)[i], 0);
    *blk = &device_state;
    return device->index == 1 ? -EIO : 0;
}

static int fake_submit(struct pv_blk *blk, const struct pv_blk_request *request)
{
    uint64_t bytes = 0;

    if (blk->fault != NULL)
        return -EIO;
    if (ring_count + done_count == RING)
        return -EAGAIN;
    assert_true(request->segment_count <= 1);
    ring[ring_count].request = *request;
    if (request->segment_count == 1) {
        ring[ring_count].segment = request->segments[0];
        bytes = request->segments[0].bytes;
        assert_true(bytes > 0 && bytes / PV_SECTOR_BYTES <= blk->sectors_max);
        assert_int_equal(request->sector % (blk->block_bytes / PV_SECTOR_BYTES), 0);
        assert_true(request->sector + bytes / PV_SECTOR_BYTES <= blk->sector_count);
    }
    ring_count++;
    return 0;
}

static void fake_kick(struct pv_blk *blk)
{
    (void)blk;
    kicks++;
    kicked_count = ring_count;
}

static int fake_take(struct pv_blk *blk, void **cookie, int *result)
{
    (void)blk;
    takes++;
    if (device_state.fault != NULL) /* that of a controller's disk is its alone */
        return -EIO;
    if (done_count == 0)
        return 0;
    done_count--;
    *cookie = done[done_count].cookie;
    *result = done[done_count].result;
    return 1;
}

static bool fake_ask(struct pv_blk *blk)
{
    (void)blk;
    event_asked = true;
    return done_count > 0 || device_state.fault != NULL;
}

unsigned refreshes;

static void fake_refresh(struct pv_blk *blk)
{
    (void)blk;
    refreshes++;
}

static int carry_out(struct posted *posted)
{
    uint8_t *at = disk + posted->request.sector * PV_SECTOR_BYTES;
    uint64_t sectors = posted->segment.bytes / PV_SECTOR_BYTES;

    switch (posted->request.operation) {
    case PV_BLK_READ:
    case PV_BLK_WRITE:
        if (posted->request.sector <= BAD_SECTOR && posted->request.sector + sectors > BAD_SECTOR)
            return -EIO;
        if (posted->request.operation == PV_BLK_READ)
            memcpy(posted->segment.address, at, posted->segment.bytes);
        else
            memcpy(at, posted->segment.address, posted->segment.bytes);
        return 0;
    case PV_BLK_FLUSH:
        flushes++;
        return 0;
    case PV_BLK_DISCARD:
        discarded += posted->request.sector_count;
        memset(at, 0, posted->request.sector_count * PV_SECTOR_BYTES);
        return 0;
    }
    return -EIO;
}

static void complete(unsigned pick)
{
    done[done_count].cookie = ring[pick].request.cookie;
    done[done_count].result = carry_out(&ring[pick]);
    done_count++;
    memmove(&ring[pick], &ring[pick + 1], (ring_count - pick - 1) * sizeof(ring[0]));
    ring_count--;
    kicked_count--;
}

static void work_ends(void)
{
    fake.now_ns += 1000;
    if (event_asked) {
        fake_event(EVENT);
        fake_event(EVENT + 1);
    }
    event_asked = false;
}

void device_works(void)
{
    unsigned count = kicked_count > 0 ? 1 + (unsigned)rand() % kicked_count : 0;

    assert_true(count > 0); /* else everybody sleeps and nobody will wake them */
    while (count-- > 0)
        complete((unsigned)rand() % kicked_count);
    work_ends();
}

void device_works_on_one(void)
{
    assert_true(kicked_count > 0);
    complete(0);
    work_ends();
}

void device_works_on_all(void)
{
    assert_true(kicked_count > 0);
    while (kicked_count > 0)
        complete(0);
    work_ends();
}

/* The third block device is a controller with two disks, the fourth carries none, the fifth fails. */
static int controller_attach(const struct pv_device *device, void *memory, struct pv_blk **blk_)
{
    (void)memory;
    *blk_ = device->index == 3 ? NULL : controller_disks;
    for (unsigned i = 0; device->index == 2 && i < 2; i++) {
        controller_disks[i] = device_state;
        controller_disks[i].event = EVENT + 1;
    }
    controller_disks[0].next = &controller_disks[1];
    return device->index == 4 ? -EIO : 0;
}

static const struct pv_blk_ops fake_ops = {.memory_bytes = fake_memory_bytes,
                                           .attach = fake_attach,
                                           .submit = fake_submit,
                                           .kick = fake_kick,
                                           .take = fake_take,
                                           .ask = fake_ask,
                                           .refresh = fake_refresh};
static const struct pv_blk_ops controller_ops = {.controller = true,
                                                 .memory_bytes = fake_memory_bytes,
                                                 .attach = controller_attach,
                                                 .submit = fake_submit,
                                                 .kick = fake_kick,
                                                 .take = fake_take,
                                                 .ask = fake_ask,
                                                 .refresh = fake_refresh};
const struct pv_blk_ops *const pv_blk_frontends[PV_FAMILY_COUNT] = {&fake_ops, &controller_ops};

const struct pv_device *pv_devices(unsigned *count)
{
    static const struct pv_device devices[] = {
        {.class = PV_NET},
        {.class = PV_BLK},
        {.class = PV_BLK, .index = 1},
        {.class = PV_BLK, .family = PV_FAMILY_VIRTIO_SCSI, .index = 2},
        {.class = PV_BLK, .family = PV_FAMILY_VIRTIO_SCSI, .index = 3},
        {.class = PV_BLK, .family = PV_FAMILY_VIRTIO_SCSI, .index = 4},
    };

    *count = sizeof(devices) / sizeof(devices[0]);
    return devices;
}

void fake_blk_reset(void)
{
    device_state = (struct pv_blk){.event = EVENT,
                                   .sector_count = SECTORS,
                                   .can_flush = true,
                                   .can_discard = true,
                                   .block_bytes = PV_SECTOR_BYTES,
                                   .segments_max = 4,
                                   .sectors_max = 7,
                                   .requests_max = RING};
    fake.on_wait = device_works;
    srand(5);
    memset(disk, 0, sizeof(disk));
}
