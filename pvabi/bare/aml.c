/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A walk over definition blocks (aml.h): lists of objects, each of which is skipped by its length or
 * looked into. `struct aml` is a piece of the block that shrinks from its front, so nothing is read
 * beyond it. Section numbers are those of ACPI 6.5.
 */
#include "aml_data.h"

#define DEPTH_MAX 16u

/* 20.3: the opcodes that we know; those after the prefix have 0x100 added. */
#define OP_ZERO 0x00u
#define OP_ONE 0x01u
#define OP_ALIAS 0x06u
#define OP_NAME 0x08u
#define OP_BYTE 0x0au
#define OP_WORD 0x0bu
#define OP_DWORD 0x0cu
#define OP_STRING 0x0du
#define OP_QWORD 0x0eu
#define OP_SCOPE 0x10u
#define OP_PACKAGE 0x12u
#define OP_VAR_PACKAGE 0x13u
#define OP_METHOD 0x14u
#define OP_EXTERNAL 0x15u
#define OP_IF 0xa0u
#define OP_ELSE 0xa1u
#define OP_WHILE 0xa2u
#define OP_RETURN 0xa4u
#define OP_ONES 0xffu
#define OP_PREFIX 0x5bu
#define OP_MUTEX 0x101u
#define OP_EVENT 0x102u
#define OP_REGION 0x180u
#define OP_FIELD 0x181u
#define OP_DEVICE 0x182u
#define OP_PROCESSOR 0x183u
#define OP_POWER 0x184u
#define OP_THERMAL 0x185u
#define OP_INDEX_FIELD 0x186u
#define OP_BANK_FIELD 0x187u

#define NAME_DUAL 0x2eu
#define NAME_MULTI 0x2fu
#define NAME_BYTES 4u

#define EISA(a, b, c, id)                                                       \
    ((uint32_t)((a) - '@') << 2 | ((b) - '@') >> 3 | (((b) - '@') & 7u) << 13 | \
     (uint32_t)((c) - '@') << 8 | ((id) >> 8 & 0xffu) << 16 | ((id)&0xffu) << 24)
#define NAME4(a, b, c, d) \
    ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)

/* What a device says of itself. */
struct device {
    uint32_t name;
    struct aml hid, crs, prt; /* data objects; empty: none */
    uint64_t cba;
    uint64_t segment;
};

size_t bare_aml_left(const struct aml *aml)
{
    return (size_t)(aml->end - aml->at);
}

bool bare_aml_skip(struct aml *aml, size_t bytes)
{
    if (bare_aml_left(aml) < bytes)
        return false;
    aml->at += bytes;
    return true;
}

uint64_t bare_aml_little(const uint8_t *at, unsigned bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < bytes; i++)
        value |= (uint64_t)at[i] << 8 * i;
    return value;
}

bool bare_aml_take(struct aml *aml, unsigned bytes, uint64_t *value)
{
    const uint8_t *at = aml->at;

    if (!bare_aml_skip(aml, bytes))
        return false;
    *value = bare_aml_little(at, bytes);
    return true;
}

bool bare_aml_package(struct aml *aml, struct aml *inside)
{
    const uint8_t *begin = aml->at;
    uint64_t lead, more, length;

    if (!bare_aml_take(aml, 1, &lead))
        return false;
    length = lead & 0x3f;
    if (lead >> 6 > 0) {
        if (!bare_aml_take(aml, (unsigned)(lead >> 6), &more))
            return false;
        length = (lead & 15) | more << 4;
    }
    if (length < (size_t)(aml->at - begin) || length > (size_t)(aml->end - begin))
        return false;
    *inside = (struct aml){aml->at, begin + length};
    aml->at = begin + length;
    return true;
}

/* NameString (20.2.2): *last is its last segment, 0 for the empty name. */
static bool aml_name(struct aml *aml, uint32_t *last)
{
    uint64_t count = 1, value = 0;

    while (bare_aml_left(aml) > 0 && (*aml->at == '\\' || *aml->at == '^'))
        aml->at++;
    if (bare_aml_left(aml) == 0)
        return false;
    if (*aml->at == 0 || *aml->at == NAME_DUAL) {
        count = *aml->at++ == 0 ? 0 : 2;
    } else if (*aml->at == NAME_MULTI) {
        aml->at++;
        if (!bare_aml_take(aml, 1, &count))
            return false;
    }
    if (count > 0 && (!bare_aml_skip(aml, NAME_BYTES * (size_t)(count - 1)) ||
                      !bare_aml_take(aml, NAME_BYTES, &value)))
        return false;
    *last = (uint32_t)value;
    return true;
}

bool bare_aml_integer(struct aml *aml, uint64_t *value)
{
    uint64_t op;

    if (!bare_aml_take(aml, 1, &op))
        return false;
    switch (op) {
    case OP_ZERO:
    case OP_ONE:
        *value = op;
        return true;
    case OP_ONES:
        *value = UINT64_MAX;
        return true;
    case OP_BYTE:
        return bare_aml_take(aml, 1, value);
    case OP_WORD:
        return bare_aml_take(aml, 2, value);
    case OP_DWORD:
        return bare_aml_take(aml, 4, value);
    case OP_QWORD:
        return bare_aml_take(aml, 8, value);
    default:
        return false;
    }
}

/* A data object of any kind; *data is all of it. */
static bool aml_data(struct aml *aml, struct aml *data)
{
    struct aml inside;
    uint64_t value;
    uint32_t name;

    if (bare_aml_left(aml) == 0)
        return false;
    data->at = aml->at;
    switch (*aml->at) {
    case OP_STRING:
        while (bare_aml_left(aml) > 0 && *aml->at != '\0')
            aml->at++;
        if (!bare_aml_skip(aml, 1))
            return false;
        break;
    case AML_OP_BUFFER:
    case OP_PACKAGE:
    case OP_VAR_PACKAGE:
        aml->at++;
        if (!bare_aml_package(aml, &inside))
            return false;
        break;
    case '\\':
    case '^':
    case '_':
    case 'A' ... 'Z':
        if (!aml_name(aml, &name))
            return false;
        break;
    default:
        if (!bare_aml_integer(aml, &value))
            return false;
    }
    data->end = aml->at;
    return true;
}

/* ---- devices --------------------------------------------------------------------------------- */

static bool hid_is(struct aml hid, const char *text, uint32_t eisa)
{
    uint64_t value;

    if (bare_aml_left(&hid) == 0)
        return false;
    if (*hid.at != OP_STRING)
        return eisa != 0 && bare_aml_integer(&hid, &value) && value == eisa;
    hid.at++;
    for (; *text != '\0'; text++) { /* the string ends with a NUL of its own */
        if (bare_aml_left(&hid) == 0 || *hid.at++ != (uint8_t)*text)
            return false;
    }
    return bare_aml_left(&hid) > 0 && *hid.at == '\0';
}

/* One entry of a _PRT (6.2.13): address, pin, link device or 0, index or interrupt. */
static void route_take(struct aml entry, struct bare_aml *out)
{
    struct bare_aml_route route = {.interrupt = {.level = true}};
    uint64_t address, pin, line;

    if (!bare_aml_skip(&entry, 1) || !bare_aml_integer(&entry, &address) ||
        !bare_aml_integer(&entry, &pin) || bare_aml_left(&entry) == 0)
        return;
    if (*entry.at == OP_ZERO)
        entry.at++;
    else if (!aml_name(&entry, &route.link))
        return;
    if (!bare_aml_integer(&entry, &line) || (address & 0xffff) != 0xffff || address >> 16 > 31 ||
        pin > 3 || line > UINT32_MAX || out->route_count == BARE_AML_ROUTES_MAX)
        return;
    route.device = (uint8_t)(address >> 16);
    route.pin = (uint8_t)pin;
    route.interrupt.line = (uint32_t)line;
    out->routes[out->route_count++] = route;
}

static void prt_take(struct aml data, struct bare_aml *out)
{
    struct aml package, entry;
    uint64_t op, count;

    if (!bare_aml_take(&data, 1, &op) || !bare_aml_package(&data, &package))
        return;
    if (op == OP_PACKAGE ? !bare_aml_skip(&package, 1)
                         : op != OP_VAR_PACKAGE || !bare_aml_integer(&package, &count))
        return;
    while (bare_aml_take(&package, 1, &op) && op == OP_PACKAGE &&
           bare_aml_package(&package, &entry))
        route_take(entry, out);
}

static void device_take(const struct device *device, struct bare_aml *out)
{
    struct aml_resources resources;

    if (hid_is(device->hid, "LNRO0005", 0)) {
        bare_aml_resources(device->crs, &resources);
        if (resources.memory_bytes == 0 || !resources.has_line)
            return;
        if (out->mmio_count == BARE_AML_MMIO_MAX) {
            out->mmio_dropped = true;
            return;
        }
        out->mmio[out->mmio_count++] = (struct bare_aml_mmio){
            resources.memory, resources.memory_bytes, resources.line};
    } else if (hid_is(device->hid, "PNP0C0F", EISA('P', 'N', 'P', 0x0c0fu))) {
        bare_aml_resources(device->crs, &resources);
        if (!resources.has_line || out->link_count == BARE_AML_LINKS_MAX)
            return;
        out->links[out->link_count].name = device->name;
        out->links[out->link_count++].interrupt = resources.line;
    } else if ((hid_is(device->hid, "PNP0A08", EISA('P', 'N', 'P', 0x0a08u)) ||
                hid_is(device->hid, "PNP0A03", EISA('P', 'N', 'P', 0x0a03u))) &&
               device->segment == 0 && out->pci.memory_bytes == 0) {
        bare_aml_resources(device->crs, &resources);
        out->pci.ecam = device->cba;
        out->pci.bus_last = resources.bus_last;
        out->pci.memory = resources.window;
        out->pci.memory_bytes = resources.window_bytes;
        prt_take(device->prt, out);
    }
}

/* ---- lists of objects ------------------------------------------------------------------------ */

/* Name (NAME, data), or a method without arguments that only returns a constant. */
static bool named_take(struct aml *list, bool is_method, struct device *device)
{
    struct aml data = {0}, inside;
    uint64_t op;
    uint32_t name;

    if (is_method) {
        if (!bare_aml_package(list, &inside) || !aml_name(&inside, &name))
            return false;
        if (!bare_aml_skip(&inside, 1) || !bare_aml_take(&inside, 1, &op) || op != OP_RETURN ||
            !aml_data(&inside, &data))
            return true; /* what it returns is not known */
    } else if (!aml_name(list, &name) || !aml_data(list, &data)) {
        return false;
    }
    switch (name) {
    case NAME4('_', 'H', 'I', 'D'):
        device->hid = data;
        break;
    case NAME4('_', 'C', 'R', 'S'):
        device->crs = data;
        break;
    case NAME4('_', 'P', 'R', 'T'):
        device->prt = data;
        break;
    case NAME4('_', 'C', 'B', 'A'):
        (void)bare_aml_integer(&data, &device->cba);
        break;
    case NAME4('_', 'S', 'E', 'G'):
        (void)bare_aml_integer(&data, &device->segment);
        break;
    }
    return true;
}

/* Takes the next object off a list. False: it is nothing that we know, nor where it ends. A scope
 * or device is *inside (otherwise empty), for the caller to look into. */
static bool object_take(struct aml *list, struct device *device, struct aml *inside, bool *nested)
{
    uint64_t op, value;
    uint32_t name;

    *inside = (struct aml){0};
    if (!bare_aml_take(list, 1, &op) || (op == OP_PREFIX && !bare_aml_take(list, 1, &value)))
        return false;
    if (op == OP_PREFIX)
        op = value | 0x100;
    *nested = op == OP_DEVICE;
    switch (op) {
    case OP_NAME:
    case OP_METHOD:
        return named_take(list, op == OP_METHOD, device);
    case OP_SCOPE:
    case OP_DEVICE:
        return bare_aml_package(list, inside);
    case OP_IF:
    case OP_ELSE:
    case OP_WHILE:
    case OP_FIELD:
    case OP_PROCESSOR:
    case OP_POWER:
    case OP_THERMAL:
    case OP_INDEX_FIELD:
    case OP_BANK_FIELD: {
        struct aml skipped;

        return bare_aml_package(list, &skipped);
    }
    case OP_ALIAS:
        return aml_name(list, &name) && aml_name(list, &name);
    case OP_EXTERNAL:
        return aml_name(list, &name) && bare_aml_skip(list, 2);
    case OP_MUTEX:
        return aml_name(list, &name) && bare_aml_skip(list, 1);
    case OP_EVENT:
        return aml_name(list, &name);
    case OP_REGION:
        return aml_name(list, &name) && bare_aml_skip(list, 1) && bare_aml_integer(list, &value) &&
               bare_aml_integer(list, &value);
    default:
        return false;
    }
}

void bare_aml_scan(const uint8_t *aml, uint32_t bytes, struct bare_aml *out)
{
    struct {
        struct aml list;
        struct device device;
        bool is_device;
    } levels[DEPTH_MAX] = {{.list = {aml, aml + bytes}}};
    unsigned depth = 1;

    while (depth > 0) {
        struct aml inside;
        bool nested;

        if (bare_aml_left(&levels[depth - 1].list) == 0 ||
            !object_take(&levels[depth - 1].list, &levels[depth - 1].device, &inside, &nested)) {
            depth--;
            if (levels[depth].is_device)
                device_take(&levels[depth].device, out);
        } else if (inside.at != NULL && depth < DEPTH_MAX) {
            levels[depth].device = (struct device){.name = 0};
            levels[depth].is_device = nested;
            if (!aml_name(&inside, &levels[depth].device.name))
                continue;
            levels[depth++].list = inside;
        }
    }
}

const struct bare_aml_line *bare_aml_route(const struct bare_aml *aml, unsigned device,
                                           unsigned pin)
{
    for (unsigned i = 0; i < aml->route_count; i++) {
        const struct bare_aml_route *route = &aml->routes[i];

        if (route->device != device || route->pin != pin)
            continue;
        if (route->link == 0)
            return &route->interrupt;
        for (unsigned j = 0; j < aml->link_count; j++) {
            if (aml->links[j].name == route->link)
                return &aml->links[j].interrupt;
        }
    }
    return NULL;
}
