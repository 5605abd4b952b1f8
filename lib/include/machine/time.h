/* SPDX-License-Identifier: BSD-2-Clause */
/* The unit of clock_t, as POSIX wants it; newlib's default is 1000. Behind <time.h>. */
#ifndef _MACHTIME_H_
#define _MACHTIME_H_

#define _CLOCKS_PER_SEC_ 1000000

#endif
