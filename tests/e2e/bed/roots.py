"""The images that fresh hosts start from."""

import subprocess
from pathlib import Path

from tests.e2e.bed.engine import CACHE, HERE, PREFIX, digest_of, docker, kept, locked, own_text, root_tar, start_engine

SUITES = ("bookworm", "trixie")
INCLUDE = (
    "systemd",
    "systemd-sysv",
    "dbus",
    "python3",
    "iproute2",
    "iptables",
    "ca-certificates",
    "curl",
    "procps",
    "apt",
    "gpgv",
    "less",
    "sudo",
    "openssh-client",
)
CGROUP2 = "/bed-init-cgroup2"
SHIMS = {"/bed-init": "init.sh", CGROUP2: "init-cgroup2.sh"}
"""What a host starts with before systemd; place -> file here."""


def host_tar(suite: str) -> Path:
    """A fresh host: Debian's smallest, with systemd and python3."""
    hooks = [f"--customize-hook=upload {HERE / file} {place}" for place, file in SHIMS.items()]
    hooks += [f'--customize-hook=chmod 755 "$1{place}"' for place in SHIMS]
    hooks += ['--customize-hook=rm -f "$1/etc/hostname" "$1/etc/resolv.conf"']
    recipe = repr((suite, INCLUDE)) + own_text(*SHIMS.values())
    return kept(f"host-{suite}.tar", recipe, lambda path: root_tar(suite, path, INCLUDE, *hooks))


def host_image(suite: str) -> str:
    """The name of its image, all of which are there once for all runs."""
    tar = host_tar(suite)
    name = f"{PREFIX}host/{suite}:{digest_of(tar)}"
    start_engine()
    with locked(CACHE / f"image-{suite}"):
        if subprocess.run(["docker", "image", "inspect", name], capture_output=True).returncode:
            docker("import", "-c", 'ENTRYPOINT ["/bed-init"]', tar, name)
    return name
