/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The widths of the C library's types, settled once: newlib's defaults for x86_64-elf have 16-bit
 * inode, device, user and group numbers. newlib itself is compiled with this header found before
 * its own, so libc.a and every program agree. Changing it changes the ABI of every image.
 */
#ifndef _MACHINE__TYPES_H
#define _MACHINE__TYPES_H

#include <machine/_default_types.h>

/* Each pair: the guard that silences the default in <sys/_types.h>, and the type in its place. */
#define __machine_blkcnt_t_defined
typedef __int64_t __blkcnt_t;
#define __machine_blksize_t_defined
typedef __int64_t __blksize_t;
#define __machine_fsblkcnt_t_defined
typedef __uint64_t __fsblkcnt_t;
#define __machine_fsfilcnt_t_defined
typedef __uint64_t __fsfilcnt_t;
#define __machine_dev_t_defined
typedef __uint64_t __dev_t;
#define __machine_ino_t_defined
typedef __uint64_t __ino_t;
#define __machine_uid_t_defined
typedef __uint32_t __uid_t;
#define __machine_gid_t_defined
typedef __uint32_t __gid_t;
#define __machine_id_t_defined
typedef __uint32_t __id_t;
#define __machine_mode_t_defined
typedef __uint32_t __mode_t;
#define __machine_off_t_defined
typedef __int64_t _off_t;
#define __machine_off64_t_defined
typedef __int64_t _off64_t;
#define __machine_sa_family_t_defined
typedef __uint16_t __sa_family_t;
#define __machine_socklen_t_defined
typedef __uint32_t __socklen_t;

#if __SIZEOF_LONG__ != 8 || __SIZEOF_POINTER__ != 8
#error "Coracle's C library ABI is LP64"
#endif

#endif
