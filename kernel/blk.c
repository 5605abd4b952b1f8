/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The block layer: numbers the disks, splits what a thread asks for into requests that the frontend
 * takes, keeps many threads' requests in flight, counts. Relies on pv_blk_frontends. Any thread
 * (kernel/blk.h).
 *
 * A device carries one disk or several. Its frontend, slots and calls belong to its mutex. There is
 * no thread of the device's own: whoever waits takes completions, for itself and for all others,
 * whichever of the disks they wait for.
 */
#include "kernel/blk.h"

#include "kernel/clock.h"
#include "kernel/device.h"
#include "kernel/errno.h"
#include "kernel/event.h"
#include "kernel/log.h"
#include "kernel/metrics.h"
#include "kernel/page.h"
#include "kernel/sync.h"
#include "kernel/thread.h"
#include "pvabi/pv.h"
#include "sched.h"

/* What one thread waits for. On its stack. */
struct call {
    struct thread *thread;
    unsigned outstanding;
    int error;
};

/* A request in flight; its address is the cookie. */
struct slot {
    struct slot *next; /* while free */
    struct call *call;
    uint64_t start_ns;
    bool in_flight;
};

/* A device in use. Any of its disks stands for it where a call of the frontend serves all. */
struct device {
    const struct pv_blk_ops *ops;
    struct mutex mutex;
    struct waitq waiters; /* threads that wait for completions */
    struct waitq starved; /* threads that have nothing on its way, as there is no room */
    struct slot *free;
    struct slot *slots;
    unsigned in_flight;
    bool lost; /* nothing that was posted will come back */
};

struct blk {
    const struct pv_device *place; /* where it was found */
    struct device *device;         /* NULL: not attached yet */
    struct pv_blk *pv;
    unsigned index;
    int error; /* of the attempt to attach it */
};

static struct blk disks[PV_DEVICES_MAX];
static unsigned disk_count;
static bool numbered;
static struct mutex open_mutex;

/* What is still to be transferred. */
struct transfer {
    enum pv_blk_operation operation;
    uint64_t sector;
    uint64_t sector_count; /* left */
    uint8_t *data;
};

static void completed(void *context)
{
    struct device *device = context;

    waitq_wake(waitq_empty(&device->waiters) ? &device->starved : &device->waiters, 1);
}

static int slots_prepare(struct device *device, unsigned count)
{
    device->slots = device_memory(count * sizeof(struct slot));
    if (device->slots == NULL)
        return -ENOMEM;
    for (unsigned i = count; i-- > 0;) {
        device->slots[i].next = device->free;
        device->free = &device->slots[i];
    }
    return 0;
}

/* Attaches the device at `place`, whose first disk is to be number `index`. */
static int attach(const struct pv_device *place, unsigned index, struct device **result,
                  struct pv_blk **first)
{
    const struct pv_blk_ops *ops = pv_blk_frontends[place->family];
    void *memory = device_memory(ops->memory_bytes(place));
    struct device *device = device_memory(sizeof(*device));
    int error;

    if (memory == NULL || device == NULL)
        return -ENOMEM;
    error = ops->attach(place, memory, first);
    if (error != 0) {
        if (*first != NULL && (*first)->fault != NULL)
            device_out_of_service("blk", index, (*first)->fault);
        return error;
    }
    device->ops = ops;
    *result = device;
    if (*first == NULL)
        return 0;
    error = slots_prepare(device, (*first)->requests_max);
    return error != 0 ? error : event_handle((*first)->event, completed, device);
}

static struct blk *disk_add(const struct pv_device *place)
{
    struct blk *blk = &disks[disk_count];

    if (disk_count == PV_DEVICES_MAX) {
        log_line("blk: there are more disks than %u", PV_DEVICES_MAX);
        return NULL;
    }
    *blk = (struct blk){.place = place, .index = disk_count++};
    return blk;
}

/* A controller tells its disks when it is attached. One that cannot be attached counts as one. */
static void controller_number(const struct pv_device *place)
{
    struct device *device = NULL;
    struct pv_blk *disk = NULL;
    int error = attach(place, disk_count, &device, &disk);

    if (error != 0) {
        struct blk *blk = disk_add(place);

        if (blk != NULL)
            blk->error = error;
        return;
    }
    for (; disk != NULL; disk = disk->next) {
        struct blk *blk = disk_add(place);

        if (blk == NULL)
            return;
        blk->device = device;
        blk->pv = disk;
    }
}

/* Gives the disks of all devices their numbers, in the order in which they were found. */
static void number(void)
{
    const struct pv_device *place;

    for (unsigned i = 0; !numbered && (place = device_find(PV_BLK, i)) != NULL; i++) {
        const struct pv_blk_ops *ops = pv_blk_frontends[place->family];

        if (ops != NULL && ops->controller)
            controller_number(place);
        else if (ops != NULL)
            (void)disk_add(place);
    }
    numbered = true;
}

unsigned blk_count(void)
{
    mutex_lock(&open_mutex);
    number();
    mutex_unlock(&open_mutex);
    return disk_count;
}

static bool out_of_service(struct blk *blk)
{
    if (blk->pv->fault == NULL)
        return false;
    device_out_of_service("blk", blk->index, blk->pv->fault);
    return true;
}

int blk_open(unsigned index, struct blk **result)
{
    struct blk *blk;

    if (index >= blk_count())
        return -ENODEV;
    blk = &disks[index];
    mutex_lock(&open_mutex);
    if (blk->device == NULL && blk->error == 0)
        blk->error = attach(blk->place, index, &blk->device, &blk->pv);
    mutex_unlock(&open_mutex);
    if (blk->error == 0 && out_of_service(blk))
        return -EIO;
    *result = blk;
    return blk->error;
}

void blk_info(struct blk *blk, struct blk_info *info)
{
    *info = (struct blk_info){
        .sector_count = blk->pv->sector_count,
        .block_bytes = blk->pv->block_bytes,
        .read_only = blk->pv->read_only,
        .can_flush = blk->pv->can_flush,
        .can_discard = blk->pv->can_discard,
    };
}

void blk_info_now(struct blk *blk, struct blk_info *info)
{
    mutex_lock(&blk->device->mutex);
    blk->device->ops->refresh(blk->pv);
    mutex_unlock(&blk->device->mutex);
    blk_info(blk, info);
}

static void account(const struct transfer *transfer, uint64_t sectors)
{
    metrics.blk_requests[transfer->operation]++;
    if (transfer->operation == PV_BLK_READ)
        metrics.blk_bytes_read += sectors * PV_SECTOR_BYTES;
    else if (transfer->operation == PV_BLK_WRITE)
        metrics.blk_bytes_written += sectors * PV_SECTOR_BYTES;
}

/* The greatest part of a request that ends where a block of the device's ends. */
static uint64_t whole_blocks(const struct blk *blk, uint64_t sectors)
{
    return sectors - sectors % (blk->pv->block_bytes / PV_SECTOR_BYTES);
}

/* Queues the next request of a transfer. 0, -EAGAIN when there is no room, or what failed. */
static int submit_one(struct blk *blk, struct transfer *transfer, struct call *call)
{
    uint64_t sectors = transfer->sector_count;
    struct pv_segment segment = {.address = transfer->data};
    struct pv_blk_request request = {.operation = transfer->operation, .sector = transfer->sector};
    struct slot *slot = blk->device->free;
    int error;

    if (slot == NULL)
        return -EAGAIN;
    if (sectors > blk->pv->sectors_max)
        sectors = whole_blocks(blk, blk->pv->sectors_max);
    if (sectors > UINT32_MAX / PV_SECTOR_BYTES)
        sectors = whole_blocks(blk, UINT32_MAX / PV_SECTOR_BYTES);
    if (transfer->data != NULL) {
        segment.bytes = (uint32_t)sectors * PV_SECTOR_BYTES;
        request.segments = &segment;
        request.segment_count = 1;
    }
    request.sector_count = (uint32_t)sectors;
    request.cookie = slot;
    error = blk->device->ops->submit(blk->pv, &request);
    if (error != 0)
        return error;

    blk->device->free = slot->next;
    *slot = (struct slot){.call = call, .start_ns = clock_now_ns(), .in_flight = true};
    call->outstanding++;
    blk->device->in_flight++;
    sched_answers_due(1);
    account(transfer, sectors);
    transfer->sector += sectors;
    transfer->sector_count -= sectors;
    if (transfer->data != NULL)
        transfer->data += sectors * PV_SECTOR_BYTES;
    return 0;
}

/* Queues as much of a transfer as there is room for and tells the device once. After an error
 * nothing more of it is queued. Returns whether something was. */
static bool submit(struct blk *blk, struct transfer *transfer, struct call *call)
{
    bool queued = false;
    int error = 0;

    while (transfer->sector_count > 0 && call->error == 0 && error == 0) {
        error = submit_one(blk, transfer, call);
        if (error == 0)
            queued = true;
        else if (error != -EAGAIN)
            call->error = error;
    }
    if (queued)
        blk->device->ops->kick(blk->pv);
    return queued;
}

/* Takes all completions there are, whosever they are. Returns whether there were any. */
static bool reap(struct blk *blk)
{
    struct device *device = blk->device;
    unsigned count = 0;
    void *cookie;
    int taken, result;

    while ((taken = device->ops->take(blk->pv, &cookie, &result)) == 1) {
        struct slot *slot = cookie;
        struct call *call = slot->call;

        kassert(slot->in_flight);
        metrics.blk_latency_ns += clock_now_ns() - slot->start_ns;
        if (result != 0) {
            metrics.blk_errors++;
            if (call->error == 0)
                call->error = result;
        }
        *slot = (struct slot){.next = device->free};
        device->free = slot;
        device->in_flight--;
        count++;
        if (--call->outstanding == 0 && call->thread != thread_self())
            thread_unpark(call->thread);
    }
    if (count > 0)
        sched_answers_due(-(int)count);
    if (taken < 0 && !device->lost) {
        device->lost = true;
        sched_answers_due(-(int)device->in_flight);
    }
    waitq_wake(&device->starved, count);
    return count > 0;
}

static void wake_parked(struct waiter *waiter)
{
    thread_unpark(waiter->context);
}

/* Leaves the queue at once: who is woken next is another one. */
static void wake_starved(struct waiter *waiter)
{
    waitq_remove(waiter);
    thread_unpark(waiter->context);
}

/*
 * Sleeps until the device has completed something. No wake-up is lost:
 * 1. The waiter is queued before the device is asked for an event; one that comes from then on
 *    unparks this thread, and a park after that returns at once.
 * 2. A completion from before is what `ask` answers true for.
 * 3. A thread that takes completions for others unparks them itself.
 * 4. The event wakes the first waiter only. When that one leaves, `leave` asks again for the rest.
 *
 * After the device's patience without a completion it may be gone, which refresh tells.
 */
static void wait_for_completion(struct blk *blk, const struct call *call)
{
    bool starved = call->outstanding == 0;
    struct waiter waiter = {.wake = starved ? wake_starved : wake_parked, .context = thread_self()};
    uint64_t patience_ns = blk->pv->patience_ns;
    int result = 0;

    waitq_add(starved ? &blk->device->starved : &blk->device->waiters, &waiter);
    if (!blk->device->ops->ask(blk->pv)) {
        mutex_unlock(&blk->device->mutex);
        result = thread_park(patience_ns != 0 ? clock_now_ns() + patience_ns : NO_DEADLINE);
        mutex_lock(&blk->device->mutex);
    }
    waitq_remove(&waiter);
    if (result == -ETIMEDOUT)
        blk->device->ops->refresh(blk->pv);
}

/* Before a thread turns away from a device for which others still wait: all completions are taken
 * and an event is asked for. */
static void leave(struct blk *blk)
{
    struct device *device = blk->device;

    while ((!waitq_empty(&device->waiters) || !waitq_empty(&device->starved)) && !device->lost &&
           device->ops->ask(blk->pv))
        reap(blk);
    if (device->lost) {
        waitq_wake(&device->waiters, UINT32_MAX);
        waitq_wake(&device->starved, UINT32_MAX);
    }
    mutex_unlock(&device->mutex);
}

static int run(struct blk *blk, struct transfer *transfer)
{
    struct device *device = blk->device;
    struct call call = {.thread = thread_self()};

    mutex_lock(&device->mutex);
    while (!device->lost &&
           (call.outstanding > 0 || (transfer->sector_count > 0 && call.error == 0))) {
        bool moved = submit(blk, transfer, &call);

        moved |= reap(blk);
        if (!moved && !device->lost && (call.outstanding > 0 || call.error == 0))
            wait_for_completion(blk, &call);
    }
    /* A lost device may still write into what was posted; there is no way to wait for that. */
    if (out_of_service(blk))
        call.error = -EIO;
    leave(blk);
    return call.error;
}

/* Within the device as it is now? A device that grew says so in its configuration. */
static bool in_bounds(struct blk *blk, uint64_t sector, uint64_t count)
{
    uint64_t total = blk->pv->sector_count;
    struct blk_info info;

    if (sector <= total && count <= total - sector)
        return true;
    blk_info_now(blk, &info);
    total = info.sector_count;
    return sector <= total && count <= total - sector;
}

int blk_read(struct blk *blk, uint64_t sector, void *data, size_t sector_count)
{
    struct transfer transfer = {PV_BLK_READ, sector, sector_count, data};

    if (!in_bounds(blk, sector, sector_count))
        return -EINVAL;
    return run(blk, &transfer);
}

int blk_write(struct blk *blk, uint64_t sector, const void *data, size_t sector_count)
{
    /* The frontend's segments serve both directions; nobody writes to this one. */
    struct transfer transfer = {PV_BLK_WRITE, sector, sector_count, (void *)(uintptr_t)data};

    if (blk->pv->read_only)
        return -EROFS;
    if (!in_bounds(blk, sector, sector_count))
        return -EINVAL;
    return run(blk, &transfer);
}

int blk_flush(struct blk *blk)
{
    /* One request, however many sectors the transfer names. */
    struct transfer transfer = {.operation = PV_BLK_FLUSH, .sector_count = 1};

    return blk->pv->can_flush ? run(blk, &transfer) : 0;
}

int blk_discard(struct blk *blk, uint64_t sector, uint64_t sector_count)
{
    struct transfer transfer = {
        .operation = PV_BLK_DISCARD, .sector = sector, .sector_count = sector_count};

    if (!blk->pv->can_discard)
        return -EOPNOTSUPP;
    if (blk->pv->read_only)
        return -EROFS;
    if (!in_bounds(blk, sector, sector_count))
        return -EINVAL;
    return run(blk, &transfer);
}
