"""The images that fresh hosts start from."""

import hashlib
import subprocess

from tests.e2e.bed.engine import HERE, NETWORK, docker, kept, own_text, root_tar, start_engine

SUITES = ("bookworm", "trixie")
INCLUDE = (
    "systemd", "systemd-sysv", "dbus", "python3", "iproute2", "iptables", "ca-certificates", "curl", "procps", "apt", "gpgv", "less", "sudo", "openssh-client",
)
CGROUP2 = "/bed-init-cgroup2"
SHIMS = {"/bed-init": "init.sh", CGROUP2: "init-cgroup2.sh"}
"""What a host starts with before systemd; place -> file here."""


def host_image(suite: str) -> str:
    """The name of the image of a fresh host: Debian's smallest, with systemd and python3."""
    name = f"{NETWORK}/host:{suite}"
    hooks = [f"--customize-hook=upload {HERE / file} {place}" for place, file in SHIMS.items()]
    hooks += [f'--customize-hook=chmod 755 "$1{place}"' for place in SHIMS]
    hooks += ['--customize-hook=rm -f "$1/etc/hostname" "$1/etc/resolv.conf"']
    recipe = repr((suite, INCLUDE)) + own_text(*SHIMS.values())
    tar = kept(f"host-{suite}.tar", recipe, lambda path: root_tar(suite, path, INCLUDE, *hooks))
    mark = hashlib.sha256(f"{recipe}{tar.stat().st_mtime_ns}".encode()).hexdigest()[:12]
    start_engine()
    there = subprocess.run(["docker", "image", "inspect", "-f", '{{index .Config.Labels "bed"}}', name], capture_output=True, text=True)
    if there.stdout.strip() != mark:
        docker("import", "-c", 'ENTRYPOINT ["/bed-init"]', "-c", f"LABEL bed={mark}", tar, name)
    return name
