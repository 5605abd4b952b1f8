/* SPDX-License-Identifier: BSD-2-Clause */
/* The mmio transport, modern and legacy, against a device that is right or wrong. */
/* sources: pvabi/virtio/mmio.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "pvabi/errno.h"
#include "pvabi/pv.h"
#include "pvabi/virtio/mmio.h"
#include "pvabi/virtio/wire.h"

struct pv_counters pv_counters;

#define WINDOW_BYTES 0x200u
#define EVENT 40u

static struct {
    uint32_t magic, version, id;
    uint64_t offered, accepted;
    uint32_t offered_select, accepted_select, status, page_bytes;
    uint32_t select, size_max[8], size[8], align[8], page[8], ready[8];
    uint32_t rings[8][6];
    uint32_t notified, generation;
    bool refuses, stuck;
} device;
static char window[WINDOW_BYTES]; /* only its addresses count, and the configuration */

static uint32_t *device_register(unsigned at)
{
    static uint32_t none;
    unsigned queue = device.select % 8;

    if (at >= 0x80 && at < 0xb0 && at % 16 < 8)
        return &device.rings[queue][(at - 0x80) / 16 * 2 + at % 16 / 4];
    switch (at) {
    case 0x00:
        return &device.magic;
    case 0x04:
        return &device.version;
    case 0x08:
        return &device.id;
    case 0x14:
        return &device.offered_select;
    case 0x24:
        return &device.accepted_select;
    case 0x28:
        return &device.page_bytes;
    case 0x30:
        return &device.select;
    case 0x34:
        return &device.size_max[queue];
    case 0x38:
        return &device.size[queue];
    case 0x3c:
        return &device.align[queue];
    case 0x40:
        return &device.page[queue];
    case 0x44:
        return &device.ready[queue];
    case 0x50:
        return &device.notified;
    case 0x70:
        return &device.status;
    case 0xfc:
        return &device.generation;
    default:
        none = 0;
        return &none;
    }
}

static uint32_t host_read(const void *at, unsigned bytes)
{
    size_t offset = (size_t)((const char *)at - window);
    uint32_t value = 0;

    assert_true(offset % bytes == 0 && offset + bytes <= WINDOW_BYTES);
    if (offset >= 0x100) {
        memcpy(&value, window + offset, bytes);
        return value;
    }
    assert_int_equal(bytes, 4);
    if (offset == 0x10)
        return (uint32_t)(device.offered_select ? device.offered >> 32 : device.offered);
    return *device_register((unsigned)offset);
}

static void host_write(void *at, unsigned bytes, uint32_t value)
{
    size_t offset = (size_t)((char *)at - window);

    assert_true(offset % 4 == 0 && bytes == 4 && offset < 0x100);
    if (offset == 0x20) {
        uint64_t mask = 0xffffffffull << (device.accepted_select ? 32 : 0);

        device.accepted = (device.accepted & ~mask) |
                          (device.accepted_select ? (uint64_t)value << 32 : value);
        return;
    }
    if (offset == 0x70 && value == 0 && device.stuck)
        return;
    if (offset == 0x70 && device.refuses)
        value &= ~8u;
    *device_register((unsigned)offset) = value;
}

static const struct virtio_host host = {.read = host_read, .write = host_write};

static void device_set(uint32_t version)
{
    memset(&device, 0, sizeof(device));
    memset(window, 0, sizeof(window));
    device.magic = 0x74726976;
    device.version = version;
    device.id = VIRTIO_ID_BLOCK;
    device.offered = 0x30000000ull | VIRTIO_F_VERSION_1;
    device.size_max[0] = 1024;
    device.size_max[1] = 100;
    device.status = 0xff; /* firmware was here */
}

static void test_type(void **state)
{
    (void)state;
    device_set(2);
    assert_int_equal(virtio_mmio_type(&host, window, WINDOW_BYTES), VIRTIO_ID_BLOCK);
    assert_int_equal(virtio_mmio_type(&host, window, 0xff), 0);
    device.version = 3;
    assert_int_equal(virtio_mmio_type(&host, window, WINDOW_BYTES), 0);
    device.version = 0;
    assert_int_equal(virtio_mmio_type(&host, window, WINDOW_BYTES), 0);
    device.version = 1;
    device.magic++;
    assert_int_equal(virtio_mmio_type(&host, window, WINDOW_BYTES), 0);
}

static const struct virtio_transport *open_device(void)
{
    const struct virtio_transport *transport = virtio_mmio_open(&host, window, WINDOW_BYTES, EVENT);

    assert_non_null(transport);
    return transport;
}

static void test_modern(void **state)
{
    static char memory[3 * 4096] __attribute__((aligned(4096)));
    const struct virtio_transport *t;
    struct virtio_queue_place place;
    uint64_t address;

    (void)state;
    device_set(2);
    t = open_device();
    assert_int_equal(device.status, 0);
    assert_int_equal(t->ops->begin(t), 0);
    assert_int_equal(device.status, 3);
    assert_true(t->ops->features(t) == device.offered);
    assert_int_equal(t->ops->accept(t, VIRTIO_F_VERSION_1 | 1u << 29), 0);
    assert_true(device.accepted == (VIRTIO_F_VERSION_1 | 1u << 29));
    assert_int_equal(device.status, 11);

    assert_int_equal(t->ops->queue_size(t, 0, 256), 256);
    assert_int_equal(t->ops->queue_size(t, 1, 256), 64); /* 100 is no power of two */
    assert_int_equal(t->ops->queue_size(t, 2, 256), 0);
    assert_int_equal(t->ops->queue_size(t, 4, 256), 0);
    device.size_max[0] = 128; /* says something else now */
    assert_int_equal(t->ops->queue_size(t, 0, 256), 256);
    assert_int_equal(t->ops->queue_setup(t, 0, 256, memory, &place), -EIO);
    device.size_max[0] = 1024;
    assert_in_range(t->ops->queue_bytes(t, 0, 256), VIRTQ_DESC_BYTES(256), sizeof(memory));
    assert_int_equal(t->ops->queue_setup(t, 0, 256, memory, &place), 0);
    assert_ptr_equal(place.desc, memory);
    assert_int_equal(place.event, EVENT);
    assert_int_equal(device.size[0], 256);
    assert_int_equal(device.ready[0], 1);
    memcpy(&address, device.rings[0], 8);
    assert_int_equal(address, (uintptr_t)place.desc);
    memcpy(&address, device.rings[0] + 2, 8);
    assert_int_equal(address, (uintptr_t)place.avail);
    memcpy(&address, device.rings[0] + 4, 8);
    assert_int_equal(address, (uintptr_t)place.used);
    assert_true((char *)place.used + VIRTQ_USED_BYTES(256) <=
                memory + t->ops->queue_bytes(t, 0, 256));
    assert_true((char *)place.avail + VIRTQ_AVAIL_BYTES(256) <= (char *)place.used);
    assert_int_equal(t->ops->queue_setup(t, 0, 256, memory, &place), -EIO); /* in use already */
    t->ops->driver_ok(t);
    assert_int_equal(device.status, 15);
    for (unsigned i = 0; i < 256; i++) {
        device.status = i;
        assert_int_equal(t->ops->working(t), (i & 4) && !(i & 64));
    }
    device.status = 15;
    t->ops->notify(t, 1);
    assert_int_equal(pv_counters.doorbells, 1);
    assert_int_equal(device.notified, 1);
    (t->ops->fail)(t); /* cmocka has a macro of that name */
    assert_int_equal(device.status, 15 | 128);
}

static void test_legacy(void **state)
{
    /* The legacy interface names pages by 32 bits. */
    const size_t bytes = 4 * 4096;
    char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    const struct virtio_transport *t;
    struct virtio_queue_place place;

    (void)state;
    assert_true(memory != MAP_FAILED);
    device_set(1);
    t = open_device();
    assert_int_equal(t->ops->begin(t), 0);
    assert_int_equal(device.page_bytes, 4096);
    assert_true(t->ops->features(t) == (uint32_t)device.offered);
    assert_int_equal(t->ops->accept(t, 1u << 29), 0);
    assert_int_equal(device.status, 3); /* there is no FEATURES_OK */
    assert_true(t->ops->queue_bytes(t, 0, 256) <= bytes);
    assert_int_equal(t->ops->queue_setup(t, 0, 256, memory, &place), 0);
    assert_int_equal(device.page[0], (uint32_t)((uintptr_t)memory / 4096));
    assert_int_equal(device.align[0], 4096);
    assert_int_equal((uintptr_t)place.used % 4096, 0);
    assert_true((char *)place.used + VIRTQ_USED_BYTES(256) <=
                memory + t->ops->queue_bytes(t, 0, 256));
    assert_int_equal(t->ops->config_generation(t), 0);
    assert_int_equal(t->ops->queue_setup(t, 1, 64, (void *)(1ull << 44), &place), -EIO);
    munmap(memory, bytes);
}

static void test_configuration(void **state)
{
    const struct virtio_transport *t;
    uint64_t value = 0x1122334455667788ull;

    (void)state;
    device_set(2);
    memcpy(window + 0x100, &value, 8);
    device.generation = 7;
    t = open_device();
    assert_true(t->ops->config_read(t, 0, 8) == value);
    assert_int_equal(t->ops->config_read(t, 4, 4), 0x11223344);
    assert_int_equal(t->ops->config_read(t, 2, 2), 0x5566);
    assert_int_equal(t->ops->config_read(t, 7, 1), 0x11);
    assert_int_equal(t->ops->config_read(t, 0xfc, 8), 0); /* beyond the window */
    assert_int_equal(t->ops->config_read(t, 0x100, 1), 0);
    assert_int_equal(t->ops->config_read(t, UINT32_MAX, 4), 0);
    assert_int_equal(t->ops->config_generation(t), 7);
}

static void test_wrong(void **state)
{
    const struct virtio_transport *t;

    (void)state;
    device_set(2);
    device.refuses = true;
    t = open_device();
    assert_int_equal(t->ops->begin(t), 0);
    assert_int_equal(t->ops->accept(t, VIRTIO_F_VERSION_1), -EIO);
    assert_int_equal(t->ops->accept(t, 0), -EIO); /* not a modern one's */
    device_set(2);
    device.stuck = true;
    t = open_device(); /* which has no queues then */
    assert_int_equal(t->ops->begin(t), -EIO);
    assert_int_equal(t->ops->queue_size(t, 0, 256), 0);
    device_set(2);
    device.size_max[0] = UINT32_MAX;
    t = open_device();
    assert_int_equal(t->ops->queue_size(t, 0, UINT16_MAX), 32768);
}

static void test_too_many(void **state)
{
    unsigned i;

    (void)state;
    device_set(2);
    for (i = 0; i < 100 && virtio_mmio_open(&host, window, WINDOW_BYTES, EVENT) != NULL; i++)
        ;
    assert_in_range(i, 16, 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_type),   cmocka_unit_test(test_modern),
        cmocka_unit_test(test_legacy), cmocka_unit_test(test_configuration),
        cmocka_unit_test(test_wrong),  cmocka_unit_test(test_too_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
