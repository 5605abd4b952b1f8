/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel as net/ sees it, and a network device, for one thread on the host; see net_host.h. */
#include "net_host.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "interface.h"
#include "kernel/clock.h"
#include "kernel/device.h"
#include "kernel/errand.h"
#include "kernel/event.h"
#include "kernel/log.h"
#include "kernel/metrics.h"
#include "kernel/page.h"
#include "kernel/random.h"
#include "kernel/start.h"
#include "kernel/sync.h"
#include "kernel/thread.h"
#include "kernel/timer.h"
#include "stack.h"

#define SLOTS 64u
#define PENDING 64u
#define HEADROOM 12u
#define FRAME_MOST 66000u
#define LARGE_MOST 65549u
#define CONFIG_EVENT 9u

uint64_t net_host_now_ns = 1000000000;
void (*net_host_sent)(const unsigned char *frame, size_t bytes);
bool net_host_transmit_stuck;
unsigned net_host_out_of_service, net_host_kicks;
struct pv_net_meta net_host_meta;
char net_host_log[100];
static void (*errand)(void);

/* ---- the device --------------------------------------------------------------------------- */

static struct {
    struct pv_net net;
    struct {
        unsigned char *buffer;
        uint32_t bytes;
        void *cookie;
    } posted[SLOTS];
    unsigned first, count;
    struct {
        unsigned char bytes[FRAME_MOST];
        size_t length;
        bool csum_valid;
    } pending[PENDING];
    unsigned pending_first, pending_count;
    void *sent[SLOTS];
    unsigned sent_count;
    bool link_up; /* as the configuration says; net.link_up follows at the next refresh */
    void (*config_handler)(void *context);
} device;

static size_t device_memory_bytes(const struct pv_device *which)
{
    (void)which;
    return PAGE_BYTES;
}

static int device_attach(const struct pv_device *which, void *memory, struct pv_net **net)
{
    (void)which, (void)memory;
    *net = &device.net;
    return 0;
}

static int rx_post(struct pv_net *net, void *buffer, uint32_t bytes, void *cookie)
{
    if (net->fault)
        return -EIO;
    if (device.count == SLOTS)
        return -EAGAIN;
    unsigned at = (device.first + device.count++) % SLOTS;
    device.posted[at].buffer = buffer;
    device.posted[at].bytes = bytes;
    device.posted[at].cookie = cookie;
    return 0;
}

/* The next posted buffer with as much of the frame as fits in; where it lies differs. */
static void part_fill(struct pv_net_frame *frame, const unsigned char *from, size_t left)
{
    uint32_t offset = frame->count == 0 ? HEADROOM : 3;
    size_t room = device.posted[device.first].bytes - offset;
    uint32_t bytes = (uint32_t)(left < room ? left : room);

    memcpy(device.posted[device.first].buffer + offset, from, bytes);
    frame->parts[frame->count++] = (struct pv_net_part){device.posted[device.first].cookie, offset,
                                                        bytes};
    frame->bytes += bytes;
    device.first = (device.first + 1) % SLOTS;
    device.count--;
}

static int rx_take(struct pv_net *net, struct pv_net_frame *frame)
{
    if (net->fault)
        return -EIO;
    if (!device.pending_count || !device.count)
        return 0;
    unsigned from = device.pending_first;
    size_t length = device.pending[from].length;
    frame->meta = (struct pv_net_meta){.csum_valid = device.pending[from].csum_valid};
    if (length > 1514) {
        frame->meta.gso = PV_NET_GSO_TCP4;
        frame->meta.segment_bytes = 1460;
    }
    frame->bytes = frame->count = 0;
    do
        part_fill(frame, device.pending[from].bytes + frame->bytes, length - frame->bytes);
    while (frame->bytes < length && device.count && net->tx_tso4);
    device.pending_first = (device.pending_first + 1) % PENDING;
    device.pending_count--;
    return 1;
}

static bool ask(struct pv_net *net)
{
    (void)net;
    return false;
}

static void rx_kick(struct pv_net *net)
{
    (void)net;
}

static void tx_kick(struct pv_net *net)
{
    (void)net;
    net_host_kicks++;
}

static int tx_post(struct pv_net *net, const struct pv_segment *segments, unsigned count,
                   const struct pv_net_meta *meta, void *cookie)
{
    static unsigned char frame[FRAME_MOST];
    size_t bytes = 0;
    if (net->fault)
        return -EIO;
    if (device.sent_count == SLOTS)
        return -EAGAIN;
    net_host_meta = *meta;
    kassert(count <= net->segments_max);
    for (unsigned i = 0; i < count; i++) {
        memcpy(frame + bytes, segments[i].address, segments[i].bytes);
        bytes += segments[i].bytes;
    }
    device.sent[device.sent_count++] = cookie;
    if (net_host_sent)
        net_host_sent(frame, bytes);
    return 0;
}

static int tx_take(struct pv_net *net, void **cookie)
{
    if (net->fault)
        return -EIO;
    if (!device.sent_count || net_host_transmit_stuck)
        return 0;
    *cookie = device.sent[0];
    memmove(device.sent, device.sent + 1, --device.sent_count * sizeof device.sent[0]);
    return 1;
}

static void refresh(struct pv_net *net)
{
    net->link_up = device.link_up;
}

void net_host_link(bool up)
{
    device.link_up = up;
    device.config_handler(NULL);
}

static const struct pv_net_ops device_ops = {device_memory_bytes,
                                             device_attach,
                                             rx_post,
                                             rx_take,
                                             ask,
                                             rx_kick,
                                             tx_post,
                                             tx_take,
                                             ask,
                                             tx_kick,
                                             refresh};
const struct pv_net_ops *const pv_net_frontends[PV_FAMILY_COUNT] = {&device_ops};
static const struct pv_device the_device = {
    .class = PV_NET, .net = {{10, 0, 0, 2}, {10, 0, 0, 1}, {10, 0, 0, 1}, 24}};

unsigned net_host_posted(void)
{
    return device.count;
}

void net_host_frame(const void *frame, size_t bytes, bool csum_valid)
{
    if (device.pending_count == PENDING)
        net_host_run();
    unsigned at = (device.pending_first + device.pending_count++) % PENDING;
    device.pending[at].length = bytes < sizeof device.pending[at].bytes
                                    ? bytes
                                    : sizeof device.pending[at].bytes;
    memcpy(device.pending[at].bytes, frame, device.pending[at].length);
    device.pending[at].csum_valid = csum_valid;
}

void net_host_start(bool tx_csum, bool large)
{
    device.net = (struct pv_net){.mac = {2, 0, 0, 0, 0, 2},
                                 .mtu = 1500,
                                 .tx_csum = tx_csum,
                                 .tx_tso4 = large,
                                 .tx_tso6 = large,
                                 .config_event = CONFIG_EVENT,
                                 .link_up = true,
                                 .rx_slots = SLOTS,
                                 .tx_slots = SLOTS,
                                 .segments_max = large ? 48 : 8,
                                 .rx_headroom = HEADROOM,
                                 .rx_frame_max = large ? LARGE_MOST : 1514};
    device.link_up = true;
    kassert(net_start() == 0);
}

void net_host_run(void)
{
    do {
        errand();
    } while (device.pending_count && device.count);
}

void net_host_wait(unsigned seconds)
{
    for (; seconds; seconds--) {
        net_host_now_ns += 1000000000;
        net_host_run();
    }
}

/* ---- the kernel --------------------------------------------------------------------------- */

uint64_t clock_recent_ns(void)
{
    return clock_now_ns();
}

uint64_t clock_now_ns(void)
{
    return net_host_now_ns;
}

const struct pv_device *device_find(enum pv_class class, unsigned index)
{
    return class == PV_NET && index == 0 ? &the_device : NULL;
}

unsigned device_count(enum pv_class class)
{
    return class == PV_NET;
}

void *device_memory(size_t bytes)
{
    static unsigned char memory[PAGE_BYTES];
    kassert(bytes <= sizeof memory);
    return memory;
}

void device_out_of_service(const char *class_name, unsigned index, const char *reason)
{
    (void)class_name, (void)index, (void)reason;
    net_host_out_of_service++;
}

void net_host_break(void)
{
    device.net.fault = "broken by the test";
}

int event_handle(unsigned event, void (*handler)(void *context), void *context)
{
    (void)context;
    if (event == CONFIG_EVENT)
        device.config_handler = handler;
    return 0;
}

void event_listen_system(struct event_listener *listener)
{
    device.config_handler = listener->run;
}

void log_line(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(net_host_log, sizeof net_host_log, format, arguments);
    va_end(arguments);
}

int format_line(char *out, size_t bytes, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(out, bytes, format, arguments);
    va_end(arguments);
    return length;
}

void panic(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    abort();
}

void metrics_register(struct metric_table *table)
{
    (void)table;
}

void *page_alloc(size_t count)
{
    return malloc(count * PAGE_BYTES);
}

void page_free(void *pages, size_t count)
{
    (void)count;
    free(pages);
}

size_t page_total(void)
{
    return 4096;
}

void random_bytes(void *data, size_t bytes)
{
    memset(data, 7, bytes);
}

uint32_t random_u32(void)
{
    static uint32_t state = 1;
    return state = state * 1664525 + 1013904223;
}

void mutex_lock(struct mutex *mutex)
{
    kassert(!mutex->owner);
    mutex->owner = (struct thread *)mutex;
}

void mutex_unlock(struct mutex *mutex)
{
    mutex->owner = NULL;
}

bool mutex_held(const struct mutex *mutex)
{
    return mutex->owner;
}

int waitq_wait_by(struct waitq *queue, struct mutex *mutex, uint64_t deadline_ns,
                  int (*park)(uint64_t deadline_ns))
{
    (void)queue, (void)mutex, (void)park;
    if (deadline_ns == NO_DEADLINE)
        panic("a test blocks for ever");
    if (net_host_now_ns < deadline_ns)
        net_host_now_ns = deadline_ns;
    return -ETIMEDOUT;
}

void waitq_wake(struct waitq *queue, uint32_t most)
{
    (void)queue, (void)most;
}

void timer_arm(struct timer *timer, uint64_t deadline_ns, void (*expire)(struct timer *timer))
{
    (void)timer, (void)deadline_ns, (void)expire;
}

int errand_start(const char *name, size_t stack_bytes, void (*run)(void))
{
    (void)name, (void)stack_bytes;
    errand = run;
    return 0;
}

void errand_wanted(void)
{
}

int errand_park(uint64_t deadline_ns)
{
    (void)deadline_ns;
    panic("nobody parks here");
}

/* Descriptors: sockets are used as objects. */
struct file *file_new(const struct file_ops *ops, void *data, int flags)
{
    (void)ops, (void)data, (void)flags;
    return NULL;
}

void file_put(struct file *file)
{
    (void)file;
}

int fd_install(struct file *file, int lowest)
{
    (void)file, (void)lowest;
    return -EMFILE;
}

struct file *fd_file(int fd)
{
    (void)fd;
    return NULL;
}

void fd_cloexec_set(int fd, bool set)
{
    (void)fd, (void)set;
}
