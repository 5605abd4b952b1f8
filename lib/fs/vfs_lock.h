/* SPDX-License-Identifier: BSD-2-Clause */
/* The VFS's one lock: names, mounts and the working directory. Not held during reads and writes. */
#ifndef FS_VFS_LOCK_H
#define FS_VFS_LOCK_H

void vfs_lock(void);
void vfs_unlock(void);

#endif
