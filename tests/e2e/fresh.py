"""A fresh host with the zipapp and a file on it, and what tests ask of it."""

import json

from tests.e2e.bed import Host, packages, registry

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
SNAPSHOT = r"""
for folder in /etc /usr /opt /root /home /var/lib /srv; do
  find $folder -xdev \( -path /var/lib/docker -o -path /var/lib/containerd -o -path /var/lib/apt -o -path /var/lib/dpkg -o -path /var/lib/systemd \
    -o -name '*.pyc' -o -name __pycache__ -o -name 'group-' -o -name 'gshadow-' -o -name 'passwd-' -o -name 'shadow-' \) -prune -o -type f -printf '%p %m %s\n' -o -type d -printf '%p/ %m\n' -o -type l -printf '%p -> %l\n'
done | LC_ALL=C sort
dpkg-query -W -f '${Package} ${Status}\n' | grep 'ok installed' | LC_ALL=C sort
cut -d: -f1 /etc/passwd /etc/group | LC_ALL=C sort
systemctl list-unit-files --no-legend --plain | LC_ALL=C sort
ip -o link | cut -d: -f2 | cut -d@ -f1 | grep -v veth | LC_ALL=C sort
"""


class Fresh:
    """A fresh host with the zipapp and a file on it."""

    def __init__(self, host: Host, pyz, suite: str) -> None:
        self.host = host
        self.docker = f"--docker-repository {packages(suite).repository} --docker-key {packages(suite).fingerprint}"
        host.put("/root/infrakit.yaml", FILE.format(mirror=registry()).encode())
        host.put("/root/infrakit.pyz", pyz.read_bytes())
        self.before = host.run(SNAPSHOT).out.splitlines()

    def install(self, *words: str):
        return self.host.run(f"cd /root && python3 infrakit.pyz install --config infrakit.yaml {self.docker} {' '.join(words)}", 1200)

    def infrakit(self, *words: str):
        return self.host.run(f"infrakit {' '.join(words)}", 900)

    def containers(self) -> dict[str, str]:
        """Name -> when it was started."""
        listed = self.host.run("docker ps -aq | xargs docker inspect").out
        return {item["Name"].lstrip("/"): item["State"]["StartedAt"] for item in json.loads(listed)}
