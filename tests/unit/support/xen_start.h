/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory of a PV guest as Xen's domain builder leaves it, in a buffer: the image up to page 20,
 * then frame list, start info, the store's and the console's rings, page tables. For the tests of
 * pvabi/xen/start.c.
 */
#ifndef TESTS_XEN_START_H
#define TESTS_XEN_START_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <xen/xen.h>

#include "pvabi/xen/start.h"

#define MEM_PAGE 4096u
#define MEM_PAGES 64u
#define MEM_IMAGE_END (20u * MEM_PAGE - 100u)
#define MEM_LIST 20u
#define MEM_INFO 21u
#define MEM_STORE 22u
#define MEM_CONSOLE 23u
#define MEM_TABLE 24u
#define MEM_TABLES 4u
#define MEM_FRAME(page) (0x123u + 7u * (page))

static uint8_t *mem; /* MEM_PAGES pages */

static inline const void *mem_read(uint64_t address, uint64_t bytes)
{
    if (address == 0 || address > MEM_PAGES * MEM_PAGE || bytes > MEM_PAGES * MEM_PAGE - address)
        return NULL;
    return mem + address;
}

static inline struct start_info *mem_info(void)
{
    return (struct start_info *)(void *)(mem + MEM_INFO * MEM_PAGE);
}

static inline uint64_t *mem_page(unsigned page)
{
    return (uint64_t *)(void *)(mem + page * MEM_PAGE);
}

/* A guest as it should be; mem_forget frees it. */
static inline void mem_build(void)
{
    struct start_info *info;

    mem = calloc(MEM_PAGES, MEM_PAGE);
    info = mem_info();
    for (unsigned page = 0; page < MEM_PAGES; page++)
        mem_page(MEM_LIST)[page] = MEM_FRAME(page);
    info->nr_pages = MEM_PAGES;
    info->shared_info = 0x7654000;
    info->store_mfn = MEM_FRAME(MEM_STORE);
    info->store_evtchn = 1;
    info->console.domU.mfn = MEM_FRAME(MEM_CONSOLE);
    info->console.domU.evtchn = 2;
    info->pt_base = MEM_TABLE * MEM_PAGE;
    info->nr_pt_frames = MEM_TABLES;
    info->mfn_list = MEM_LIST * MEM_PAGE;
    strcpy((char *)info->cmd_line, "name=boat -- one");
    for (unsigned level = 0; level < 3; level++)
        mem_page(MEM_TABLE + level)[0] = MEM_FRAME(MEM_TABLE + level + 1) * 4096ull | 0x67;
}

static inline void mem_forget(void)
{
    free(mem);
    mem = NULL;
}

#endif
