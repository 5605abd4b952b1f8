/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * control/shutdown (docs/misc/xenstore-paths.pandoc of Xen): a word that the tool stack writes and
 * the domain takes by emptying the node. Relies on xenstore.c; XenBus says when the node changed.
 */
#include "requests.h"

#include <xen/sched.h>

#include "xenbus.h"
#include "xenstore.h"

#define WORD_BYTES 16u

static unsigned end_reason = SHUTDOWN_poweroff;

unsigned xen_end_reason(void)
{
    return end_reason;
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
static enum pv_request request_read(void)
{
    char word[WORD_BYTES];

    if (xenstore_read(0, "control", "shutdown", word, sizeof(word)) <= 0)
        return PV_REQUEST_NONE;
    (void)xenstore_write(0, "control", "shutdown", ""); /* taken */
    return request_of(word);
}

enum pv_request xen_request_take(void)
{
    static bool listens;
    unsigned state = xen_upcalls_mask();
    enum pv_request request = PV_REQUEST_NONE;

    if (!listens && xen_store != NULL) {
        listens = true;
        xenstore_watch_post("control", "shutdown", XENBUS_WATCH_SHUTDOWN);
    } else if (xenstore_fired(1ull << XENBUS_WATCH_SHUTDOWN) != 0) {
        request = request_read();
    }
    xen_upcalls_restore(state);
    return request;
}
