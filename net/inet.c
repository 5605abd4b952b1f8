/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Internet addresses as text and in byte order (<arpa/inet.h>, <netinet/in.h>). Needs nothing of
 * the network: a program that only converts addresses links only this.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct in6_addr in6addr_any = IN6ADDR_ANY_INIT;
const struct in6_addr in6addr_loopback = IN6ADDR_LOOPBACK_INIT;

uint32_t(htonl)(uint32_t host)
{
    return __htonl(host);
}

uint16_t(htons)(uint16_t host)
{
    return __htons(host);
}

uint32_t(ntohl)(uint32_t network)
{
    return __ntohl(network);
}

uint16_t(ntohs)(uint16_t network)
{
    return __ntohs(network);
}

/* ---- text to address ---------------------------------------------------------------------- */

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if ((c | 32) >= 'a' && (c | 32) <= 'f')
        return (c | 32) - 'a' + 10;
    return 16;
}

int inet_aton(const char *text, struct in_addr *address)
{
    uint32_t parts[4] = {0};
    int count = 0;
    for (;; text++) {
        char *end;
        if (digit_value(*text) > 9 || count == 4)
            return 0;
        unsigned long part = strtoul(text, &end, 0);
        if (part > UINT32_MAX)
            return 0;
        parts[count++] = (uint32_t)part;
        text = end;
        if (*text != '.')
            break;
    }
    if (*text != '\0' && *text != ' ' && *text != '\t' && *text != '\n')
        return 0;
    /* The last part fills all bytes that the others leave. */
    uint32_t value = parts[count - 1];
    if (count > 1 && value >> (8 * (5 - count)))
        return 0;
    for (int i = 0; i < count - 1; i++) {
        if (parts[i] > 255)
            return 0;
        value |= parts[i] << (24 - 8 * i);
    }
    address->s_addr = htonl(value);
    return 1;
}

in_addr_t inet_addr(const char *text)
{
    struct in_addr address;
    return inet_aton(text, &address) ? address.s_addr : INADDR_NONE;
}

/* Four decimal parts without leading zeros, nothing after them. */
static bool parse4(const char *text, uint8_t bytes[4])
{
    for (int i = 0; i < 4; i++) {
        int value = 0, digits = 0;
        for (; digit_value(*text) < 10; text++, digits++) {
            if (digits == 3 || (digits == 1 && value == 0))
                return false;
            value = value * 10 + digit_value(*text);
        }
        if (digits == 0 || value > 255 || *text != (i < 3 ? '.' : '\0'))
            return false;
        bytes[i] = (uint8_t)value;
        text++;
    }
    return true;
}

/* One group of up to four hexadecimal digits; NULL when there is none. */
static const char *parse_group(const char *text, uint16_t *group)
{
    unsigned value = 0;
    int digits = 0;
    for (; digit_value(*text) < 16; text++, digits++) {
        if (digits == 4)
            return NULL;
        value = value << 4 | (unsigned)digit_value(*text);
    }
    *group = htons((uint16_t)value);
    return digits ? text : NULL;
}

static bool parse6(const char *text, uint8_t bytes[16])
{
    uint16_t groups[8];
    int count = 0, gap = -1;
    if (text[0] == ':' && *++text != ':')
        return false;
    while (*text) {
        if (*text == ':') {
            if (gap >= 0)
                return false;
            gap = count;
            text++;
            continue;
        }
        if (count == 8)
            return false;
        uint8_t tail[4];
        if (count <= 6 && parse4(text, tail)) {
            memcpy(&groups[count], tail, sizeof tail);
            count += 2;
            break;
        }
        text = parse_group(text, &groups[count++]);
        if (!text || (*text && *text != ':') || (*text && !text[1]))
            return false;
        text += *text == ':';
    }
    if (gap < 0 ? count != 8 : count == 8)
        return false;
    int head = gap < 0 ? 8 : gap;
    memset(bytes, 0, 16);
    memcpy(bytes, groups, (size_t)head * 2);
    memcpy(bytes + 16 - (count - head) * 2, groups + head, (size_t)(count - head) * 2);
    return true;
}

int inet_pton(int family, const char *text, void *address)
{
    uint8_t bytes[16];
    switch (family) {
    case AF_INET:
        if (!parse4(text, bytes))
            return 0;
        memcpy(address, bytes, 4);
        return 1;
    case AF_INET6:
        if (!parse6(text, bytes))
            return 0;
        memcpy(address, bytes, 16);
        return 1;
    default:
        errno = EAFNOSUPPORT;
        return -1;
    }
}

/* ---- address to text ---------------------------------------------------------------------- */

static char *put_number(char *at, unsigned value, unsigned base)
{
    char digits[8];
    int count = 0;
    do
        digits[count++] = "0123456789abcdef"[value % base];
    while (value /= base);
    while (count)
        *at++ = digits[--count];
    return at;
}

static char *put4(char *at, const uint8_t bytes[4])
{
    for (int i = 0; i < 4; i++) {
        if (i)
            *at++ = '.';
        at = put_number(at, bytes[i], 10);
    }
    *at = '\0';
    return at;
}

/* The longest run of at least two zero groups becomes "::" (RFC 5952, 4.2). */
static int longest_gap(const uint16_t groups[8], int *length)
{
    int best = -1;
    *length = 1;
    for (int i = 0; i < 8; i++) {
        int run = 0;
        while (i + run < 8 && groups[i + run] == 0)
            run++;
        if (run > *length) {
            best = i;
            *length = run;
        }
    }
    return best;
}

static void put6(char *at, const uint8_t bytes[16])
{
    uint16_t groups[8];
    int length;
    memcpy(groups, bytes, 16);
    int gap = longest_gap(groups, &length);
    bool mapped = gap == 0 && length == 5 && groups[5] == 0xffff;
    for (int i = 0; i < 8; i++) {
        if (i == gap) {
            *at++ = ':';
            i += length - 1;
            if (i == 7)
                *at++ = ':';
            continue;
        }
        if (i)
            *at++ = ':';
        if (i == 6 && mapped) {
            put4(at, bytes + 12);
            return;
        }
        at = put_number(at, ntohs(groups[i]), 16);
    }
    *at = '\0';
}

const char *inet_ntop(int family, const void *address, char *text, socklen_t bytes)
{
    char buffer[INET6_ADDRSTRLEN];
    if (family == AF_INET) {
        put4(buffer, address);
    } else if (family == AF_INET6) {
        put6(buffer, address);
    } else {
        errno = EAFNOSUPPORT;
        return NULL;
    }
    if (strlen(buffer) >= bytes) {
        errno = ENOSPC;
        return NULL;
    }
    return strcpy(text, buffer);
}

char *inet_ntoa(struct in_addr address)
{
    static __thread char text[INET_ADDRSTRLEN];
    put4(text, (const uint8_t *)&address);
    return text;
}
