/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An io_uring by the bare system calls: one ring, two index pairs, no kernel thread. See uring.h.
 * The indices are shared with the kernel, which is trusted; the barriers only order.
 */
#include "uring.h"

#include <assert.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static int result_of(long returned)
{
    return returned < 0 ? -errno : (int)returned;
}

static int uring_register(const struct uring *ring, unsigned what, const void *argument,
                          unsigned count)
{
    return result_of(syscall(SYS_io_uring_register, ring->fd, what, argument, count));
}

/* From here on these files and these operations only, and no registration of others. */
static int uring_restrict(const struct uring *ring, const int *files, unsigned file_count)
{
    const struct io_uring_restriction rules[] = {
        {.opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_READV},
        {.opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_WRITEV},
        {.opcode = IORING_RESTRICTION_SQE_FLAGS_REQUIRED, .sqe_flags = IOSQE_FIXED_FILE},
    };
    int result = uring_register(ring, IORING_REGISTER_FILES, files, file_count);

    if (result == 0)
        result = uring_register(ring, IORING_REGISTER_RESTRICTIONS, rules,
                                sizeof(rules) / sizeof(rules[0]));
    if (result == 0)
        result = uring_register(ring, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
    return result;
}

static void *map(const struct uring *ring, uint64_t bytes, off_t what)
{
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, what);

    return at == MAP_FAILED ? NULL : at;
}

static int uring_map(struct uring *ring, const struct io_uring_params *given)
{
    uint64_t submit_bytes = given->sq_off.array + given->sq_entries * sizeof(uint32_t);
    uint64_t done_bytes = given->cq_off.cqes + given->cq_entries * sizeof(struct io_uring_cqe);
    char *base;

    if ((given->features & IORING_FEAT_SINGLE_MMAP) == 0)
        return -ENOSYS;
    ring->rings_bytes = submit_bytes > done_bytes ? submit_bytes : done_bytes;
    ring->submissions_bytes = given->sq_entries * sizeof(struct io_uring_sqe);
    ring->rings = base = map(ring, ring->rings_bytes, IORING_OFF_SQ_RING);
    ring->submissions = map(ring, ring->submissions_bytes, IORING_OFF_SQES);
    if (base == NULL || ring->submissions == NULL)
        return -ENOMEM;
    ring->submit_head = (uint32_t *)(void *)(base + given->sq_off.head);
    ring->submit_tail = (uint32_t *)(void *)(base + given->sq_off.tail);
    ring->submit_slots = (uint32_t *)(void *)(base + given->sq_off.array);
    ring->submit_mask = given->sq_entries - 1u;
    ring->done_head = (uint32_t *)(void *)(base + given->cq_off.head);
    ring->done_tail = (uint32_t *)(void *)(base + given->cq_off.tail);
    ring->completions = (struct io_uring_cqe *)(void *)(base + given->cq_off.cqes);
    ring->done_mask = given->cq_entries - 1u;
    return 0;
}

int uring_open(struct uring *ring, unsigned entries, const int *files, unsigned file_count)
{
    struct io_uring_params params = {.flags = IORING_SETUP_R_DISABLED};
    int result;

    *ring = (struct uring){.fd = -1, .entries = entries};
    result = ring->fd = result_of(syscall(SYS_io_uring_setup, entries, &params));
    if (result >= 0)
        result = uring_map(ring, &params);
    if (result == 0)
        result = uring_restrict(ring, files, file_count);
    if (result < 0)
        uring_close(ring);
    return result;
}

void uring_close(struct uring *ring)
{
    if (ring->rings != NULL)
        munmap(ring->rings, ring->rings_bytes);
    if (ring->submissions != NULL)
        munmap(ring->submissions, ring->submissions_bytes);
    if (ring->fd >= 0)
        close(ring->fd);
    *ring = (struct uring){.fd = -1};
}

static void uring_queue(struct uring *ring, uint8_t operation, unsigned file,
                        const struct iovec *segments, unsigned count, uint64_t offset, void *cookie)
{
    uint32_t tail = *ring->submit_tail + ring->queued;
    uint32_t slot = tail & ring->submit_mask;

    assert(tail - __atomic_load_n(ring->submit_head, __ATOMIC_ACQUIRE) < ring->entries);
    ring->submissions[slot] = (struct io_uring_sqe){
        .opcode = operation,
        .flags = IOSQE_FIXED_FILE,
        .fd = (int)file,
        .off = offset,
        .addr = (uintptr_t)segments,
        .len = count,
        .user_data = (uintptr_t)cookie,
    };
    ring->submit_slots[slot] = slot;
    ring->queued++;
}

void uring_read(struct uring *ring, unsigned file, const struct iovec *segments, unsigned count,
                uint64_t offset, void *cookie)
{
    uring_queue(ring, IORING_OP_READV, file, segments, count, offset, cookie);
}

void uring_write(struct uring *ring, unsigned file, const struct iovec *segments, unsigned count,
                 uint64_t offset, void *cookie)
{
    uring_queue(ring, IORING_OP_WRITEV, file, segments, count, offset, cookie);
}

bool uring_submit(struct uring *ring)
{
    uint32_t tail, waiting;

    if (ring->fd < 0)
        return true;
    /* Release: the kernel reads the entries after the tail that covers them. */
    tail = *ring->submit_tail + ring->queued;
    __atomic_store_n(ring->submit_tail, tail, __ATOMIC_RELEASE);
    ring->queued = 0;
    while ((waiting = tail - __atomic_load_n(ring->submit_head, __ATOMIC_ACQUIRE)) > 0)
        if (syscall(SYS_io_uring_enter, ring->fd, waiting, 0, 0, NULL, 0) < 0 && errno != EINTR)
            return false;
    return true;
}

bool uring_take(struct uring *ring, void **cookie, int *result)
{
    uint32_t head = *ring->done_head;
    const struct io_uring_cqe *entry = &ring->completions[head & ring->done_mask];

    /* Acquire: the entry is read after the tail that covers it. */
    if (head == __atomic_load_n(ring->done_tail, __ATOMIC_ACQUIRE))
        return false;
    *cookie = (void *)(uintptr_t)entry->user_data;
    *result = entry->res;
    /* Release: the kernel fills the entry again after the head says that it was read. */
    __atomic_store_n(ring->done_head, head + 1u, __ATOMIC_RELEASE);
    return true;
}

void uring_wait(struct uring *ring)
{
    (void)syscall(SYS_io_uring_enter, ring->fd, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0);
}
