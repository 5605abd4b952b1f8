/* SPDX-License-Identifier: BSD-2-Clause */
/* The CPU that a guest sees: a small CPUID table made from the host's. Used by kvm.c. */
#ifndef MONITOR_CPUID_TABLE_H
#define MONITOR_CPUID_TABLE_H

#include <linux/kvm.h>

#include "pvabi/native.h"

#define CPUID_TABLE_MAX 16

struct cpuid_table {
    struct kvm_cpuid2 head;
    struct kvm_cpuid_entry2 entries[CPUID_TABLE_MAX];
};

/*
 * Fills the table, and xcr0, xsave_bytes and features of `facts`. Returns NULL, or the name of a
 * feature that the ABI needs and this host does not have.
 */
const char *cpuid_table_make(struct cpuid_table *table, struct pvn_cpu_x86_64 *facts);

#endif
