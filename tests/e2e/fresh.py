"""A fresh host with the zipapp and a file on it, and what tests ask of it."""

import json
import os
from copy import copy
from pathlib import Path
from typing import NamedTuple

from tests.e2e.bed import Host, packages, registry
from tests.e2e.bed.engine import PLACE

SCRIPT = "http://apt.bed/files/install.py"

FILE = """\
version: 1
name: homelab
domain: home.example.org
timezone: Europe/Berlin
contact: ops@example.org
pattern: full
tls: {{mode: internal}}
images: {{mirror: "{mirror}"}}
access: {{administrators: [alice], groups: {{family: [bob]}}}}
apps:
  wiki: {{image: "ghcr.io/requarks/wiki:2.5", port: 3000, allow: [family], data: [/wiki/data], memory: 512m}}
"""
SMALL = """\
version: 1
name: watch
domain: watch.example.org
timezone: Europe/Berlin
pattern: monitoring
tls: {{mode: internal}}
images: {{mirror: "{mirror}"}}
access: {{administrators: [alice]}}
"""
ROOT_CERTIFICATE = "/data/caddy/pki/authorities/local/root.crt"
"""In Caddy's container; caddyserver.com/docs/automatic-https#local-https."""
FAKE_DATE = '#!/bin/sh\nif [ "$*" = +%s ]; then echo {seconds}; else exec /bin/date "$@"; fi\n'
"""As /usr/local/sbin/date: the clock of the machine that the tests run on stays as it is."""
WATCHED = "/etc/infrakit /run /tmp /var/cache/infrakit /var/lib/infrakit /var/log/infrakit"
NAMES = ("auth", "dozzle", "glances", "guacamole", "portainer", "wiki")
SNAPSHOT = r"""
for folder in /boot /etc /home /opt /root /srv /usr /var/cache /var/lib /var/opt /var/spool; do
  find $folder -xdev \( -path /var/lib/docker -o -path /var/lib/containerd -o -path /var/lib/apt -o -path /var/lib/dpkg -o -path /var/lib/systemd \
    -o -path /var/cache/apt -o -path /var/cache/debconf -o -path /var/cache/ldconfig -o -path /var/cache/infrakit \
    -o -name '*.pyc' -o -name __pycache__ -o -name 'group-' -o -name 'gshadow-' -o -name 'passwd-' -o -name 'shadow-' \) -prune -o -type f -printf '%p %m %s\n' -o -type d -printf '%p/ %m\n' -o -type l -printf '%p -> %l\n'
done | LC_ALL=C sort
dpkg-query -W -f '${Package} ${Status}\n' | LC_ALL=C sort
cut -d: -f1,3,4,6,7 /etc/passwd
cut -d: -f1,3,4 /etc/group
systemctl list-unit-files --no-legend --plain | LC_ALL=C sort
systemctl list-units --all --state=failed --no-legend --plain 'docker*' 'containerd*' 'infrakit*'
ip -o link | cut -d: -f2 | cut -d@ -f1 | grep -v veth | LC_ALL=C sort
for family in iptables ip6tables; do
  ! command -v $family-save >/dev/null || $family-save | grep -Ev '^(#|\*|COMMIT)|^:[A-Z]+ ACCEPT|DOCKER_|127\.0\.0\.11' | sed "s/ *\[[0-9:]*\]//; s/^/$family /"
done
echo forwarding $(cat /proc/sys/net/ipv4/ip_forward)
find /var/lib/docker /var/lib/containerd -maxdepth 1 2>/dev/null | LC_ALL=C sort
"""  # noqa: E501 -- verbatim text
"""Files (whose content is told by their size), packages, users and groups with their numbers, units, links of the
network, the packet filter without counters, forwarding, and whether Docker's data is there. Crontabs are among the
files. Logs and caches are not, nor is the name server that Docker puts into a host of this bed."""


def serve_script(content: bytes) -> None:
    """Put it where SCRIPT is; hosts that read it meanwhile get the old one, whole."""
    folder = PLACE / "files"
    folder.mkdir(exist_ok=True)
    half = folder / f"install.py.{os.getpid()}"
    half.write_bytes(content)
    half.rename(folder / "install.py")


class Seen(NamedTuple):
    """Whether both looked on until the end; secrets that were seen, as `NAME in RECORD`; all files and processes that
    were."""

    watching: bool
    secrets: str
    files: str
    processes: str


class Fresh:
    """A fresh host with the zipapp and a file on it. `locked`: and the lock, made on the host as a user would."""

    def __init__(self, host: Host, pyz, suite: str, file: str = FILE, *, locked: bool = False) -> None:
        self.host = host
        self.docker = f"--docker-repository {packages(suite).repository} --docker-key {packages(suite).fingerprint}"
        host.put("/root/infrakit.yaml", file.format(mirror=registry()).encode())
        host.put("/root/infrakit.pyz", pyz.read_bytes())
        domain = next(line.split()[1] for line in file.splitlines() if line.startswith("domain:"))
        host.run(f"echo $(hostname -i) {' '.join(f'{name}.{domain}' for name in NAMES)} >>/etc/hosts")
        self.locked = locked
        if locked:
            done = host.run("cd /root && python3 infrakit.pyz lock; code=$?; rm -r /var/cache/infrakit; exit $code")
            assert done.code == 0 and "asking registry.bed:5000 about" in done.err, done.err
        self.before = host.run(SNAPSHOT).out.splitlines()

    def on(self, host: Host) -> "Fresh":
        """The same on a host that has all of it already."""
        other = copy(self)
        other.host = host
        return other

    @property
    def command(self) -> str:
        """The words of `install`, for a shell in /root."""
        return f"python3 infrakit.pyz install --config infrakit.yaml {self.docker}"

    @property
    def piped(self) -> str:
        """As the README has it: the script from a web server, through a pipe."""
        return f"curl -fsSL {SCRIPT} | python3 - install --config infrakit.yaml {self.docker}"

    def install(self, *words: str):
        return self.host.run(f"cd /root && {self.command} {' '.join(words)}", 1200)

    def install_from_pipe(self, *words: str):
        return self.host.run(f"cd /root && {self.piped} {' '.join(words)}", 1200)

    def ask(self, *answers: str):
        """What `install --dry-run` from a pipe comes to without a file, for somebody who types these answers on his
        terminal."""
        # `script` gives a terminal; standard input of the program is the pipe all the same.
        line = f"curl -fsSL {SCRIPT} | python3 - install --dry-run {self.docker}"
        return self.host.run(
            f"mkdir -p /run/elsewhere && cd /run/elsewhere && script -qec '{line}' /dev/null",
            300,
            feed="".join(f"{word}\n" for word in answers).encode(),
        )

    def watch(self) -> None:
        """From now on somebody without rights reads all files that he can, and root looks at all processes
        (watch.py)."""
        self.host.put("/run/watch.py", (Path(__file__).parent / "watch.py").read_bytes())
        self.host.put("/tmp/in-sight", b"in sight of everybody")
        for what, user in (("files", "nobody"), ("processes", "root")):
            folder = f"--property=RuntimeDirectory=watch-{what} --property=RuntimeDirectoryMode=0700"
            done = self.host.run(
                f"systemd-run --unit=watch-{what} --uid={user} {folder} python3 /run/watch.py {what} "
                f"/run/watch-{what}/record {WATCHED}"
            )
            assert done.code == 0, done.err

    def seen(self) -> Seen:
        """What that came to; it ends here."""
        found = self.host.run("python3 /run/watch.py search /run/watch-*/record")
        assert found.code == 0, found.err
        files, processes = (self.host.run(f"cat /run/watch-{what}/record").out for what in ("files", "processes"))
        watching = self.host.run("systemctl is-active watch-files watch-processes").code == 0
        self.host.run("systemctl stop watch-files watch-processes; rm -r /run/watch.py /tmp/in-sight")
        return Seen(watching, found.out, files, processes)

    def infrakit(self, *words: str):
        return self.host.run(f"infrakit {' '.join(words)}", 900)

    def containers(self) -> dict[str, str]:
        """Name -> when it was started."""
        listed = self.host.run("docker ps -aq | xargs docker inspect").out
        return {item["Name"].lstrip("/"): item["State"]["StartedAt"] for item in json.loads(listed)}


def small(host: Host, pyz, suite: str, mirror: str) -> Fresh:
    """A host with a small stack to install, whose images come through `mirror`."""
    return Fresh(host, pyz, suite, SMALL.replace("{mirror}", mirror))


def refused(done, *words: str, code: int = 3) -> None:
    """One clear error, with what to do, and no traceback."""
    said = done.err
    assert done.code == code and "Traceback" not in said, said
    assert all(word in said for word in words), said
    assert said.rstrip().splitlines()[-1].startswith(("    ", "  hint:")), f"no remedy: {said}"
