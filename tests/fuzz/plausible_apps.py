"""Keys of apps beyond those that most files have: several doors, ports at addresses, volumes, and what is no container.

Addresses are few, and each is written in several ways, so that two owners of one meet.
"""

import random
from typing import Any

Tree = dict[str, Any]

PORTS = (
    *("53", "53/udp", "8080:80", "443/udp", "192.168.7.2:53:53", "[fd12::7]:53:53", "[FD12:0::7]:53:53/udp", 5001),
    *("[fd12:0:0::7]:53:53", "5000-5003:5000-5003/udp", "0.0.0.0:8443:1", "[::]:8000:1", "127.0.0.1:9000:9000"),
    *("192.168.7.3:443:443", "192.168.7.2:443:443", "[fd12::0007]:443:1"),
)
VOLUMES = ({}, {}, {"nfs": "192.168.9.5:/export/x"}, {"external": "shop_database"}, {"external": "infrakit_wiki-data"})
ELSEWHERE = ("http://192.168.55.2:8080", "https://nas.lan", "http://192.168.55.3")


def extended(tree: Tree, chance: random.Random) -> None:
    """More keys for some of the apps that are containers, and volumes for them."""
    apps = {name: app for name, app in tree.get("apps", {}).items() if "image" in app}
    if apps and chance.random() < 0.2:
        names = chance.sample(("media", "lib", "films", "shows", "music", "wiki-data", "caddy-data"), 2)
        tree["volumes"] = {name: dict(chance.choice(VOLUMES)) for name in names}
    for name, app in apps.items():
        if "volumes" in tree and chance.random() < 0.5:
            app["mounts"] = [f"{volume}:/v-{volume}" for volume in chance.sample(list(tree["volumes"]), 1)]
        if chance.random() < 0.1:
            app["ports"] = chance.sample(PORTS, chance.randint(1, 2))
        if chance.random() < 0.04 and not {"needs", "hosts", "data", "secrets"} & set(app):
            for key in set(app) - {"allow", "public", "subdomain"}:
                del app[key]
            app["address"] = chance.choice(ELSEWHERE)
        elif "port" in app and "health" not in app and chance.random() < 0.2:
            first = {key: app.pop(key) for key in ("port", "subdomain", "allow", "public") if key in app}
            doors = chance.sample(("web", "admin", "s3"), chance.randint(1, 3))
            app["doors"] = {door: {"port": 9001 + place} for place, door in enumerate(doors)}
            app["doors"][doors[0]] |= first
        for door in app.get("doors", {"": app}).values():
            if chance.random() < 0.2 and ("port" in door or "address" in door):
                _at_the_door(door, app, chance)
        if "port" in app and chance.random() < 0.05:
            app["network"] = chance.choice(["host", *(other for other in apps if other != name)])


def _at_the_door(door: Tree, app: Tree, chance: random.Random) -> None:
    """What Caddy does there."""
    asks, own = not {"public", "oidc", "saml"} & {*door, *app}, "address" not in app
    keys = [*(["scheme"] if own and door["port"] != 80 else []), *(["pass"] if asks else [])]
    key = chance.choice([*keys, *(["identity"] if asks and own else []), "headers"])
    if key == "scheme":
        door |= {"scheme": "https", "certificate": "any"}
    elif key == "headers":
        door["headers"] = {"X-Frame-Options": "", "X-Own": "a 'b' c"}
    elif key == "pass":
        door["pass"] = [{"path": chance.choice(("/api/*", "/b")), "why": "phones", "method": "GET"}]
    else:
        door["identity"] = {"X-WebAuth-User": "username", "Remote-Groups": "groups"}
