/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * control/shutdown (docs/misc/xenstore-paths.pandoc of Xen): a word that the tool stack writes and
 * the domain takes by emptying the node. memory/target: how many KiB the domain is to have. Relies
 * on xenstore.c; XenBus says when a node changed.
 */
#include "requests.h"

#include <xen/sched.h>

#include "pvabi/errno.h"
#include "watchdog.h"
#include "xenbus.h"
#include "xenstore.h"

#define WORD_BYTES 16u

static unsigned end_reason = SHUTDOWN_poweroff;

unsigned xen_end_reason(void)
{
    return end_reason;
}

static void watch(void)
{
    xenstore_watch_post("control", "shutdown", XENBUS_WATCH_SHUTDOWN);
    xenstore_watch_post("memory", "target", XENBUS_WATCH_MEMORY);
}

static enum pv_request request_of(const char *word)
{
    if (__builtin_strcmp(word, "poweroff") == 0 || __builtin_strcmp(word, "halt") == 0)
        return PV_REQUEST_END;
    if (__builtin_strcmp(word, "reboot") == 0) {
        end_reason = SHUTDOWN_reboot;
        return PV_REQUEST_END;
    }
    return PV_REQUEST_NONE;
}

/* Upcalls are masked. */
static enum pv_request suspend(void)
{
    int result;

    xenstore_settle();
    xen_watchdog_stop();
    result = xen_suspend();
    if (result < 0)
        xen_say("suspend: not possible\n");
    if (result == 0)
        watch();
    return result == 0 ? PV_REQUEST_RESTORED : PV_REQUEST_NONE;
}

/* Reads the word and empties the node, both or neither. The word's length, 0 when there is none, or a
 * negative errno: -EAGAIN when somebody else has written meanwhile. */
static int word_try(char word[WORD_BYTES])
{
    uint32_t transaction;
    int length, result = xenstore_begin(&transaction);

    if (result < 0)
        return result;
    length = xenstore_read(transaction, "control", "shutdown", word, WORD_BYTES);
    if (length > 0)
        result = xenstore_write(transaction, "control", "shutdown", "");
    if (length <= 0 || result < 0) {
        (void)xenstore_end(transaction, false);
        return length <= 0 ? length : result;
    }
    result = xenstore_end(transaction, true);
    return result < 0 ? result : length;
}

/* Upcalls are masked. */
static enum pv_request request_read(void)
{
    char word[WORD_BYTES];
    int length = -EAGAIN;

    for (unsigned i = 0; i < XENSTORE_TRIES && length == -EAGAIN; i++)
        length = word_try(word);
    if (length <= 0)
        return PV_REQUEST_NONE;
    return __builtin_strcmp(word, "suspend") == 0 ? suspend() : request_of(word);
}

/* Upcalls are masked. What the target was at the first look is what the domain began with. */
static enum pv_request target_read(uint64_t *pages)
{
    static uint64_t first_kib;
    uint64_t kib = xenbus_number_read("memory", "target", 0);

    if (kib == 0)
        return PV_REQUEST_NONE;
    if (first_kib == 0)
        first_kib = kib;
    *pages = kib < first_kib ? (first_kib - kib) / (XEN_PAGE_BYTES / 1024u) : 0;
    return PV_REQUEST_MEMORY;
}

enum pv_request xen_request_take(uint64_t *pages, uint64_t *again_ns)
{
    static bool listens;
    unsigned state = xen_upcalls_mask();
    enum pv_request request = PV_REQUEST_NONE;

    if (!listens && xen_store != NULL) {
        listens = true;
        watch();
    }
    if (xenstore_fired(1ull << XENBUS_WATCH_SHUTDOWN) != 0)
        request = request_read();
    if (request == PV_REQUEST_NONE && xenstore_fired(1ull << XENBUS_WATCH_MEMORY) != 0)
        request = target_read(pages);
    /* NONE makes the kernel sleep, so nothing may be left that has fired: a message that came while
     * an answer was awaited was taken with it, and no event tells of it. */
    if (request == PV_REQUEST_NONE && xenstore_has_fired(XENBUS_SYSTEM_WATCHES))
        xen_event_raise(PV_EVENT_SYSTEM);
    *again_ns = xenbus_overdue();
    xen_watchdog_pat(again_ns);
    xen_upcalls_restore(state);
    return request;
}
