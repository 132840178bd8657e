"""A seed -> an infrakit.yaml that mostly compiles, and the blueprints beside it: hosts, apps, people, ports, pools.

Names and ports are few and alike, so that what must be apart meets: an app `a-b` beside `a`, a host `b` beside an app
of that name, a pool with hardly any room, two claims on one port.
"""

import json
import random
from typing import Any, NamedTuple

from tests.fuzz.plausible_apps import extended

Tree = dict[str, Any]

APPS = (
    *("wiki", "blog", "db", "a", "b", "a-b", "b-c", "a-b-c", "door", "signin", "link", "out", "in", "socket", "proxy"),
    *("agent", "infrakit", "default", "monitoring", "core", "shed", "dozzle-shed", "glances-b", "auth", "caddy-web"),
    *("authentik-db", "wiki-data", "wiki-db", "fleet", "portal", "x" * 31, "data", "cache"),
)
HOSTS = ("shed", "attic", "b", "a-b", "core2", "y" * 31, "nas")
PEOPLE = ("alice", "bob", "carol", "dave", "e.f_g-h")
GROUPS = ("family", "guests", "alice2", "staff-1")
DOMAINS = (
    "home.example.org",
    "a.bc",
    "xn--bcher-kva.example.org",
    "x.home.arpa",
    "nas.fritz.box",
    ".".join("e" * 20) + "e",
)
LONG = ".".join(["d" * 63, "e" * 63, "f" * 63, "example"])
POOLS = ("172.30.0.0/16", "10.0.0.0/12", "192.168.64.0/20", "172.16.0.0/22", "10.9.8.0/21", "100.64.0.0/22")
PATHS = ("/data", "/wiki/data", "/config", "/b-c", "/var/lib/x", "/Data_1", "/a/b")
CALLS = (
    *("GET /_ping", "GET /version", "GET /events", "GET /containers/json", "GET /containers/{id}/json"),
    *(
        "GET /containers/{id}/logs",
        "POST /containers/create",
        "POST /containers/{id}/restart",
        "GET /images/{image}/json",
    ),
)
GRANTS = ("cap_add", "docker_api", "host_path", "labels", "network", "ports", "reach", "requires", "root_user")
GRANTS += ("unpinned_image", "writable_root")


class Plausible(NamedTuple):
    """`tree` is the file, `blueprints` are those beside it by the name that the file gives them."""

    tree: Tree
    blueprints: dict[str, Tree]

    @property
    def source(self) -> bytes:
        return json.dumps(self.tree, indent=1).encode()

    def read(self, name: str) -> bytes:
        return json.dumps(self.blueprints[name]).encode()


def plausible(seed: int) -> Plausible:
    """The file of one seed."""
    return _File(random.Random(seed)).made()


class _File:
    """One file under construction."""

    def __init__(self, generator: random.Random) -> None:
        self.random = generator
        self.tree: Tree = {"version": 1, "domain": LONG if self.chance(0.02) else self.some(DOMAINS)}
        self.blueprints: dict[str, Tree] = {}
        self.people = self.few(PEOPLE, 4)
        self.groups = self.few(GROUPS, 3)

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def some(self, items):
        return self.random.choice(items)

    def few(self, items, most: int) -> list:
        return self.random.sample(items, self.random.randint(0, min(most, len(items))))

    def made(self) -> Plausible:
        if self.chance(0.3):
            self.tree["name"] = self.some(("homelab", "x", "a-b", "n" * 31))
        self._hosts()
        self._tls()
        self._network()
        if self.people or self.groups:
            self._access()
        self._services()
        names = self.few(APPS, 16 if self.chance(0.05) else 4)
        if names:
            self.tree["apps"] = {}
            for place, name in enumerate(names):
                self.tree["apps"][name] = self._app(name, names[:place])
            extended(self.tree, self.random)
        if self.chance(0.1):
            self.tree["images"] = {
                "mirror": self.some(("registry.lan:5000/", "mirror.example.org/cache", "localhost:5000"))
            }
        if self.chance(0.2):
            self.tree["timezone"] = self.some(("Europe/Berlin", "UTC", "America/Argentina/Ushuaia"))
        if self.chance(0.3):
            self.tree["contact"] = "ops@example.org"
        return Plausible(self.tree, self.blueprints)

    def _hosts(self) -> None:
        number = self.random.choice((0,) * 12 + (1, 1, 2, 2, 2, 2, 3, 3, 4, 5, 6))
        if not number:
            if self.chance(0.7):
                self.tree["pattern"] = self.some(("full", "full", "full", "edge", "monitoring", ["edge", "monitoring"]))
            else:
                self.tree["profiles"] = ["identity", *self.few(("observability", "security", "remote_access"), 3)]
            return
        hosts = self.tree["hosts"] = {}
        for place, name in enumerate(self.random.sample(("core", *HOSTS), number)):
            if place == 0:
                hosts[name] = {"pattern": "full"}
            else:
                hosts[name] = {"pattern": self.some(("edge", "monitoring", "monitoring", ["edge", "monitoring"]))}
            if self.chance(0.97) or place == 0:
                kinds = (*("192.168.1.{}",) * 16, *("10.200.0.{}",) * 4, "fd00::{}")
                hosts[name]["address"] = self.some(kinds).format(place + 10)
            if self.chance(0.2):
                hosts[name]["memory"] = self.some(("16g", "32g"))
        if self.chance(0.1):
            hosts["far-[08:10]"] = {"pattern": "edge"}
            hosts["barn-[1:2]"] = {"pattern": ["edge", "monitoring"], "address": "192.168.7.[31:32]"}

    def _tls(self) -> None:
        mode = self.some(("internal", "internal", "acme", "files", "tunnel", "dns"))
        if mode in ("acme", "dns") and self.tree["domain"].endswith((".arpa", ".box")):
            mode = "internal"
        self.tree["tls"] = {"mode": mode}
        if mode == "dns":
            self.tree["tls"]["provider"] = "cloudflare"
            self.services()["caddy"] = {"image": "registry.lan/caddy-dns:2.11.7"}
        agents = "hosts" in self.tree and any("edge" in host["pattern"] for host in self.tree["hosts"].values())
        if mode == "internal" and agents and self.chance(0.95):
            self.services()["portainer-edge-agent"] = {"options": {"insecure_poll": True}}
        if mode == "tunnel" and agents and self.chance(0.95):
            self.services()["portainer-edge-agent"] = {"enabled": False}

    def services(self) -> Tree:
        return self.tree.setdefault("services", {})

    def _network(self) -> None:
        network = {}
        if self.chance(0.4):
            network["pool"] = self.some(POOLS)
        if self.chance(0.3):
            addresses = ("192.168.7.2", "fd12::7", "127.0.0.1", "0.0.0.0", "::", "192.168.7.3")
            network["bind"] = self.random.sample(addresses, self.random.randint(1, 2))
        for key, ports in (("http_port", (8080, 81)), ("https_port", (8443, 444, 9443)), ("tunnel_port", (8001, 8101))):
            if self.chance(0.15):
                network[key] = self.some(ports)
        if self.chance(0.1):
            network["fleet_port"] = self.some((8444, 9443, 8102, 443))
        if self.chance(0.1) and self.tree["tls"]["mode"] != "tunnel":
            network["trusted_proxies"] = self.some((["192.168.1.1"], ["2001:db8::/32", "10.1.0.0/16"]))
        if network:
            self.tree["network"] = network

    def _access(self) -> None:
        access: Tree = {"administrators": self.people[:1]} if self.people else {}
        if self.groups:
            access["groups"] = {name: self.few(self.people, 3) for name in self.groups}
        if self.people and self.chance(0.4):
            access["users"] = {
                name: {"name": f'{name} "E" $x', "email": f"{name}@example.org"} if self.chance(0.6) else {}
                for name in self.people
            }
        self.tree["access"] = access

    def who(self) -> list[str]:
        known = [*self.groups, *self.people[:1]] if "access" in self.tree else []
        return self.few(known, 4) or ["administrators"]

    def _services(self) -> None:
        for name in self.few(("dozzle", "glances", "portainer", "guacamole", "watchtower", "portainer-agent"), 2):
            said: Tree = {}
            if name in ("watchtower", "portainer-agent"):
                said["enabled"] = self.chance(0.6)
            elif self.chance(0.4):
                said["allow"] = self.who()
            elif self.chance(0.4):
                said["subdomain"] = self.some(("logs", "top", "wiki", "a-b", "z" * 63))
            elif self.chance(0.2):
                said["public"] = True
            else:
                said |= {"memory": "700m", "environment": {"SOME_LEVEL": "a $HOME 'b'"}}
            if self.chance(0.1):
                said["secrets"] = [f"{name.replace('-', '_')}_more"]
            self.services().setdefault(name, said)

    def _app(self, name: str, before: list[str]) -> Tree:
        if self.chance(0.2):
            return self._own(name)
        app: Tree = {"image": self.some(("docker.io/x/y:1", "ghcr.io/example/own:1.2", "registry.lan:5000/a/b:v3"))}
        if self.chance(0.8):
            app["port"] = self.some((80, 80, 3000, 8080, 443, 65535))
            way = self.some(("", "", "allow", "public", "oidc", "saml", "subdomain"))
            if way == "allow":
                app["allow"] = self.who()
            elif way == "public":
                app["public"] = True
            elif way == "oidc":
                app["oidc"] = {"redirects": self.some((["/cb"], ["/", "/cb?x=1&y=%20"])), "scopes": self.scopes()}
            elif way == "saml":
                app["saml"] = {"acs": self.some(("/acs", "/saml/acs?x=1"))}
            elif way == "subdomain":
                app["subdomain"] = self.some(("www", "w" * 63, "a-b", "top", "db", "auth2"))
            if self.chance(0.2):
                app["health"] = "/health?full=1"
        if self.chance(0.4):
            app["data"] = self.few(PATHS, 3)
        if self.chance(0.3):
            app |= {"secrets": [f"{name.replace('-', '_')}_token"], "environment": {"LEVEL": "a\tb $x", "N": 3}}
        if self.chance(0.1):
            app |= {"user_secrets": [self.some((f"{name.replace('-', '_')}_key", "smtp_password"))]}
        if before and self.chance(0.3):
            return app | self._limits() | self._beside(before)
        if self.chance(0.05):
            app |= {"needs": ["dozzle"], "grants": ["reach"]}
        app |= self._limits()
        return app | self._places()

    def _beside(self, before: list[str]) -> Tree:
        """Where something runs that it needs."""
        needed = self.some(before)
        places = self.tree["apps"][needed].get("hosts")
        return {"needs": [needed], **({"hosts": places} if places else {})}

    def scopes(self) -> list[str]:
        return ["openid", *self.few(("email", "profile", "groups", "offline_access", "entitlements"), 4)]

    def _limits(self) -> Tree:
        found: Tree = {}
        if self.chance(0.15):
            found |= {"memory": self.some(("64m", "1g", "6m")), "cpus": self.some(("0.5", 1, "0.01"))}
        if self.chance(0.1):
            found |= {"internet": True, "writable": True, "user": self.some(("1000:1000", 0, "4"))}
        if self.chance(0.1):
            found["command"] = ["say", "${HOME} $x", "a b"]
        return found

    def _places(self) -> Tree:
        if "hosts" not in self.tree or not self.chance(0.5):
            return {}
        return {
            "hosts": self.random.sample(
                list(self.tree["hosts"]), self.random.randint(1, min(3, len(self.tree["hosts"])))
            )
        }

    def _own(self, name: str) -> Tree:
        """An app from a blueprint of the user's own."""
        file = f"./{name}.yaml"
        self.blueprints[file] = self._blueprint(name)
        app: Tree = {"blueprint": file, "grants": list(GRANTS), **self._places()}
        if "route" in self.blueprints[file] and self.chance(0.4):
            app["allow"] = self.who()
        return app

    def _blueprint(self, name: str) -> Tree:
        word = name.replace("-", "_")
        secrets = {f"{word}_secret": {"kind": self.some(("password", "user")), "description": "Mine."}}
        main = self._container(f"{word}_secret" if self.chance(0.6) else "")
        containers = {name: main}
        if self.chance(0.6):
            containers[f"{name}-{self.some(('db', 'data', 'web', 'x'))}"] = self._container("")
        if self.chance(0.04):
            containers |= {f"{name}-{number}": self._container("") for number in range(self.random.randint(10, 40))}
        for other in list(containers)[1:]:
            containers[other]["one_shot"] = self.chance(0.2)
            if self.chance(0.6) or containers[other]["one_shot"]:
                main.setdefault("needs", {})[other] = "completed" if containers[other]["one_shot"] else "healthy"
        tree: Tree = {"name": name, "source": "a test", "containers": containers, "secrets": secrets}
        if self.chance(0.3):
            tree["files"] = {
                "own.conf": {"content": f"say=${{secret.{word}_secret}}\n" if "secrets" in main else "x\n"}
            }
            main["files"] = [{"file": "own.conf", "path": "/own.conf"}]
        if self.chance(0.6):
            tree["route"] = {
                "container": self.some([key for key in containers if not containers[key].get("one_shot")]),
                "port": self.some((80, 8080, 9000)),
                "subdomain": name,
                "stream": self.chance(0.5),
            }
        if self.chance(0.2):
            tree["requires"] = [self.some(("glances", "dozzle", "portainer-agent"))]
        return tree

    def _container(self, secret: str) -> Tree:
        container: Tree = {
            "image": "docker.io/example/own:1",
            "architectures": ["amd64"],
            "memory": "32m",
            "health": {"test": ["CMD", "/check"]},
        }
        if secret:
            container["secrets"] = [self.some((secret, {"name": secret, "target": "/etc/own/token"}))]
        if self.chance(0.3):
            ports = ((53, "udp"), (53, "tcp"), (22, "tcp"), (443, "udp"), (8080, "tcp"), (8443, "tcp"), (51820, "udp"))
            container["ports"] = [
                {"port": port, "published": self.some((port, port + 2000)), "protocol": kind}
                for port, kind in self.few(ports, 2)
            ]
        elif self.chance(0.1):
            container["privileges"] = {"network": "host"}
        if self.chance(0.3):
            container["volumes"] = [{"volume": self.some(("data", "db-data", "a.b")), "path": "/data"}]
        if self.chance(0.2):
            container["docker"] = {
                "transport": self.some(("tcp", "unix")),
                "allow": self.few(CALLS, 5) or ["GET /_ping"],
            }
            if container["docker"]["transport"] == "unix":
                container["docker"]["socket_volume_path"] = "/var/run"
        if self.chance(0.2):
            container["internet"] = True
        if self.chance(0.2):
            container["reaches"] = [self.some(("dozzle", "authentik", "glances"))]
        return container
