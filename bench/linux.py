# SPDX-License-Identifier: BSD-2-Clause
"""The Linux that Coracle is compared with: Debian's kernel for clouds with nginx and our own
programs in an initramfs, in the same QEMU with the same devices; and nginx on the host itself."""
import os
import pathlib
import struct
import subprocess

import host
from harness import BUILD, ROOT
from initramfs import Archive, libraries_of
from measure import NotMeasured, run

DISKS = {"virtio": "/dev/vda", "emulated": "/dev/sda"}  # the first disk's name in the guest
FOLDERS = {"cloud": "linux", "generic": "linux-generic"}
LIBRARIES = ("lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu")
LOADER = "lib64/ld-linux-x86-64.so.2"
NGINX = """daemon off; master_process off; worker_processes 1; error_log stderr crit; pid {work}/nginx.pid;
events {{ worker_connections 4096; }}
http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000; default_type text/html;
  open_file_cache max=100; client_body_temp_path {work}/b; proxy_temp_path {work}/p;
  fastcgi_temp_path {work}/f; uwsgi_temp_path {work}/u; scgi_temp_path {work}/s;
  server {{ listen {port} backlog=4096; root {root}; }} }}
"""


def cache():
    """Where all that is fetched lies."""
    return ROOT / os.environ.get("CORACLE_CACHE", "build")


_missing = {}  # {kind: why it could not be fetched}, which is not tried again


def files(kind="cloud"):
    """The folder with a kernel and files of packages, fetched if need be: Debian's kernel for clouds with
    all that runs on it, or ("generic") the one for all machines with its modules alone."""
    if kind in _missing:
        raise NotMeasured(_missing[kind])
    found = cache() / FOLDERS[kind]
    if not (found / "vmlinuz").exists():
        done = subprocess.run([ROOT / "scripts" / "fetch-linux", str(cache()), kind], capture_output=True,
                              text=True, check=False)
        if done.returncode != 0:
            _missing[kind] = (done.stderr.splitlines() or ["scripts/fetch-linux failed"])[-1]
            raise NotMeasured(_missing[kind])
    return found


def kernel_version(kernel):
    """What a bzImage says of itself (Linux's boot protocol, `kernel_version`)."""
    head = kernel.read_bytes()[:65536]
    at = struct.unpack_from("<H", head, 0x20e)[0] + 0x200
    return head[at:at + 128].split(b"\0")[0].split(b" ")[0].decode(errors="replace")


def versions():
    """Of what is fetched; null for what is not."""
    found = {"linux_guest": None, "linux_generic_guest": None, "nginx": None}
    for name, kind in (("linux_guest", "cloud"), ("linux_generic_guest", "generic")):
        if (cache() / FOLDERS[kind] / "vmlinuz").exists():
            found[name] = kernel_version(cache() / FOLDERS[kind] / "vmlinuz")
    if found["linux_guest"]:
        root = cache() / FOLDERS["cloud"] / "root"
        found["nginx"] = host.version(*map(str, nginx_words(root)), "-v")
    return found


def library(root, name):
    for folder in LIBRARIES:
        if (root / folder / name).exists():
            return root / folder / name
    raise NotMeasured(f"scripts/fetch-linux left no {name}")


def add_with_libraries(archive, root, path, source):
    archive.copy(path, source)
    for name in libraries_of(source):
        if "lib/" + name not in archive.known and name != os.path.basename(LOADER):
            add_with_libraries(archive, root, "lib/" + name, library(root, name))


def loader(root):
    return library(root, os.path.basename(LOADER))


def initramfs(target, job, site=None, kind="cloud"):
    """Writes the file system of a guest that runs `job`, a shell script; `site`: files for nginx."""
    root = files() / "root"
    archive = Archive()
    archive.copy("bin/busybox", root / "bin" / "busybox")
    for module in (files(kind) / "root" / "lib" / "modules").rglob("*.ko"):
        archive.copy(f"modules/{module.name}", module)
    add_with_libraries(archive, root, "bin/nginx", root / "usr" / "sbin" / "nginx")
    archive.copy(LOADER, loader(root))
    for program in ("blockio", "primitives", "stream"):
        archive.copy(f"bin/{program}", BUILD / "bench" / f"{program}-linux")
    for path in pathlib.Path(site).iterdir() if site else ():
        archive.put(f"site/{path.name}", path.read_bytes(), 0o644)
    archive.put("etc/passwd", b"root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n", 0o644)
    archive.put("etc/group", b"root:x:0:\nnogroup:x:65534:\n", 0o644)
    config = NGINX.format(port=80, root="/site", work="/tmp")
    archive.put("nginx.conf", f"user root;{config}".encode(), 0o644)
    archive.put("job", job.encode())
    archive.copy("init", ROOT / "bench" / "linux-init")
    with open(target, "wb") as file:
        archive.write(file)


def replaced(words, option, value):
    words = list(words)
    words[words.index(option) + 1] = value
    return words


def emulated(words):
    """The devices of a command line as QEMU emulates hardware: virtio disks on an IDE controller (of
    the PC's second chip set, for which Debian's kernel has a driver), virtio networks as e1000."""
    result = []
    for word in words:
        kind, _, options = word.partition(",")
        keep = [option for option in options.split(",")
                if option.split("=")[0] in ("drive", "netdev", "mac", "werror", "rerror")]
        if kind == "virtio-blk-pci":
            if "piix3-ide,id=ide" not in result:
                result[-1:] = ["-device", "piix3-ide,id=ide", "-device"]
            word = ",".join(["ide-hd", "bus=ide.0", *keep])
        elif kind == "virtio-net-pci":
            word = ",".join(["e1000", *keep])
        result.append(word)
    return result


def qemu_words(words, archive, memory="512M", devices="virtio", kind="cloud"):
    """The words with which `coracle run` starts QEMU, changed to start Linux with the same devices, or
    (devices="emulated") with hardware that is emulated instead of them."""
    words = replaced(words, "-kernel", str(files(kind) / "vmlinuz"))
    words = replaced(words, "-append", "console=ttyS0 quiet panic=-1 tsc=reliable")
    words = replaced(words, "-m", memory)
    words = emulated(words) if devices == "emulated" else words
    return [*words, "-initrd", str(archive), "-serial", "stdio"]


def nginx_words(root):
    """nginx with the libraries that were fetched with it."""
    libraries = ":".join(str(root / folder) for folder in LIBRARIES)
    return [loader(root), "--library-path", libraries, root / "usr/sbin/nginx"]


def nginx_on_host(work, site, port):
    """The words that start nginx as a process of the host."""
    root = files() / "root"
    config = work / "nginx.conf"
    config.write_text("user root;" + NGINX.format(port=port, root=site, work=work))
    return [*nginx_words(root), "-c", config, "-p", work]


def make_site(folder):
    """What is served everywhere: a file of 612 bytes and one of 100 KiB."""
    folder.mkdir()
    (folder / "small").write_bytes(b"s" * 612)
    (folder / "large").write_bytes(b"l" * (100 << 10))
    run(["tar", "-C", folder, "--owner=0", "--group=0", "-cf", f"{folder}.tar", "."])
    return folder
