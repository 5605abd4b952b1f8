/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The xenstore client and XenBus against a store that answers with the fuzzer's bytes: messages of
 * any kind, length and number, whole or in pieces, and an index that jumps.
 */
/* sources: pvabi/xen/grant.c pvabi/xen/xenbus.c pvabi/xen/xenstore.c */
/* sources: tests/unit/support/xen_backend.c */
/* sources: tests/unit/support/xen_backend_store.c */
#include <stdint.h>
#include <stdlib.h>

#include <xen/io/xs_wire.h>

#include "pvabi/errno.h"
#include "pvabi/xen/xenbus.h"
#include "pvabi/xen/xenstore.h"
#include "tests/unit/support/bytes.h"
#include "tests/unit/support/xen_backend.h"

static uint32_t requests; /* ids are counted from the process's first request */

/* A message that may well be the answer to the next request, or not. */
static void message_send(struct bytes *bytes)
{
    struct xsd_sockmsg header = {.type = next8(bytes), .len = next8(bytes)};
    char payload[256];

    header.req_id = requests + (next8(bytes) & 3u);
    if (header.len == 255)
        header.len = next32(bytes);
    for (uint32_t i = 0; i < header.len && i < sizeof(payload); i++)
        payload[i] = (char)next8(bytes);
    xen_store_send(&header, sizeof(header));
    xen_store_send(payload, header.len < sizeof(payload) ? header.len : sizeof(payload));
}

static void request(struct bytes *bytes)
{
    char *room = malloc(40); /* of its own, so that the sanitizer sees what lies around it */
    uint32_t transaction = 0;
    int result = 0;

    requests++;
    switch (next8(bytes) % 7u) {
    case 0:
        result = xenstore_read(0, "dir", "name", room, 40);
        require(result < 40 && (result < 0 || room[result] == '\0'));
        break;
    case 1:
        result = xenstore_write(0, NULL, "name", "value");
        break;
    case 2:
        result = xenstore_directory(0, NULL, "name", room, 40);
        require(result <= 40 && (result <= 0 || room[result - 1] == '\0'));
        break;
    case 3:
        result = xenstore_begin(&transaction);
        require((result == 0) == (transaction != 0));
        break;
    case 4:
        result = xenstore_end(1, true);
        break;
    case 5:
        result = xenstore_watch(NULL, "name", next8(bytes) % XENSTORE_WATCHES);
        break;
    default:
        xenbus_event();
        requests--;
        break;
    }
    require(!xenstore_fault() || result == -EIO || result == 0);
    free(room);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    struct bytes bytes = {input, size};

    xen_machine_start();
    xen_machine.mood = STORE_SILENT;
    while (bytes.left > 0) {
        uint8_t act = next8(&bytes);

        if (act < 128)
            message_send(&bytes);
        else if (act < 240)
            request(&bytes);
        else if (act < 248)
            xen_machine.mood = act & 1u ? STORE_TRICKLES : STORE_SILENT;
        else
            xen_store->rsp_prod += next16(&bytes);
        require(xen_machine.said == (xenstore_fault() ? 1u : 0u));
        require(xen_machine.masked == 0);
    }
    xen_machine_stop();
    return 0;
}
