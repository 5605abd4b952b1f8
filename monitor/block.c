/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The block backend: virtio-blk requests (virtio 1.2, 5.2.6) on a disk. Reads that the host has in
 * memory are served on the loop's thread; everything that may wait for the disk goes to worker
 * threads, so that a slow disk holds up nothing else and has as much to do at once as the guest
 * wants. A direct disk's aligned reads and writes go to the kernel through an io_uring instead, and
 * to a worker only if they do not come back whole. Data moves directly between the disk and the
 * guest's memory.
 *
 * Threads: the loop's thread owns the ring and parses; the workers see only requests, which pass
 * through two lists under `lock`. A worker is made when a request finds none that rests.
 */
#include "backends.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "backend.h"
#include "block_request.h"
#include "iov.h"
#include "json.h"
#include "loop.h"
#include "uring.h"

#define QUEUE_SIZE 128u
#define WORKERS_MAX 32u
#define WORKER_STACK_BYTES (64u << 10)
#define BATCH_MAX 512u /* requests, before the loop's other devices have their turn */
#define CONFIG_BYTES (offsetof(struct virtio_blk_config, write_zeroes_may_unmap) + 4)
/* Requests that go to the kernel with one call: the disk is to begin before the last one is read. */
#define SUBMIT_MAX 2u
/* A guest that is told of something done asks for the next within this time, if at all soon. Looking
 * for that spares it the doorbell, and both the time that it takes this thread to wake up. */
#define POLL_NS 150000u
#define POLL_TURN_NS 20000u
/* The ring allows QUEUE_SIZE in flight, and one is always at hand for vring_next. */
#define REQUEST_COUNT (QUEUE_SIZE + 1u)
_Static_assert(CONFIG_BYTES <= DEVICE_CONFIG_MAX, "the configuration fits");

struct request_list {
    struct request *first, *last;
};

struct counters {
    uint64_t reads, writes, flushes, discards, errors;
    uint64_t read_bytes, written_bytes;
    uint64_t waited; /* requests that went to a worker */
    uint64_t direct; /* requests that went to the kernel's ring */
};

struct block {
    struct device device;
    struct disk disk;
    struct loop *loop;
    bool began;
    struct counters counters;
    struct request *requests; /* REQUEST_COUNT of them; those from `fresh` on are untouched */
    unsigned fresh;
    struct request *unused; /* last freed first, so that few pages are touched */
    int done_fd;            /* eventfd: `done` is no longer empty */
    struct uring uring;     /* of a direct disk, where the host has it */
    unsigned in_kernel;     /* requests on their way there */
    uint64_t told_ns;       /* when the guest was last told that something is done */
    bool polling_pays;      /* the last time it would have caught the next request */

    pthread_t workers[WORKERS_MAX];
    unsigned worker_count; /* the loop's thread's own */
    pthread_mutex_t lock;
    pthread_cond_t work_arrived;
    bool stopping;            /* under lock, as all that follows */
    unsigned resting;         /* workers that wait for work */
    unsigned work_count;      /* requests in `work` */
    struct request_list work; /* loop -> workers */
    struct request_list done; /* workers -> loop */
};

static void list_append(struct request_list *list, struct request *request)
{
    request->next = NULL;
    if (list->first == NULL)
        list->first = request;
    else
        list->last->next = request;
    list->last = request;
}

static struct request *list_take(struct request_list *list)
{
    struct request *request = list->first;

    if (request != NULL)
        list->first = request->next;
    return request;
}

/* --- the workers' threads --- */

static void *block_work(void *context)
{
    struct block *block = context;

    pthread_mutex_lock(&block->lock);
    for (;;) {
        struct request *request = list_take(&block->work);
        bool was_empty;

        if (request == NULL) {
            /* Only with an empty list: what the guest has asked for is carried out. */
            if (block->stopping)
                break;
            block->resting++;
            pthread_cond_wait(&block->work_arrived, &block->lock);
            block->resting--;
            continue;
        }
        block->work_count--;
        pthread_mutex_unlock(&block->lock);
        request->status = request_perform(request, &block->disk);
        pthread_mutex_lock(&block->lock);
        was_empty = block->done.first == NULL;
        list_append(&block->done, request);
        if (was_empty)
            eventfd_write(block->done_fd, 1);
    }
    pthread_mutex_unlock(&block->lock);
    return NULL;
}

/* --- the loop's thread --- */

static void block_count(struct block *block, const struct request *request)
{
    struct counters *counters = &block->counters;

    if (request->status != VIRTIO_BLK_S_OK) {
        counters->errors++;
        return;
    }
    switch (request->type) {
    case VIRTIO_BLK_T_IN:
        counters->reads++;
        counters->read_bytes += request->bytes;
        break;
    case VIRTIO_BLK_T_OUT:
        counters->writes++;
        counters->written_bytes += request->bytes;
        break;
    case VIRTIO_BLK_T_FLUSH:
        counters->flushes++;
        break;
    case VIRTIO_BLK_T_DISCARD:
        counters->discards++;
        break;
    }
}

static void block_complete(struct block *block, struct request *request)
{
    block_count(block, request);
    *request->status_at = request->status;
    vring_use(block->device.rings[0], request->chain.head, request->written_bytes);
    request->next = block->unused;
    block->unused = request;
}

static void block_on_done(void *context, uint32_t epoll_events)
{
    struct block *block = context;
    struct request *request, *next;
    eventfd_t count;

    (void)epoll_events;
    if (eventfd_read(block->done_fd, &count) < 0)
        return;
    pthread_mutex_lock(&block->lock);
    request = block->done.first;
    block->done.first = NULL;
    pthread_mutex_unlock(&block->lock);

    if (block->device.failed)
        return;
    for (; request != NULL; request = next) {
        next = request->next;
        block_complete(block, request);
    }
    backend_publish(&block->device, 0);
}

/* True when the request is answered without waiting for anything. */
static bool request_answer_at_once(struct block *block, struct request *request)
{
    char id[VIRTIO_BLK_ID_BYTES] = "";

    request->status = request_check(request, &block->disk);
    if (request->status != VIRTIO_BLK_S_OK)
        return true;
    switch (request->type) {
    case VIRTIO_BLK_T_IN:
        return disk_read_at_once(&block->disk, request->data, request->data_count, request->offset,
                                 request->bytes);
    case VIRTIO_BLK_T_GET_ID:
        snprintf(id, sizeof(id), "blk%u", block->device.index);
        iov_write(request->data, request->data_count, id, sizeof(id));
        return true;
    default:
        return false;
    }
}

/* One more worker, if there may be; without any, requests are carried out on this thread. */
static void block_add_worker(struct block *block)
{
    pthread_attr_t attributes;

    if (block->worker_count == WORKERS_MAX)
        return;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, WORKER_STACK_BYTES);
    if (pthread_create(&block->workers[block->worker_count], &attributes, block_work, block) == 0)
        block->worker_count++;
    pthread_attr_destroy(&attributes);
}

/* Carries a request out without this thread's waiting for the disk. */
static void block_hand_to_worker(struct block *block, struct request *request)
{
    bool busy;

    block->counters.waited++;
    pthread_mutex_lock(&block->lock);
    list_append(&block->work, request);
    busy = ++block->work_count > block->resting;
    if (!busy)
        pthread_cond_signal(&block->work_arrived);
    pthread_mutex_unlock(&block->lock);
    if (busy)
        block_add_worker(block);
}

/* What no worker will ever take, because none could be made. */
static void block_work_alone(struct block *block)
{
    struct request *request;

    while (block->worker_count == 0 && (request = list_take(&block->work)) != NULL) {
        block->work_count--;
        request->status = request_perform(request, &block->disk);
        block_complete(block, request);
    }
}

/* --- the kernel's ring --- */

/* Queues what a direct disk takes as it is; false: a worker is to carry it out. */
static bool block_queue_for_kernel(struct block *block, struct request *request)
{
    bool writes = request->type == VIRTIO_BLK_T_OUT;

    if (block->uring.fd < 0 || (request->type != VIRTIO_BLK_T_IN && !writes) ||
        !disk_takes_directly(&block->disk, request->data, request->data_count, request->offset,
                             request->bytes))
        return false;
    (writes ? uring_write : uring_read)(&block->uring, 0, request->data, request->data_count,
                                        request->offset, request);
    block->in_kernel++;
    block->counters.direct++;
    return true;
}

static void block_run(void *context, uint32_t epoll_events);

/* Looks for the next request for a while. The loop's other devices have their turn in between. */
static void block_poll(void *context, uint32_t epoll_events)
{
    struct block *block = context;
    struct vring *ring = block->device.rings[0];
    uint64_t now = loop_now_ns(), turn_ends = now + POLL_TURN_NS;

    (void)epoll_events;
    if (block->device.failed)
        return;
    while (vring_is_empty(ring) && now < turn_ends)
        now = loop_now_ns();
    if (!vring_is_empty(ring) || block->told_ns + POLL_NS <= now) {
        block->polling_pays = !vring_is_empty(ring);
        block_run(block, 0); /* which enables the doorbell */
    } else {
        loop_timer(block->loop, 0, block_poll, block);
    }
}

/* What came back short or with an error is carried out once more by a worker, who knows what to do
 * with a rest and whom to tell of an error. */
static void block_on_kernel_done(void *context, uint32_t epoll_events)
{
    struct block *block = context;
    void *cookie;
    int result;

    (void)epoll_events;
    while (uring_take(&block->uring, &cookie, &result)) {
        struct request *request = cookie;

        block->in_kernel--;
        if (block->device.failed)
            continue;
        if (result >= 0 && (uint64_t)result == request->bytes)
            block_complete(block, request);
        else
            block_hand_to_worker(block, request);
    }
    block_work_alone(block);
    if (block->device.failed)
        return;
    if (block->polling_pays)
        vring_disable_doorbell(block->device.rings[0]);
    backend_publish(&block->device, 0);
    block->told_ns = loop_now_ns();
    if (block->polling_pays)
        loop_timer(block->loop, 0, block_poll, block);
}

/* Serves one chain of the ring: as vring_next. */
static int block_serve(struct block *block)
{
    struct request *request;
    int result;

    if (block->unused == NULL) {
        assert(block->fresh < REQUEST_COUNT);
        block->unused = &block->requests[block->fresh++];
    }
    request = block->unused;
    result = vring_next(block->device.rings[0], &request->chain);
    if (result <= 0)
        return result;
    if (request->chain.readable_bytes < REQUEST_HEADER_BYTES || request->chain.writable_bytes < 1) {
        device_fail(&block->device, "a request without room for its header and status");
        return 0;
    }
    block->unused = request->next;
    request_parse(request);
    if (request_answer_at_once(block, request))
        block_complete(block, request);
    else if (!block_queue_for_kernel(block, request))
        block_hand_to_worker(block, request);
    block_work_alone(block);
    return 1;
}

/* Serves the ring until it is empty, or for one batch. */
static void block_run(void *context, uint32_t epoll_events)
{
    struct block *block = context;
    struct device *device = &block->device;
    unsigned left = BATCH_MAX;
    bool submitted;
    int result;

    (void)epoll_events;
    if (device->failed)
        return;
    do {
        do {
            result = block_serve(block);
            if (block->uring.queued >= SUBMIT_MAX)
                uring_submit(&block->uring);
        } while (result > 0 && --left > 0);
        submitted = uring_submit(&block->uring);
        backend_publish(device, 0);
    } while (result == 0 && !device->failed && vring_enable_doorbell(device->rings[0]));
    if (result < 0)
        backend_fail_ring(device, 0);
    if (result > 0 || !submitted)
        loop_timer(block->loop, 0, block_run, block);
}

static void block_kick(struct device *device, unsigned queue)
{
    struct block *block = (struct block *)device;
    uint64_t features;

    if (device->failed || queue != 0)
        return;
    if (!block->began && !backend_begin(device, &features))
        return;
    block->began = true;
    block->polling_pays = loop_now_ns() - block->told_ns < POLL_NS;
    block_run(block, 0);
}

static int block_start(struct device *device, struct loop *loop)
{
    struct block *block = (struct block *)device;
    int result;

    block->loop = loop;
    block->requests = calloc(REQUEST_COUNT, sizeof(*block->requests));
    if (block->requests == NULL)
        return -ENOMEM;
    block->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    result = block->done_fd < 0 ? -errno : 0;
    if (result == 0)
        result = loop_watch(loop, block->done_fd, EPOLLIN, block_on_done, block);
    /* Without a ring, the workers do it all. */
    if (result == 0 && block->disk.direct &&
        uring_open(&block->uring, QUEUE_SIZE, &block->disk.direct_fd, 1) == 0)
        result = loop_watch(loop, block->uring.fd, EPOLLIN, block_on_kernel_done, block);
    if (result < 0)
        backend_complain("--blk", block->disk.name, "%s", strerror(-result));
    return result;
}

static void block_stats(const struct device *device, struct json *out)
{
    const struct counters *counters = &((const struct block *)device)->counters;

    json_u64(out, "reads", counters->reads);
    json_u64(out, "read_bytes", counters->read_bytes);
    json_u64(out, "writes", counters->writes);
    json_u64(out, "written_bytes", counters->written_bytes);
    json_u64(out, "flushes", counters->flushes);
    json_u64(out, "discards", counters->discards);
    json_u64(out, "errors", counters->errors);
    json_u64(out, "waited_for_disk", counters->waited);
    json_u64(out, "direct", counters->direct);
}

/* What the guest has asked for is carried out, and the kernel writes to its memory no more. */
static void block_leave_kernel(struct block *block)
{
    void *cookie;
    int result;

    if (block->uring.fd < 0)
        return;
    while (block->in_kernel > 0 && uring_submit(&block->uring)) {
        uring_wait(&block->uring);
        while (uring_take(&block->uring, &cookie, &result)) {
            struct request *request = cookie;

            block->in_kernel--;
            if (result < 0 || (uint64_t)result != request->bytes)
                (void)request_perform(request, &block->disk);
        }
    }
    uring_close(&block->uring);
}

static void block_destroy(struct device *device)
{
    struct block *block = (struct block *)device;

    block_leave_kernel(block);
    pthread_mutex_lock(&block->lock);
    block->stopping = true;
    pthread_cond_broadcast(&block->work_arrived);
    pthread_mutex_unlock(&block->lock);
    for (unsigned i = 0; i < block->worker_count; i++)
        pthread_join(block->workers[i], NULL);
    pthread_mutex_destroy(&block->lock);
    pthread_cond_destroy(&block->work_arrived);
    if (block->done_fd >= 0)
        close(block->done_fd);
    disk_close(&block->disk);
    free(block->requests);
    free(block);
}

static const struct device_ops block_ops = {
    .name = "block",
    .start = block_start,
    .kick = block_kick,
    .stats = block_stats,
    .destroy = block_destroy,
};

static void block_configure(struct block *block)
{
    struct device *device = &block->device;
    struct virtio_blk_config config = {
        .capacity = htole64(block->disk.sectors),
        .seg_max = htole32(QUEUE_SIZE - 2u), /* beside header and status */
        .blk_size = htole32(DISK_SECTOR_BYTES),
    };

    device->features = VRING_FEATURES | 1ull << VIRTIO_BLK_F_SEG_MAX |
                       1ull << VIRTIO_BLK_F_BLK_SIZE | 1ull << VIRTIO_BLK_F_FLUSH;
    if (block->disk.read_only)
        device->features |= 1ull << VIRTIO_BLK_F_RO;
    if (block->disk.can_discard) {
        device->features |= 1ull << VIRTIO_BLK_F_DISCARD;
        config.max_discard_sectors = htole32(UINT32_MAX);
        config.max_discard_seg = htole32(REQUEST_DISCARD_RANGES_MAX);
        config.discard_sector_alignment = htole32(1);
    }
    memcpy(device->config, &config, CONFIG_BYTES);
    device->config_bytes = CONFIG_BYTES;
}

int block_open(const char *spec, struct device **out)
{
    struct block *block = calloc(1, sizeof(*block));
    int result;

    if (block == NULL) {
        backend_complain("--blk", spec, "out of memory");
        return -ENOMEM;
    }
    result = disk_open(&block->disk, spec);
    if (result < 0) {
        free(block);
        return result;
    }
    block->done_fd = block->uring.fd = -1;
    pthread_mutex_init(&block->lock, NULL);
    pthread_cond_init(&block->work_arrived, NULL);
    block->device.ops = &block_ops;
    block->device.type = VIRTIO_ID_BLOCK;
    block->device.queue_count = 1;
    block->device.queue_sizes[0] = QUEUE_SIZE;
    block_configure(block);
    *out = &block->device;
    return 0;
}
