/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Event channels, the two-level kind: 4096 ports in the page shared with Xen, of which we use the
 * lowest 256, and from each port to the event (pv.h) that it raises. Also what depends on them:
 * sleeping and the timer. The same under PV and PVH.
 */
#include "xen.h"

#include <xen/event_channel.h>
#include <xen/sched.h>
#include <xen/vcpu.h>

#include "arch/arch.h"
#include "arch/bootrec.h"
#include "arch/pvclock.h"
#include "pvabi/errno.h"
#include "pvabi/native.h"

#define PORTS 256u
#define PORT_WORDS (PORTS / 64u)
#define POLL_MAX 128u /* Xen's limit in one call */
#define EVENT_FIRST 2u
#define DEADLINE_MAX (1ull << 62) /* Xen's time is signed */

struct shared_info *xen_shared_info;
struct xen_vcpu xen_vcpu;
const struct xen_flavour *xen_flavour;

struct xenstore_domain_interface *xen_store;
uint32_t xen_store_port;

static struct {
    uint8_t events[PORTS]; /* of each port; 0: it is not bound */
    uint64_t once[PORT_WORDS];
    uint32_t bound[POLL_MAX]; /* the ports that are, in no order */
    unsigned bound_count;
    uint64_t raised[PV_EVENT_WORDS]; /* from inside */
    unsigned event_next;
    uint32_t timer_port;
} xen_ports = {.event_next = EVENT_FIRST};

_Static_assert(offsetof(struct pv_upcall, pending) ==
                       offsetof(struct vcpu_info, evtchn_upcall_pending) &&
                   offsetof(struct pv_upcall, mask) ==
                       offsetof(struct vcpu_info, evtchn_upcall_mask),
               "pv_upcall");
_Static_assert(offsetof(struct xen_vcpu, restart_sp) == offsetof(struct pvn_vcpu, restart_sp),
               "upcall.S");
_Static_assert(sizeof(struct xen_vcpu) <= 128, "it must not cross a page");

static uint64_t port_bit(uint32_t port)
{
    return 1ull << port % 64;
}

static xen_ulong_t *port_pending(uint32_t port)
{
    return &xen_shared_info->evtchn_pending[port / 64];
}

static xen_ulong_t *port_mask(uint32_t port)
{
    return &xen_shared_info->evtchn_mask[port / 64];
}

/* ---- masking, for host.h ------------------------------------------------------------------ */

unsigned xen_upcalls_mask(void)
{
    unsigned state = pv_upcall->mask;

    pv_upcall->mask = 1;
    arch_barrier_compiler(); /* masked before what the caller protects */
    return state;
}

/* As the kernel's own upcalls_restore: unmask, then look, so that nothing is lost between. */
void xen_upcalls_restore(unsigned state)
{
    if (state != 0)
        return;
    arch_barrier_compiler(); /* what the caller protected before unmasking */
    for (;;) {
        __atomic_exchange_n(&pv_upcall->mask, 0, __ATOMIC_SEQ_CST);
        if (!pv_upcall->pending)
            return;
        pv_upcall->mask = 1;
        arch_barrier_compiler();
        kernel_upcall();
    }
}

/* ---- ports -------------------------------------------------------------------------------- */

EARLY void xen_shared_start(struct shared_info *shared, const struct xen_flavour *flavour)
{
    uintptr_t at = (uintptr_t)&xen_vcpu;
    struct vcpu_register_vcpu_info where = {.offset = at % XEN_PAGE};

    xen_shared_info = shared;
    xen_flavour = flavour;
    where.mfn = xen_frame(&xen_vcpu);
    shared->vcpu_info[0].evtchn_upcall_mask = 1; /* Xen copies what we had there until now */
    if (xen_hypercall(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, 0, (uintptr_t)&where, 0) !=
        0)
        xen_crash("Xen does not take the vCPU's page", NULL);
    /* Xen has marked every port in it, lest one be lost; but none is open yet. */
    xen_vcpu.info.evtchn_pending_sel = 0;
    xen_vcpu.info.evtchn_upcall_pending = 0;
    xen_clock_start();
}

EARLY uint64_t xen_frame(const void *page)
{
    uint64_t number = (uintptr_t)page / XEN_PAGE;

    return xen_flavour->frames != NULL ? xen_flavour->frames[number] : number;
}

void *xen_grant_table_map(unsigned index)
{
    return xen_flavour->grant_table_map(index);
}

unsigned xen_event_new(void)
{
    return xen_ports.event_next < PV_EVENT_COUNT ? xen_ports.event_next++ : 0;
}

int xen_port_bind(uint32_t port, unsigned event, bool once)
{
    if (port == 0 || port >= PORTS || event == 0 || event >= PV_EVENT_COUNT ||
        xen_ports.bound_count == POLL_MAX)
        return -ENOMEM;
    xen_ports.events[port] = (uint8_t)event;
    if (once)
        xen_ports.once[port / 64] |= port_bit(port);
    xen_ports.bound[xen_ports.bound_count++] = port;
    xen_channel_unmask(port);
    return 0;
}

void xen_store_listen(void)
{
    unsigned state = xen_upcalls_mask();
    bool bound = false;

    for (unsigned i = 0; i < xen_ports.bound_count; i++)
        bound |= xen_ports.bound[i] == xen_store_port;
    if (!bound && xen_store != NULL)
        (void)xen_port_bind(xen_store_port, PV_EVENT_SYSTEM, false); /* word_take keeps it */
    xen_upcalls_restore(state);
}

void xen_ports_forget(void)
{
    xen_ports.bound_count = 0;
    xen_ports.timer_port = 0;
    __builtin_memset(xen_ports.events, 0, sizeof(xen_ports.events));
    __builtin_memset(xen_ports.once, 0, sizeof(xen_ports.once));
}

static void port_close(uint32_t port)
{
    struct evtchn_close close = {.port = port};

    xen_operation(__HYPERVISOR_event_channel_op, EVTCHNOP_close, &close);
}

int xen_channel_open(uint16_t domain, unsigned *event, uint32_t *port)
{
    struct evtchn_alloc_unbound open = {.dom = DOMID_SELF, .remote_dom = domain};
    unsigned state = xen_upcalls_mask();
    int error;

    error = (int)xen_operation(__HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, &open);
    if (error == 0) {
        if (*event == 0)
            *event = xen_event_new();
        error = xen_port_bind(open.port, *event, true);
        if (error != 0)
            port_close(open.port);
        *port = open.port;
    }
    xen_upcalls_restore(state);
    return error;
}

void xen_channel_close(uint32_t port)
{
    unsigned state = xen_upcalls_mask();

    if (port < PORTS) {
        __atomic_fetch_or(port_mask(port), port_bit(port), __ATOMIC_SEQ_CST);
        xen_ports.events[port] = 0;
        xen_ports.once[port / 64] &= ~port_bit(port);
        for (unsigned i = 0; i < xen_ports.bound_count; i++) {
            if (xen_ports.bound[i] == port)
                xen_ports.bound[i] = xen_ports.bound[--xen_ports.bound_count];
        }
    }
    port_close(port);
    xen_upcalls_restore(state);
}

void xen_channel_send(uint32_t port)
{
    struct evtchn_send send = {.port = port};

    pv_counters.doorbells++;
    xen_operation(__HYPERVISOR_event_channel_op, EVTCHNOP_send, &send);
}

bool xen_channel_unmask(uint32_t port)
{
    struct evtchn_unmask unmask = {.port = port};
    uint64_t bit = port_bit(port), before;

    /* Both are exchanges, full barriers: the mask is cleared before `pending` is read. Xen sets
     * `pending` and then reads the mask, so one of the two sees the other's write. */
    before = __atomic_fetch_and(port_mask(port), ~bit, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(port_pending(port), __ATOMIC_SEQ_CST) & bit && before & bit) {
        /* It came while the port was masked: Xen tells of it when Xen unmasks. */
        __atomic_fetch_or(port_mask(port), bit, __ATOMIC_SEQ_CST);
        xen_operation(__HYPERVISOR_event_channel_op, EVTCHNOP_unmask, &unmask);
    }
    return (before & bit) != 0;
}

void xen_event_raise(unsigned event)
{
    xen_ports.raised[event / 64] |= 1ull << event % 64;
    *(volatile uint8_t *)&pv_upcall->pending = 1;
}

/* ---- taking ------------------------------------------------------------------------------- */

/* Ports of one word that are pending and open: true when the store's is among them. */
static bool word_take(unsigned word, uint64_t taken[PV_EVENT_WORDS])
{
    uint64_t open = ~__atomic_load_n(&xen_shared_info->evtchn_mask[word], __ATOMIC_RELAXED);
    uint64_t bits = __atomic_load_n(&xen_shared_info->evtchn_pending[word], __ATOMIC_RELAXED) &
                    open;
    bool store = false;

    __atomic_fetch_and(&xen_shared_info->evtchn_pending[word], ~bits, __ATOMIC_SEQ_CST);
    if (word < PORT_WORDS && (bits & xen_ports.once[word]) != 0)
        __atomic_fetch_or(&xen_shared_info->evtchn_mask[word], bits & xen_ports.once[word],
                          __ATOMIC_SEQ_CST);
    for (; bits != 0 && word < PORT_WORDS; bits &= bits - 1) {
        uint32_t port = word * 64 + (unsigned)__builtin_ctzll(bits);
        unsigned event = xen_ports.events[port];

        if (xen_store != NULL && port == xen_store_port)
            store = true;
        else if (event != 0 && port == xen_ports.timer_port)
            taken[0] |= 1ull << PV_EVENT_TIMER;
        else if (event != 0)
            taken[event / 64] |= 1ull << event % 64;
    }
    return store;
}

void xen_events_take(uint64_t taken[PV_EVENT_WORDS])
{
    uint64_t words;
    bool store = false;

    for (unsigned i = 0; i < PV_EVENT_WORDS; i++)
        taken[i] = 0;
    /* Exchanges, full barriers: what Xen wrote last is cleared first. It sets a port's bit, then the
     * word's, then `pending`; a load that rose above could miss a bit whose words are then wiped
     * out. */
    __atomic_exchange_n(&xen_vcpu.info.evtchn_upcall_pending, 0, __ATOMIC_SEQ_CST);
    words = __atomic_exchange_n(&xen_vcpu.info.evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);
    for (; words != 0; words &= words - 1)
        store |= word_take((unsigned)__builtin_ctzll(words), taken);
    if (store)
        xenbus_event();
    for (unsigned i = 0; i < PV_EVENT_WORDS; i++) {
        taken[i] |= xen_ports.raised[i];
        xen_ports.raised[i] = 0;
    }
    xen_clock_refresh();
}

/* ---- sleeping and the timer --------------------------------------------------------------- */

/* The kernel's deadline in Xen's time. */
static uint64_t deadline_of(uint64_t deadline_ns)
{
    int64_t xen_ns = (int64_t)(deadline_ns - pv_clock_offset_ns);

    if (deadline_ns >= DEADLINE_MAX)
        return PV_NO_DEADLINE;
    return xen_ns > 0 ? (uint64_t)xen_ns : 1; /* 0 means none to Xen */
}

/* SCHEDOP_poll rather than SCHEDOP_block, which would clear the mask. Ports that nobody listens to
 * would end it at once and are left out. No wake-up is lost: Xen marks the vCPU as blocked, and
 * then looks at the ports. */
static void poll(uint32_t *ports, unsigned count, uint64_t deadline_ns)
{
    struct sched_poll sleep = {.nr_ports = count};

    set_xen_guest_handle(sleep.ports, ports);
    if (deadline_ns < DEADLINE_MAX)
        sleep.timeout = deadline_ns;
    xen_operation(__HYPERVISOR_sched_op, SCHEDOP_poll, &sleep);
}

void xen_ports_wait(uint64_t deadline_ns)
{
    uint32_t ports[POLL_MAX];
    unsigned count = 0;

    for (unsigned i = 0; i < xen_ports.bound_count; i++) {
        uint32_t port = xen_ports.bound[i];

        if ((*port_mask(port) & port_bit(port)) == 0)
            ports[count++] = port;
    }
    poll(ports, count, deadline_ns);
}

void xen_channel_wait(uint32_t port, uint64_t deadline_ns)
{
    uint64_t bit = port_bit(port);

    if (port >= PORTS || xen_shared_info == NULL)
        return;
    if ((__atomic_load_n(port_pending(port), __ATOMIC_RELAXED) & bit) == 0)
        poll(&port, 1, deadline_ns);
    __atomic_fetch_and(port_pending(port), ~bit, __ATOMIC_SEQ_CST);
}

void xen_wait(uint64_t deadline_ns)
{
    if (pv_upcall->pending)
        return;
    pv_counters.waits++;
    xen_ports_wait(deadline_of(deadline_ns));
}

/* The channel is opened with the first timer: programs of one thread have none. */
static void timer_open(void)
{
    struct evtchn_bind_virq bind = {.virq = VIRQ_TIMER};

    /* Xen starts vCPUs with a tick that we did not ask for. */
    xen_hypercall(__HYPERVISOR_vcpu_op, VCPUOP_stop_periodic_timer, 0, 0, 0);
    if (xen_operation(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq, &bind) != 0 ||
        xen_port_bind(bind.port, PV_EVENT_SYSTEM, false) != 0)
        xen_crash("Xen gives no channel for the timer", NULL);
    xen_ports.timer_port = bind.port;
}

void xen_timer_set(uint64_t deadline_ns)
{
    unsigned state = xen_upcalls_mask();
    uint64_t xen_ns = deadline_of(deadline_ns);

    if (xen_ports.timer_port == 0)
        timer_open();
    xen_hypercall(__HYPERVISOR_set_timer_op, xen_ns < DEADLINE_MAX ? xen_ns : 0, 0, 0, 0);
    xen_upcalls_restore(state);
}
