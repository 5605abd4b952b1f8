/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * XenBus (xenbus.h): finds the domain's block and network devices in xenstore, leads a device
 * through its states, watches the backends of connected ones. Relies on xenstore.c.
 */
#include "xenbus.h"

#include "grant.h"
#include "pvabi/errno.h"
#include "xenstore.h"

#define CONNECT_NS 10000000000ull
#define CLOSE_NS 500000000ull
#define TURN_NS 20000000ull   /* of waiting with upcalls masked */
#define LOOK_NS 1000000000ull /* until it is looked again whether a backend is overdue */
#define NAMES_BYTES 1024u
#define NUMBER_BYTES 24u
#define WATCH_FIRST (XENSTORE_WATCHES - PV_DEVICES_MAX)
#define DEVICE_WATCHES (~0ull << WATCH_FIRST)

static struct pv_device devices[PV_DEVICES_MAX]; /* the console is the last */
static struct xenbus_device buses[PV_DEVICES_MAX];
static unsigned device_count;

/* ---- numbers ------------------------------------------------------------------------------ */

static void number_print(char text[NUMBER_BYTES], uint32_t number)
{
    char digits[NUMBER_BYTES];
    unsigned count = 0, at = 0;

    do {
        digits[count++] = (char)('0' + number % 10u);
        number /= 10u;
    } while (number != 0);
    while (count > 0)
        text[at++] = digits[--count];
    text[at] = '\0';
}

static bool number_read(const char *dir, const char *name, uint64_t *number)
{
    char text[NUMBER_BYTES];

    return xenstore_read(0, dir, name, text, sizeof(text)) > 0 && xenstore_number(text, number);
}

/* ---- discovery ---------------------------------------------------------------------------- */

static void text_append(char *text, const char *more)
{
    __builtin_strcpy(text + __builtin_strlen(text), more);
}

/* Devices of one class in rising order of their numbers, so that blk0 is the first disk. */
static void device_add(enum pv_class class, const char *kind, uint32_t number)
{
    struct xenbus_device *bus = &buses[device_count];
    struct pv_device *device = &devices[device_count];
    char digits[NUMBER_BYTES];

    number_print(digits, number);
    *bus = (struct xenbus_device){.number = number,
                                  .watch = WATCH_FIRST + device_count,
                                  .event = PV_EVENT_TIMER}; /* until it has one: harmless */
    text_append(bus->path, kind);
    text_append(bus->path, "/");
    text_append(bus->path, digits);
    *device = (struct pv_device){.class = class, .family = PV_FAMILY_XEN, .transport = bus};
    for (unsigned i = 0; i < device_count; i++)
        if (devices[i].class == class)
            device->index++;
    if (class == PV_NET)
        device->net = xen_net_address(device->index);
    device_count++;
}

/* The smallest number among `names` that is not below `least`. */
static bool number_next(const char *names, const char *end, uint64_t least, uint64_t *next)
{
    bool found = false;

    for (; names < end; names += __builtin_strlen(names) + 1u) {
        uint64_t number;

        if (!xenstore_number(names, &number) || number > UINT32_MAX || number < least ||
            (found && number >= *next))
            continue;
        *next = number;
        found = true;
    }
    return found;
}

static void devices_find(enum pv_class class, const char *kind)
{
    static char names[NAMES_BYTES];
    int bytes = xenstore_directory(0, NULL, kind, names, sizeof(names));
    uint64_t number = 0;

    if (bytes == -EINVAL)
        xen_say("xenstore: the list of devices is too long\n");
    while (bytes > 0 && number_next(names, names + bytes, number, &number)) {
        if (device_count == PV_DEVICES_MAX - 1) {
            xen_say("xenstore: there are more devices than the table holds\n");
            return;
        }
        device_add(class, kind, (uint32_t)number);
        number++;
    }
}

const struct pv_device *xenbus_devices(unsigned *count)
{
    static bool looked;
    unsigned state = xen_upcalls_mask();

    if (!looked && xen_store != NULL) {
        looked = true;
        devices_find(PV_BLK, "device/vbd");
        devices_find(PV_NET, "device/vif");
        /* Behind them, and not on the bus. */
        devices[device_count] = (struct pv_device){.class = PV_CONSOLE, .family = PV_FAMILY_XEN};
    }
    xen_upcalls_restore(state);
    *count = looked ? device_count + 1 : 0;
    return devices;
}

struct xenbus_device *xenbus_device_of(const struct pv_device *device)
{
    return (struct xenbus_device *)(uintptr_t)device->transport;
}

/* ---- states ------------------------------------------------------------------------------- */

/* A node that is gone means a backend that is gone. */
static enum xenbus_state state_read(const struct xenbus_device *bus)
{
    uint64_t number;

    if (!number_read(bus->backend, "state", &number) || number > XenbusStateReconfigured)
        return XenbusStateUnknown;
    return (enum xenbus_state)number;
}

static const char *state_write(struct xenbus_device *bus, enum xenbus_state state)
{
    char text[NUMBER_BYTES];

    number_print(text, (uint32_t)state);
    return xenstore_write(0, bus->path, "state", text) < 0 ? "xenstore refuses its state" : NULL;
}

/* Raises the events of devices whose backends have changed, and the system's. */
static void watches_look(void)
{
    uint64_t fired = xenstore_fired(DEVICE_WATCHES);

    if (xenstore_has_fired(XENBUS_SYSTEM_WATCHES))
        xen_event_raise(PV_EVENT_SYSTEM);
    for (; fired != 0; fired &= fired - 1u) {
        struct xenbus_device *bus = &buses[(unsigned)__builtin_ctzll(fired) - WATCH_FIRST];

        if (bus->phase == XENBUS_CLOSED || bus->phase == XENBUS_CLOSING)
            continue;
        if (bus->phase == XENBUS_CONNECTED) {
            if (bus->lost || state_read(bus) == XenbusStateConnected)
                continue;
            bus->lost = true;
        }
        bus->changed = true;
        xen_event_raise(bus->event);
    }
}

void xenbus_event(void)
{
    xenstore_poll();
    watches_look();
}

/* ---- connecting --------------------------------------------------------------------------- */

/* The next phase, with as much time for the backend as the last one had. */
static void phase_enter(struct xenbus_device *bus, enum xenbus_phase phase)
{
    bus->phase = phase;
    bus->changed = true;
    bus->deadline_ns = xen_now_ns() + CONNECT_NS;
}

static const char *backend_find(struct xenbus_device *bus)
{
    uint64_t domain;

    bus->lost = false;
    if (xenstore_read(0, bus->path, "backend", bus->backend, sizeof(bus->backend)) <= 0 ||
        !number_read(bus->path, "backend-id", &domain) || domain > UINT16_MAX)
        return "xenstore names no backend";
    bus->backend_domain = (uint16_t)domain;
    if (xenstore_watch(bus->backend, "state", bus->watch) < 0)
        return "xenstore refuses a watch";
    bus->watched = true;
    phase_enter(bus, XENBUS_AWAITED);
    return NULL;
}

/* Is the backend in the state `wanted`? If not, *wrong is set when it never will be. */
static bool backend_is(struct xenbus_device *bus, enum xenbus_state wanted, const char **wrong)
{
    enum xenbus_state state;

    if (!bus->changed && xen_now_ns() < bus->deadline_ns)
        return false;
    bus->changed = false;
    state = state_read(bus);
    if (state == wanted)
        return true;
    if (xenstore_fault() != NULL)
        *wrong = "xenstore is out of service";
    else if (state == XenbusStateUnknown)
        *wrong = "its backend is gone";
    else if (state == XenbusStateClosing || state == XenbusStateClosed)
        *wrong = "its backend closes";
    else if (xen_now_ns() >= bus->deadline_ns)
        *wrong = "its backend does not connect";
    return false;
}

static const char *connected(struct xenbus_device *bus)
{
    const char *wrong = bus->driver->connected(bus->frontend);

    if (wrong != NULL)
        return wrong;
    phase_enter(bus, XENBUS_CONNECTED);
    xen_event_raise(bus->event); /* whoever looked while it was not */
    return state_write(bus, XenbusStateConnected);
}

/* As far as it goes without waiting for the backend. Upcalls are masked, so that no restore comes
 * between. */
static const char *advance(struct xenbus_device *bus)
{
    const char *wrong = NULL;

    if (bus->phase == XENBUS_BEGUN)
        wrong = backend_find(bus);
    if (wrong == NULL && bus->phase == XENBUS_AWAITED &&
        backend_is(bus, XenbusStateInitWait, &wrong)) {
        wrong = bus->driver->offer(bus->frontend);
        phase_enter(bus, XENBUS_OFFERED);
    }
    if (wrong == NULL && bus->phase == XENBUS_OFFERED &&
        backend_is(bus, XenbusStateConnected, &wrong))
        wrong = connected(bus);
    watches_look(); /* what came with answers */
    return wrong;
}

bool xenbus_ready(struct xenbus_device *bus, const char **wrong)
{
    unsigned state;

    *wrong = bus->lost ? "its backend closes" : NULL;
    if (bus->phase == XENBUS_CONNECTED)
        return !bus->lost;
    state = xen_upcalls_mask();
    *wrong = advance(bus);
    xen_upcalls_restore(state);
    return bus->phase == XENBUS_CONNECTED && *wrong == NULL;
}

/* Waits are cut into turns, between which other threads run, and the domain may be restored. */
static uint64_t turn_end(uint64_t now_ns, uint64_t deadline_ns)
{
    return now_ns + TURN_NS < deadline_ns ? now_ns + TURN_NS : deadline_ns;
}

const char *xenbus_attach(struct xenbus_device *bus)
{
    const char *wrong = NULL;

    bus->phase = XENBUS_BEGUN;
    while (wrong == NULL) {
        unsigned state = xen_upcalls_mask();

        wrong = advance(bus);
        if (bus->phase == XENBUS_CONNECTED) {
            xen_upcalls_restore(state);
            break;
        }
        if (wrong == NULL && !bus->changed)
            xenstore_wait(turn_end(xen_now_ns(), bus->deadline_ns));
        watches_look();
        xen_upcalls_restore(state);
    }
    return wrong;
}

uint64_t xenbus_overdue(void)
{
    uint64_t again_ns = PV_NO_DEADLINE;

    for (unsigned i = 0; i < device_count; i++) {
        if (buses[i].phase >= XENBUS_BEGUN) {
            xen_event_raise(buses[i].event);
            again_ns = LOOK_NS;
        }
    }
    return again_ns;
}

/* ---- nodes -------------------------------------------------------------------------------- */

uint64_t xenbus_number_read(const char *dir, const char *name, uint64_t otherwise)
{
    uint64_t number;

    return number_read(dir, name, &number) ? number : otherwise;
}

uint64_t xenbus_number(const struct xenbus_device *bus, const char *name, uint64_t otherwise)
{
    return xenbus_number_read(bus->backend, name, otherwise);
}

uint64_t xenbus_own_number(const struct xenbus_device *bus, const char *name, uint64_t otherwise)
{
    return xenbus_number_read(bus->path, name, otherwise);
}

int xenbus_text(const struct xenbus_device *bus, const char *name, char *text, size_t room)
{
    return xenstore_read(0, bus->path, name, text, room);
}

/* One try: 0, -EAGAIN, or another negative errno. */
static int values_write(const struct xenbus_device *bus, const struct xenbus_value *values,
                        unsigned count)
{
    uint32_t transaction;
    int result = xenstore_begin(&transaction);

    if (result < 0)
        return result;
    for (unsigned i = 0; i < count && result == 0; i++) {
        char digits[NUMBER_BYTES];

        number_print(digits, values[i].number);
        result = xenstore_write(transaction, bus->path, values[i].name,
                                values[i].text != NULL ? values[i].text : digits);
    }
    if (result < 0) {
        (void)xenstore_end(transaction, false);
        return result;
    }
    return xenstore_end(transaction, true);
}

const char *xenbus_publish(struct xenbus_device *bus, const struct xenbus_value *values,
                           unsigned count, enum xenbus_state state)
{
    int result = -EAGAIN;

    for (unsigned i = 0; i < XENSTORE_TRIES && result == -EAGAIN; i++)
        result = values_write(bus, values, count);
    return result < 0 ? "xenstore refuses its parameters" : state_write(bus, state);
}

/* Upcalls are masked. Has the backend let go, or is it not to be expected that it will? */
static bool backend_has_closed(const struct xenbus_device *bus)
{
    const unsigned closed = 1u << XenbusStateClosed | 1u << XenbusStateUnknown |
                            1u << XenbusStateInitialising | 1u << XenbusStateInitWait;

    return !bus->watched || xenstore_fault() != NULL || (closed & 1u << state_read(bus)) != 0;
}

void xenbus_close(struct xenbus_device *bus)
{
    unsigned state = xen_upcalls_mask();
    uint64_t now_ns = xen_now_ns(), deadline_ns = now_ns + CLOSE_NS;

    bus->phase = XENBUS_CLOSING;
    if (bus->watched && state_write(bus, XenbusStateClosed) == NULL) {
        while (!backend_has_closed(bus) && (now_ns = xen_now_ns()) < deadline_ns) {
            xenstore_wait(turn_end(now_ns, deadline_ns));
            watches_look();
            xen_upcalls_restore(state);
            state = xen_upcalls_mask();
        }
        if (bus->watched)
            (void)xenstore_unwatch(bus->backend, "state", bus->watch);
        bus->watched = false;
    }
    watches_look();
    xen_upcalls_restore(state);
}

void xenbus_restored(void)
{
    xenstore_restart();
    xen_grants_forget();
    for (unsigned i = 0; i < device_count; i++) {
        struct xenbus_device *bus = &buses[i];

        bus->watched = bus->lost = false;
        if (bus->phase == XENBUS_CLOSED)
            continue;
        bus->driver->forget(bus->frontend);
        if (bus->phase == XENBUS_CLOSING) {
            bus->phase = XENBUS_CLOSED;
            continue;
        }
        bus->phase = XENBUS_BEGUN;
        xen_event_raise(bus->event);
    }
}
