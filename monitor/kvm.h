/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One virtual machine of KVM with one vCPU: opening, memory, CPU model, first registers, doorbells.
 * Every function prints its own line and returns a negative errno when it fails. After the start
 * only vcpu.c (running), crash.c (registers) and clock.c use the descriptors.
 */
#ifndef MONITOR_KVM_H
#define MONITOR_KVM_H

#include <stddef.h>
#include <stdint.h>

#include "memory.h"
#include "pvabi/native.h"
#include "tables.h"

struct kvm_run;

struct kvm {
    int system, vm, vcpu;
    struct kvm_run *run;
    size_t run_bytes;
};

/* Makes a VM. Memory comes before the vCPU: adding it to a VM with a vCPU takes a millisecond more.
 */
int kvm_open(struct kvm *kvm);
int kvm_add_memory(struct kvm *kvm, const struct guest_memory *memory);
int kvm_add_vcpu(struct kvm *kvm);

/* Gives the vCPU its CPUID, XCR0 and time-stamp counter, and tells the guest's view of them. */
int kvm_set_cpu(struct kvm *kvm, struct pvn_cpu_x86_64 *facts);

/* Ring 3, first instruction at `entry`, RDI = `record`. After kvm_set_cpu. */
int kvm_set_start(struct kvm *kvm, const struct tables *tables, uint64_t entry, uint64_t record);

/* A write of `number` to the doorbell port signals `event_fd` without an exit to the monitor. */
int kvm_add_doorbell(struct kvm *kvm, uint32_t number, int event_fd);

#endif
