/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * epoll: an instance holds one item for each watched file. An item stands with a waiter on its
 * file's queue for as long as it is watched; a wake-up puts it on the instance's ready list, and
 * only items on that list are asked when somebody waits.
 *
 * Locks: `lock` guards items and their tables, and is held while files are asked (their poll
 * operation may take locks of its own, under which nobody calls file_put). The ready list is also
 * changed by wake-ups, which may come in event context, and is therefore guarded by masking
 * upcalls.
 *
 * Items hold no reference: a file that goes away takes its items along (epoll_file_gone).
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "fd.h"
#include "kernel/errand.h"
#include "kernel/log.h"
#include "timespec.h"

#define ALWAYS (EPOLLERR | EPOLLHUP)
#define NESTED_MOST 4
#define MODES (EPOLLET | EPOLLONESHOT | EPOLLEXCLUSIVE | EPOLLWAKEUP)

struct epoll;

struct item {
    struct waiter waiter; /* on file->ready; context is the item */
    struct epoll *epoll;
    struct file *file;
    int fd;
    uint32_t events; /* without modes; 0 after a one-shot event */
    uint32_t modes;
    epoll_data_t data;
    struct item *next_of_fd;
    /* Guarded by masked upcalls: */
    struct item *next_ready, *prev_ready;
    bool is_ready;
};

struct epoll {
    struct file *file;
    struct item **by_fd; /* lists: a descriptor may have been closed and used anew */
    int by_fd_size;
    struct item *first_ready, *last_ready;
};

static struct mutex lock;

static void ready_append(struct epoll *epoll, struct item *item)
{
    if (item->is_ready)
        return;
    item->is_ready = true;
    item->next_ready = NULL;
    item->prev_ready = epoll->last_ready;
    if (epoll->last_ready)
        epoll->last_ready->next_ready = item;
    else
        epoll->first_ready = item;
    epoll->last_ready = item;
}

static void ready_remove(struct epoll *epoll, struct item *item)
{
    if (!item->is_ready)
        return;
    item->is_ready = false;
    *(item->prev_ready ? &item->prev_ready->next_ready : &epoll->first_ready) = item->next_ready;
    *(item->next_ready ? &item->next_ready->prev_ready : &epoll->last_ready) = item->prev_ready;
}

/* The watched file may have become ready. Any context, upcalls masked. */
static void item_wake(struct waiter *waiter)
{
    struct item *item = waiter->context;
    if (item->events == 0)
        return;
    ready_append(item->epoll, item);
    waitq_wake(&item->epoll->file->ready, UINT32_MAX);
}

static void item_queue(struct item *item)
{
    unsigned state = upcalls_mask();
    item_wake(&item->waiter);
    upcalls_restore(state);
}

/* Level-triggered: to be asked again next time. Other waiters were woken when it became ready. */
static void item_requeue(struct item *item)
{
    unsigned state = upcalls_mask();
    ready_append(item->epoll, item);
    upcalls_restore(state);
}

static struct item **item_find(struct epoll *epoll, int fd, const struct file *file)
{
    static struct item *none;
    if (fd >= epoll->by_fd_size)
        return &none;
    struct item **link = &epoll->by_fd[fd];
    while (*link && (*link)->file != file)
        link = &(*link)->next_of_fd;
    return link;
}

static void item_free(struct item **link)
{
    struct item *item = *link;
    *link = item->next_of_fd;
    waitq_remove(&item->waiter);
    unsigned state = upcalls_mask();
    ready_remove(item->epoll, item);
    upcalls_restore(state);
    free(item);
}

void epoll_file_gone(struct file *file)
{
    mutex_lock(&lock);
    while (!waitq_empty(&file->ready)) {
        kassert(file->ready.first->wake == item_wake);
        struct item *item = file->ready.first->context;
        item_free(item_find(item->epoll, item->fd, file));
    }
    mutex_unlock(&lock);
}

static void epoll_close(struct file *file)
{
    struct epoll *epoll = file->data;
    mutex_lock(&lock);
    for (int fd = 0; fd < epoll->by_fd_size; fd++)
        while (epoll->by_fd[fd])
            item_free(&epoll->by_fd[fd]);
    mutex_unlock(&lock);
    free(epoll->by_fd);
    free(epoll);
}

/* Readable while items wait to be asked; they may turn out not to be ready any more. */
static short epoll_poll(struct file *file)
{
    struct epoll *epoll = file->data;
    return epoll->first_ready ? POLLIN | POLLRDNORM : 0;
}

static const struct file_ops epoll_ops = {.poll = epoll_poll, .close = epoll_close};

static int epoll_new(int flags)
{
    if (flags & ~EPOLL_CLOEXEC)
        return -EINVAL;
    struct epoll *epoll = calloc(1, sizeof *epoll);
    if (!epoll)
        return -ENOMEM;
    struct file *file = epoll->file = file_new(&epoll_ops, epoll, O_RDWR);
    if (!file) {
        free(epoll);
        return -ENOMEM;
    }
    int fd = fd_install(file, 0);
    if (fd < 0)
        file_put(file);
    else if (flags & EPOLL_CLOEXEC)
        fd_cloexec_set(fd, true);
    return fd;
}

int epoll_create1(int flags)
{
    return (int)errno_result(epoll_new(flags));
}

int epoll_create(int size)
{
    return (int)errno_result(size <= 0 ? -EINVAL : epoll_new(0));
}

static int table_grow(struct epoll *epoll, int fd)
{
    if (fd < epoll->by_fd_size)
        return 0;
    int size = epoll->by_fd_size ? epoll->by_fd_size : 16;
    while (size <= fd)
        size *= 2;
    struct item **grown = realloc(epoll->by_fd, (size_t)size * sizeof *grown);
    if (!grown)
        return -ENOMEM;
    for (int i = epoll->by_fd_size; i < size; i++)
        grown[i] = NULL;
    epoll->by_fd = grown;
    epoll->by_fd_size = size;
    return 0;
}

static void item_set(struct item *item, const struct epoll_event *event)
{
    unsigned state = upcalls_mask();
    item->modes = event->events & MODES;
    item->events = (event->events & ~MODES) | ALWAYS;
    item->data = event->data;
    upcalls_restore(state);
}

static int item_add(struct epoll *epoll, int fd, struct file *file, const struct epoll_event *event)
{
    int result = table_grow(epoll, fd);
    if (result < 0)
        return result;
    struct item *item = calloc(1, sizeof *item);
    if (!item)
        return -ENOMEM;
    item->waiter.wake = item_wake;
    item->waiter.context = item;
    item->epoll = epoll;
    item->file = file;
    item->fd = fd;
    item_set(item, event);
    item->next_of_fd = epoll->by_fd[fd];
    epoll->by_fd[fd] = item;
    waitq_add(&file->ready, &item->waiter);
    item_queue(item);
    return 0;
}

/* Does an instance watch `file`, itself or through others that it watches? Nested too deeply counts
 * as well: each level is one more call in every wake-up. */
static bool watches(const struct epoll *epoll, const struct file *file, int levels)
{
    for (int fd = 0; fd < epoll->by_fd_size; fd++)
        for (const struct item *item = epoll->by_fd[fd]; item; item = item->next_of_fd)
            if (item->file == file ||
                (item->file->ops == &epoll_ops &&
                 (levels == 0 || watches(item->file->data, file, levels - 1))))
                return true;
    return false;
}

static int control(struct epoll *epoll, int operation, int fd, struct file *file,
                   const struct epoll_event *event)
{
    struct item **link = item_find(epoll, fd, file);
    if (operation == EPOLL_CTL_ADD && *link)
        return -EEXIST;
    if (operation == EPOLL_CTL_ADD && file->ops == &epoll_ops &&
        watches(file->data, epoll->file, NESTED_MOST))
        return -ELOOP;
    if (operation == EPOLL_CTL_ADD)
        return item_add(epoll, fd, file, event);
    if (!*link)
        return -ENOENT;
    if (operation == EPOLL_CTL_DEL) {
        item_free(link);
        return 0;
    }
    if (operation != EPOLL_CTL_MOD)
        return -EINVAL;
    item_set(*link, event);
    item_queue(*link);
    return 0;
}

/* The instance behind a descriptor, with a reference in *file; NULL with *file NULL or not. */
static struct epoll *epoll_of(int fd, struct file **file)
{
    *file = fd_file(fd);
    return *file && (*file)->ops == &epoll_ops ? (*file)->data : NULL;
}

int epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event)
{
    struct file *epoll_file, *file = fd_file(fd);
    struct epoll *epoll = epoll_of(epoll_fd, &epoll_file);
    int result;
    if (!file || !epoll_file)
        result = -EBADF;
    else if (!epoll || file == epoll_file)
        result = -EINVAL;
    else if (!file->ops->poll)
        result = -EPERM;
    else {
        mutex_lock(&lock);
        result = control(epoll, operation, fd, file, event);
        mutex_unlock(&lock);
    }
    if (file)
        file_put(file);
    if (epoll_file)
        file_put(epoll_file);
    return (int)errno_result(result);
}

static struct item *ready_take(struct epoll *epoll)
{
    unsigned state = upcalls_mask();
    struct item *item = epoll->first_ready;
    if (item)
        ready_remove(epoll, item);
    upcalls_restore(state);
    return item;
}

/* Asks one item that was taken off the list. It is off before it is asked, so a wake-up from then
 * on puts it back. True when *event was filled. */
static bool item_report(struct item *item, struct epoll_event *event)
{
    uint32_t now = (uint16_t)item->file->ops->poll(item->file) & item->events;
    if (now == 0)
        return false;
    *event = (struct epoll_event){.events = now, .data = item->data};
    if (item->modes & EPOLLONESHOT)
        item->events = 0;
    else if (!(item->modes & EPOLLET))
        item_requeue(item);
    return true;
}

static int harvest(struct epoll *epoll, struct epoll_event *events, int most)
{
    int count = 0;
    if (!__atomic_load_n(&epoll->last_ready, __ATOMIC_RELAXED))
        return 0;
    mutex_lock(&lock);
    /* Ends with the item that is last now: what is put back is not asked twice in one call. */
    struct item *last = epoll->last_ready, *item;
    while (count < most && last && (item = ready_take(epoll))) {
        if (item == last)
            last = NULL;
        if (item->events && item_report(item, &events[count]))
            count++;
    }
    mutex_unlock(&lock);
    return count;
}

static void sleeper_wake(struct waiter *waiter)
{
    thread_unpark(waiter->context);
}

static int wait_until(struct epoll *epoll, struct epoll_event *events, int most,
                      uint64_t deadline_ns)
{
    int count = harvest(epoll, events, most);
    if (count > 0 || deadline_ns == 0)
        return count;
    /* On the queue before the last harvest: see the argument in poll.c. */
    struct waiter waiter = {.wake = sleeper_wake, .context = thread_self()};
    waitq_add(&epoll->file->ready, &waiter);
    while ((count = harvest(epoll, events, most)) == 0)
        if (errand_park(deadline_ns) == -ETIMEDOUT) {
            count = harvest(epoll, events, most);
            break;
        }
    waitq_remove(&waiter);
    return count;
}

int epoll_wait(int epoll_fd, struct epoll_event *events, int most, int timeout_ms)
{
    struct file *file;
    struct epoll *epoll = epoll_of(epoll_fd, &file);
    int result;
    if (!file) {
        result = -EBADF;
    } else if (!epoll || most <= 0) {
        result = -EINVAL;
    } else {
        uint64_t deadline = NO_DEADLINE;
        if (timeout_ms >= 0)
            deadline = timeout_ms == 0 ? 0 : deadline_in((uint64_t)timeout_ms * NS_PER_MS);
        result = wait_until(epoll, events, most, deadline);
    }
    if (file)
        file_put(file);
    return (int)errno_result(result);
}

/* The mask changes nothing: no signal interrupts a wait. */
int epoll_pwait(int epoll_fd, struct epoll_event *events, int most, int timeout_ms,
                const sigset_t *mask)
{
    (void)mask;
    return epoll_wait(epoll_fd, events, most, timeout_ms);
}
