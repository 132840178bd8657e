"""A test bed for whole runs on fresh Debian hosts, from which nothing leaves the machine.

registry() -> the prefix of the images' names; http://apt.bed is there from then on, too
packages(suite).repository, .fingerprint -> what stands in for https://download.docker.com, and its key
Host.start(suite) -> a fresh host; run, put, restart, crash, stop
VirtualMachine.start() -> the same with a kernel and a disk of its own; power_cut, too; small_registry(names) -> small
images for it
publish(reference, broken=...) -> one more image, such as the next version of one
"""

import os
import platform
import shutil

import pytest

from tests.e2e.bed.engine import NETWORK, start_engine, start_network
from tests.e2e.bed.hosts import Done, Host
from tests.e2e.bed.packages import Packages, packages
from tests.e2e.bed.registry import REGISTRY, authority, publish, references, registry, small_registry
from tests.e2e.bed.roots import SUITES, host_image, host_tar
from tests.e2e.bed.vm import VirtualMachine

__all__ = [
    "NETWORK",
    "REGISTRY",
    "SUITES",
    "Done",
    "Host",
    "Packages",
    "VirtualMachine",
    "authority",
    "host_image",
    "host_tar",
    "needs_bed",
    "needs_machine",
    "needs_stick",
    "packages",
    "publish",
    "references",
    "registry",
    "small_registry",
    "start_engine",
    "start_network",
]

needs_bed = pytest.mark.skipif(
    os.name != "posix"
    or os.geteuid() != 0
    or platform.machine() != "x86_64"
    or not all(map(shutil.which, ("dockerd", "mmdebstrap", "gpg", "openssl", "dpkg-deb"))),
    reason="needs root on x86-64, dockerd, mmdebstrap, gpg, openssl and dpkg-deb",
)
needs_machine = pytest.mark.skipif(
    needs_bed.args[0] or not all(map(shutil.which, ("qemu-system-x86_64", "mke2fs", "cpio"))),
    reason="needs what the bed needs, qemu-system-x86_64, mke2fs and cpio",
)
needs_stick = pytest.mark.skipif(not all(map(shutil.which, ("mkfs.vfat", "mcopy"))), reason="needs mkfs.vfat and mcopy")
