/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The compiler and the machine, to lwIP. An assertion of lwIP that fails means that its state is
 * broken: going on would corrupt memory, so the guest ends there with a message, like on any failed
 * assertion of ours. What arrives from outside must not get that far; tests/fuzz/net_input.c looks.
 */
#ifndef ARCH_CC_H
#define ARCH_CC_H

#include <stdint.h>
#include <sys/types.h> /* lwIP takes ssize_t for granted */

void net_assert_failed(const char *file, int line) __attribute__((noreturn));
uint32_t net_random(void);

/* The message would cost 20 KiB of text in each image; file and line say the same. */
#define LWIP_PLATFORM_ASSERT(message) net_assert_failed(__FILE_NAME__, __LINE__)
#define LWIP_PLATFORM_DIAG(arguments)
#define LWIP_RAND() net_random()

/* One instruction instead of a call. */
#define lwip_htons(x) __builtin_bswap16((uint16_t)(x))
#define lwip_htonl(x) __builtin_bswap32((uint32_t)(x))

#define LWIP_NO_UNISTD_H 1
#define LWIP_ERR_T int8_t

#endif
