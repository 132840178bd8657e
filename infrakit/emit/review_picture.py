"""Deployment -> an SVG of the host: who comes, Caddy, the services behind it, and what may ask Docker."""

from typing import Callable

from infrakit.emit.review_facts import services_by_door, who
from infrakit.model import Deployment, Route, Service

WIDTH = 1040
ROW = 62
TOP = 56
BOX = 46
DOOR_X, SERVICE_X, DOCKER_X = 190, 560, 860
LONGEST_DOOR, LONGEST_NAME, LONGEST_WHO = 38, 24, 40

Escape = Callable[[str], str]


def picture(deployment: Deployment, escape: Escape) -> list[str]:
    """Lines of a <figure>."""
    services: list[tuple[Service | None, Route | None]] = [*services_by_door(deployment)]
    services += [(None, route) for route in deployment.routes if route.upstreams[0].remote]
    height = TOP + max(1, len(services)) * ROW + 10
    title = f"{deployment.host}: doors and services"
    lines = [
        "<figure>",
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="pt pd">',
        f'<title id="pt">{escape(title)}</title>',
        '<desc id="pd">Visitors pass a door of Caddy to reach a service; services that ask Docker do so through a proxy. The tables below say the same in words.</desc>',
    ]
    lines += [_text(x, 26, label, "soft") for x, label in ((24, "WHO COMES"), (DOOR_X, "DOORS OF CADDY"), (SERVICE_X, "SERVICES"), (DOCKER_X, "DOCKER"))]
    middle = TOP + len(services) * ROW // 2
    doors = [row for row, (_, route) in enumerate(services) if route is not None]
    if doors:
        lines += [f'<rect class="calm" x="24" y="{middle - 34}" width="112" height="56" rx="10"/>', _text(40, middle - 8, "Visitors", ""), _text(40, middle + 9, _visitors(deployment), "soft")]
    for row, (service, route) in enumerate(services):
        lines += _service(TOP + row * ROW, service, route, escape) if service else _elsewhere(TOP + row * ROW, route, escape)
        if route is not None:
            lines += _door(TOP + row * ROW, route, middle - 6, escape)
    return [*lines, "</svg>", "</figure>"]


def _visitors(deployment: Deployment) -> str:
    if deployment.tls.mode == "tunnel":
        return "by the tunnel"
    return "the core's Caddy" if deployment.door.fleet_port else f"port {deployment.door.https_port}"


def _door(y: int, route: Route, start: int, escape: Escape) -> list[str]:
    """One door: the line to it, its address, who may pass, and the line on to its service."""
    middle = y + BOX // 2
    passes = who(route)
    return [
        f'<path d="M136 {start} C 164 {start}, 162 {middle}, {DOOR_X} {middle}"/>',
        f'<rect class="door" x="{DOOR_X}" y="{y}" width="320" height="{BOX}" rx="8"/>',
        _text(DOOR_X + 14, y + 20, escape(_short(route.hostname, LONGEST_DOOR)), ""),
        _text(DOOR_X + 14, y + 36, escape(_short(passes.text, LONGEST_WHO)), "danger" if passes.danger else "soft"),
        f'<path d="M{DOOR_X + 320} {middle} L {SERVICE_X} {middle}"/>',
    ]


def _elsewhere(y: int, route: Route, escape: Escape) -> list[str]:
    """A service of another host, behind that host's own Caddy."""
    host = route.upstreams[0].remote
    return [
        f'<rect x="{SERVICE_X}" y="{y}" width="220" height="{BOX}" rx="8"/>',
        _text(SERVICE_X + 14, y + 20, escape(_short(route.title, LONGEST_NAME)), ""),
        _text(SERVICE_X + 14, y + 36, escape(_short(f"on {host}, by certificate", LONGEST_WHO)), "soft"),
    ]


def _service(y: int, service: Service, route: Route | None, escape: Escape) -> list[str]:
    """One service with the network that its door is on, and its socket proxies."""
    count = len(service.containers)
    shared = sorted({name for item in service.containers for name in item.networks if name.startswith(("door_", "proxy_"))})
    network = f" on {shared[0]}" if route is not None and shared else ""
    lines = [
        f'<rect x="{SERVICE_X}" y="{y}" width="220" height="{BOX}" rx="8"/>',
        _text(SERVICE_X + 14, y + 20, escape(_short(service.title, LONGEST_NAME)), ""),
        _text(SERVICE_X + 14, y + 36, escape(_short(f"{count} container{'' if count == 1 else 's'}{network}", LONGEST_WHO)), "soft"),
    ]
    if service.socket_proxies:
        writes = any(proxy.writes for proxy in service.socket_proxies)
        lines += [
            f'<path class="dashed" d="M{SERVICE_X + 220} {y + BOX // 2} L {DOCKER_X} {y + BOX // 2}"/>',
            f'<rect x="{DOCKER_X}" y="{y}" width="156" height="{BOX}" rx="8"/>',
            _text(DOCKER_X + 12, y + 20, "socket proxy", ""),
            _text(DOCKER_X + 12, y + 36, "root on the host" if writes else "reads only", "danger" if writes else "soft"),
        ]
    return lines


def _text(x: int, y: int, text: str, kind: str) -> str:
    name = f' class="{kind}"' if kind else ""
    return f'<text x="{x}" y="{y}"{name}>{text}</text>'


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}\u2026"
