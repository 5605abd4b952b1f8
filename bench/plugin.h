/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What bench/insn.c and bench/touch.c use of the interface that QEMU documents for TCG plugins, version 1
 * (QEMU's manual, "TCG plugins"): Debian ships no header for it. The functions are QEMU's and are
 * found when it loads the plugin.
 */
#ifndef BENCH_PLUGIN_H
#define BENCH_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLUGIN_EXPORT __attribute__((visibility("default")))
#define PLUGIN_VERSION 1

/* What a callback does with the CPU's registers. */
enum qemu_plugin_cb_flags {
    QEMU_PLUGIN_CB_NO_REGS = 0,
};

/* Which accesses of memory are told. */
enum qemu_plugin_mem_rw {
    QEMU_PLUGIN_MEM_RW = 3,
};

struct qemu_plugin_tb;   /* a block that is being translated; valid during its callback */
struct qemu_plugin_insn; /* one guest instruction of it */

typedef void (*qemu_plugin_translate)(uint64_t id, struct qemu_plugin_tb *block);
typedef void (*qemu_plugin_execute)(unsigned cpu, void *data);

struct qemu_plugin_hwaddr; /* where an access leads; valid during its callback */

/* `access` is to be asked with the functions below. */
typedef void (*qemu_plugin_access)(unsigned cpu, uint32_t access, uint64_t address, void *data);

/* Calls back for each block translated. */
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, qemu_plugin_translate callback);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *block, size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
/* The instruction's bytes; valid during the callback. */
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
/* Calls back with `data` each time before the instruction is executed. */
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
                                            qemu_plugin_execute callback,
                                            enum qemu_plugin_cb_flags flags, void *data);
/* The same before the whole block is executed. */
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *block,
                                          qemu_plugin_execute callback,
                                          enum qemu_plugin_cb_flags flags, void *data);
/* Calls back with `data` after each access of memory by the instruction. */
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn, qemu_plugin_access callback,
                                      enum qemu_plugin_cb_flags flags, enum qemu_plugin_mem_rw rw,
                                      void *data);
unsigned qemu_plugin_mem_size_shift(uint32_t access);
/* NULL where nothing is known; is_io: a device's memory. */
struct qemu_plugin_hwaddr *qemu_plugin_get_hwaddr(uint32_t access, uint64_t address);
bool qemu_plugin_hwaddr_is_io(const struct qemu_plugin_hwaddr *place);
/* Calls back when QEMU ends. */
void qemu_plugin_register_atexit_cb(uint64_t id, void (*callback)(uint64_t id, void *data),
                                    void *data);

#endif
