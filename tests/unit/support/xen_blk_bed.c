/* SPDX-License-Identifier: BSD-2-Clause */
/* The block device that the tests of its frontend play (xen_blk_bed.h). */
#include "tests/unit/support/xen_blk_bed.h"

#include <stdio.h>

static const struct pv_blk_ops *const ops = &xen_blk_ops;

struct xen_blk_bed bed;
uint8_t bed_disk[DISK_SECTORS * PV_SECTOR_BYTES];

int bed_attach(void)
{
    bed.memory = xen_bed_memory(ops->memory_bytes(bed.device));
    return ops->attach(bed.device, bed.memory, &bed.blk);
}

uint32_t ring_ref(unsigned page)
{
    char path[64];

    if (xen_store_get(XEN_HOME XEN_BLK_PATH "/ring-page-order") == NULL)
        return (uint32_t)xen_store_number(XEN_HOME XEN_BLK_PATH "/ring-ref");
    snprintf(path, sizeof(path), XEN_HOME XEN_BLK_PATH "/ring-ref%u", page);
    return (uint32_t)xen_store_number(path);
}

void back_connect(void)
{
    unsigned pages = 1u << xen_store_number(XEN_HOME XEN_BLK_PATH "/ring-page-order");
    uint8_t *first = xen_granted(ring_ref(0), true);

    assert_non_null(first);
    for (unsigned i = 1; i < pages; i++)
        assert_ptr_equal(xen_granted(ring_ref(i), true), first + i * XEN_PAGE_BYTES);
    bed.port = (uint32_t)xen_store_number(XEN_HOME XEN_BLK_PATH "/event-channel");
    BACK_RING_INIT(&bed.back, (blkif_sring_t *)(void *)first, pages * XEN_PAGE_BYTES);
}

int bed_set_up(void **state)
{
    (void)state;
    memset(&bed, 0, sizeof(bed));
    bed.device = xen_bed_device(xen_blk_create);
    bed.data = malloc(DATA_BYTES);
    return 0;
}

int bed_tear_down(void **state)
{
    (void)state;
    free(bed.memory);
    free(bed.data);
    xen_machine_stop();
    return 0;
}

int bed_submit(enum pv_blk_operation operation, uint64_t sector, void *data, uint32_t bytes,
               void *cookie)
{
    struct pv_segment segment = {data, bytes};
    struct pv_blk_request request = {.operation = operation,
                                     .sector = sector,
                                     .segments = &segment,
                                     .segment_count = bytes ? 1u : 0u,
                                     .sector_count = 8,
                                     .cookie = cookie};

    return ops->submit(bed.blk, &request);
}

int bed_take(void **cookie)
{
    int result = 1;
    int got = ops->take(bed.blk, cookie, &result);

    return got == 1 ? result : got == 0 ? 1 : got;
}

/* ---- the backend's side ------------------------------------------------------------------- */

bool back_next(union blkif_sring_entry *entry)
{
    if (bed.back.req_cons == bed.back.sring->req_prod)
        return false;
    memcpy(entry, RING_GET_REQUEST(&bed.back, bed.back.req_cons), sizeof(*entry));
    bed.back.req_cons++;
    return true;
}

void back_answer(uint64_t id, uint8_t operation, int16_t status)
{
    struct blkif_response *response = RING_GET_RESPONSE(&bed.back, bed.back.rsp_prod_pvt);

    *response = (struct blkif_response){.id = id, .operation = operation, .status = status};
    bed.back.rsp_prod_pvt++;
    RING_PUSH_RESPONSES(&bed.back);
}

void back_transfer(uint8_t operation, uint64_t sector, unsigned count,
                   const struct blkif_request_segment *segments)
{
    for (unsigned i = 0; i < count; i++) {
        uint8_t *page = xen_granted(segments[i].gref, operation == BLKIF_OP_READ);
        uint32_t first = segments[i].first_sect, last = segments[i].last_sect;
        uint32_t bytes = (last - first + 1u) * PV_SECTOR_BYTES;

        assert_non_null(page);
        assert_true(first <= last && last < 8);
        page += first * PV_SECTOR_BYTES;
        if (operation == BLKIF_OP_READ)
            memcpy(page, bed_disk + sector * PV_SECTOR_BYTES, bytes);
        else
            memcpy(bed_disk + sector * PV_SECTOR_BYTES, page, bytes);
        sector += last - first + 1u;
    }
}

unsigned back_serve(void)
{
    union blkif_sring_entry entry;
    unsigned served = 0;

    for (; back_next(&entry); served++) {
        const struct blkif_request *request = &entry.req;
        const struct blkif_request_indirect *indirect = (const void *)&entry.req;
        const struct blkif_request_discard *discard = (const void *)&entry.req;

        switch (request->operation) {
        case BLKIF_OP_INDIRECT:
            assert_true(indirect->nr_segments > BLKIF_MAX_SEGMENTS_PER_REQUEST);
            back_transfer(indirect->indirect_op, indirect->sector_number, indirect->nr_segments,
                          xen_granted(indirect->indirect_grefs[0], false));
            back_answer(indirect->id, indirect->indirect_op, BLKIF_RSP_OKAY);
            break;
        case BLKIF_OP_DISCARD:
            memset(bed_disk + discard->sector_number * PV_SECTOR_BYTES, 0,
                   discard->nr_sectors * PV_SECTOR_BYTES);
            back_answer(discard->id, BLKIF_OP_DISCARD, BLKIF_RSP_OKAY);
            break;
        default:
            assert_int_equal(request->handle, 51712);
            back_transfer(request->operation, request->sector_number, request->nr_segments,
                          request->seg);
            back_answer(request->id, request->operation, BLKIF_RSP_OKAY);
            break;
        }
    }
    bed.back.sring->req_event = bed.back.req_cons + 1u;
    return served;
}

void bed_fill(uint8_t *data, size_t bytes, unsigned seed)
{
    for (size_t i = 0; i < bytes; i++)
        data[i] = (uint8_t)(seed + i * 7u + i / 512u);
}

void bed_expect_fault(const char *words)
{
    void *cookie;
    int result;

    assert_int_equal(ops->take(bed.blk, &cookie, &result), -EIO);
    assert_int_equal(bed_submit(PV_BLK_READ, 0, bed.data, 512, &bed), -EIO);
    assert_true(ops->ask(bed.blk));
    ops->kick(bed.blk);
    ops->refresh(bed.blk);
    assert_int_equal(ops->take(bed.blk, &cookie, &result), -EIO);
    xen_bed_expect_ended(bed.blk->fault, words);
}
