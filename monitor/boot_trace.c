/* SPDX-License-Identifier: BSD-2-Clause */
/* Notes how far a start has come; see boot_trace.h. */
#include "boot_trace.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "event.h"
#include "say.h"

struct boot_trace *boot_trace;

int boot_trace_open(int fd)
{
    struct stat facts;
    void *memory = MAP_FAILED;

    if (fstat(fd, &facts))
        goto fail;
    errno = EINVAL;
    if (S_ISREG(facts.st_mode) && facts.st_size >= (off_t)sizeof *boot_trace)
        memory = mmap(NULL, sizeof *boot_trace, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        goto fail;
    boot_trace = memory;
    return 0;

fail:
    say("--boot-trace %d: %s", fd, strerror(errno));
    return -EINVAL;
}

void boot_trace_end_with_reader(void)
{
    if (!boot_trace)
        return;
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if ((uint64_t)getppid() != boot_trace->reader)
        raise(SIGTERM);
}

void boot_trace_mark(enum boot_mark mark)
{
    if (boot_trace)
        boot_trace->at_ns[mark] = monotonic_ns();
}

/* The guest may have written anything: the numbers are only shown. */
static uint64_t to_ns(uint64_t cycles, uint32_t mul, int8_t shift)
{
    if (shift <= -64 || shift >= 64)
        return 0;
    cycles = shift < 0 ? cycles >> -shift : cycles << shift;
    return (uint64_t)((unsigned __int128)cycles * mul >> 32);
}

void boot_trace_guest(const uint64_t cycles[PVN_STAMP_COUNT], enum pvn_stamp last, uint64_t last_ns,
                      uint32_t mul, int8_t shift)
{
    for (unsigned i = 0; i < PVN_STAMP_COUNT; i++) {
        uint64_t at = cycles[i], from = cycles[last];
        if (!at)
            continue;
        boot_trace->at_ns[BOOT_GUEST + i] = at <= from ? last_ns - to_ns(from - at, mul, shift)
                                                       : last_ns + to_ns(at - from, mul, shift);
    }
}
