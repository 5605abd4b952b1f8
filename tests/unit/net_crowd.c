/* SPDX-License-Identifier: BSD-2-Clause */
/* like: tests/unit/support/net_peer.h */
/*
 * Senders that wait for memory: whose peer acknowledges gets a turn, a silent one's does not stand in
 * anybody's way, a queue that does not move is given up.
 */
#include "tests/unit/support/net_peer.h"

#include <poll.h>

#include "crowd.h"

#define BLOCK_BYTES 65536u
#define LITTLE (2 * MSS)

static unsigned char data[40 * MSS];
static void *blocks[1000];
static unsigned block_count;

static void memory_fill(void)
{
    while (!memory_is_short()) {
        blocks[block_count] = net_memory_malloc(BLOCK_BYTES);
        assert_non_null(blocks[block_count++]);
    }
}

/* The network's next turn looks who may go on. */
static void memory_release(void)
{
    while (block_count)
        net_memory_free(blocks[--block_count]);
    net_host_run();
}

static size_t sends(struct socket *socket)
{
    net_lock();
    ssize_t bytes = send_some(socket, data, sizeof data);
    net_unlock();
    assert_true(bytes > 0);
    return (size_t)bytes;
}

/* A connection that would have sent more than it could. */
static struct socket *held_back(size_t *sent_bytes)
{
    struct socket *socket = connected();
    memory_fill();
    *sent_bytes = sends(socket);
    assert_true(*sent_bytes <= LITTLE);
    assert_false(socket->events & POLLOUT);
    return socket;
}

static void test_turn(void **state)
{
    size_t bytes;
    struct socket *socket = held_back(&bytes);
    (void)state;
    peer_acknowledges(bytes);
    assert_true(sender_waits(&socket->sender));
    assert_false(socket->events & POLLOUT);
    memory_release();
    assert_false(crowd_waits());
    assert_true(socket->events & POLLOUT);
    assert_int_equal(sends(socket), sizeof data);
    disconnect(socket);
}

/* It need not wait, and nobody waits behind it. */
static void test_silent_peer(void **state)
{
    size_t bytes;
    struct socket *silent = held_back(&bytes);
    (void)state;
    assert_false(crowd_waits());
    net_host_run();
    assert_false(crowd_waits());
    struct socket *other = held_back(&bytes);
    peer_acknowledges(bytes);
    assert_true(sender_waits(&other->sender));
    assert_false(sender_waits(&silent->sender));
    memory_release();
    assert_true(other->events & POLLOUT);
    assert_int_equal(sends(other), sizeof data);
    disconnect(other);
    disconnect(silent);
}

/* Who comes while somebody waits stands back, and is free when nobody does. */
static void test_stands_back(void **state)
{
    size_t bytes;
    struct socket *first = held_back(&bytes);
    (void)state;
    peer_acknowledges(bytes);
    struct socket *second = connected();
    bytes = sends(second);
    assert_true(bytes <= LITTLE);
    memory_release();
    assert_true(first->events & POLLOUT);
    peer_acknowledges(bytes);
    assert_false(crowd_waits());
    assert_true(second->events & POLLOUT);
    assert_int_equal(sends(second), sizeof data);
    disconnect(first);
    disconnect(second);
}

static void test_given_up(void **state)
{
    size_t bytes;
    struct socket *socket = held_back(&bytes);
    (void)state;
    peer_acknowledges(bytes);
    assert_true(crowd_waits());
    net_host_wait(2); /* seconds in which nobody's turn comes */
    assert_false(crowd_waits());
    assert_true(socket->events & POLLOUT);
    bytes = sends(socket);
    assert_true(bytes <= LITTLE);
    peer_acknowledges(bytes);
    assert_false(crowd_waits()); /* for a while */
    memory_release();
    net_host_wait(2);
    disconnect(socket);
}

static void test_ends_while_waiting(void **state)
{
    size_t bytes;
    struct socket *socket = held_back(&bytes);
    (void)state;
    peer_acknowledges(bytes);
    assert_true(crowd_waits());
    disconnect(socket);
    assert_false(crowd_waits());
    memory_release();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_turn),
        cmocka_unit_test(test_silent_peer),
        cmocka_unit_test(test_stands_back),
        cmocka_unit_test(test_given_up),
        cmocka_unit_test(test_ends_while_waiting),
    };
    net_host_start(true, true);
    net_host_sent = on_sent;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
