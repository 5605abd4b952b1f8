/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Xen console, both ways, against a daemon that moves its indices as the fuzzer's input says, and
 * against restores at any time.
 */
/* sources: pvabi/xen/console.c pvabi/xen/console_read.c pvabi/report.c */
#include <stdlib.h>
#include <string.h>

#include "arch/pvclock.h"
#include "pvabi/errno.h"
#include "pvabi/xen/console.h"
#include "pvabi/xen/console_read.h"
#include "tests/unit/support/bytes.h"

#define PORT 3u
#define EVENT 5u

/* What the two files are linked with elsewhere. */
struct pv_upcall *pv_upcall;
static const struct pvclock clock_stands;
const struct pvclock *pv_clock = &clock_stands;
struct xen_vcpu xen_vcpu;
struct pv_counters pv_counters;

static struct bytes bytes;
static struct xencons_interface *ring;
static bool masked;
static unsigned lines; /* of a console that failed */

unsigned xen_upcalls_mask(void)
{
    unsigned before = masked;

    masked = true;
    return before;
}

void xen_upcalls_restore(unsigned state)
{
    masked = state != 0;
}

uint64_t xen_now_ns(void)
{
    return 0;
}

void xen_channel_send(uint32_t port)
{
    require(port == PORT);
}

/* The daemon reads some, or lies. */
void xen_channel_wait(uint32_t port, uint64_t deadline_ns)
{
    uint8_t kind = next8(&bytes);

    require(masked && port == PORT && deadline_ns > 0);
    if (kind < 200)
        ring->out_cons = ring->out_prod;
    else if (kind < 250)
        ring->out_cons += kind - 200u;
    else
        ring->out_cons = next32(&bytes);
}

unsigned xen_event_new(void)
{
    return EVENT;
}

int xen_port_bind(uint32_t port, unsigned event, bool once)
{
    require(port == PORT && event == EVENT && !once);
    return 0;
}

void xen_event_raise(unsigned event)
{
    require(masked && event == EVENT);
}

long xen_hypercall(unsigned long number, unsigned long a, unsigned long b, unsigned long c,
                   unsigned long d)
{
    (void)number;
    (void)a;
    (void)d;
    for (unsigned long i = 0; i < b; i++)
        lines += ((const char *)c)[i] == '\n';
    return 0;
}

static void come(void)
{
    uint8_t count = next8(&bytes);

    for (unsigned i = 0; i < count; i++)
        ring->in[ring->in_prod++ % sizeof(ring->in)] = (char)next8(&bytes);
    if (count == 255)
        ring->in_prod = next32(&bytes);
}

static void speak(uint8_t choice)
{
    static char text[UINT8_MAX * 20u];
    uint32_t count = next8(&bytes) * 20u;

    memset(text, choice & 64 ? DLE : 'x', sizeof(text));
    if (xen_console.ring != NULL)
        require(xen_write((enum pv_channel)(choice % 3u), text, count) == (long)count ||
                xen_console.ring == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    const struct pv_console_ops *ops = &xen_console_ops;
    struct pv_console *console;
    uint8_t *posted = NULL;
    uint32_t posted_bytes = 0;
    bool ended = false;

    bytes = (struct bytes){input, size};
    ring = calloc(1, sizeof(*ring));
    xen_console = (struct xen_console){0};
    masked = false;
    lines = 0;
    xen_console_start(ring, PORT);
    require(ops->attach(NULL, NULL, &console) == 0 && console->rx_slots == 1);
    while (bytes.left > 0) {
        uint8_t choice = next8(&bytes);
        uint32_t got;
        void *cookie;

        switch (choice % 5u) {
        case 0:
            come();
            break;
        case 1:
            if (posted == NULL) {
                posted_bytes = 1u + next8(&bytes);
                posted = malloc(posted_bytes);
                if (ops->rx_post(console, posted, posted_bytes, posted) == 0)
                    ops->rx_kick(console);
                else
                    require(xen_console.ring == NULL);
            }
            break;
        case 2:
            if (ops->rx_take(console, &cookie, &got) == 1) {
                require(posted != NULL && cookie == posted && got <= posted_bytes);
                require(!ended || got == 0);
                ended = ended || got == 0;
                free(posted);
                posted = NULL;
            }
            break;
        case 3:
            speak(choice);
            break;
        default:
            if (choice & 128) {
                memset(ring, next8(&bytes), sizeof(*ring));
                xen_console_start(ring, PORT);
            }
            (void)ops->rx_ask(console);
            break;
        }
        require(!masked);
    }
    /* A restore gives the console another life, and so another line. */
    require(xen_console.ring != NULL || lines > 0);
    free(posted);
    free(ring);
    return 0;
}
