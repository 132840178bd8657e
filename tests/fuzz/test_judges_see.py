"""The judges of plausible files see what is wrong: a door that is gone, one that leads to another's place, a port of
another kind, a volume of two owners."""

import re

from infrakit.model import Artifact
from tests.emit.tree import needs_compose
from tests.fuzz.bytes_of import Host
from tests.fuzz.plausible import Plausible
from tests.fuzz.plausible_worker import compiled, faults
from tests.fuzz.programs import Judges
from tests.runtime.caddy import needs_caddy

FILE = Plausible(
    {
        "version": 1,
        "domain": "home.example.org",
        "tls": {"mode": "internal"},
        "access": {"administrators": ["alice"], "groups": {"family": ["alice"]}},
        "hosts": {
            "core": {"pattern": "full", "address": "192.168.1.10"},
            "nas": {"pattern": "monitoring", "address": "192.168.1.11"},
        },
        "volumes": {"films": {}},
        "apps": {
            "wiki": {"image": "docker.io/x/y:1", "port": 80, "hosts": ["core", "nas"], "mounts": ["/srv/a:/a"]},
            "blog": {"image": "docker.io/x/y:1", "port": 81, "hosts": ["core", "nas"], "allow": ["family"]},
            "dns": {"image": "docker.io/x/y:1", "doors": {"web": {"port": 82}}, "ports": ["53:53/udp"]},
            "far": {"image": "docker.io/x/y:1", "port": 83, "hosts": ["nas"]},
            "tv": {"image": "docker.io/x/y:1", "port": 84, "mounts": ["films:/films"], "data": ["/kept"]},
        },
    },
    {},
)


def without_site(name):
    def change(text):
        head = f"\n{name}.home.example.org"
        begin = text.index(head)
        return text[:begin] + text[text.index("\n}\n", begin) + 3 :]

    return change


def swapped(one, other):
    return lambda text: re.sub(f"{one}|{other}", lambda match: other if match[0] == one else one, text)


CHANGES = {
    "no site": ("core", "caddy/Caddyfile", without_site("tv")),
    "no site of another host's": ("core", "caddy/Caddyfile", without_site("far")),
    "no site over there": ("nas", "caddy/Caddyfile", lambda text: text.replace("far.home", "fern.home")),
    "ports": ("core", "caddy/Caddyfile", swapped("dns:82", "tv:84")),
    "hops": ("core", "caddy/Caddyfile", swapped("http://:8101 ", "http://:8102 ")),
    "doors": ("nas", "caddy/Caddyfile", swapped("wiki:80", "blog:81")),
    "tcp": ("core", "services/dns.yaml", lambda text: text.replace("protocol: udp", "protocol: tcp")),
    "volume": ("core", "services/wiki.yaml", lambda text: text.replace("/srv/a", "films").replace("bind", "volume")),
    "own volume": (
        "core",
        "services/wiki.yaml",
        lambda text: text.replace("/srv/a", "tv-kept").replace("bind", "volume"),
    ),
    "name": ("core", "compose.yaml", lambda text: text.replace("films: {}", "films: {name: infrakit_tv-kept}")),
}


@needs_caddy
@needs_compose
def test_every_change_for_the_worse_is_reported(tmp_path):
    judges = Judges(tmp_path)
    try:
        assert faults(FILE, compiled(FILE, read=False), judges) == []
        for name, (host, path, change) in CHANGES.items():
            hosts = compiled(FILE, read=False)
            (tree,) = [each for deployment, each in hosts if deployment.host == host]
            before = tree.files[path].decode()
            tree.files[path] = change(before).encode()
            assert tree.files[path].decode() != before, name
            read_again = [(each, Host(tuple(Artifact(*item) for item in found.files.items()))) for each, found in hosts]
            found = faults(FILE, read_again, judges)
            print(name, found)
            assert found, name
    finally:
        judges.caddy.process.kill()
        judges.caddy.process.wait(10)
