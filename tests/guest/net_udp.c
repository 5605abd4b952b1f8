/* SPDX-License-Identifier: BSD-2-Clause */
/* UDP over the loopback: datagrams keep their bounds, senders and order; queues are bounded. */
#include "net_test.h"

#include <sys/ioctl.h>
#include <sys/time.h>

static int open4(unsigned *port)
{
    struct sockaddr_in address = loopback4(0);
    socklen_t bytes = sizeof address;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&address, &bytes) == 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static void test_datagrams(void)
{
    unsigned port_a, port_b;
    int a = open4(&port_a), b = open4(&port_b), waiting;
    struct sockaddr_in to_b = loopback4(port_b), from;
    socklen_t bytes = sizeof from;
    static char big[65507];
    char small[4];

    CHECK(sendto(a, "first", 5, 0, (struct sockaddr *)&to_b, sizeof to_b) == 5);
    CHECK(sendto(a, "", 0, 0, (struct sockaddr *)&to_b, sizeof to_b) == 0);
    memset(big, 'x', sizeof big);
    CHECK(sendto(a, big, sizeof big, 0, (struct sockaddr *)&to_b, sizeof to_b) == sizeof big);

    CHECK(ioctl(b, FIONREAD, &waiting) == 0 && waiting == 5);
    CHECK(recv(b, small, 4, MSG_PEEK | MSG_TRUNC) == 5);
    CHECK(recvfrom(b, small, 4, 0, (struct sockaddr *)&from, &bytes) == 4);
    CHECK(memcmp(small, "firs", 4) == 0 && ntohs(from.sin_port) == port_a);
    CHECK(from.sin_addr.s_addr == htonl(INADDR_LOOPBACK) && bytes == sizeof from);
    CHECK(recv(b, small, 4, 0) == 0);
    memset(big, 0, sizeof big);
    CHECK(recv(b, big, sizeof big, 0) == sizeof big && big[0] == 'x' && big[65506] == 'x');
    CHECK_ERRNO(recv(b, small, 4, MSG_DONTWAIT), EAGAIN);
    CHECK_ERRNO(sendto(a, big, 65508, 0, (struct sockaddr *)&to_b, sizeof to_b), EMSGSIZE);
    CHECK(close(a) == 0 && close(b) == 0);
}

/* A connected socket hears its peer alone. */
static void test_connected(void)
{
    unsigned port_a, port_b, port_c;
    int a = open4(&port_a), b = open4(&port_b), c = open4(&port_c);
    struct sockaddr_in to_a = loopback4(port_a), to_b = loopback4(port_b);
    char text[8];

    CHECK_ERRNO(send(a, "x", 1, 0), EDESTADDRREQ);
    CHECK(connect(a, (struct sockaddr *)&to_b, sizeof to_b) == 0);
    CHECK(sendto(c, "intruder", 8, 0, (struct sockaddr *)&to_a, sizeof to_a) == 8);
    CHECK(sendto(b, "friend", 6, 0, (struct sockaddr *)&to_a, sizeof to_a) == 6);
    CHECK(recv(a, text, sizeof text, 0) == 6 && memcmp(text, "friend", 6) == 0);
    CHECK(write(a, "hi", 2) == 2 && read(b, text, sizeof text) == 2);
    to_b.sin_family = AF_UNSPEC;
    CHECK(connect(a, (struct sockaddr *)&to_b, sizeof to_b) == 0);
    CHECK_ERRNO(send(a, "x", 1, 0), EDESTADDRREQ);
    CHECK(close(a) == 0 && close(b) == 0 && close(c) == 0);
}

/* What does not fit the receive buffer is dropped; what is there stays right. */
static void test_flood(void)
{
    unsigned port_a, port_b;
    int a = open4(&port_a), b = open4(&port_b), size = 16384, received = 0;
    struct sockaddr_in to_b = loopback4(port_b);
    char data[1000];

    CHECK(setsockopt(b, SOL_SOCKET, SO_RCVBUF, &size, sizeof size) == 0);
    for (int i = 0; i < 20000; i++) {
        memset(data, i, sizeof data);
        CHECK(sendto(a, data, sizeof data, 0, (struct sockaddr *)&to_b, sizeof to_b) == 1000);
    }
    while (recv(b, data, sizeof data, MSG_DONTWAIT) == 1000) {
        CHECK(data[0] == (char)received && data[999] == (char)received);
        received++;
    }
    CHECK(received >= 4 && received <= 16);
    CHECK(close(a) == 0 && close(b) == 0);
}

static void test_timeout(void)
{
    unsigned port;
    int fd = open4(&port);
    struct timeval time = {.tv_usec = 20000};
    char byte;
    CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time) == 0);
    CHECK_ERRNO(recv(fd, &byte, 1, 0), EAGAIN);
    CHECK(close(fd) == 0);
}

/* A raw socket sees the answer to its own ping. */
static void test_ping(void)
{
    unsigned char ping[16] = {8, 0, 0, 0, 0x12, 0x34, 0, 1}, packet[64];
    struct sockaddr_in to = loopback4(0);
    unsigned sum = 0;
    int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
    CHECK(fd >= 0);
    for (int i = 0; i < 16; i += 2)
        sum += (unsigned)ping[i] << 8 | ping[i + 1];
    ping[2] = (unsigned char)(~sum >> 8);
    ping[3] = (unsigned char)~sum;
    CHECK(sendto(fd, ping, sizeof ping, 0, (struct sockaddr *)&to, sizeof to) == 16);
    ssize_t count;
    do /* the request comes round as well */
        count = recv(fd, packet, sizeof packet, 0);
    while (count == 36 && packet[20] == 8);
    CHECK(count == 36 && packet[20] == 0 && packet[24] == 0x12 && packet[25] == 0x34);
    CHECK(close(fd) == 0);
}

static void test_multicast(void)
{
    struct sockaddr_in any = {.sin_family = AF_INET}, group = loopback4(0);
    struct ip_mreq request = {{htonl(0xef010203)}, {htonl(INADDR_LOOPBACK)}};
    socklen_t bytes = sizeof any;
    char text[4];
    int in = socket(AF_INET, SOCK_DGRAM, 0), out = socket(AF_INET, SOCK_DGRAM, 0);

    CHECK(bind(in, (struct sockaddr *)&any, sizeof any) == 0);
    CHECK(getsockname(in, (struct sockaddr *)&any, &bytes) == 0);
    CHECK(setsockopt(in, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request) == 0);
    CHECK(setsockopt(out, IPPROTO_IP, IP_MULTICAST_IF, &request.imr_interface, 4) == 0);
    group.sin_addr = request.imr_multiaddr;
    group.sin_port = any.sin_port;
    CHECK(sendto(out, "all", 3, 0, (struct sockaddr *)&group, sizeof group) == 3);
    CHECK(recv(in, text, sizeof text, 0) == 3 && memcmp(text, "all", 3) == 0);
    CHECK(setsockopt(in, IPPROTO_IP, IP_DROP_MEMBERSHIP, &request, sizeof request) == 0);
    CHECK_ERRNO(setsockopt(in, IPPROTO_IP, IP_DROP_MEMBERSHIP, &request, sizeof request),
                EADDRNOTAVAIL);
    CHECK(close(in) == 0 && close(out) == 0);
}

int main(void)
{
    test_datagrams();
    test_connected();
    test_flood();
    test_timeout();
    test_ping();
    test_multicast();
    puts("ok");
    return 0;
}
