/* SPDX-License-Identifier: BSD-2-Clause */
/* Listing the root directory: its own entries, then the names of mount points it does not hold. */
#ifndef FS_ROOT_LISTING_H
#define FS_ROOT_LISTING_H

#include "file.h"

/* Replaces *file, an open root directory, by one that lists mount points too. On failure *file is
 * closed and the negative errno returned. */
int root_listing_open(struct file **file, int flags);

/* The name of mount point `index`, or NULL beyond the last; by vfs.c. */
const char *vfs_mount_name(unsigned index);

#endif
