/* SPDX-License-Identifier: BSD-2-Clause */
/* newlib's <errno.h> with the codes that it has but shows on request only (ESHUTDOWN and others).
 */
#ifndef _CORACLE_ERRNO_H
#define _CORACLE_ERRNO_H

#ifndef __LINUX_ERRNO_EXTENSIONS__
#define __LINUX_ERRNO_EXTENSIONS__
#endif

#include_next <errno.h>

#endif
