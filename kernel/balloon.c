/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The balloon: pages that the host wants back for a while (pv.h, memory_give). Their addresses are
 * kept in pages of the same kind, which stay with us. Called by system.c's thread only.
 */
#include "balloon.h"

#include "kernel/log.h"
#include "kernel/page.h"
#include "pvabi/pv.h"

#define LEFT_PART 16u /* of all pages, stay free for the program */
#define LEFT_LEAST 64u
#define NODE_PAGES (PAGE_BYTES / sizeof(void *) - 2u)

struct node {
    struct node *next;
    size_t count;
    void *pages[NODE_PAGES];
};
_Static_assert(sizeof(struct node) == PAGE_BYTES, "a node is a page");

static struct node *nodes;
static size_t given;

static bool may_give(void)
{
    size_t left = page_total() / LEFT_PART;

    if (left < LEFT_LEAST)
        left = LEFT_LEAST;
    return page_total() - page_in_use() > left;
}

static bool node_add(void)
{
    struct node *node = page_alloc(1);

    if (node == NULL)
        return false;
    node->next = nodes;
    node->count = 0;
    nodes = node;
    return true;
}

static bool page_give(void)
{
    void *page;

    if (!may_give() || ((nodes == NULL || nodes->count == NODE_PAGES) && !node_add()))
        return false;
    page = page_alloc(1);
    if (page == NULL)
        return false;
    if (pv->memory_give(page) < 0) {
        page_free(page, 1);
        return false;
    }
    nodes->pages[nodes->count++] = page;
    given++;
    return true;
}

static bool page_take(void)
{
    struct node *node = nodes;
    void *page;

    if (node->count == 0) {
        nodes = node->next;
        page_free(node, 1);
        node = nodes;
    }
    page = node->pages[node->count - 1];
    if (pv->memory_take(page) < 0)
        return false;
    node->count--;
    given--;
    page_free(page, 1);
    return true;
}

bool balloon_set(uint64_t pages)
{
    size_t before = given;

    while (given < pages && page_give())
        ;
    while (given > pages && page_take())
        ;
    if (given != before)
        log_line("balloon: %zu KiB are the host's", given * (PAGE_BYTES / 1024u));
    return given == pages;
}
