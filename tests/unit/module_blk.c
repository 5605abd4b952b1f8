/* SPDX-License-Identifier: BSD-2-Clause */
/* A module as a disk. */
/* sources: pvabi/module_blk.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pvabi/errno.h"
#include "pvabi/module_blk.h"

static const struct pv_blk_ops *const ops = &module_blk_ops;

static struct pv_blk *attached(const void *data, uint64_t bytes)
{
    static struct module_blk module;
    static struct pv_device device;
    static void *memory;
    struct pv_blk *blk;

    free(memory);
    module = (struct module_blk){data, bytes, 9};
    device = (struct pv_device){.transport = &module};
    memory = calloc(1, ops->memory_bytes(&device));
    assert_int_equal(ops->attach(&device, memory, &blk), 0);
    return blk;
}

static int submit(struct pv_blk *blk, enum pv_blk_operation operation, uint64_t sector, void *to,
                  uint32_t bytes, void *cookie)
{
    struct pv_segment segment = {to, bytes};
    struct pv_blk_request request = {operation, sector, 0, &segment, 1, cookie};

    return ops->submit(blk, &request);
}

/* The data is as long as the module says, to the byte: the sanitizer looks. */
static void test_read(void **state)
{
    char *data = malloc(1000), got[1536], *cookie = got;
    struct pv_blk *blk;
    void *taken;
    int result = 1;

    (void)state;
    memset(data, 'm', 1000);
    blk = attached(data, 1000);
    assert_int_equal(blk->sector_count, 2);
    assert_int_equal(blk->event, 9);
    assert_true(blk->read_only);
    memset(got, 'x', sizeof(got));
    assert_false(ops->ask(blk));
    assert_int_equal(submit(blk, PV_BLK_READ, 0, got, 1024, cookie), 0);
    assert_int_equal(submit(blk, PV_BLK_READ, 1, got + 1024, 512, cookie + 1), 0);
    assert_true(ops->ask(blk));
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(ops->take(blk, &taken, &result), 1);
        assert_ptr_equal(taken, cookie + i);
        assert_int_equal(result, 0);
    }
    assert_int_equal(ops->take(blk, &taken, &result), 0);
    assert_memory_equal(got, data, 1000);
    for (unsigned i = 1000; i < 1024; i++)
        assert_int_equal(got[i], 0);
    assert_memory_equal(got + 1024, data + 512, 488);
    assert_int_equal(got[1535], 0);
    free(data);
}

static void test_refused(void **state)
{
    char data[1024] = {0}, got[2048];
    struct pv_blk *blk = attached(data, sizeof(data));

    (void)state;
    assert_int_equal(submit(blk, PV_BLK_WRITE, 0, got, 512, got), -EINVAL);
    assert_int_equal(submit(blk, PV_BLK_FLUSH, 0, got, 512, got), -EINVAL);
    assert_int_equal(submit(blk, PV_BLK_READ, 2, got, 512, got), -EINVAL);
    assert_int_equal(submit(blk, PV_BLK_READ, 1, got, 1024, got), -EINVAL);
    assert_int_equal(submit(blk, PV_BLK_READ, UINT64_MAX, got, 512, got), -EINVAL);
}

static void test_full(void **state)
{
    char data[512] = {0}, got[512];
    struct pv_blk *blk = attached(data, sizeof(data));
    unsigned count = 0;
    void *cookie;
    int result;

    (void)state;
    while (submit(blk, PV_BLK_READ, 0, got, 512, got) == 0)
        count++;
    assert_int_equal(count, blk->requests_max);
    assert_int_equal(submit(blk, PV_BLK_READ, 0, got, 512, got), -EAGAIN);
    assert_int_equal(ops->take(blk, &cookie, &result), 1);
    assert_int_equal(submit(blk, PV_BLK_READ, 0, got, 512, got), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_read), cmocka_unit_test(test_refused),
                                       cmocka_unit_test(test_full)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
