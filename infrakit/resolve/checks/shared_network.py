"""network of an app -> Problems: whose network it has, and what an app says in vain that has none of its own."""

import itertools
from collections.abc import Iterator

from infrakit.catalog.model import Catalog
from infrakit.config.model import AppConfig, Config
from infrakit.config.nearest import nearest
from infrakit.errors import Problem
from infrakit.resolve.world import Locate

Wrong = tuple[str, str, str, str]
"""(key, what is wrong, code, what to do)."""

AT_THE_HOST = {
    "ports": "each of its ports is the host's already",
    "serves": "apps find no name of it: they would need the host's address",
    "needs": "it finds no name of other apps",
    "internet": "the host's network leads there already",
    "dns": "it asks whom the host asks",
    "oidc": "it finds no name of Authentik inside",
}
AT_THE_OTHER = ("ports", "internet", "dns", "extra_hosts", "hostname")
"""What Docker takes of the one whose network it is."""


def networks_of_apps(config: Config, catalog: Catalog, locate: Locate) -> list[Problem]:
    """What an app says of its network has its effect."""
    apps = {app.name: app for app in config.apps}
    found = []
    for app in config.apps:
        if not app.network or app.blueprint:
            continue
        wrong = _of_the_host(config, app) if app.network == "host" else _of_another(config, app, apps)
        for key, what, code, hint in wrong:
            place = locate((*app.path, key), key=key != "network")
            found.append(Problem(place, f"apps.{app.name}.{key}: {what}", code, hint))
    return found


def _of_the_host(config: Config, app: AppConfig) -> Iterator[Wrong]:
    for key, what in AT_THE_HOST.items():
        if _says(config, app, key):
            yield key, f"with network: host, {what}", "host-network", f"remove {key}, or network"
    yield from _sysctls(app, "set it on the host: /etc/sysctl.d")


def _of_another(config: Config, app: AppConfig, apps: dict[str, AppConfig]) -> Iterator[Wrong]:
    other = apps.get(app.network)
    if other is None or other is app:
        close = nearest(app.network, sorted(set(apps) - {app.name}))
        hint = f"did you mean {close}?" if close else "write host, or the name of another app"
        yield "network", f"there is no other app {app.network}", "unknown-app", hint
        return
    if other.blueprint or other.network:
        said = "has a blueprint" if other.blueprint else f"is in the network of {other.network} itself"
        hint = f"name an app of keys that has a network of its own{'' if other.blueprint else f': {other.network}'}"
        yield "network", f"{other.name} {said}", "shared-network", hint
        return
    if other.address or other.once:
        said = "is an address, and no container" if other.address else "has ended when this one would join it"
        yield "network", f"{other.name} {said}", "shared-network", "name an app that runs here all the while"
        return
    if {name for name, _ in app.hosts} != {name for name, _ in other.hosts}:
        hint = "write the same hosts for both"
        yield "network", f"{other.name} runs on another host", "shared-network", hint
    for key in AT_THE_OTHER:
        if _says(config, app, key):
            hint = f"write it at apps.{other.name}"
            yield key, f"the network is that of {other.name}, and so is this", "shared-network", hint
    yield from _same_ports(app, other, apps)
    yield from _sysctls(app, f"write it at apps.{other.name}")


def _same_ports(app: AppConfig, other: AppConfig, apps: dict[str, AppConfig]) -> Iterator[Wrong]:
    """Who is in one network has ports of his own there: whoever came first would answer for the other one."""
    before = [*itertools.takewhile(lambda one: one is not app, apps.values())]
    beside = [other, *(one for one in before if one.network == other.name and not one.blueprint)]
    for one in beside:
        for port in sorted(_listens(app) & _listens(one)):
            what = f"{port} is a port of {one.name}, whose network it is in"
            key = "serves" if port in app.serves else "port" if len(app.doors) == 1 else "doors"
            yield key, what, "same-port", "let one of the two listen at another"


def _listens(app: AppConfig) -> set[int]:
    return {door.port for door in app.doors} - {0} | set(app.serves)


def _sysctls(app: AppConfig, hint: str) -> Iterator[Wrong]:
    names = [name for name in dict(app.privileges).get("sysctls", ()) if name.startswith("net.")]
    if names:
        yield "sysctls", f"{', '.join(names)} is of a network, and it has none of its own", "sysctl", hint


def _says(config: Config, app: AppConfig, key: str) -> bool:
    return config.said.has((*app.path, key))
