/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The native platform from the boot record to its operations. A port access in ring 3 ends in
 * SIGSEGV, and the handler plays the monitor: so the code runs here as it does in a guest.
 */
/* sources: pvabi/probe.c pvabi/native/boot.c pvabi/native/platform.c pvabi/native/transport.c */
/* sources: arch/x86_64/upcall.S */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#include <cmocka.h>

#include "arch/arch.h"
#include "arch/bootrec.h"
#include "pvabi/native/platform.h"
#include "pvabi/virtio/transport.h"
#include "pvabi/virtio/wire.h"

#define HYPERCALL_PORT 8u
#define DOORBELL_PORT 12u
#define OUT_INSTRUCTION 0xef /* outl %eax, %dx */
#define CALLS_MAX 8u

struct arch_cpu_info arch_cpu_info;
void native_start(const struct pvn_boot *boot);

static struct {
    struct {
        uint64_t number, a, b, c;
    } calls[CALLS_MAX];
    unsigned call_count;
    long result;         /* of a hypercall */
    bool writes_succeed; /* PVN_HC_WRITE returns its length */
    uint32_t doorbell;
    unsigned doorbell_count;
} monitor;

/* The table's other rows: they are not asked, because they have other entries. */
const struct pv_hypervisor bare_hypervisor = {.entries = 1u << PV_ENTRY_PVH};
const struct pv_hypervisor xen_pv_hypervisor = {.entries = 1u << PV_ENTRY_XEN_PV};
const struct pv_hypervisor xen_pvh_hypervisor = {.entries = 1u << PV_ENTRY_PVH};

static sigjmp_buf end;
static const struct bootrec *started; /* what the kernel was started with */

void kernel_upcall(void)
{
}

void arch_start(const struct bootrec *record)
{
    started = record;
    siglongjmp(end, 1);
}

static void on_port_access(int signal, siginfo_t *info, void *context)
{
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    uint64_t number = (uint64_t)registers[REG_RAX];

    (void)signal, (void)info;
    if (*(const uint8_t *)registers[REG_RIP] != OUT_INSTRUCTION)
        _exit(99);
    registers[REG_RIP]++;
    if ((uint16_t)registers[REG_RDX] == DOORBELL_PORT) {
        monitor.doorbell = (uint32_t)number;
        monitor.doorbell_count++;
        return;
    }
    if ((uint16_t)registers[REG_RDX] != HYPERCALL_PORT || monitor.call_count == CALLS_MAX)
        _exit(98);
    monitor.calls[monitor.call_count].number = number;
    monitor.calls[monitor.call_count].a = (uint64_t)registers[REG_RDI];
    monitor.calls[monitor.call_count].b = (uint64_t)registers[REG_RSI];
    monitor.calls[monitor.call_count].c = (uint64_t)registers[REG_R8];
    monitor.call_count++;
    if (number == PVN_HC_EXIT || number == PVN_HC_CRASH)
        siglongjmp(end, 2);
    registers[REG_RAX] = number == PVN_HC_WRITE && monitor.writes_succeed ? registers[REG_R8]
                                                                          : monitor.result;
}

/* ---- a boot record ------------------------------------------------------------------------ */

static struct {
    struct pvn_boot boot;
    struct pvn_device devices[4];
    char args[16];
    char env[16];
} record;
static struct pvn_vcpu vcpu;
static struct pvn_clock clock_page;
static uint8_t seed[PVN_SEED_BYTES];
static struct pvn_device_control control;
static struct virtio_net_config net_config = {.mac = {1, 2, 3, 4, 5, 6}, .mtu = 0x1234};
static uint8_t ring[4096] __attribute__((aligned(16)));

static void device_set(unsigned i, uint16_t type, uint16_t index)
{
    record.devices[i] = (struct pvn_device){
        .type = type,
        .index = index,
        .queue_count = 2,
        .features = 0x1122334455667788ull,
        .control = (uintptr_t)&control,
        .config = (uintptr_t)&net_config,
        .config_bytes = sizeof(net_config),
        .net = {.ip4 = {10, 0, 2, 15}, .prefix4 = 24},
    };
    for (unsigned j = 0; j < 2; j++)
        record.devices[i].queues[j] = (struct pvn_queue){
            .desc = (uintptr_t)ring,
            .driver = (uintptr_t)ring + 256,
            .device = (uintptr_t)ring + 512,
            .size = 16,
            .event = (uint16_t)(2u + 2u * i + j),
            .doorbell = 100u + 10u * i + j,
        };
}

/* A good one; tests spoil it. */
static void record_set(void)
{
    struct sigaction action = {.sa_sigaction = on_port_access, .sa_flags = SA_SIGINFO | SA_NODEFER};

    assert_int_equal(sigaction(SIGSEGV, &action, NULL), 0); /* instead of cmocka's own */
    memset(&record, 0, sizeof(record));
    memset(&vcpu, 0, sizeof(vcpu));
    memset(&monitor, 0, sizeof(monitor));
    memset(&control, 0, sizeof(control));
    record.boot = (struct pvn_boot){
        .magic = PVN_BOOT_MAGIC,
        .version = PVN_ABI_VERSION,
        .bytes = sizeof(record),
        .ram_base = PVN_RAM_BASE,
        .ram_bytes = 0x400000,
        .image_end = PVN_RAM_BASE + 0x30000,
        .clock = (uintptr_t)&clock_page,
        .seed = (uintptr_t)seed,
        .vcpu = (uintptr_t)&vcpu,
        .vcpu_count = 1,
        .arg_count = 2,
        .arg_offset = offsetof(__typeof__(record), args),
        .arg_bytes = 10,
        .env_count = 1,
        .env_offset = offsetof(__typeof__(record), env),
        .env_bytes = 4,
        .device_offset = offsetof(__typeof__(record), devices),
        .device_bytes = sizeof(struct pvn_device),
        .cpu.x86_64 = {.xcr0 = 7,
                       .xsave_bytes = 832,
                       .features = PVN_CPU_RDSEED,
                       .hypercall_port = HYPERCALL_PORT,
                       .doorbell_port = DOORBELL_PORT},
    };
    memcpy(record.args, "image\0one", 10);
    memcpy(record.env, "A=B", 4);
}

/* Starts with the record; the message of the crash, or NULL when the kernel was reached. */
static const char *start(void)
{
    static char message[128];

    started = NULL;
    if (sigsetjmp(end, 1) == 0)
        native_start(&record.boot);
    if (started)
        return NULL;
    assert_int_equal(monitor.calls[0].number, PVN_HC_CRASH);
    assert_in_range(monitor.calls[0].b, 1, sizeof(message) - 1u);
    memset(message, 0, sizeof(message));
    memcpy(message, (const void *)monitor.calls[0].a, monitor.calls[0].b);
    return message;
}

static void expect_refused(const char *words)
{
    const char *message = start();

    assert_non_null(message);
    assert_non_null(strstr(message, words));
}

/* ---- tests -------------------------------------------------------------------------------- */

static void test_boot_record(void **state)
{
    (void)state;
    record_set();
    assert_null(start());
    assert_int_equal(started->ram_count, 1);
    assert_int_equal(started->ram[0].begin, PVN_RAM_BASE + 0x30000);
    assert_int_equal(started->ram[0].end, PVN_RAM_BASE + 0x400000);
    assert_int_equal(started->ram_bytes, 0x400000);
    assert_true(started->ram_is_zero);
    assert_ptr_equal(started->args, record.args);
    assert_int_equal(started->arg_count, 2);
    assert_int_equal(started->env_count, 1);
    assert_string_equal(started->env, "A=B");
    assert_ptr_equal(started->seed, seed);
    assert_int_equal(arch_cpu_info.xcr0, 7);
    assert_int_equal(arch_cpu_info.xsave_bytes, 832);
    assert_true(arch_cpu_info.has_rdseed);
    assert_false(arch_cpu_info.has_rdrand);
    assert_ptr_equal(pv_upcall, &vcpu);
    assert_ptr_equal(pv_clock, &clock_page);
    assert_string_equal(pv->name, "native");
    assert_int_equal(monitor.call_count, 0); /* starting costs no hypercall */
}

/* Where a monitor that knows no such field has something else. */
static void test_advice(void **state)
{
    (void)state;
    record_set();
    record.boot.poll_ns = 5;
    assert_null(start());
    assert_int_equal(started->poll_ns, 0);
    record_set();
    record.boot.poll_ns = 5;
    record.boot.features = PVN_FEATURE_POLL;
    assert_null(start());
    assert_int_equal(started->poll_ns, 5);
}

static void test_malformed_records(void **state)
{
    (void)state;
#define SPOILED(words, change) \
    do {                       \
        record_set();          \
        change;                \
        expect_refused(words); \
    } while (0)
    SPOILED("version", record.boot.version = 0);
    SPOILED("version", record.boot.bytes = offsetof(struct pvn_boot, stamps) - 1u);
    SPOILED("clock", record.boot.clock = 0);
    SPOILED("vCPU", record.boot.vcpu = 0);
    SPOILED("vCPU", record.boot.vcpu_count = 0);
    SPOILED("RAM", record.boot.ram_base = 0);
    SPOILED("RAM", record.boot.ram_bytes = UINT64_MAX - 4095u);
    SPOILED("RAM", record.boot.ram_bytes++);
    SPOILED("RAM", record.boot.image_end++);
    SPOILED("RAM", record.boot.image_end = PVN_RAM_BASE);
    SPOILED("RAM", record.boot.image_end = PVN_RAM_BASE + 0x401000);
    SPOILED("arguments", record.boot.arg_count = 3);
    SPOILED("arguments", record.boot.arg_bytes = 8);
    SPOILED("arguments", record.boot.arg_bytes = UINT32_MAX);
    SPOILED("arguments", record.boot.arg_offset = 0);
    SPOILED("arguments", record.boot.arg_offset = UINT32_MAX);
    SPOILED("arguments", record.boot.env_offset = sizeof(record) - 3u);
    SPOILED("arguments", record.boot.env_bytes = 0);
    /* As many ends as strings, but not at the end: */
    SPOILED("arguments", (record.args[3] = '\0', record.args[9] = 'x'));
    SPOILED("device", record.boot.device_count = PVN_DEVICES_MAX + 1u);
    SPOILED("device", (record.boot.device_count = 1, record.boot.device_bytes = 8));
    SPOILED("device", (record.boot.device_count = 1, record.boot.device_offset = 4));
    SPOILED("device", (record.boot.device_count = 5));
    SPOILED("device", (record.boot.device_count = 32, record.boot.device_bytes = 0x10000000));
#undef SPOILED
}

static void test_longer_record(void **state)
{
    (void)state;
    record_set(); /* of a newer monitor */
    record.boot.version = 2;
    record.boot.image_end = PVN_RAM_BASE + 0x400000;
    assert_null(start());
}

static void test_write(void **state)
{
    static char text[150000];

    (void)state;
    record_set();
    assert_null(start());
    monitor.writes_succeed = true;
    assert_int_equal(pv->write(PV_STDERR, text, sizeof(text)), sizeof(text));
    assert_int_equal(monitor.call_count, 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(monitor.calls[i].number, PVN_HC_WRITE);
        assert_int_equal(monitor.calls[i].a, PVN_STDERR);
        assert_int_equal(monitor.calls[i].b, (uintptr_t)text + i * PVN_WRITE_MAX);
        assert_int_equal(monitor.calls[i].c,
                         i < 2 ? PVN_WRITE_MAX : sizeof(text) - 2 * PVN_WRITE_MAX);
    }
    assert_int_equal(pv->write(PV_LOG, text, 0), 0);
    monitor.writes_succeed = false;
    monitor.result = -EIO;
    assert_int_equal(pv->write(PV_STDOUT, text, 5), -EIO);
}

static void test_events(void **state)
{
    uint64_t taken[PV_EVENT_WORDS];
    uint64_t waits;

    (void)state;
    record_set();
    assert_null(start());
    waits = pv_counters.waits;
    vcpu.events[0] = 5;
    vcpu.events[3] = 1ull << 63;
    vcpu.upcall_pending = 1;
    pv->wait(1000);
    assert_int_equal(monitor.call_count, 0); /* something is pending */
    pv->events_take(taken);
    assert_int_equal(taken[0], 5);
    assert_int_equal(taken[1], 0);
    assert_int_equal(taken[3], 1ull << 63);
    assert_int_equal(vcpu.upcall_pending, 0);
    assert_int_equal(vcpu.events[0] | vcpu.events[3], 0);
    pv->wait(1000);
    assert_int_equal(monitor.calls[0].number, PVN_HC_WAIT);
    assert_int_equal(monitor.calls[0].a, 1000);
    assert_int_equal(pv_counters.waits, waits + 1);
    pv->upcalls_enable();
    assert_int_equal(vcpu.upcall_entry, (uintptr_t)arch_upcall);
    assert_int_equal(vcpu.restart_entry, (uintptr_t)arch_upcall_restart);
    assert_true(vcpu.restart_begin > vcpu.upcall_entry);
    assert_true(vcpu.restart_end > vcpu.restart_begin);
}

static void test_other_hypercalls(void **state)
{
    (void)state;
    record_set();
    assert_null(start());
    monitor.result = -ENOMEM;
    assert_int_equal(pv->protect(ring, 4096, PV_READ), -ENOMEM);
    assert_int_equal(pv->discard(ring, 8192), -ENOMEM);
    pv->timer_set(77);
    assert_int_equal(monitor.calls[0].number, PVN_HC_PROTECT);
    assert_int_equal(monitor.calls[0].c, PVN_READ);
    assert_int_equal(monitor.calls[1].number, PVN_HC_DISCARD);
    assert_int_equal(monitor.calls[1].b, 8192);
    assert_int_equal(monitor.calls[2].number, PVN_HC_TIMER);
    assert_int_equal(monitor.calls[2].a, 77);
    if (sigsetjmp(end, 1) == 0)
        pv->exit(0x1ff);
    assert_int_equal(monitor.calls[3].number, PVN_HC_EXIT);
    assert_int_equal(monitor.calls[3].a, 0xff);
    if (sigsetjmp(end, 1) == 0)
        pv->crash("words", ring);
    assert_int_equal(monitor.calls[4].number, PVN_HC_CRASH);
    assert_int_equal(monitor.calls[4].b, 5);
    assert_int_equal(monitor.calls[4].c, (uintptr_t)ring);
}

/* All in one: the device table is filled once in the life of a VM. */
static void test_devices(void **state)
{
    const struct virtio_transport *transport;
    const struct pv_device *devices;
    struct virtio_queue_place place;
    unsigned count;

    (void)state;
    record_set();
    device_set(0, VIRTIO_ID_NET, 0);
    device_set(1, 99, 0); /* of a type that we do not know */
    device_set(2, VIRTIO_ID_BLOCK, 1);
    device_set(3, VIRTIO_ID_CONSOLE, 0);
    record.devices[2].queues[0].size = 24;
    record.devices[2].queue_count = 40;
    record.devices[3].queues[0].driver++;
    record.devices[3].queues[1].event = PV_EVENT_COUNT;
    record.devices[3].net.prefix4 = 33;
    record.boot.device_count = 4;
    assert_null(start());

    devices = pv_devices(&count);
    assert_int_equal(count, 3);
    assert_int_equal(devices[0].class, PV_NET);
    assert_int_equal(devices[0].net.ip4[3], 15);
    assert_int_equal(devices[0].net.prefix4, 24);
    assert_int_equal(devices[1].class, PV_BLK);
    assert_int_equal(devices[1].index, 1);
    assert_int_equal(devices[2].class, PV_CONSOLE);
    assert_int_equal(devices[2].net.prefix4, 0);

    transport = devices[0].transport;
    assert_int_equal(transport->ops->begin(transport), 0);
    assert_int_equal(transport->ops->features(transport),
                     0x1122334455667788ull | VIRTIO_F_VERSION_1);
    assert_int_equal(transport->ops->accept(transport, 8u | VIRTIO_F_VERSION_1), 0);
    assert_int_equal(control.features, 8); /* what is implied is not written */
    assert_int_equal(transport->ops->queue_size(transport, 0, 256), 16);
    assert_int_equal(transport->ops->queue_size(transport, 2, 256), 0);
    assert_int_equal(transport->ops->queue_size(transport, PVN_QUEUES_MAX, 256), 0);
    assert_int_equal(transport->ops->queue_bytes(transport, 0, 16), 0);
    assert_int_equal(transport->ops->queue_setup(transport, 1, 16, NULL, &place), 0);
    assert_ptr_equal(place.desc, ring);
    assert_ptr_equal(place.avail, ring + 256);
    assert_ptr_equal(place.used, ring + 512);
    assert_int_equal(place.event, 3);
    transport->ops->driver_ok(transport);
    assert_int_equal(control.status, PVN_DEVICE_DRIVER_OK);
    transport->ops->notify(transport, 1);
    assert_int_equal(monitor.doorbell_count, 1);
    assert_int_equal(monitor.doorbell, 101);
    assert_int_equal(transport->ops->config_read(transport, 0, 1), 1);
    assert_int_equal(transport->ops->config_read(transport, 10, 2), 0x1234);
    assert_int_equal(transport->ops->config_read(transport, 10, 4), 0);
    assert_int_equal(transport->ops->config_read(transport, UINT32_MAX, 8), 0);
    record.devices[0].config_generation = 9;
    assert_int_equal(transport->ops->config_generation(transport), 9);

    transport = devices[1].transport; /* 24 is no power of two; 40 queues are more than there are */
    assert_int_equal(transport->ops->queue_size(transport, 0, 256), 0);
    assert_int_equal(transport->ops->queue_size(transport, 1, 256), 16);
    transport = devices[2].transport;
    assert_int_equal(transport->ops->queue_setup(transport, 0, 16, NULL, &place), -EIO);
    assert_int_equal(transport->ops->queue_setup(transport, 1, 16, NULL, &place), -EIO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_boot_record),
        cmocka_unit_test(test_advice),
        cmocka_unit_test(test_malformed_records),
        cmocka_unit_test(test_longer_record),
        cmocka_unit_test(test_write),
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_other_hypercalls),
        cmocka_unit_test(test_devices),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
