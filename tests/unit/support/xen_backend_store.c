/* SPDX-License-Identifier: BSD-2-Clause */
/* The xenstore of the machine that tests play (xen_backend.h): its nodes, the daemon behind the ring, and
 * the states of honest backends. */
#include "tests/unit/support/xen_backend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xen/io/xenbus.h>
#include <xen/io/xs_wire.h>

#define NODES_MAX 128u
#define WATCHES_MAX 64u
#define WRITES_MAX 32u
#define OUT_BYTES (1u << 20)

static struct node {
    char path[160], value[256];
} nodes[NODES_MAX];

static struct watch {
    char path[160], token[16];
} watches[WATCHES_MAX];

static struct write {
    char path[160], value[256];
} writes[WRITES_MAX]; /* of the transaction that is open */
static unsigned write_count;

static uint8_t out[OUT_BYTES]; /* on its way to the guest */
static size_t out_count;

/* ---- the store's nodes -------------------------------------------------------------------- */

static struct node *node_find(const char *path)
{
    for (unsigned i = 0; i < NODES_MAX; i++)
        if (strcmp(nodes[i].path, path) == 0)
            return &nodes[i];
    return NULL;
}

const char *xen_store_get(const char *path)
{
    const struct node *node = node_find(path);

    return node ? node->value : NULL;
}

uint64_t xen_store_number(const char *path)
{
    const char *value = xen_store_get(path);

    return value ? strtoull(value, NULL, 10) : 0;
}

void xen_store_send(const void *bytes, size_t count)
{
    if (out_count + count <= OUT_BYTES) {
        memcpy(out + out_count, bytes, count);
        out_count += count;
    }
}

static void message_send(uint32_t type, uint32_t id, const void *payload, size_t bytes)
{
    struct xsd_sockmsg header = {.type = type, .req_id = id, .len = (uint32_t)bytes};

    xen_store_send(&header, sizeof(header));
    xen_store_send(payload, bytes);
}

static void watch_fire(const struct watch *watch, const char *path)
{
    char payload[200];
    size_t bytes = strlen(path) + 1u;

    memcpy(payload, path, bytes);
    memcpy(payload + bytes, watch->token, strlen(watch->token) + 1u);
    message_send(XS_WATCH_EVENT, 0, payload, bytes + strlen(watch->token) + 1u);
}

void xen_store_set(const char *path, const char *value)
{
    struct node *node = node_find(path);

    if (node == NULL)
        node = node_find("");
    if (node == NULL)
        abort();
    snprintf(node->path, sizeof(node->path), "%s", value ? path : "");
    snprintf(node->value, sizeof(node->value), "%s", value ? value : "");
    for (unsigned i = 0; i < WATCHES_MAX; i++)
        if (watches[i].path[0] != '\0' && strcmp(watches[i].path, path) == 0)
            watch_fire(&watches[i], path);
}

void xen_store_set_number(const char *path, uint64_t number)
{
    char text[24];

    snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
    xen_store_set(path, text);
}

void xen_store_put(const char *dir, const char *name, const char *value)
{
    char path[160];

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    xen_store_set(path, value);
}

/* ---- backends ----------------------------------------------------------------------------- */

/* The frontend wrote its state: what an honest backend does then. */
static void backend_follow(const char *path, uint64_t state)
{
    static const char *const pairs[][2] = {
        {XEN_HOME XEN_BLK_PATH "/state", XEN_BLK_BACKEND "/state"},
        {XEN_HOME XEN_NET_PATH "/state", XEN_NET_BACKEND "/state"}};

    for (unsigned i = 0; i < 2 && !xen_machine.backend_passive; i++) {
        if (strcmp(path, pairs[i][0]) != 0)
            continue;
        if (state == XenbusStateClosed)
            xen_store_set_number(pairs[i][1], XenbusStateClosed);
        else if ((state == XenbusStateInitialised || state == XenbusStateConnected) &&
                 xen_store_number(pairs[i][1]) == XenbusStateInitWait)
            xen_store_set_number(pairs[i][1], XenbusStateConnected);
    }
}

static void device_create(const char *path, const char *backend)
{
    xen_store_put(path, "backend", backend);
    xen_store_put(path, "backend-id", "0");
    xen_store_put(path, "state", "1");
    xen_store_put(backend, "state", "2");
}

void xen_blk_create(void)
{
    device_create(XEN_HOME XEN_BLK_PATH, XEN_BLK_BACKEND);
    xen_store_put(XEN_BLK_BACKEND, "sectors", "4096");
    xen_store_put(XEN_BLK_BACKEND, "sector-size", "512");
    xen_store_put(XEN_BLK_BACKEND, "info", "0");
    xen_store_put(XEN_BLK_BACKEND, "feature-flush-cache", "1");
    xen_store_put(XEN_BLK_BACKEND, "feature-discard", "1");
    xen_store_put(XEN_BLK_BACKEND, "feature-persistent", "1");
    xen_store_put(XEN_BLK_BACKEND, "feature-max-indirect-segments", "256");
    xen_store_put(XEN_BLK_BACKEND, "max-ring-page-order", "4");
}

void xen_net_create(void)
{
    device_create(XEN_HOME XEN_NET_PATH, XEN_NET_BACKEND);
    xen_store_put(XEN_HOME XEN_NET_PATH, "mac", "00:16:3e:0a:0B:ff");
    xen_store_put(XEN_NET_BACKEND, "feature-rx-copy", "1");
    xen_store_put(XEN_NET_BACKEND, "feature-sg", "1");
    xen_store_put(XEN_NET_BACKEND, "feature-gso-tcpv4", "1");
    xen_store_put(XEN_NET_BACKEND, "feature-split-event-channels", "1");
    xen_store_put(XEN_NET_BACKEND, "feature-ipv6-csum-offload", "1");
}

/* ---- the daemon --------------------------------------------------------------------------- */

static void path_full(char full[160], const char *path)
{
    snprintf(full, 160, "%s%.100s", path[0] == '/' || path[0] == '@' ? "" : XEN_HOME, path);
}

static void answer(const struct xsd_sockmsg *request, const void *payload, size_t bytes)
{
    static const uint8_t lots[5000];
    uint32_t id = request->req_id, type = request->type;

    switch (xen_machine.mood) {
    case STORE_SILENT:
        return;
    case STORE_HUGE:
        message_send(type, id, lots, sizeof(lots));
        return;
    case STORE_REFUSES:
        message_send(XS_ERROR, id, "EACCES", 7);
        return;
    case STORE_WRONG_ID:
        id += 7u;
        break;
    case STORE_WRONG_TYPE:
        type ^= 3u;
        break;
    case STORE_STORMS:
        for (unsigned i = 0; i < 10000; i++)
            message_send(XS_WATCH_EVENT, 0,
                         "a/path\0"
                         "40",
                         10);
        break;
    default:
        break;
    }
    message_send(type, id, payload, bytes);
    if (xen_machine.mood == STORE_STORMS) /* behind it, too */
        message_send(XS_WATCH_EVENT, 0,
                     "a/path\0"
                     "40",
                     10);
}

static void answer_error(const struct xsd_sockmsg *request, const char *error)
{
    struct xsd_sockmsg wrong = *request;

    wrong.type = XS_ERROR;
    answer(&wrong, error, strlen(error) + 1u);
}

static void directory(const struct xsd_sockmsg *request, const char *path)
{
    char names[2048];
    size_t bytes = 0, length = strlen(path);

    for (unsigned i = 0; i < NODES_MAX; i++) {
        const char *child = nodes[i].path + length + 1u;
        size_t name = strcspn(child, "/");
        bool known = false;

        if (strncmp(nodes[i].path, path, length) != 0 || nodes[i].path[length] != '/')
            continue;
        for (const char *at = names; at < names + bytes; at += strlen(at) + 1u)
            known |= strlen(at) == name && strncmp(at, child, name) == 0;
        if (known || bytes + name + 1u > sizeof(names))
            continue;
        memcpy(names + bytes, child, name);
        names[bytes + name] = '\0';
        bytes += name + 1u;
    }
    if (bytes == 0 && node_find(path) == NULL)
        answer_error(request, "ENOENT");
    else
        answer(request, names, bytes);
}

static void watch_change(const struct xsd_sockmsg *request, const char *path, const char *token)
{
    struct watch *watch = NULL;

    for (unsigned i = 0; i < WATCHES_MAX; i++)
        if (request->type == XS_WATCH ? watches[i].path[0] == '\0'
                                      : strcmp(watches[i].token, token) == 0)
            watch = &watches[i];
    if (watch == NULL) {
        answer_error(request, "ENOENT");
        return;
    }
    if (request->type == XS_UNWATCH) {
        *watch = (struct watch){"", ""};
        answer(request, "OK", 3);
        return;
    }
    snprintf(watch->path, sizeof(watch->path), "%s", path);
    snprintf(watch->token, sizeof(watch->token), "%s", token);
    answer(request, "OK", 3);
    watch_fire(watch, path);
}

static void write_do(const char *path, const char *value)
{
    xen_store_set(path, value);
    backend_follow(path, strtoull(value, NULL, 10));
}

/* Kept until the transaction ends, if it is in one. */
static void write_take(const struct xsd_sockmsg *request, const char *path, const char *value)
{
    xen_machine.writes++;
    if (request->tx_id != 0 && write_count < WRITES_MAX) {
        struct write *kept = &writes[write_count++];

        snprintf(kept->path, sizeof(kept->path), "%s", path);
        snprintf(kept->value, sizeof(kept->value), "%s", value);
        answer(request, "OK", 3);
        return;
    }
    write_do(path, value);
    answer(request, "OK", 3);
}

static void transaction_end(const struct xsd_sockmsg *request, bool commit)
{
    if (commit && xen_machine.again > 0) {
        xen_machine.again--;
        if (xen_machine.meanwhile_path != NULL)
            xen_store_set(xen_machine.meanwhile_path, xen_machine.meanwhile_value);
        answer_error(request, "EAGAIN");
    } else {
        for (unsigned i = 0; commit && i < write_count; i++)
            write_do(writes[i].path, writes[i].value);
        answer(request, "OK", 3);
    }
    write_count = 0;
}

/* One request with its payload, which is NUL-terminated for us. */
static void request_do(const struct xsd_sockmsg *request, const char *payload)
{
    const char *second = payload + strlen(payload) + 1u;
    char path[160];

    path_full(path, payload);
    switch (request->type) {
    case XS_READ:
        if (node_find(path) == NULL)
            answer_error(request, "ENOENT");
        else
            answer(request, xen_store_get(path), strlen(xen_store_get(path)));
        break;
    case XS_WRITE:
        write_take(request, path, second);
        break;
    case XS_DIRECTORY:
        directory(request, path);
        break;
    case XS_TRANSACTION_START:
        write_count = 0;
        answer(request, "77", 3);
        break;
    case XS_TRANSACTION_END:
        transaction_end(request, payload[0] == 'T');
        break;
    case XS_WATCH:
    case XS_UNWATCH:
        watch_change(request, path, second);
        break;
    default:
        answer_error(request, "ENOSYS");
        break;
    }
}

static void out_flush(void)
{
    size_t room = XENSTORE_RING_SIZE - (xen_store->rsp_prod - xen_store->rsp_cons);
    size_t count = out_count < room ? out_count : room;

    if (xen_machine.mood == STORE_WILD_INDEX) {
        xen_store->rsp_prod = xen_store->rsp_cons + XENSTORE_RING_SIZE + 1u;
        return;
    }
    if (xen_machine.mood == STORE_TRICKLES && count > 1)
        count = 1;
    for (size_t i = 0; i < count; i++)
        xen_store->rsp[MASK_XENSTORE_IDX(xen_store->rsp_prod + i)] = (char)out[i];
    xen_store->rsp_prod += (uint32_t)count;
    out_count -= count;
    memmove(out, out + count, out_count);
}

static void daemon_run(void)
{
    while (xen_store->req_prod - xen_store->req_cons >= sizeof(struct xsd_sockmsg)) {
        struct xsd_sockmsg header;
        char bytes[XENSTORE_RING_SIZE + 2u];
        uint32_t cons = xen_store->req_cons;

        for (unsigned i = 0; i < sizeof(header); i++)
            ((char *)&header)[i] = xen_store->req[MASK_XENSTORE_IDX(cons + i)];
        if (header.len > XENSTORE_RING_SIZE - sizeof(header))
            abort();
        for (unsigned i = 0; i < header.len; i++)
            bytes[i] = xen_store->req[MASK_XENSTORE_IDX(cons + sizeof(header) + i)];
        bytes[header.len] = bytes[header.len + 1u] = '\0';
        xen_store->req_cons = cons + (uint32_t)sizeof(header) + header.len;
        request_do(&header, bytes);
    }
    out_flush();
}

void xen_channel_send(uint32_t port)
{
    if (port == xen_store_port)
        daemon_run();
    else
        xen_machine.channels[port].sent++;
}

void xen_channel_wait(uint32_t port, uint64_t deadline_ns)
{
    uint32_t before = xen_store->rsp_prod;

    if (port == xen_store_port)
        daemon_run();
    if (xen_store->rsp_prod == before && xen_machine.now_ns < deadline_ns)
        xen_machine.now_ns = deadline_ns;
}

void xen_store_deliver(void)
{
    size_t before;

    do {
        before = out_count;
        daemon_run();
        xenbus_event();
    } while (out_count > 0 && out_count < before);
}

void xen_watches_forget(void)
{
    memset(watches, 0, sizeof(watches));
}

void xen_store_reset(void)
{
    xen_watches_forget();
    memset(nodes, 0, sizeof(nodes));
    out_count = 0;
}
