/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: pvabi/virtio/console.c pvabi/virtio/attach.c pvabi/virtio/virtqueue.c */
/* sources: tests/unit/support/device.c */
/*
 * Fuzzes the console frontend: everything the device writes comes from the input. What must hold:
 * no more bytes than were posted, each cookie back at most once, a fault that is final.
 */
#include "pvabi/virtio/console.h"

#include "tests/unit/support/hostile.h"

#define BUFFERS 64u

static const struct pv_console_ops *const ops = &virtio_console_ops;
static char text[256];

struct bed {
    struct device device;
    struct pv_console *console;
    uint32_t rx[BUFFERS], tx[BUFFERS]; /* bytes posted; 0: not posted */
};

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static uint32_t *buffer_unused(uint32_t *buffers)
{
    for (unsigned i = 0; i < BUFFERS; i++)
        if (buffers[i] == 0)
            return &buffers[i];
    return NULL;
}

static void post(struct bed *bed, struct bytes *bytes)
{
    uint32_t length = next8(bytes);
    uint32_t *rx = buffer_unused(bed->rx), *tx = buffer_unused(bed->tx);

    if (next8(bytes) & 1u) {
        if (rx && ops->rx_post(bed->console, text, length, rx) == 0)
            *rx = length;
    } else if (tx && ops->tx_post(bed->console, text, length, tx) == 0) {
        *tx = length;
    }
}

static void take(struct bed *bed)
{
    uint32_t bytes, *buffer;
    void *cookie = NULL;

    while (ops->rx_take(bed->console, &cookie, &bytes) == 1) {
        buffer = cookie;
        require(buffer >= bed->rx && buffer < bed->rx + BUFFERS && *buffer && bytes <= *buffer);
        *buffer = 0;
    }
    while (ops->tx_take(bed->console, &cookie) == 1) {
        buffer = cookie;
        require(buffer >= bed->tx && buffer < bed->tx + BUFFERS && *buffer);
        *buffer = 0;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    struct bytes bytes = {input, size};
    struct bed bed = {.console = NULL};
    void *memory;

    hostile_open(&bed.device, PV_CONSOLE, 2, &bytes);
    memory = hostile_memory(ops->memory_bytes(&bed.device.pv));
    if (ops->attach(&bed.device.pv, memory, &bed.console) == 0)
        require(bed.console->rx_slots >= 1);
    while (bytes.left > 0) {
        const char *fault = bed.console->fault;
        struct device_queue *queue = &bed.device.queues[next8(&bytes) & 1u];

        switch (next8(&bytes) % 5u) {
        case 0:
            post(&bed, &bytes);
            break;
        case 1:
            ops->rx_kick(bed.console);
            ops->tx_kick(bed.console);
            break;
        case 2:
            take(&bed);
            break;
        case 3:
            ops->rx_ask(bed.console);
            break;
        default:
            if (queue->size)
                hostile_queue_act(queue, &bytes);
            break;
        }
        require(!fault || bed.console->fault == fault);
        require(bed.device.failed == (bed.console->fault ? 1u : 0u));
    }
    device_close(&bed.device);
    free(memory);
    return 0;
}
