/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the BARs of the functions in pci_machine.h answer: the registers of modern and legacy virtio
 * devices and their MSI-X tables. For pci_machine.c alone.
 */
#ifndef TESTS_PCI_FUNCTION_H
#define TESTS_PCI_FUNCTION_H

#include "tests/unit/support/pci_machine.h"

/* A read of `bytes` bytes that nobody answers. */
uint32_t machine_ones(unsigned bytes);
/* An access to an address, or a port, that a BAR may decode. */
uint32_t function_space_read(uint64_t address, bool ports, unsigned bytes);
void function_space_write(uint64_t address, bool ports, uint32_t value);
bool function_msix_enabled(const struct machine_function *f);

#endif
