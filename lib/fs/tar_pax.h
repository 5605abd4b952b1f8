/* SPDX-License-Identifier: BSD-2-Clause */
/* pax extended headers: records "LENGTH KEY=VALUE\n". Called by tar.c and the tests. */
#ifndef FS_TAR_PAX_H
#define FS_TAR_PAX_H

#include "tar.h"

/* Reads all records of `text` (`bytes` long) into `attributes`; a later record wins, an empty value
 * takes the key back. 0, -EINVAL for a malformed record, -ENOMEM. */
int tar_pax_parse(const char *text, size_t bytes, struct tar_attributes *attributes);

/* Frees what it holds and makes it empty. */
void tar_attributes_clear(struct tar_attributes *attributes);

#endif
