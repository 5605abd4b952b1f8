/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The contract of paravirtualization: all that the kernel may ask of any hypervisor. Each
 * hypervisor fulfils it with one static const struct pv_platform and with frontends for its
 * devices; probe.c finds out which. Called by the kernel, lib and net only through the kernel;
 * nothing here blocks except pv_platform.wait (and disk controllers, where it says so), and nothing
 * allocates.
 *
 * Context: unless a comment says otherwise a function may be called with upcalls masked or not.
 * A device belongs to one caller at a time: the kernel serializes calls on the same device.
 */
#ifndef PVABI_PV_H
#define PVABI_PV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bootrec;
struct pvclock;

/* ---- the platform ------------------------------------------------------------------------- */

enum pv_channel { PV_STDOUT, PV_STDERR, PV_LOG };
enum pv_rights { PV_NONE, PV_READ, PV_READ_WRITE };

#define PV_NO_DEADLINE UINT64_MAX
#define PV_EVENT_WORDS 4u
#define PV_EVENT_COUNT (64u * PV_EVENT_WORDS)
#define PV_EVENT_TIMER 0u
#define PV_EVENT_SYSTEM 1u

/* The two bytes that say whether an upcall may come and whether one should. Same layout under
 * every hypervisor (it is Xen's). */
struct pv_upcall {
    volatile uint8_t pending; /* an event bit was set since the last events_take */
    volatile uint8_t mask;    /* non-zero: no upcall is entered */
};

/* Numbers that the platform counts for the kernel's metrics. */
struct pv_counters {
    uint64_t hypercalls; /* doorbells included */
    uint64_t doorbells;
    uint64_t waits;
    uint64_t upcalls;
};

/* What the host asks of the VM as a whole. */
enum pv_request {
    PV_REQUEST_NONE,
    PV_REQUEST_END,      /* the program is to end itself; the platform knows what comes after */
    PV_REQUEST_RESTORED, /* asks nothing: the VM was saved and is another one now, or a clone */
    PV_REQUEST_MEMORY,   /* *pages of those that it began with are to be the host's (memory_give) */
};

struct pv_platform {
    const char *name; /* "native", ... */

    /* Writes `bytes` bytes to a channel; returns when they were handed over. Usable at any time,
     * also while panicking. Returns the number of bytes taken (all, unless the other side fails)
     * or a negative errno. */
    long (*write)(enum pv_channel channel, const void *data, size_t bytes);

    /* Sleeps until an event is pending or system time reaches deadline_ns (PV_NO_DEADLINE: for
     * ever). Called with upcalls masked; returns at once when pv_upcall->pending is set. May return
     * early. */
    void (*wait)(uint64_t deadline_ns);

    /* Arms the one timer that raises PV_EVENT_TIMER at deadline_ns, or disarms it. A later call
     * replaces an earlier one. Costs a hypercall. */
    void (*timer_set)(uint64_t deadline_ns);

    /* Takes all pending events: clears pv_upcall->pending first, then moves the event bits into
     * taken[] and clears them. An event raised meanwhile is either in taken[] or pending. */
    void (*events_take)(uint64_t taken[PV_EVENT_WORDS]);

    /* Asks that `upcall` (arch's entry) be entered for pending events while unmasked. Called once;
     * unmasking is up to the caller. */
    void (*upcalls_enable)(void);

    /* Changes the rights of whole pages of RAM that do not belong to the image's text. Called with
     * upcalls masked. Returns 0 or a negative errno. */
    int (*protect)(void *address, size_t bytes, enum pv_rights rights);

    /* Gives whole pages back to the host; they read as zeros afterwards. */
    int (*discard)(void *address, size_t bytes);

    /* Takes what the host asks of the VM; PV_EVENT_SYSTEM is raised when there may be something. The
     * first call begins to listen. May wait for the host for a moment. After PV_REQUEST_NONE it is to
     * be called again in *again_ns nanoseconds at the latest, PV_NO_DEADLINE: when there is something.
     * NULL: this host asks nothing, it acts. Not from event handlers. */
    enum pv_request (*request_take)(uint64_t *pages, uint64_t *again_ns);

    /* Gives a page of RAM, with nothing of worth in it, to the host; nobody touches it until
     * memory_take has got it back, with undefined contents. 0, or a negative errno and nothing
     * changed. NULL where request_take never says PV_REQUEST_MEMORY. */
    int (*memory_give)(void *page);
    int (*memory_take)(void *page);

    /* Ends the VM with a status (0 to 255). */
    void (*exit)(int status) __attribute__((noreturn));

    /* Ends the VM as crashed (status 134). `message` is one line, without newline; `frame` is the
     * frame pointer from which the host may print a backtrace, or NULL. */
    void (*crash)(const char *message, const void *frame) __attribute__((noreturn));

    /* Tells the host what pv_stamps holds by now. Called only where pv_stamps is set, at
     * PV_STAMP_MAIN; exit tells it once more. NULL: the host reads the memory. */
    void (*stamps_tell)(void);
};

/* Set before the kernel starts and, but for what says otherwise, never changed. */
extern const struct pv_platform *pv;
extern struct pv_upcall *pv_upcall;
extern const struct pvclock *pv_clock; /* arch/pvclock.h reads it; set going by the first reading */
/* The kernel's system time is pv_clock's and this, modulo 2^64; deadlines are in that sum. Changed
 * by a platform whose clock is another one after a restore, with upcalls masked. */
extern volatile uint64_t pv_clock_offset_ns;
extern struct pv_counters pv_counters;

/* ---- how far the start has come ----------------------------------------------------------- */

/* Steps of the start, as arch_cycles() tells when they were done. Filled in by whoever takes the step,
 * if the platform has set pv_stamps because somebody asked it to. */
enum pv_stamp {
    PV_STAMP_ENTRY,    /* the image runs; by the platform */
    PV_STAMP_PLATFORM, /* the rest by the kernel (kernel/start.h) */
    PV_STAMP_MEMORY,
    PV_STAMP_DEVICES,
    PV_STAMP_NETWORK,
    PV_STAMP_MAIN,
    PV_STAMP_EXIT,
    PV_STAMP_COUNT
};
extern uint64_t *pv_stamps; /* PV_STAMP_COUNT of them; NULL: nobody asks */

/* ---- devices ------------------------------------------------------------------------------ */

enum pv_class { PV_NET, PV_BLK, PV_CONSOLE, PV_RNG };
enum pv_family {
    PV_FAMILY_VIRTIO,
    PV_FAMILY_VIRTIO_SCSI,
    PV_FAMILY_MODULE,
    PV_FAMILY_XEN,
    PV_FAMILY_COUNT
};

/* Addresses that the host gives a network device; prefix 0: none, ask DHCP. Network byte order. */
struct pv_net_address {
    uint8_t ip4[4];
    uint8_t gateway4[4];
    uint8_t dns4[4];
    uint8_t prefix4;
};

struct pv_console;

/* A device that the platform found. Lives for ever. */
struct pv_device {
    enum pv_class class;
    enum pv_family family;
    unsigned index;        /* within its class: the first network device, the second, ... */
    const void *transport; /* for the frontend: how this device is reached */
    struct pv_net_address net;
    /* A console that the platform itself has attached, because pv->write goes there. Its frontend
     * hands it out once more: memory_bytes is 0 then, and attach takes no memory. */
    struct pv_console *console;
};

#define PV_DEVICES_MAX 32u

/* All devices, found when the platform started; count in *count. */
const struct pv_device *pv_devices(unsigned *count);

/*
 * Frontends. The recipe, the same for all classes:
 *
 *     ops = pv_blk_frontends[device->family];
 *     bytes = ops->memory_bytes(device);           page-aligned, zeroed, handed over for ever
 *     ops->attach(device, memory, &blk);           now blk->event tells which event to await
 *     ops->submit(blk, ...) ...; ops->kick(blk);   post, then tell the other side once
 *     while (ops->take(blk, &done) == 1) ...       on the event
 *     if (ops->ask(blk)) take again                before sleeping: true means that work came
 *
 * Every call but memory_bytes returns -EIO once the device is out of service (ask: true, so that
 * the caller takes again and learns of it); `fault` in the frontend's struct then names the reason
 * in a few words, and every buffer posted counts as lost: the device may still write into it, so
 * the kernel never uses that memory again. A failed attach sets the frontend's struct too, for its
 * `fault`; the memory is lost as well.
 */

struct pv_segment {
    void *address;
    uint32_t bytes;
};

/*
 * -- block: sectors of 512 bytes --
 *
 * A block device is a disk, or a controller that carries any number of them; only attach finds out
 * how many. Disks of one controller share its rings: submit and refresh speak of one disk; kick,
 * take and ask, called with any of them, serve all, and event and requests_max are the same for
 * all. A disk can go out of service alone (`fault`): then submit returns -EIO for it, and what was
 * posted comes back. Once take returns -EIO the device is lost, with all its disks.
 */

#define PV_SECTOR_BYTES 512u
enum pv_blk_operation { PV_BLK_READ, PV_BLK_WRITE, PV_BLK_FLUSH, PV_BLK_DISCARD };

struct pv_blk_request {
    enum pv_blk_operation operation;
    uint64_t sector;
    uint32_t sector_count;             /* of a discard; otherwise the segments tell */
    const struct pv_segment *segments; /* multiples of 512 bytes; copied by submit */
    unsigned segment_count;
    void *cookie; /* not NULL */
};

struct pv_blk {
    const char *fault;   /* NULL while in service */
    struct pv_blk *next; /* another disk of the same device, or NULL; fixed once attached */
    unsigned event;
    uint64_t sector_count; /* capacity; changes when the host says so */
    bool read_only;
    bool can_flush;
    bool can_discard;
    unsigned segments_max; /* in one request */
    uint32_t sectors_max;  /* in one request (discards too) */
    uint32_t block_bytes;  /* the device's smallest unit: 512 or a greater power of two */
    unsigned requests_max; /* worth keeping in flight; large ones may meet -EAGAIN before that */
    /* When nothing has completed for so long, refresh tells whether the device is still there; 0: it
     * cannot vanish. */
    uint64_t patience_ns;
};

struct pv_blk_ops {
    /* Its devices are controllers. Otherwise a device is one disk. */
    bool controller;
    size_t (*memory_bytes)(const struct pv_device *device);
    /* *blk is the first disk; NULL when a controller carries none. A controller's attach asks for
     * its disks and waits for the answers, at most some seconds. */
    int (*attach)(const struct pv_device *device, void *memory, struct pv_blk **blk);
    /* Queues a request; it is visible to the backend after kick. 0, -EAGAIN when there is no room
     * before others complete, -EINVAL when the request is malformed, -EIO. */
    int (*submit)(struct pv_blk *blk, const struct pv_blk_request *request);
    void (*kick)(struct pv_blk *blk);
    /* Takes a completion: 1 with the request's cookie and its result (0 or a negative errno), 0
     * when there is none, -EIO. What a device asks to repeat was repeated. */
    int (*take)(struct pv_blk *blk, void **cookie, int *result);
    /* Asks for an event at the next completion; true: there is one already. */
    bool (*ask)(struct pv_blk *blk);
    /* Looks whether the device has news of the disk: another capacity, or that it is gone. May wait
     * for the device's answer, but only if there are news. */
    void (*refresh)(struct pv_blk *blk);
};
extern const struct pv_blk_ops *const pv_blk_frontends[PV_FAMILY_COUNT];

/* -- network: Ethernet frames -- */

/* Is a frame one segment, or a large one of TCP that the device cuts (or has put together)? */
enum pv_net_gso { PV_NET_GSO_NONE, PV_NET_GSO_TCP4, PV_NET_GSO_TCP6 };

/* What is to be known of a frame beside its bytes (virtio 1.2, 5.1.6.2). On transmit, `csum_start`
 * and `csum_offset` say where the device is to put a checksum; on receive, `csum_valid` says that
 * the transport checksum needs no checking. A large frame's TCP payload is one of segments of
 * `segment_bytes` each, the last one perhaps shorter; on transmit `header_bytes` of Ethernet, IP and
 * TCP stand before it, and its checksum must be partial. */
struct pv_net_meta {
    bool csum_partial;
    bool csum_valid;
    uint8_t gso; /* enum pv_net_gso */
    uint16_t csum_start;
    uint16_t csum_offset;
    uint16_t header_bytes;  /* transmit, large frames only */
    uint16_t segment_bytes; /* large frames only: not 0 */
};

/* A received frame lies in one posted buffer or, one part after the other, in several. */
#define PV_NET_PARTS_MAX 64u
struct pv_net_part {
    void *cookie;    /* of the buffer */
    uint32_t offset; /* into the buffer */
    uint32_t bytes;
};

struct pv_net_frame {
    struct pv_net_meta meta;
    uint32_t bytes; /* of all parts; 0: the frame must be dropped, and only the cookies count */
    unsigned count; /* at least 1 */
    struct pv_net_part parts[PV_NET_PARTS_MAX];
};

struct pv_net {
    const char *fault; /* NULL while in service */
    unsigned rx_event;
    unsigned tx_event;
    unsigned config_event; /* tells of a change of the link; perhaps PV_EVENT_SYSTEM */
    uint8_t mac[6];        /* all zero: the device has none */
    uint16_t mtu;
    bool tx_csum;      /* the device completes partial checksums */
    bool tx_tso4;      /* ... and cuts large frames of TCP over IPv4 */
    bool tx_tso6;      /* ... and over IPv6 */
    bool link_up;      /* changes when the host says so */
    unsigned rx_slots; /* receive buffers that can be posted at once */
    unsigned tx_slots; /* frames that fit at once with segments_max each; of smaller ones more */
    unsigned segments_max;
    unsigned rx_headroom; /* bytes at the start of a receive buffer that are the frontend's */
    /* The largest frame that may come. As many bytes of buffers, headroom apart, must be posted, or
     * the device may wait for more for ever. */
    uint32_t rx_frame_max;
};

struct pv_net_ops {
    size_t (*memory_bytes)(const struct pv_device *device);
    int (*attach)(const struct pv_device *device, void *memory, struct pv_net **net);
    /* Posts a receive buffer of `bytes` bytes, headroom included; -EAGAIN when all slots are
     * used. */
    int (*rx_post)(struct pv_net *net, void *buffer, uint32_t bytes, void *cookie);
    /* Takes a received frame: 1, 0 for none, -EIO. Its parts were checked against the buffers that
     * they lie in; the buffers are the caller's again, whether the frame is to be dropped or not. */
    int (*rx_take)(struct pv_net *net, struct pv_net_frame *frame);
    bool (*rx_ask)(struct pv_net *net);
    void (*rx_kick)(struct pv_net *net);
    /* Queues a frame; the memory of its segments stays untouched until tx_take returns its cookie.
     * -EAGAIN when the ring is full, -EINVAL when frame and `meta` do not fit each other or the
     * device. */
    int (*tx_post)(struct pv_net *net, const struct pv_segment *segments, unsigned count,
                   const struct pv_net_meta *meta, void *cookie);
    int (*tx_take)(struct pv_net *net, void **cookie);
    bool (*tx_ask)(struct pv_net *net);
    void (*tx_kick)(struct pv_net *net);
    /* Reads again, after config_event, what the host may change; also for a device that gives nothing
     * back: whether it is still there, and sees what it was given. */
    void (*refresh)(struct pv_net *net);
};
extern const struct pv_net_ops *const pv_net_frontends[PV_FAMILY_COUNT];

/* -- console: bytes. Input is posted and taken as elsewhere; output is written at once, for the
 * platform whose pv->write goes to a console. Everybody else writes with pv->write. -- */

struct pv_console {
    const char *fault;
    bool reported;      /* the fault was said: by whoever finds it first */
    unsigned rx_event;  /* raised for input */
    unsigned end_event; /* raised when input may have ended; may be rx_event */
    unsigned rx_slots;  /* 0: there is no input */
    bool writable;      /* there is a way out for output */
    bool log_apart;     /* the log has a way of its own, where standard output does not go */
};

struct pv_console_ops {
    size_t (*memory_bytes)(const struct pv_device *device);
    int (*attach)(const struct pv_device *device, void *memory, struct pv_console **console);
    int (*rx_post)(struct pv_console *console, void *buffer, uint32_t bytes, void *cookie);
    /* *bytes is at most what was posted; 0 with a return of 1 is the end of input, and *cookie is
     * NULL where no buffer came back with it. */
    int (*rx_take)(struct pv_console *console, void **cookie, uint32_t *bytes);
    bool (*rx_ask)(struct pv_console *console);
    void (*rx_kick)(struct pv_console *console);
    /* Hands `bytes` bytes over, and waits for that, but not for ever: a device that takes none for
     * half a minute is out of service. Returns how many were handed over, or -EIO for none. Uses
     * nothing that the calls for input use, so it may come between any two instructions of them,
     * but not of itself. */
    long (*write)(struct pv_console *console, enum pv_channel channel, const void *data,
                  size_t bytes);
};
extern const struct pv_console_ops *const pv_console_frontends[PV_FAMILY_COUNT];

/* -- entropy: random bytes from the host -- */

struct pv_rng {
    const char *fault;
    unsigned event;
};

struct pv_rng_ops {
    size_t (*memory_bytes)(const struct pv_device *device);
    int (*attach)(const struct pv_device *device, void *memory, struct pv_rng **rng);
    /* Posts a buffer for the device to fill. 0, -EAGAIN when the ring is full, -EINVAL, -EIO. */
    int (*post)(struct pv_rng *rng, void *buffer, uint32_t bytes);
    void (*kick)(struct pv_rng *rng);
    /* Takes a buffer back: 1, 0 for none, -EIO. Its first *bytes are filled: at most what was
     * posted, perhaps none. */
    int (*take)(struct pv_rng *rng, void **buffer, uint32_t *bytes);
    bool (*ask)(struct pv_rng *rng);
};
extern const struct pv_rng_ops *const pv_rng_frontends[PV_FAMILY_COUNT];

#endif
