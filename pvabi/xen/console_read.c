/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Input from the console's ring, as the console frontend of a domain; linked into programs that read
 * standard input. A buffer that is posted asks the launcher for so much by a mark in the output, so it
 * reads no further ahead in its own standard input than the program does. A DLE of the input's own
 * comes twice; DLE and 4 are its end. People who type into `xl console` need neither.
 */
#include "console_read.h"

#include "arch/arch.h"
#include "console.h"
#include "pvabi/errno.h"

#define IN_BYTES ((uint32_t)sizeof(((struct xencons_interface *)0)->in))

static struct input {
    struct pv_console pv;
    uint8_t *buffer; /* posted, or NULL */
    uint32_t bytes;
    void *cookie;
    bool escaped; /* the last byte was a DLE */
    bool ended;
} input;

static size_t input_memory_bytes(const struct pv_device *device)
{
    (void)device;
    return 0;
}

static int input_attach(const struct pv_device *device, void *memory, struct pv_console **console)
{
    unsigned state = xen_upcalls_mask();
    int result = 0;

    (void)device;
    (void)memory;
    input = (struct input){0};
    *console = &input.pv;
    if (xen_console.ring != NULL) {
        unsigned event = xen_event_new();

        result = xen_port_bind(xen_console.port, event, false);
        if (result == 0) {
            xen_console.in_event = event;
            input.pv.rx_event = input.pv.end_event = event;
            input.pv.rx_slots = 1;
        }
    }
    xen_upcalls_restore(state);
    return result;
}

static int input_rx_post(struct pv_console *console, void *buffer, uint32_t bytes, void *cookie)
{
    (void)console;
    if (xen_console.ring == NULL)
        return -EIO;
    if (input.buffer != NULL)
        return -EAGAIN;
    input.buffer = buffer;
    input.bytes = bytes;
    input.cookie = cookie;
    xen_console.asks = !input.ended;
    return 0;
}

/* Bytes that have come. The ring fails when the other side's index is not one that it can have. */
static uint32_t input_there(void)
{
    /* Acquire: the bytes are read after the index that hands them over. */
    uint32_t there = __atomic_load_n(&xen_console.ring->in_prod, __ATOMIC_ACQUIRE) -
                     xen_console.in_cons;

    if (there <= IN_BYTES)
        return there;
    xen_console_fail("more input than its ring holds");
    input.pv.fault = "more input than its ring holds";
    input.pv.reported = true;
    return 0;
}

/* One byte of the ring; true when it is one of the input's. */
static bool input_byte(uint8_t *byte)
{
    *byte = (uint8_t)
                xen_console.ring->in[MASK_XENCONS_IDX(xen_console.in_cons++, xen_console.ring->in)];
    if (!input.escaped) {
        input.escaped = *byte == DLE;
        return !input.escaped;
    }
    input.escaped = false;
    input.ended = *byte == XEN_CONSOLE_END;
    return !input.ended;
}

static int input_rx_take(struct pv_console *console, void **cookie, uint32_t *bytes)
{
    uint32_t there, done = 0, before = xen_console.in_cons;

    (void)console;
    if (xen_console.ring == NULL)
        return -EIO;
    if (input.buffer == NULL)
        return 0;
    for (there = input.ended ? 0 : input_there(); there > 0 && done < input.bytes && !input.ended;
         there--)
        done += input_byte(&input.buffer[done]);
    if (xen_console.ring == NULL)
        return -EIO;
    if (xen_console.in_cons != before) {
        /* Release: the bytes are read before the index that gives their room back. */
        __atomic_store_n(&xen_console.ring->in_cons, xen_console.in_cons, __ATOMIC_RELEASE);
        xen_channel_send(xen_console.port);
    }
    if (done == 0 && !input.ended)
        return 0;
    *cookie = input.cookie;
    *bytes = done;
    input.buffer = NULL;
    return 1;
}

/* Both sides' indices are what is looked at, so there is nothing to ask for. A DLE alone is not
 * input. */
static bool input_rx_ask(struct pv_console *console)
{
    (void)console;
    return xen_console.ring == NULL || (!input.ended && input_there() > 0);
}

static void input_rx_kick(struct pv_console *console)
{
    (void)console;
    xen_write(PV_STDOUT, "", 0); /* nothing but the mark */
}

const struct pv_console_ops xen_console_ops = {
    .memory_bytes = input_memory_bytes,
    .attach = input_attach,
    .rx_post = input_rx_post,
    .rx_take = input_rx_take,
    .rx_ask = input_rx_ask,
    .rx_kick = input_rx_kick,
};
