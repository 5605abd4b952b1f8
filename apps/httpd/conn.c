/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connections, see conn.h. Input is read into one buffer that all share; only an incomplete
 * request, or one that has to wait for the answer before it to leave, is kept in memory of the
 * connection. Time-outs are four queues, each with one duration, so that the first of each is the
 * next to end.
 */
#include "conn.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "metrics.h"
#include "output.h"

enum timer { TIMER_IDLE, TIMER_HEAD, TIMER_SEND, TIMER_LINGER, TIMER_COUNT };
enum state { SERVING, LINGERING, CLOSED };

enum {
    HEAD_MS = 10000,  /* for a request's head and body to arrive */
    LINGER_MS = 2000, /* for the client to read our last words */
    EVICT_MS = 1000,
};

struct conn {
    int fd;
    uint8_t state;    /* enum state */
    uint8_t timer;    /* enum timer: the queue that it is in */
    bool closing;     /* ends when all output is sent */
    bool linger;      /* the client may still be sending when we close */
    uint32_t watched; /* events registered with epoll */
    struct conn *prev, *next;
    int64_t deadline_ms;
    char *in; /* input that waits, from malloc, or NULL */
    uint32_t in_len;
    size_t scanned; /* bytes of it that http_head_find has seen */
    uint64_t skip;  /* bytes of a request body that are thrown away as they come */
    struct output output;
    char peer[INET6_ADDRSTRLEN];
};

static struct queue {
    struct conn *first, *last;
    int64_t duration_ms;
} queues[TIMER_COUNT];

static struct conn *closed_conns;
static int epoll_fd;
static char input[HTTP_HEAD_MAX];

static void queue_remove(struct conn *c)
{
    struct queue *q = &queues[c->timer];

    *(c->prev ? &c->prev->next : &q->first) = c->next;
    *(c->next ? &c->next->prev : &q->last) = c->prev;
}

static void queue_append(struct conn *c, enum timer timer)
{
    struct queue *q = &queues[timer];

    c->timer = (uint8_t)timer;
    c->deadline_ms = clock_now.mono_ms + q->duration_ms;
    c->next = NULL;
    c->prev = q->last;
    *(q->last ? &q->last->next : &q->first) = c;
    q->last = c;
}

static void start_timer(struct conn *c, enum timer timer)
{
    queue_remove(c);
    queue_append(c, timer);
}

void conn_init(int epoll, unsigned idle_s)
{
    int64_t idle_ms = (int64_t)idle_s * 1000;

    epoll_fd = epoll;
    queues[TIMER_IDLE].duration_ms = idle_ms;
    queues[TIMER_HEAD].duration_ms = idle_ms < HEAD_MS ? idle_ms : HEAD_MS;
    queues[TIMER_SEND].duration_ms = idle_ms;
    queues[TIMER_LINGER].duration_ms = LINGER_MS;
}

static void conn_close(struct conn *c)
{
    close(c->fd);
    queue_remove(c);
    output_drop(&c->output);
    free(c->in);
    c->in = NULL;
    c->state = CLOSED;
    c->next = closed_conns;
    closed_conns = c;
    metrics.connections_active--;
}

void conn_free_closed(void)
{
    while (closed_conns) {
        struct conn *c = closed_conns;

        closed_conns = c->next;
        free(c);
    }
}

/* Registers for the given events. Closes the connection and returns false where that fails. */
static bool watch(struct conn *c, uint32_t events)
{
    struct epoll_event ev = {.events = events, .data.ptr = c};

    if (c->watched == events)
        return true;
    c->watched = events;
    if (epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &ev) == 0)
        return true;
    conn_close(c);
    return false;
}

bool conn_open(int fd, const char *peer)
{
    struct conn *c = calloc(1, sizeof(*c));
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
    struct text out;

    if (!c)
        return false;
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev) != 0) {
        free(c);
        return false;
    }
    c->fd = fd;
    c->watched = EPOLLIN;
    out = (struct text){c->peer, 0, sizeof(c->peer) - 1, false};
    text_puts(&out, peer);
    queue_append(c, TIMER_IDLE);
    metrics.connections_active++;
    return true;
}

/* Keeps unserved input for later. False where memory is short. */
static bool keep_input(struct conn *c, const char *data, size_t len)
{
    char *kept = NULL;

    if (len > 0) {
        kept = malloc(len);
        if (!kept)
            return false;
        memcpy(kept, data, len);
    }
    free(c->in);
    c->in = kept;
    c->in_len = (uint32_t)len;
    return true;
}

/* Everything is sent. A client that is still sending would lose it if we simply closed. */
static void finish(struct conn *c)
{
    if (!c->linger || shutdown(c->fd, SHUT_WR) != 0) {
        conn_close(c);
        return;
    }
    c->state = LINGERING;
    keep_input(c, NULL, 0);
    start_timer(c, TIMER_LINGER);
    watch(c, EPOLLIN);
}

/* Counts and logs an answer and hands its body on. */
static void answered(struct conn *c, const struct http_request *req, struct answer *answer)
{
    metrics.requests[answer->status / 100]++;
    log_request(c->peer, req, answer->status, answer->body_len);
    output_set_body(&c->output, answer);
    c->closing = answer->close;
}

/* Refuses what is in buf, after which the connection ends. */
static void refuse(struct conn *c, struct http_request *req, int status)
{
    struct answer answer = {.close = true};

    response_error(req, status, &output_stage, &answer);
    c->linger = true;
    answered(c, req, &answer);
}

/* The first line of a request that cannot be parsed, for the log. */
static struct str first_line(const char *buf, size_t len)
{
    size_t i = 0;

    while (i < len && buf[i] != '\r' && buf[i] != '\n')
        i++;
    return (struct str){buf, i};
}

/*
 * Takes the next request from the front of buf and renders its answer. Returns the bytes used, or 0
 * where more are needed.
 */
static size_t take_request(struct conn *c, const char *buf, size_t len)
{
    struct http_request req;
    struct answer answer;
    long head_len;
    int status;

    if (len == 0)
        return 0;
    if (c->skip > 0) {
        size_t n = len < c->skip ? len : (size_t)c->skip;
        c->skip -= n;
        return n;
    }
    head_len = http_head_find(buf, len, &c->scanned);
    if (head_len == 0 && len < HTTP_HEAD_MAX)
        return 0;
    c->scanned = 0;
    if (head_len > 0) {
        status = http_request_parse(buf, (size_t)head_len, &req);
    } else {
        memset(&req, 0, sizeof(req));
        req.line = first_line(buf, len);
        status = head_len < 0 ? 400 : req.line.len == len ? 414 : 431;
    }
    if (status != 0) {
        metrics.parse_errors++;
        refuse(c, &req, status);
        return len;
    }
    response_make(&req, &output_stage, &answer);
    answered(c, &req, &answer);
    c->skip = req.content_length;
    c->linger = c->closing && c->skip > 0;
    return (size_t)head_len;
}

/* Registers and times the connection by what it waits for. restart: a request was answered. */
static void rest(struct conn *c, bool restart)
{
    if (output_pending(&c->output)) {
        start_timer(c, TIMER_SEND);
        watch(c, EPOLLOUT);
    } else if (c->in_len > 0 || c->skip > 0) {
        if (restart || c->timer != TIMER_HEAD)
            start_timer(c, TIMER_HEAD);
        watch(c, EPOLLIN);
    } else {
        start_timer(c, TIMER_IDLE);
        watch(c, EPOLLIN);
    }
}

/* Answers what is in input[0..len) as far as the network takes the answers. */
static void serve(struct conn *c, size_t len)
{
    bool starved = false;
    size_t at = 0;

    while (!starved) {
        while (!output_pending(&c->output) && !c->closing && !starved && output_has_room()) {
            size_t used = take_request(c, input + at, len - at);

            at += used;
            starved = used == 0;
        }
        switch (output_flush(&c->output, c->fd)) {
        case -1:
            conn_close(c);
            return;
        case 0:
            starved = true;
            break;
        default:
            if (c->closing) {
                c->linger |= at < len;
                finish(c);
                return;
            }
        }
    }
    if ((at == 0 && len == c->in_len) || keep_input(c, input + at, len - at))
        rest(c, at > 0);
    else
        conn_close(c);
}

/* Reads once behind what was kept. */
static void read_input(struct conn *c)
{
    size_t have = c->in_len;
    ssize_t n;

    assert(have < sizeof(input));
    if (have > 0)
        memcpy(input, c->in, have);
    n = recv(c->fd, input + have, sizeof(input) - have, 0);
    if (n > 0) {
        metrics.bytes_received += (uint64_t)n;
        serve(c, have + (size_t)n);
    } else if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
        conn_close(c);
    }
}

/* Throws away what comes after our last words, until the client closes. */
static void linger(struct conn *c)
{
    ssize_t n = recv(c->fd, input, sizeof(input), 0);

    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
        conn_close(c);
}

void conn_event(struct conn *c)
{
    if (c->state == CLOSED)
        return;
    if (c->state == LINGERING) {
        linger(c);
    } else if (output_pending(&c->output)) {
        if (c->in_len > 0)
            memcpy(input, c->in, c->in_len);
        serve(c, c->in_len);
    } else {
        read_input(c);
    }
}

/* A request that does not arrive gets a word before the connection ends; all others just end. */
static void expire(struct conn *c)
{
    struct http_request req = {.line = {c->in, 0}};

    metrics.connections_timed_out += c->state == SERVING;
    if (c->timer != TIMER_HEAD || c->in_len == 0) {
        conn_close(c);
        return;
    }
    req.line = first_line(c->in, c->in_len);
    refuse(c, &req, 408);
    if (output_flush(&c->output, c->fd) == 1)
        finish(c);
    else
        conn_close(c);
}

void conn_expire(void)
{
    for (int i = 0; i < TIMER_COUNT; i++)
        while (queues[i].first && queues[i].first->deadline_ms <= clock_now.mono_ms)
            expire(queues[i].first);
}

int conn_wait_ms(void)
{
    int64_t wait = INT32_MAX;

    for (int i = 0; i < TIMER_COUNT; i++) {
        if (queues[i].first && queues[i].first->deadline_ms - clock_now.mono_ms < wait)
            wait = queues[i].first->deadline_ms - clock_now.mono_ms;
    }
    if (wait == INT32_MAX)
        return -1;
    return wait > 0 ? (int)wait : 0;
}

bool conn_evict_idle(void)
{
    struct queue *q = &queues[TIMER_IDLE];

    if (!q->first || q->first->deadline_ms - q->duration_ms + EVICT_MS > clock_now.mono_ms)
        return false;
    metrics.connections_evicted++;
    conn_close(q->first);
    return true;
}
