# SPDX-License-Identifier: BSD-2-Clause
"""What Coracle is to reach, by the names under which results.json and `make bench ONLY=` know it."""
from measure import Goal

GOALS = (
    Goal("boot.native.over_floor", "hello on native, exec to exit, over the floor", 1.5, "less",
         "times"),
    Goal("boot.microvm.over_floor",
         "hello on microvm, exec to exit, over the same QEMU with a guest that ends at once", 1.15,
         "less", "times"),
    Goal("instructions.native", "guest instructions, entry to main, native", 20000, "less",
         "instructions"),
    Goal("instructions.microvm", "guest instructions, entry to main, microvm", 40000, "less",
         "instructions"),
    Goal("instructions.q35", "guest instructions, entry to main, q35 with a net and a disk, "
         "which hello does not use and has no drivers for", 150000,
         "less", "instructions"),
    Goal("hypercalls.native", "hypercalls before main, native", 4, "less", "hypercalls"),
    Goal("size.hello", "hello with every backend, stripped, without drivers for nets and disks, "
         "which it does not use", 150, "less", "KiB"),
    Goal("memory.hello", "least memory of hello", 1024, "less", "KiB"),
    Goal("memory.httpd", "least memory of httpd", 4096, "less", "KiB"),
    Goal("http.instructions_per_request", "guest instructions per keep-alive request, q35, tap",
         10000, "less", "instructions"),
    Goal("http.over_linux_guest",
         "httpd's requests a second over nginx's in a Linux guest, q35, tap", 3, "more", "times"),
    Goal("http.over_native_nginx", "httpd's requests a second, native, over nginx's on the host",
         0.7, "more", "times"),
    Goal("tcp.in_over_linux_guest", "bulk TCP into the guest over that of a Linux guest, q35", 1,
         "more", "times"),
    Goal("tcp.out_over_linux_guest", "bulk TCP out of the guest over that of a Linux guest, q35", 1,
         "more", "times"),
    Goal("blk.randread_over_host",
         "4 KiB random reads past the page cache, queue depth 32, native, over the host's own fio", 0.8,
         "more", "times"),
    Goal("cycles.switch", "switch between two threads, the FPU's control words apart", 150, "less",
         "cycles"),
    Goal("cycles.lock", "uncontended lock and unlock", 40, "less", "cycles"),
    Goal("hypercall.over_port_exit", "null hypercall over a bare port exit from ring 3", 1.05,
         "less", "times"),
    Goal("vms.idle", "idle httpd at once, each answering a request", 1000, "more", "VMs"),
    Goal("instructions.xen-pv", "guest instructions, entry to main, Xen PV with 32 MiB", 100000, "less",
         "instructions"),
)
