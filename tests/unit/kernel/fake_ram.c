/* SPDX-License-Identifier: BSD-2-Clause */
/* RAM for tests that link the real page allocator: pages of the host's, which are zeros. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "arch/bootrec.h"
#include "kernel/fake.h"
#include "kernel/first.h"
#include "kernel/metrics.h"
#include "kernel/page.h"

void fake_ram_start(size_t pages)
{
    struct bootrec record = {.ram_count = 1, .ram_is_zero = true};
    uint8_t *ram = mmap(NULL, pages * PAGE_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    assert_true(ram != MAP_FAILED);
    record.ram[0] = (struct bootrec_range){(uintptr_t)ram, (uintptr_t)ram + pages * PAGE_BYTES};
    page_start(&record);
    metrics.threads_live = 1;
}
