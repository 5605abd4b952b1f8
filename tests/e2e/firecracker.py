# SPDX-License-Identifier: BSD-2-Clause
"""`coracle firecracker-config`: what it prints is what Firecracker takes."""
import json

from harness import CORACLE, app, check, equal, run, user_error

# Firecracker's configuration file as its documentation has it (docs/getting-started.md, "Configuring
# the microVM without sending API requests", and the API's specification): members, then those that
# must be there.
FIRECRACKER = {
    "": ("boot-source drives network-interfaces machine-config balloon cpu-config entropy logger "
         "metrics mmds-config vsock", "boot-source"),
    "boot-source": ("kernel_image_path initrd_path boot_args", "kernel_image_path"),
    "drives": ("drive_id partuuid is_root_device cache_type is_read_only path_on_host rate_limiter "
               "io_engine socket", "drive_id is_root_device"),
    "network-interfaces": ("iface_id guest_mac host_dev_name rx_rate_limiter tx_rate_limiter",
                           "iface_id host_dev_name"),
    "machine-config": ("vcpu_count mem_size_mib smt cpu_template track_dirty_pages huge_pages",
                       "vcpu_count mem_size_mib"),
}


def firecracker(*arguments):
    return run([CORACLE, "firecracker-config", *map(str, arguments)])


def test_config():
    result = firecracker("--mem", "16M", "--blk", "/disks/a,ro", "--blk", "b\"c", "--env", "A=\\",
                         "--net", "tap:fc0,ip=10.0.0.2/24,gw=10.0.0.1", app("hello"), "x y")
    equal((result.status, result.err), (0, ""), "the end")
    config = json.loads(result.out)
    equal(config["boot-source"], {
        "kernel_image_path": app("hello"),
        "boot_args": f'name={app("hello")} "env.A=\\\\" net0=10.0.0.2/24,10.0.0.1 -- "x y"',
    }, "boot-source")
    equal(config["drives"], [
        {"drive_id": "blk0", "path_on_host": "/disks/a", "is_root_device": False,
         "is_read_only": True},
        {"drive_id": "blk1", "path_on_host": "b\"c", "is_root_device": False,
         "is_read_only": False}], "drives")
    equal(len(config["network-interfaces"]), 1, "networks")
    equal(config["network-interfaces"][0]["host_dev_name"], "fc0", "the tap")
    equal(config["machine-config"], {"vcpu_count": 1, "mem_size_mib": 17}, "machine-config")


def test_schema():
    """Only members that Firecracker knows (it refuses others), each where it belongs."""
    def fits(name, value):
        known, needed = (set(words.split()) for words in FIRECRACKER[name])
        check(needed <= set(value) <= known, f"members of {name or 'the file'}: {sorted(value)}")

    config = json.loads(firecracker("--rng", "--blk", "/a", "--blk", "/b,ro", "--net", "tap:t0", "--net",
                                    "tap:t1,ip=10.0.0.2/24", app("hello"), "x").out)
    fits("", config)
    equal(config["entropy"], {}, "the random number device")
    for name in ("boot-source", "machine-config"):
        fits(name, config[name])
    for name, key in (("drives", "drive_id"), ("network-interfaces", "iface_id")):
        equal(len(config[name]), 2, name)
        equal(len({item[key] for item in config[name]}), 2, f"different names in {name}")
        for item in config[name]:
            fits(name, item)
            check(item[key].isalnum(), f"{key} {item[key]}: letters and digits only")
    check(isinstance(config["machine-config"]["mem_size_mib"], int), "mem_size_mib is no integer")
    check(not any(drive["is_root_device"] for drive in config["drives"]), "a root device")
    for item in config["network-interfaces"]:
        equal(len(bytes.fromhex(item["guest_mac"].replace(":", ""))), 6, "bytes of guest_mac")


def test_mistakes():
    user_error(firecracker("--net", "user", app("hello")), "--net user", "tap")
    user_error(firecracker("--timeout", "3", app("hello")), "--timeout")
    user_error(firecracker("/nowhere/image"), "/nowhere/image")
    user_error(firecracker(), "IMAGE")
