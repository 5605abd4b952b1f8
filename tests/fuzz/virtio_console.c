/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: pvabi/virtio/console.c pvabi/virtio/console_write.c pvabi/virtio/console_ports.c */
/* sources: pvabi/virtio/attach.c pvabi/virtio/virtqueue.c */
/* sources: tests/unit/support/device.c tests/unit/support/clock.c */
/*
 * Fuzzes the console frontend, with one port and with several: everything the device writes comes
 * from the input, also while the frontend waits. What must hold: no more bytes than were posted,
 * each cookie back at most once, an end to every wait, a fault that is final.
 */
#include "pvabi/virtio/console.h"

#include "tests/unit/support/clock.h"
#include "tests/unit/support/hostile.h"

#define BUFFERS 64u
#define QUEUES 10u
#define CONTROL_RX 2u
#define CONTROL_TX 3u
#define CONTROL_BYTES 128u
#define LOOKS_MAX 6000u /* at the clock, in one call */

static const struct pv_console_ops *const ops = &virtio_console_ops;
static char text[4096];

static struct bed {
    struct device device;
    struct pv_console *console;
    char *memory;
    size_t memory_bytes;
    uint32_t rx[BUFFERS]; /* bytes posted; 0: not posted */
    struct bytes bytes;   /* what is left of the input */
    unsigned looks;
} bed;

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

/* A control message as the protocol has them, with any contents. */
static void speak(void)
{
    struct device_queue *queue = &bed.device.queues[CONTROL_RX];
    uint32_t length = next8(&bed.bytes) % (CONTROL_BYTES + 2u);
    uintptr_t at;
    uint16_t head;

    if (!queue->size || !queue->set_up || !device_next(queue, &head) || head >= queue->size)
        return;
    at = (uintptr_t)queue->desc[head].address; /* anything, if the device has written there */
    if (at < (uintptr_t)bed.memory || at > (uintptr_t)bed.memory + bed.memory_bytes - CONTROL_BYTES)
        return;
    for (uint32_t i = 0; i < length && i < CONTROL_BYTES; i++)
        ((char *)at)[i] = (char)next8(&bed.bytes);
    device_use(queue, head, length);
}

static void device_acts(void)
{
    struct device_queue *queue = &bed.device.queues[next8(&bed.bytes) % QUEUES];
    uint8_t how = next8(&bed.bytes);
    uint16_t head;

    if (how & 1u) {
        speak();
    } else if (how & 2u) { /* takes what is written, as it should */
        for (unsigned i = 1; i < QUEUES; i += 2)
            if (bed.device.queues[i].size && device_next(&bed.device.queues[i], &head))
                device_use(&bed.device.queues[i], head, 0);
    } else if (queue->size) {
        hostile_queue_act(queue, &bed.bytes);
    }
}

static void looked(void)
{
    require(++bed.looks < LOOKS_MAX);
    device_acts();
}

static void post(void)
{
    uint32_t length = next8(&bed.bytes), *rx = NULL;

    for (unsigned i = 0; i < BUFFERS && rx == NULL; i++)
        if (bed.rx[i] == 0)
            rx = &bed.rx[i];
    if (rx && ops->rx_post(bed.console, text, length, rx) == 0)
        *rx = length;
}

static void take(void)
{
    uint32_t bytes, *buffer;
    void *cookie = NULL;

    while (ops->rx_take(bed.console, &cookie, &bytes) == 1) {
        if (cookie == NULL) { /* the end, and nothing came back */
            require(bytes == 0);
            break;
        }
        buffer = cookie;
        require(buffer >= bed.rx && buffer < bed.rx + BUFFERS && *buffer && bytes <= *buffer);
        *buffer = 0;
    }
}

static void put(void)
{
    size_t bytes = next16(&bed.bytes) % sizeof(text);
    long done = ops->write(bed.console, (enum pv_channel)(bytes % 3u), text, bytes);

    require(done == -5 || (done >= 0 && (size_t)done <= bytes));
}

static void turn(void)
{
    bed.looks = 0;
    switch (next8(&bed.bytes) % 6u) {
    case 0:
        post();
        break;
    case 1:
        ops->rx_kick(bed.console);
        break;
    case 2:
        take();
        break;
    case 3:
        ops->rx_ask(bed.console);
        break;
    case 4:
        put();
        break;
    default:
        device_acts();
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    memset(&bed, 0, sizeof(bed));
    bed.bytes = (struct bytes){input, size};
    clock_on_look = looked;
    clock_step_ns = 25000000;
    hostile_open(&bed.device, PV_CONSOLE, QUEUES, &bed.bytes);
    bed.memory_bytes = ops->memory_bytes(&bed.device.pv);
    bed.memory = hostile_memory(bed.memory_bytes);
    (void)ops->attach(&bed.device.pv, bed.memory, &bed.console);
    require(bed.console != NULL);
    while (bed.bytes.left > 0) {
        const char *fault = bed.console->fault;

        turn();
        require(!fault || bed.console->fault == fault);
        require(bed.device.failed == (bed.console->fault ? 1u : 0u));
    }
    device_close(&bed.device);
    free(bed.memory);
    return 0;
}
