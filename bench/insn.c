/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A TCG plugin that counts the guest's instructions from one address to another:
 *     qemu-system-x86_64 -plugin build/bench/insn.so,begin=0x..,end=0x..,to=FILE ...
 * Counting begins with the first execution of `begin` and ends before the first one of `end`, or when
 * QEMU ends by itself; FILE then holds a line "ADDRESS COUNT" for every instruction that ran. A repeated string instruction
 * counts once for each repetition. With
 *     ...,low=0x..,high=0x..
 * only instructions from `low` on and below `high` count, and nothing else is slowed down: for one
 * guest among others on an emulated hypervisor. With
 *     -plugin build/bench/insn.so,total=FILE
 * FILE holds, at any time, one 64-bit number in the host's byte order: all instructions so far, by
 * whole blocks. For machines with one CPU. bench/ makes sums of the lines and differences of totals.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "plugin.h"
#include "window.h"

#define BUCKETS 4096u

PLUGIN_EXPORT int qemu_plugin_version = PLUGIN_VERSION;
PLUGIN_EXPORT int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv);

struct place {
    struct place *next;
    uint64_t address, count;
};

static struct place *buckets[BUCKETS];
static void write_counts(FILE *file)
{
    for (unsigned i = 0; i < BUCKETS; i++)
        for (struct place *place = buckets[i]; place; place = place->next)
            if (place->count)
                fprintf(file, "0x%" PRIx64 " %" PRIu64 "\n", place->address, place->count);
}

static void execute(unsigned cpu, void *data)
{
    struct place *place = data;

    (void)cpu;
    if (window_execute(place->address, write_counts))
        place->count++;
}

/* The end has not come: what was counted until QEMU ends. */
static void at_exit(uint64_t id, void *data)
{
    (void)id;
    (void)data;
    if (window_is_open())
        window_end(write_counts);
}

/* The one entry of an address: its code may be translated several times. */
static struct place *place_of(uint64_t address)
{
    struct place **at = &buckets[address % BUCKETS];

    for (struct place *place = *at; place; place = place->next)
        if (place->address == address)
            return place;
    struct place *place = calloc(1, sizeof *place);
    if (!place)
        abort();
    place->address = address;
    place->next = *at;
    *at = place;
    return place;
}

static void translate(uint64_t id, struct qemu_plugin_tb *block)
{
    (void)id;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(block); i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(block, i);
        uint64_t address = qemu_plugin_insn_vaddr(insn);

        if (window_has(address))
            qemu_plugin_register_vcpu_insn_exec_cb(insn, execute, QEMU_PLUGIN_CB_NO_REGS,
                                                   place_of(address));
    }
}

static volatile uint64_t *total;

static void execute_block(unsigned cpu, void *data)
{
    (void)cpu;
    *total += (uintptr_t)data;
}

static void translate_block(uint64_t id, struct qemu_plugin_tb *block)
{
    (void)id;
    qemu_plugin_register_vcpu_tb_exec_cb(block, execute_block, QEMU_PLUGIN_CB_NO_REGS,
                                         (void *)qemu_plugin_tb_n_insns(block));
}

static int open_total(const char *path)
{
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (file < 0 || ftruncate(file, sizeof *total) < 0) {
        perror(path);
        return -1;
    }
    void *place = mmap(NULL, sizeof *total, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (place == MAP_FAILED) {
        perror(path);
        return -1;
    }
    total = place;
    return 0;
}

int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (!window_take(argv[i]) && !strncmp(argv[i], "total=", 6) && open_total(argv[i] + 6) < 0)
            return -1;
    }
    if (total) {
        qemu_plugin_register_vcpu_tb_trans_cb(id, translate_block);
        return 0;
    }
    if (!window_is_set()) {
        fprintf(stderr,
                "insn: begin=ADDRESS, end=ADDRESS and to=FILE, or total=FILE, are needed\n");
        return -1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
    qemu_plugin_register_atexit_cb(id, at_exit, NULL);
    return 0;
}
