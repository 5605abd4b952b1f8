/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The only ring-0 code of a VM: what stubs.S assembles, tables.c copies into the guest's stub page,
 * and crash.c and protect.c rely on. Shared by C and assembly.
 */
#ifndef MONITOR_STUBS_H
#define MONITOR_STUBS_H

#define STUB_VECTORS 32       /* CPU exceptions */
#define STUB_BYTES 4          /* one exception stub: OUT, then HLT */
#define STUB_WRITER_VECTOR 32 /* the page-table writer, entered as an interrupt */
#define STUB_GATES 33

/* Ports. The TSS bitmap opens 8 to 15 to ring 3; a 32-bit access needs four bits clear. */
#define PORT_HYPERCALL 8
#define PORT_DOORBELL 12
#define PORT_TRAP 16 /* ring 0 only: an exception stub reports */
#define PORT_MORE 20 /* ring 0 only: the writer asks for the rest of its list */

/* The system page (layout.h): offsets. */
#define SYSTEM_GDT 0x000
#define SYSTEM_TSS 0x080
#define SYSTEM_IDT 0x100
/* The writer's list: a 64-bit count (at least 1), a 64-bit flag that says that more will follow,
 * then pairs of a page-table entry's address and its new value. */
#define SYSTEM_LIST 0x400
#define SYSTEM_LIST_MAX 96
/* Two trap stacks, growing down: the second for what can hit the first one (NMI, #DF, #MC). */
#define SYSTEM_STACK 0xe00
#define SYSTEM_STACK_URGENT 0x1000

#ifndef __ASSEMBLER__
extern const char stubs_begin[], stubs_writer[], stubs_end[];
#endif

#endif
