/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A Xen machine played by a test: grants, event channels and time behind pvabi/xen/host.h, a
 * xenstore daemon at the other end of its ring, and backends that connect and close as they should.
 * Nothing that the frontend says is checked, so that a test can be as hostile as it likes. One
 * thread: whatever the other side does happens when the frontend sends or waits.
 */
#ifndef TESTS_XEN_BACKEND_H
#define TESTS_XEN_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pvabi/xen/host.h"

#define XEN_HOME "/local/domain/5/"
#define XEN_BLK_PATH "device/vbd/51712"
#define XEN_BLK_BACKEND "/local/domain/0/backend/vbd/5/51712"
#define XEN_NET_PATH "device/vif/0"
#define XEN_NET_BACKEND "/local/domain/0/backend/vif/5/0"

enum xen_store_mood {
    STORE_HONEST,
    STORE_SILENT,   /* never answers */
    STORE_REFUSES,  /* every answer is an error */
    STORE_HUGE,     /* every answer claims 5000 bytes */
    STORE_WRONG_ID, /* answers to other requests */
    STORE_WRONG_TYPE,
    STORE_WILD_INDEX, /* the ring's index jumps */
    STORE_TRICKLES,   /* a byte at a time */
    STORE_STORMS      /* ten thousand events before each answer */
};

struct xen_channel_state {
    bool open, masked, pending;
    unsigned event;
    unsigned sent; /* by the frontend */
};

struct xen_machine {
    enum xen_store_mood mood;
    unsigned again; /* transactions that are to be repeated, */
    const char *meanwhile_path,
        *meanwhile_value; /* because somebody else wrote this; NULL: nothing */
    bool backend_passive; /* backends keep their states */
    unsigned suspended;   /* how often */
    int suspend_result;
    const uint32_t *at_suspend; /* what it was then is kept; NULL: nothing */
    uint32_t at_suspend_was;
    bool listens; /* watches wake the guest */
    bool no_channels, no_grant_frames;
    unsigned grant_frames; /* mapped */
    uint64_t now_ns;
    uint64_t raised[PV_EVENT_WORDS];
    unsigned said; /* lines */
    char words[256];
    struct xen_channel_state channels[64];
    unsigned masked;        /* depth of xen_upcalls_mask */
    void (*unmasked)(void); /* called whenever that is 0 again; NULL: nothing */
    unsigned writes;        /* to the store */
};
extern struct xen_machine xen_machine;

/* A machine with an empty store. */
void xen_machine_start(void);
void xen_machine_stop(void);
/* The same as fixtures of cmocka's. */
int xen_machine_set_up(void **state);
int xen_machine_tear_down(void **state);
/* The domain was restored: no channel is open, this backend is in this state. NULL: as it was. */
void xen_machine_restore(const char *backend, const char *backend_state);

/* Nodes by absolute path. `value` NULL removes; watches fire. */
void xen_store_set(const char *path, const char *value);
void xen_store_set_number(const char *path, uint64_t number);
const char *xen_store_get(const char *path);
uint64_t xen_store_number(const char *path);
/* A node below another: DIR/NAME. */
void xen_store_put(const char *dir, const char *name, const char *value);
/* Nothing in it; nobody watches. For xen_backend.c. */
void xen_store_reset(void);
void xen_watches_forget(void);
/* Bytes sent to the guest as they are. */
void xen_store_send(const void *bytes, size_t count);
/* What has come for the store's channel: calls xenbus_event as the platform does. */
void xen_store_deliver(void);

/* One block or network device with an honest backend that waits in InitWait. */
void xen_blk_create(void);
void xen_net_create(void);

/* The page that a reference grants, NULL when it does not. */
void *xen_granted(uint32_t ref, bool for_writing);
/* Maps it, as far as the frontend can see; and lets go. */
void xen_hold(uint32_t ref);
void xen_release(uint32_t ref);

/* The backend sends an event. True: an upcall came of it. */
bool xen_backend_send(uint32_t port);
bool xen_event_taken(unsigned event); /* and forgets it */

#endif
