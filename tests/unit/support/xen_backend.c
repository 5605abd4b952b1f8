/* SPDX-License-Identifier: BSD-2-Clause */
/* The Xen machine that tests play (xen_backend.h); its xenstore is in xen_backend_store.c. */
#include "tests/unit/support/xen_backend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xen/grant_table.h>
#include <xen/io/xs_wire.h>

#include "pvabi/errno.h"
#include "pvabi/xen/xenbus.h"

#define STORE_PORT 1u
#define PAGES_MAX 4096u

struct xen_machine xen_machine;
struct xenstore_domain_interface *xen_store;
uint32_t xen_store_port = STORE_PORT;

static struct grant_entry_v1 *grant_table[XEN_GRANT_FRAMES_MAX];
static const void *pages[PAGES_MAX];
static uint32_t page_count;

/* ---- the platform ------------------------------------------------------------------------- */

unsigned xen_upcalls_mask(void)
{
    return xen_machine.masked++;
}

void xen_upcalls_restore(unsigned state)
{
    xen_machine.masked = state;
    if (state == 0 && xen_machine.unmasked != NULL)
        xen_machine.unmasked();
}

uint64_t xen_now_ns(void)
{
    return xen_machine.now_ns += 1000;
}

void xen_say(const char *words)
{
    snprintf(xen_machine.words + strlen(xen_machine.words),
             sizeof(xen_machine.words) - strlen(xen_machine.words), "%s", words);
    if (strchr(words, '\n'))
        xen_machine.said++;
}

void *xen_grant_table_map(unsigned index)
{
    if (xen_machine.no_grant_frames || index >= XEN_GRANT_FRAMES_MAX)
        return NULL;
    if (grant_table[index] == NULL)
        grant_table[index] = calloc(1, XEN_PAGE_BYTES);
    xen_machine.grant_frames = index + 1u;
    return grant_table[index];
}

uint64_t xen_frame(const void *page)
{
    for (uint32_t i = 0; i < page_count; i++)
        if (pages[i] == page)
            return i;
    pages[page_count] = page;
    return page_count++;
}

int xen_channel_open(uint16_t domain, unsigned *event, uint32_t *port)
{
    (void)domain;
    for (uint32_t i = 2; i < 64 && !xen_machine.no_channels; i++) {
        struct xen_channel_state *channel = &xen_machine.channels[i];

        if (channel->open)
            continue;
        if (*event == 0)
            *event = 10u + i;
        *channel = (struct xen_channel_state){.open = true, .event = *event};
        *port = i;
        return 0;
    }
    return -ENOMEM;
}

void xen_channel_close(uint32_t port)
{
    xen_machine.channels[port].open = false;
}

bool xen_channel_unmask(uint32_t port)
{
    struct xen_channel_state *channel = &xen_machine.channels[port];
    bool was_masked = channel->masked;

    channel->masked = false;
    if (channel->pending) {
        channel->pending = false;
        channel->masked = true;
        xen_machine.raised[channel->event / 64u] |= 1ull << channel->event % 64u;
    }
    return was_masked;
}

bool xen_backend_send(uint32_t port)
{
    struct xen_channel_state *channel = &xen_machine.channels[port];

    if (!channel->open)
        return false;
    if (channel->masked) {
        channel->pending = true;
        return false;
    }
    channel->masked = true;
    xen_machine.raised[channel->event / 64u] |= 1ull << channel->event % 64u;
    return true;
}

void xen_event_raise(unsigned event)
{
    xen_machine.raised[event / 64u] |= 1ull << event % 64u;
}

bool xen_event_taken(unsigned event)
{
    bool was = xen_machine.raised[event / 64u] >> event % 64u & 1u;

    xen_machine.raised[event / 64u] &= ~(1ull << event % 64u);
    return was;
}

void xen_store_listen(void)
{
    xen_machine.listens = true;
}

int xen_suspend(void)
{
    xen_machine.suspended++;
    if (xen_machine.at_suspend != NULL)
        xen_machine.at_suspend_was = *xen_machine.at_suspend;
    if (xen_machine.suspend_result == 0) {
        xen_watches_forget();
        xenbus_restored();
    }
    return xen_machine.suspend_result;
}

struct pv_net_address xen_net_address(unsigned index)
{
    return (struct pv_net_address){.ip4 = {10, 0, 0, (uint8_t)(index + 2u)}, .prefix4 = 24};
}

/* ---- grants ------------------------------------------------------------------------------- */

static struct grant_entry_v1 *entry_of(uint32_t ref)
{
    uint32_t frame = ref / (XEN_PAGE_BYTES / sizeof(struct grant_entry_v1));

    if (frame >= XEN_GRANT_FRAMES_MAX || grant_table[frame] == NULL)
        return NULL;
    return &grant_table[frame][ref % (XEN_PAGE_BYTES / sizeof(struct grant_entry_v1))];
}

void *xen_granted(uint32_t ref, bool for_writing)
{
    const struct grant_entry_v1 *entry = entry_of(ref);

    if (entry == NULL || (entry->flags & GTF_type_mask) != GTF_permit_access ||
        (for_writing && entry->flags & GTF_readonly) || entry->frame >= page_count)
        return NULL;
    return (void *)(uintptr_t)pages[entry->frame];
}

void xen_hold(uint32_t ref)
{
    struct grant_entry_v1 *entry = entry_of(ref);

    entry->flags |= entry->flags & GTF_readonly ? GTF_reading : GTF_reading | GTF_writing;
}

void xen_release(uint32_t ref)
{
    entry_of(ref)->flags &= (uint16_t) ~(GTF_reading | GTF_writing);
}

/* ---- beginning and end -------------------------------------------------------------------- */

void xen_machine_start(void)
{
    xen_machine = (struct xen_machine){0};
    xen_store_reset();
    page_count = 0;
    xen_store = calloc(1, sizeof(*xen_store));
    xenbus_restored(); /* what the last test left in grants, xenstore and xenbus */
    xen_machine = (struct xen_machine){0};
}

void xen_machine_stop(void)
{
    const struct pv_device *devices;
    unsigned count;

    for (unsigned i = 0; i < XEN_GRANT_FRAMES_MAX; i++) {
        free(grant_table[i]);
        grant_table[i] = NULL;
    }
    free(xen_store);
    xen_store = NULL;
    devices = xenbus_devices(&count);
    for (unsigned i = 0; i < count; i++) /* their memory goes with the test */
        if (devices[i].class != PV_CONSOLE)
            xenbus_device_of(&devices[i])->phase = XENBUS_CLOSED;
}

int xen_machine_set_up(void **state)
{
    (void)state;
    xen_machine_start();
    return 0;
}

int xen_machine_tear_down(void **state)
{
    (void)state;
    xen_machine_stop();
    return 0;
}

void xen_machine_restore(const char *backend, const char *backend_state)
{
    memset(xen_machine.channels, 0, sizeof(xen_machine.channels));
    if (backend_state != NULL)
        xen_store_put(backend, "state", backend_state);
    xenbus_restored();
}
