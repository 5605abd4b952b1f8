/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For the fuzz targets of Xen's frontends: the kernel's buffers, a backend that does what the input
 * says to pages, grants, events and states, restores at any time, and what has to hold throughout. A
 * target defines TARGET_BACKEND, the backend's place in xenstore, before this and the functions named
 * target_* behind it, and hands its input to xen_fuzz.
 */
#ifndef TESTS_XEN_FRONTEND_H
#define TESTS_XEN_FRONTEND_H

#include <string.h>

#include "pvabi/xen/grant.h"
#include "pvabi/xen/xenbus.h"
#include "tests/unit/support/bytes.h"
#include "tests/unit/support/xen_backend.h"

/* A piece of the kernel's memory on its way; its address is the cookie. */
struct buffer {
    uint8_t *data; /* of its own, so that the sanitizer sees what lies around it */
    uint32_t bytes;
    bool in_flight;
};

/* Another piece of memory for a buffer that is not in flight. */
static inline void buffer_renew(struct buffer *buffer, uint32_t bytes, uint8_t fill)
{
    free(buffer->data);
    buffer->bytes = bytes;
    buffer->data = malloc(bytes + 1u);
    memset(buffer->data, fill, bytes);
}

/* A cookie that came back: of one of `count` buffers, and once. */
static inline struct buffer *buffer_back(struct buffer *buffers, unsigned count, void *cookie)
{
    struct buffer *buffer = cookie;

    require(buffer >= buffers && buffer < buffers + count && buffer->in_flight);
    buffer->in_flight = false;
    return buffer;
}

static inline void buffers_free(struct buffer *buffers, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        free(buffers[i].data);
}

/* The target's own. Its fault is where the device tells it, NULL there: none. */
static void target_features(struct bytes *bytes); /* of the backend, honest or not */
static const char *const *target_attach(const struct pv_device *device);
static void target_ask(void);  /* a call of the kernel's: a restored device connects */
static void target_look(void); /* the backend looks which rings are granted */
static void target_step(
    struct bytes *bytes); /* one call of the kernel's, or act of the backend's */

static void *frontend_memory;

/* For target_attach. */
static inline void *frontend_memory_new(size_t bytes)
{
    require(posix_memalign(&frontend_memory, XEN_PAGE_BYTES, bytes) == 0);
    return memset(frontend_memory, 0, bytes);
}

/* What any backend may do besides its answers: 5 choices. `ring` is one of its pages. */
static inline void backend_act(struct bytes *bytes, unsigned choice, void *ring)
{
    char state[2] = {0};
    uint32_t ref;

    switch (choice) {
    case 0:
        ((uint8_t *)ring)[next16(bytes) % XEN_PAGE_BYTES] = next8(bytes);
        break;
    case 1:
        ref = next8(bytes);
        if (xen_granted(ref, true) != NULL)
            memset(xen_granted(ref, true), next8(bytes), XEN_PAGE_BYTES);
        break;
    case 2:
        ref = next8(bytes);
        if (xen_granted(ref, false) != NULL)
            xen_hold(ref);
        break;
    case 3:
        for (unsigned i = next8(bytes); i-- > 0;)
            xen_backend_send(2u + (i & 1u));
        break;
    default:
        state[0] = (char)('0' + next8(bytes) % 9u);
        xen_store_put(TARGET_BACKEND, "state", state);
        xen_store_deliver();
        break;
    }
}

/* The domain wakes up elsewhere. */
static inline void backend_restore(struct bytes *bytes)
{
    target_features(bytes);
    xen_machine_restore(TARGET_BACKEND, next8(bytes) < 200 ? "2" : "4");
    target_ask();
    target_look();
}

/* One input, from a machine with this device to its end. */
static inline void xen_fuzz(const uint8_t *input, size_t size, void (*create)(void))
{
    struct bytes bytes = {input, size};
    const struct pv_device *devices;
    const char *const *fault;
    unsigned count;

    xen_machine_start();
    xen_grant_counters = (struct xen_grant_counters){0};
    create();
    target_features(&bytes);
    devices = xenbus_devices(&count);
    fault = target_attach(&devices[0]);
    target_look();
    while (bytes.left > 0) {
        const char *before = *fault;

        target_step(&bytes);
        require(before == NULL || *fault == before);
        require(*fault == NULL || xen_grant_counters.in_use == 0);
        require(xen_machine.masked == 0);
        if (*fault != before)
            target_look();
    }
    free(frontend_memory);
    xen_machine_stop();
}

#endif
