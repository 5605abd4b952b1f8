/* SPDX-License-Identifier: BSD-2-Clause */
/* The types behind newlib's <dirent.h>, whose own version of this file is an #error. */
#ifndef _SYS_DIRENT_H
#define _SYS_DIRENT_H

#include <sys/types.h>

#define MAXNAMLEN 255

struct dirent {
    ino_t d_ino;
    unsigned char d_type; /* DT_UNKNOWN when only stat knows */
    char d_name[MAXNAMLEN + 1];
};

#define d_fileno d_ino
#define _DIRENT_HAVE_D_TYPE

#define DT_UNKNOWN 0
#define DT_FIFO 1
#define DT_CHR 2
#define DT_DIR 4
#define DT_BLK 6
#define DT_REG 8
#define DT_LNK 10
#define DT_SOCK 12

/* From and to the file type bits of st_mode. */
#define IFTODT(mode) (((mode)&0170000) >> 12)
#define DTTOIF(type) ((type) << 12)

typedef struct __dir DIR;

#endif
