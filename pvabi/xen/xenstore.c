/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The xenstore client (xenstore.h). Messages are taken out of the ring as they come, in any number
 * of pieces: an answer goes to the one request that waits for it, a watch's event becomes a bit, so
 * however many events come, nothing is kept. Indexes, lengths, types and ids are checked; a store
 * that breaks the rules or does not answer is given up.
 */
#include "xenstore.h"

#include <xen/io/xs_wire.h>

#include "arch/arch.h"
#include "pvabi/errno.h"

#define ANSWER_NS 5000000000ull
#define ERROR_BYTES 16u
#define MESSAGES_MAX 100000u /* at once; a daemon that is only busy pauses long before */
#define HEADER_BYTES ((uint32_t)sizeof(struct xsd_sockmsg))

struct piece {
    const void *data;
    uint32_t bytes;
};
#define PIECES_MAX 6u

static struct {
    const char *fault;
    uint32_t request_id; /* of the last request */
    uint32_t answered;   /* of the last request that was answered: they are, in their order */
    uint64_t fired;

    /* The message that is coming. */
    struct xsd_sockmsg header;
    uint32_t got; /* of header and payload */
    unsigned
        nuls; /* seen in a watch's event: the path ends at the first, the token at the second */
    uint32_t watch;
    bool watch_valid; /* there was a token */

    /* The answer that is waited for. */
    bool waiting;
    uint32_t wanted_type;
    char *answer;
    uint32_t answer_room, answer_bytes; /* bytes: also what did not fit */
    bool answer_is_error;
    char error[ERROR_BYTES];
} store;

const char *xenstore_fault(void)
{
    return store.fault;
}

static int store_fail(const char *reason)
{
    if (store.fault == NULL) {
        store.fault = reason;
        xen_say("xenstore out of service: ");
        xen_say(reason);
        xen_say("\n");
    }
    return -EIO;
}

/* ---- the ring ----------------------------------------------------------------------------- */

static uint32_t index_read(const uint32_t *index)
{
    return *(const volatile uint32_t *)index;
}

/* Takes up to `bytes` bytes that have come; `to` may be NULL. */
static uint32_t ring_take(char *to, uint32_t bytes)
{
    uint32_t cons = xen_store->rsp_cons;
    uint32_t there = index_read(&xen_store->rsp_prod) - cons;

    if (there > XENSTORE_RING_SIZE) {
        store_fail("its ring's index is wild");
        return 0;
    }
    arch_barrier_read(); /* the index before the bytes that it covers */
    if (bytes > there)
        bytes = there;
    for (uint32_t i = 0; to != NULL && i < bytes; i++)
        to[i] = ((const volatile char *)xen_store->rsp)[MASK_XENSTORE_IDX(cons + i)];
    if (bytes == 0)
        return 0;
    arch_barrier_full(); /* the bytes are read before the store may write there again, */
    *(volatile uint32_t *)&xen_store->rsp_cons = cons + bytes;
    arch_barrier_full(); /* and it sees the room before we look whether it was full */
    if (index_read(&xen_store->rsp_prod) - cons >= XENSTORE_RING_SIZE)
        xen_channel_send(xen_store_port);
    return bytes;
}

/* The room for requests; 0 as well when the store is out of service. */
static uint32_t ring_room(void)
{
    uint32_t used = xen_store->req_prod - index_read(&xen_store->req_cons);

    if (used > XENSTORE_RING_SIZE)
        store_fail("its ring's index is wild");
    return store.fault ? 0 : XENSTORE_RING_SIZE - used;
}

static void ring_put(const struct piece *piece)
{
    uint32_t prod = xen_store->req_prod;

    for (uint32_t i = 0; i < piece->bytes; i++)
        xen_store->req[MASK_XENSTORE_IDX(prod + i)] = ((const char *)piece->data)[i];
    arch_barrier_write(); /* the bytes before the index that covers them */
    *(volatile uint32_t *)&xen_store->req_prod = prod + piece->bytes;
}

/* ---- messages ----------------------------------------------------------------------------- */

/* Is this the answer that somebody waits for? Otherwise it is one to a watch that was posted. */
static bool answer_is_waited_for(void)
{
    return store.waiting && store.header.req_id == store.request_id;
}

static bool answer_expected(const struct xsd_sockmsg *header)
{
    uint32_t type = answer_is_waited_for() ? store.wanted_type : XS_WATCH;

    return store.answered != store.request_id && header->req_id == store.answered + 1u &&
           (header->type == type || header->type == XS_ERROR);
}

/* The header has come: is it a message that may come now? */
static bool header_check(void)
{
    const struct xsd_sockmsg *header = &store.header;

    store.nuls = 0;
    store.watch = 0;
    store.watch_valid = false;
    if (header->len > XENSTORE_PAYLOAD_MAX)
        store_fail("a message is too long");
    else if (header->type != XS_WATCH_EVENT && !answer_expected(header))
        store_fail("it answers what was not asked");
    return store.fault == NULL;
}

/* The token of an event is the decimal number of our watch. */
static void event_byte(char byte)
{
    if (byte == '\0') {
        store.nuls++;
    } else if (store.nuls == 1) {
        bool digit = byte >= '0' && byte <= '9' && store.watch < XENSTORE_WATCHES;

        store.watch = digit ? store.watch * 10u + (uint32_t)(byte - '0') : XENSTORE_WATCHES;
        store.watch_valid = true;
    }
}

static void payload_take(void)
{
    char bytes[64];
    bool is_event = store.header.type == XS_WATCH_EVENT;
    bool is_wanted = answer_is_waited_for();
    bool is_error = store.header.type == XS_ERROR;
    char *to = is_error ? store.error : store.answer;
    uint32_t room = is_error ? ERROR_BYTES - 1u : store.answer_room;
    uint32_t left = HEADER_BYTES + store.header.len - store.got;
    uint32_t count = ring_take(bytes, left < sizeof(bytes) ? left : (uint32_t)sizeof(bytes));

    store.got += count;
    for (uint32_t i = 0; i < count; i++) {
        if (is_event)
            event_byte(bytes[i]);
        else if (is_wanted && store.answer_bytes++ < room)
            to[store.answer_bytes - 1u] = bytes[i];
    }
}

/* A whole message has come. */
static void message_end(void)
{
    store.got = 0;
    if (store.header.type != XS_WATCH_EVENT) {
        store.answer_is_error = store.header.type == XS_ERROR;
        store.waiting = store.waiting && !answer_is_waited_for();
        store.answered = store.header.req_id;
    } else if (store.nuls >= 2 && store.watch_valid && store.watch < XENSTORE_WATCHES) {
        store.fired |= 1ull << store.watch;
    }
}

/* Takes what has come of the next message; false: there is no more. */
static bool message_take(void)
{
    uint32_t before = store.got;

    if (store.got < HEADER_BYTES) {
        store.got += ring_take((char *)&store.header + store.got, HEADER_BYTES - store.got);
        if (store.got < HEADER_BYTES || store.fault || !header_check())
            return false;
    }
    if (store.got < HEADER_BYTES + store.header.len)
        payload_take();
    if (store.fault)
        return false;
    if (store.got == HEADER_BYTES + store.header.len) {
        message_end();
        return true;
    }
    return store.got != before;
}

void xenstore_poll(void)
{
    unsigned count = 0;

    if (xen_store == NULL)
        return;
    while (!store.fault && message_take())
        if (++count == MESSAGES_MAX)
            store_fail("it sends without end");
}

/* Sleeps until something comes, unless something is there: its event may have been taken already. */
static void store_sleep(uint64_t deadline_ns)
{
    if (index_read(&xen_store->rsp_prod) == xen_store->rsp_cons)
        xen_channel_wait(xen_store_port, deadline_ns);
}

void xenstore_wait(uint64_t deadline_ns)
{
    store_sleep(deadline_ns);
    xenstore_poll();
}

uint64_t xenstore_fired(uint64_t which)
{
    uint64_t fired = store.fired & which;

    store.fired &= ~which;
    return fired;
}

bool xenstore_has_fired(uint64_t which)
{
    return (store.fired & which) != 0;
}

void xenstore_restart(void)
{
    if (xen_store != NULL) /* what is there are answers to somebody else's requests */
        xen_store->rsp_cons = index_read(&xen_store->rsp_prod);
    store.fault = NULL;
    store.fired = 0;
    store.got = 0;
    store.waiting = false;
    store.answered = store.request_id;
}

/* ---- requests ----------------------------------------------------------------------------- */

static bool text_is(const char *text, const char *other)
{
    return __builtin_strcmp(text, other) == 0;
}

static int error_of(const char *words)
{
    if (text_is(words, "ENOENT"))
        return -ENOENT;
    return text_is(words, "EAGAIN") ? -EAGAIN : -EIO;
}

static int request_send(uint32_t type, uint32_t transaction, const struct piece *pieces,
                        unsigned count, uint64_t deadline_ns)
{
    struct xsd_sockmsg header = {.type = type, .tx_id = transaction};
    struct piece first = {&header, sizeof(header)};
    uint32_t room;

    for (unsigned i = 0; i < count; i++)
        header.len += pieces[i].bytes;
    if (header.len > XENSTORE_RING_SIZE - HEADER_BYTES)
        return -EINVAL;
    while ((room = ring_room()) < HEADER_BYTES + header.len) {
        if (store.fault)
            return -EIO;
        if (xen_now_ns() >= deadline_ns)
            return store_fail("it does not answer");
        xenstore_wait(deadline_ns);
    }
    header.req_id = ++store.request_id;
    ring_put(&first);
    for (unsigned i = 0; i < count; i++)
        ring_put(&pieces[i]);
    xen_channel_send(xen_store_port);
    return 0;
}

/* Upcalls are masked. Returns the answer's length, which is at most `room`, or a negative errno. */
static int request_masked(uint32_t transaction, const struct piece *pieces, unsigned count)
{
    uint64_t deadline_ns = xen_now_ns() + ANSWER_NS;
    int result;

    if (store.fault || xen_store == NULL)
        return -EIO;
    result = request_send(store.wanted_type, transaction, pieces, count, deadline_ns);
    if (result < 0)
        return result;
    store.answer_bytes = 0;
    __builtin_memset(store.error, 0, sizeof(store.error));
    store.waiting = true; /* no answer is taken between the two */
    for (;;) {
        xenstore_poll();
        if (store.fault || !store.waiting)
            break;
        if (xen_now_ns() >= deadline_ns)
            return store_fail("it does not answer");
        store_sleep(deadline_ns);
    }
    if (store.fault)
        return -EIO;
    if (store.answer_is_error)
        return error_of(store.error);
    return store.answer_bytes > store.answer_room ? -EINVAL : (int)store.answer_bytes;
}

static int request(uint32_t type, uint32_t transaction, const struct piece *pieces, unsigned count,
                   char *answer, size_t room)
{
    unsigned state = xen_upcalls_mask();
    int result;

    store.wanted_type = type;
    store.answer = answer;
    store.answer_room = (uint32_t)room;
    result = request_masked(transaction, pieces, count);
    xen_upcalls_restore(state);
    return result;
}

/* Up to three pieces: dir, a slash, the name with its NUL. */
static unsigned path_pieces(struct piece *pieces, const char *dir, const char *name)
{
    unsigned count = 0;

    if (dir != NULL) {
        pieces[count++] = (struct piece){dir, (uint32_t)__builtin_strlen(dir)};
        pieces[count++] = (struct piece){"/", 1};
    }
    pieces[count++] = (struct piece){name, (uint32_t)__builtin_strlen(name) + 1u};
    return count;
}

int xenstore_read(uint32_t transaction, const char *dir, const char *name, char *value, size_t room)
{
    struct piece pieces[PIECES_MAX];
    unsigned count = path_pieces(pieces, dir, name);
    int result = request(XS_READ, transaction, pieces, count, value, room - 1u);

    if (result >= 0)
        value[result] = '\0';
    return result;
}

int xenstore_write(uint32_t transaction, const char *dir, const char *name, const char *value)
{
    struct piece pieces[PIECES_MAX];
    unsigned count = path_pieces(pieces, dir, name);
    int result;
    char answer[4];

    pieces[count++] = (struct piece){value, (uint32_t)__builtin_strlen(value)};
    result = request(XS_WRITE, transaction, pieces, count, answer, sizeof(answer));
    return result < 0 ? result : 0;
}

int xenstore_directory(uint32_t transaction, const char *dir, const char *name, char *names,
                       size_t room)
{
    struct piece pieces[PIECES_MAX];
    unsigned count = path_pieces(pieces, dir, name);
    int result = request(XS_DIRECTORY, transaction, pieces, count, names, room);

    if (result > 0 && names[result - 1] != '\0')
        return -EIO;
    return result;
}

bool xenstore_number(const char *text, uint64_t *number)
{
    uint64_t value = 0;

    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        unsigned digit = (unsigned)(*text - '0');

        if (digit > 9u || value > (UINT64_MAX - digit) / 10u)
            return false;
        value = value * 10u + digit;
    }
    *number = value;
    return true;
}

/* A request of one word; the answer is NUL-terminated. */
static int word_request(uint32_t type, uint32_t transaction, const char *word, char *answer,
                        size_t room)
{
    const struct piece piece = {word, (uint32_t)__builtin_strlen(word) + 1u};
    int result = request(type, transaction, &piece, 1, answer, room - 1u);

    if (result >= 0)
        answer[result] = '\0';
    return result;
}

int xenstore_begin(uint32_t *transaction)
{
    char answer[12];
    int result = word_request(XS_TRANSACTION_START, 0, "", answer, sizeof(answer));
    uint64_t number;

    if (result < 0)
        return result;
    if (!xenstore_number(answer, &number) || number == 0 || number > UINT32_MAX)
        return -EIO;
    *transaction = (uint32_t)number;
    return 0;
}

int xenstore_end(uint32_t transaction, bool commit)
{
    char answer[4];
    int result = word_request(XS_TRANSACTION_END, transaction, commit ? "T" : "F", answer,
                              sizeof(answer));

    return result < 0 ? result : 0;
}

static unsigned watch_pieces(struct piece *pieces, char token[3], const char *dir, const char *name,
                             unsigned watch)
{
    unsigned count = path_pieces(pieces, dir, name);

    token[0] = (char)('0' + watch / 10u);
    token[1] = (char)('0' + watch % 10u);
    token[2] = '\0';
    pieces[count++] = (struct piece){token, 3};
    return count;
}

int xenstore_watch(const char *dir, const char *name, unsigned watch)
{
    struct piece pieces[PIECES_MAX];
    char token[3], answer[4];
    unsigned count = watch_pieces(pieces, token, dir, name, watch);
    int result;

    xen_store_listen();
    result = request(XS_WATCH, 0, pieces, count, answer, sizeof(answer));
    return result < 0 ? result : 0;
}

void xenstore_watch_post(const char *dir, const char *name, unsigned watch)
{
    struct piece pieces[PIECES_MAX];
    char token[3];
    unsigned count = watch_pieces(pieces, token, dir, name, watch);
    unsigned state = xen_upcalls_mask();

    xen_store_listen();
    if (!store.fault && xen_store != NULL)
        (void)request_send(XS_WATCH, 0, pieces, count, xen_now_ns() + ANSWER_NS);
    xen_upcalls_restore(state);
}

void xenstore_settle(void)
{
    char value[2];

    if (store.answered != store.request_id)
        (void)xenstore_read(0, "control", "shutdown", value, sizeof(value));
}

int xenstore_unwatch(const char *dir, const char *name, unsigned watch)
{
    struct piece pieces[PIECES_MAX];
    char token[3], answer[4];
    unsigned count = watch_pieces(pieces, token, dir, name, watch);
    int result = request(XS_UNWATCH, 0, pieces, count, answer, sizeof(answer));

    return result < 0 ? result : 0;
}
