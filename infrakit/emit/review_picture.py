"""Deployment -> the picture of the review, as lines of SVG: visitors, Caddy's doors, services, socket proxies, Docker.

Drawn twice, for a wide screen and for a phone; the style shows one. Nothing is measured: the browser cuts a text that
is too long for its box, so that a page made for a range of hosts is right for names of every length.
"""

from typing import NamedTuple

from infrakit.emit.review_doors import who
from infrakit.emit.review_facts import asks_docker_directly, powers
from infrakit.emit.review_html import box, curve, down, escape, label
from infrakit.model import POWER_ROOT, Deployment, Network, Origin, Route, Service

Text = tuple[str, str]

CADDY = "caddy"
GAP, DOOR, HEAD = 14, 46, 44
VISITORS_X, DOORS_X, SERVICES_X, PROXIES_X, DOCKER_X, WIDTH = 1, 152, 548, 858, 1034, 1100
VISITORS_W, DOORS_W, SERVICES_W, PROXIES_W, DOCKER_W = 104, 268, 224, 142, 65
PHONE, PHONE_X, PHONE_W = 340, 22, 296
NO_DOOR = (("No door", ""), ("Caddy leads nobody to this host", "soft"))
DESCRIPTION = (
    "Visitors pass a door of Caddy to reach a service; what asks Docker does so through a socket proxy. The tables "
    "say the same in words."
)


class Asker(NamedTuple):
    """What stands between a service and Docker."""

    texts: tuple[Text, ...]
    network: str
    danger: bool
    origin: Origin


class Stop(NamedTuple):
    """A service, or another host, with the doors that lead there. `network` is the one that Caddy reaches it on."""

    name: str
    texts: tuple[Text, ...]
    doors: tuple[Route, ...]
    network: str
    askers: tuple[Asker, ...]
    remote: bool
    origin: Origin


class Part(NamedTuple):
    """A piece of SVG with its cause."""

    svg: str
    origin: Origin


def picture(deployment: Deployment) -> list[tuple[str, Origin]]:
    """Lines of a <figure>."""
    top = deployment.origin
    stops = _stops(deployment)
    lines: list[tuple[str, Origin]] = [("<figure>", top)]
    for name, width, (height, parts) in (
        ("wide", WIDTH, _wide(deployment, stops)),
        ("phone", PHONE, _phone(deployment, stops)),
    ):
        lines.append(
            (f'<svg class="{name}" viewBox="0 0 {width} {height}" role="img" aria-labelledby="{name}-t {name}-d">', top)
        )
        lines.append((f'<title id="{name}-t">{escape(deployment.host)}: doors and services</title>', top))
        lines.append((f'<desc id="{name}-d">{DESCRIPTION}</desc>', top))
        lines += parts
        lines.append(("</svg>", top))
    lines.append(("</figure>", top))
    return lines


def _stops(deployment: Deployment) -> list[Stop]:
    here: dict[str, list[Route]] = {}
    elsewhere: dict[str, list[Route]] = {}
    for route in deployment.routes:
        local = any(not item.remote for item in route.upstreams)
        if local:
            here.setdefault(route.service, []).append(route)
        hosts = [item.remote for item in route.upstreams if item.remote]
        for place, host in enumerate(hosts):
            elsewhere.setdefault(host, []).extend(() if local or place else (route,))
    out = {network.name for network in deployment.networks if network.masquerade and not network.internal}
    caddy = {
        name
        for service in deployment.services
        if service.name == CADDY
        for item in service.containers
        for name in item.networks
    } - out
    joins = {name: network.name for network, names in _joins(deployment) for name in names[1:]}
    stops = [
        _stop(service, tuple(here.get(service.name, ())), caddy, out, joins.get(service.name, ""))
        for service in deployment.services
        if service.name != CADDY or not deployment.routes
    ]
    texts = ("another host, by certificate", "soft")
    stops += [
        Stop(f"host {host}", ((host, ""), texts), tuple(routes), "", (), True, deployment.origin)
        for host, routes in elsewhere.items()
    ]
    return stops


def _stop(service: Service, doors: tuple[Route, ...], caddy: set[str], out: set[str], join: str) -> Stop:
    texts: list[Text] = [(service.title, "")]
    shared = ""
    for item in service.containers:
        texts.append((f"{item.name} \u2197 leads out" if not out.isdisjoint(item.networks) else item.name, "soft"))
        texts += [(f"port {port.port}, past Caddy", "danger") for port in item.ports if service.name != CADDY]
        shared = shared or next((name for name in item.networks if name in caddy), "")
    texts += [(item.address, "soft") for route in doors[:1] for item in route.upstreams if item.elsewhere]
    if join:
        texts.append((f"\u21c4 {join}", "soft"))
    return Stop(service.name, tuple(texts), doors, shared, _askers(service), False, service.origin)


def _askers(service: Service) -> tuple[Asker, ...]:
    networks = {item.name: item.networks for item in service.containers}
    found = []
    for proxy in service.socket_proxies:
        words = powers(proxy)
        network = next(iter(networks.get(f"{proxy.consumer}-socket", ())), "a shared volume")
        found.append(
            Asker(
                (("socket proxy", ""), *((word.text, "danger" if word.danger else "soft") for word in words)),
                network,
                words[0].danger,
                proxy.origin,
            )
        )
    for item in service.containers:
        if asks_docker_directly(item, service.socket_proxies):
            found.append(Asker((("no proxy", ""), (POWER_ROOT, "danger")), "", True, item.origins[""]))
    return tuple(found)


def _visitors(deployment: Deployment) -> Text:
    if deployment.tls.mode == "tunnel":
        return ("by the tunnel", "soft")
    if deployment.door.fleet_port:
        return (f"port {deployment.door.fleet_port}", "soft")
    return (f"port {deployment.door.https_port}", "soft")


def _caller(deployment: Deployment) -> str:
    return "The core" if deployment.door.fleet_port else "Visitors"


def _tall(stop: Stop) -> int:
    return 16 + 2 + 16 * len(stop.texts)


def _pile(count: int) -> int:
    return count * (DOOR + 8) - 8 if count else 0


def _wide(deployment: Deployment, stops: list[Stop]) -> tuple[int, list[Part]]:
    """Columns from left to right."""
    tops, y = [], HEAD
    for stop in stops:
        tops.append(y)
        y += max(_tall(stop), _pile(len(stop.doors)), _pile(len(stop.askers))) + GAP
    height = max(y, HEAD + 70)
    middles = {
        stop.name: top + max(_tall(stop), _pile(len(stop.doors)), _pile(len(stop.askers))) // 2
        for stop, top in zip(stops, tops)
    }
    parts = _wide_doors(deployment, stops, middles) + _bows(deployment, middles)
    asked = [(middles[stop.name], _pile(len(stop.askers)) // 2 + 8) for stop in stops if stop.askers]
    if asked:
        first, last = asked[0][0] - asked[0][1], asked[-1][0] + asked[-1][1]
        parts.append(Part(box(DOCKER_X, first, DOCKER_W, last - first, "calm", ()), deployment.origin))
        parts.append(
            Part(label(DOCKER_X, (first + last) // 2 - 9, DOCKER_W, "Docker", "", "center"), deployment.origin)
        )
    for stop in stops:
        tall, middle = _tall(stop), middles[stop.name]
        parts.append(
            Part(
                box(SERVICES_X, middle - tall // 2, SERVICES_W, tall, "frame" if stop.remote else "", stop.texts),
                stop.origin,
            )
        )
        parts += _wide_askers(stop, middle)
    parts.append(Part(label(SERVICES_X, 8, SERVICES_W, "SERVICES", "head"), deployment.origin))
    return height, parts


def _wide_doors(deployment: Deployment, stops: list[Stop], middles: dict[str, int]) -> list[Part]:
    """Visitors, the frame that is Caddy, its doors, and the way from each to what it leads to."""
    places = [
        (stop, route, middles[stop.name] - _pile(len(stop.doors)) // 2 + place * (DOOR + 8))
        for stop in stops
        for place, route in enumerate(stop.doors)
    ]
    top = deployment.origin
    if not places:
        return [Part(box(DOORS_X, HEAD, DOORS_W, DOOR, "frame", NO_DOOR), top)]
    first, last = places[0][2], places[-1][2] + DOOR
    start = (first + last) // 2
    parts = [
        Part(
            (
                f'<rect class="frame" x="{DOORS_X - 12}" y="{first - 10}" width="{DOORS_W + 24}" '
                f'height="{last - first + 20}" rx="12"/>'
            ),
            top,
        ),
        Part(label(DOORS_X, 8, DOORS_W, "DOORS OF CADDY", "head"), top),
        Part(
            box(VISITORS_X, start - 26, VISITORS_W, 52, "calm", ((_caller(deployment), ""), _visitors(deployment))), top
        ),
    ]
    for stop, route, y in places:
        cause, middle, target = route.origins[""], y + DOOR // 2, middles[stop.name]
        right = DOORS_X + DOORS_W
        parts.append(Part(curve(VISITORS_X + VISITORS_W, start, DOORS_X, middle), cause))
        parts.append(Part(box(DOORS_X, y, DOORS_W, DOOR, _door_kind(route), _door_texts(route)), cause))
        parts.append(Part(curve(right, middle, SERVICES_X, target), cause))
        parts += [
            Part(curve(right, middle + 10, SERVICES_X, middles[name]), cause)
            for name in _remotes(route)
            if name != stop.name
        ]
    for stop in stops:
        if stop.doors and stop.network:
            parts.append(
                Part(label(DOORS_X + DOORS_W + 14, middles[stop.name] - 17, 102, stop.network, "label"), stop.origin)
            )
    return parts


def _bows(deployment: Deployment, middles: dict[str, int]) -> list[Part]:
    """Networks that join two services, as bows at their right."""
    parts: list[Part] = []
    x = SERVICES_X + SERVICES_W
    for network, names in _joins(deployment):
        for other in names[1:]:
            start, end, bow = middles[names[0]] + 9, middles[other] - 9, x + 26 + 9 * (len(parts) % 4)
            parts.append(
                Part(f'<path class="thin" d="M{x} {start} C {bow} {start}, {bow} {end}, {x} {end}"/>', network.origin)
            )
    return parts


def _joins(deployment: Deployment) -> list[tuple[Network, list[str]]]:
    """Networks on which services reach each other, with the services; Caddy's are drawn as ways through its doors."""
    members: dict[str, list[str]] = {}
    for service in deployment.services:
        if service.name != CADDY:
            for name in {name for item in service.containers for name in item.networks}:
                members.setdefault(name, []).append(service.name)
    return [
        (network, members[network.name])
        for network in deployment.networks
        if not network.isolated and len(members.get(network.name, ())) > 1
    ]


def _remotes(route: Route) -> list[str]:
    """Names of the stops that are other hosts."""
    return [f"host {item.remote}" for item in route.upstreams if item.remote]


def _wide_askers(stop: Stop, middle: int) -> list[Part]:
    parts = []
    for place, asker in enumerate(stop.askers):
        y = middle - _pile(len(stop.askers)) // 2 + place * (DOOR + 8)
        kind, center = "red" if asker.danger else "dashed", y + DOOR // 2
        parts.append(Part(curve(SERVICES_X + SERVICES_W, middle, PROXIES_X, center, kind), asker.origin))
        parts.append(Part(curve(PROXIES_X + PROXIES_W, center, DOCKER_X, center, kind), asker.origin))
        parts.append(Part(box(PROXIES_X, y, PROXIES_W, DOOR, "red" if asker.danger else "", asker.texts), asker.origin))
    return parts


def _phone(deployment: Deployment, stops: list[Stop]) -> tuple[int, list[Part]]:
    """All below each other, with visitors along the left edge and Docker along the right one."""
    top, y = deployment.origin, 1
    parts: list[Part] = []
    if any(stop.doors for stop in stops):
        texts = ((_caller(deployment), ""), (f"{_visitors(deployment)[0]}, doors of Caddy", "soft"))
        parts.append(Part(box(1, y, PHONE_X + PHONE_W - 1, 52, "calm", texts), top))
        y += 52 + GAP + 4
    doors: list[int] = []
    asked: list[int] = []
    for stop in stops:
        doors += [y + place * (DOOR + 8) + DOOR // 2 for place in range(len(stop.doors))]
        parts += _phone_doors(stop, y)
        y += len(stop.doors) * (DOOR + 8) + (12 if stop.doors else 0)
        parts.append(
            Part(box(PHONE_X, y, PHONE_W, _tall(stop), "frame" if stop.remote else "", stop.texts), stop.origin)
        )
        y += _tall(stop)
        asked += [y + place * (DOOR + 20) + 20 + DOOR // 2 for place in range(len(stop.askers))]
        parts += _phone_askers(stop, y)
        y += len(stop.askers) * (DOOR + 20) + GAP + 6
    if doors:
        parts.append(Part(f'<path d="M8 53 V {doors[-1]}"/>', top))
    if not asked:
        return y, parts
    parts.append(Part(f'<path class="dashed" d="M331 {asked[0]} V {y}"/>', top))
    parts.append(Part(box(PHONE_X, y, PHONE - PHONE_X - 1, 36, "calm", (("Docker", ""),)), top))
    return y + 38, parts


def _phone_doors(stop: Stop, y: int) -> list[Part]:
    """The doors of a stop, and the way down to it."""
    parts = []
    for route in stop.doors:
        cause, middle = route.origins[""], y + DOOR // 2
        parts.append(Part(curve(8, middle, PHONE_X, middle), cause))
        parts.append(Part(box(PHONE_X, y, PHONE_W, DOOR, _door_kind(route), _door_texts(route)), cause))
        y += DOOR + 8
    if parts:
        parts.append(Part(down(PHONE_X + 24, y - 8, y + 12, ""), stop.origin))
        parts.append(Part(label(PHONE_X + 44, y - 6, 230, stop.network, "label", "start"), stop.origin))
    return parts


def _phone_askers(stop: Stop, y: int) -> list[Part]:
    """What a service asks Docker through, below it, and the way from there to the right edge."""
    parts = []
    for asker in stop.askers:
        kind, middle = "red" if asker.danger else "dashed", y + 20 + DOOR // 2
        parts.append(Part(down(PHONE_X + 24, y, y + 20, kind), asker.origin))
        parts.append(Part(label(PHONE_X + 44, y + 2, 230, asker.network, "label", "start"), asker.origin))
        parts.append(
            Part(box(PHONE_X, y + 20, PHONE_W, DOOR, "red" if asker.danger else "", asker.texts), asker.origin)
        )
        parts.append(Part(f'<path class="{kind}" d="M{PHONE_X + PHONE_W} {middle} H 331"/>', asker.origin))
        y += 20 + DOOR
    return parts


def _door_kind(route: Route) -> str:
    return "red" if who(route).danger else "door"


def _door_texts(route: Route) -> tuple[Text, ...]:
    passes = who(route)
    return ((route.hostname, ""), (passes.text, "danger" if passes.danger else "soft"))
