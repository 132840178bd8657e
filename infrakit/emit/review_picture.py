"""Deployment -> the picture of the review, as lines of SVG: visitors, Caddy's doors, services, socket proxies, Docker.

Drawn twice, for a wide screen and for a phone; the style shows one. Nothing is measured: the browser cuts a text that
is too long for its box, so that a page made for a range of hosts is right for names of every length.
"""

from typing import NamedTuple

from infrakit.emit.review_html import box, curve, down, escape, label
from infrakit.emit.review_stops import (
    DOOR,
    Stop,
    caller,
    door_kind,
    door_texts,
    joins_of,
    pile,
    stops_of,
    tall_of,
    visitors,
)
from infrakit.model import Deployment, Origin, Route

GAP, HEAD = 14, 44
VISITORS_X, DOORS_X, SERVICES_X, PROXIES_X, DOCKER_X, WIDTH = 1, 152, 548, 858, 1034, 1100
VISITORS_W, DOORS_W, SERVICES_W, PROXIES_W, DOCKER_W = 104, 268, 224, 142, 65
PHONE, PHONE_X, PHONE_W = 340, 22, 296
NO_DOOR = (("No door", ""), ("Caddy leads nobody to this host", "soft"))
DESCRIPTION = (
    "Visitors pass a door of Caddy to reach a service; what asks Docker does so through a socket proxy. The tables "
    "say the same in words."
)


class Part(NamedTuple):
    """A piece of SVG with its cause."""

    svg: str
    origin: Origin


def picture(deployment: Deployment) -> list[tuple[str, Origin]]:
    """Lines of a <figure>."""
    top = deployment.origin
    stops = stops_of(deployment)
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


def _wide(deployment: Deployment, stops: list[Stop]) -> tuple[int, list[Part]]:
    """Columns from left to right."""
    tops, y = [], HEAD
    for stop in stops:
        tops.append(y)
        y += max(tall_of(stop), pile(len(stop.doors)), pile(len(stop.askers))) + GAP
    height = max(y, HEAD + 70)
    middles = {
        stop.name: top + max(tall_of(stop), pile(len(stop.doors)), pile(len(stop.askers))) // 2
        for stop, top in zip(stops, tops)
    }
    parts = _wide_doors(deployment, stops, middles) + _bows(deployment, middles)
    asked = [(middles[stop.name], pile(len(stop.askers)) // 2 + 8) for stop in stops if stop.askers]
    if asked:
        first, last = asked[0][0] - asked[0][1], asked[-1][0] + asked[-1][1]
        parts.append(Part(box(DOCKER_X, first, DOCKER_W, last - first, "calm", ()), deployment.origin))
        parts.append(
            Part(label(DOCKER_X, (first + last) // 2 - 9, DOCKER_W, "Docker", "", "center"), deployment.origin)
        )
    for stop in stops:
        tall, middle = tall_of(stop), middles[stop.name]
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
        (stop, route, middles[stop.name] - pile(len(stop.doors)) // 2 + place * (DOOR + 8))
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
            box(VISITORS_X, start - 26, VISITORS_W, 52, "calm", ((caller(deployment), ""), visitors(deployment))), top
        ),
    ]
    for stop, route, y in places:
        cause, middle, target = route.origins[""], y + DOOR // 2, middles[stop.name]
        right = DOORS_X + DOORS_W
        parts.append(Part(curve(VISITORS_X + VISITORS_W, start, DOORS_X, middle), cause))
        parts.append(Part(box(DOORS_X, y, DOORS_W, DOOR, door_kind(route), door_texts(route)), cause))
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
    for network, names in joins_of(deployment):
        for other in names[1:]:
            start, end, bow = middles[names[0]] + 9, middles[other] - 9, x + 26 + 9 * (len(parts) % 4)
            parts.append(
                Part(f'<path class="thin" d="M{x} {start} C {bow} {start}, {bow} {end}, {x} {end}"/>', network.origin)
            )
    return parts


def _remotes(route: Route) -> list[str]:
    """Names of the stops that are other hosts."""
    return [f"host {item.remote}" for item in route.upstreams if item.remote]


def _wide_askers(stop: Stop, middle: int) -> list[Part]:
    parts = []
    for place, asker in enumerate(stop.askers):
        y = middle - pile(len(stop.askers)) // 2 + place * (DOOR + 8)
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
        texts = ((caller(deployment), ""), (f"{visitors(deployment)[0]}, doors of Caddy", "soft"))
        parts.append(Part(box(1, y, PHONE_X + PHONE_W - 1, 52, "calm", texts), top))
        y += 52 + GAP + 4
    doors: list[int] = []
    asked: list[int] = []
    for stop in stops:
        doors += [y + place * (DOOR + 8) + DOOR // 2 for place in range(len(stop.doors))]
        parts += _phone_doors(stop, y)
        y += len(stop.doors) * (DOOR + 8) + (12 if stop.doors else 0)
        parts.append(
            Part(box(PHONE_X, y, PHONE_W, tall_of(stop), "frame" if stop.remote else "", stop.texts), stop.origin)
        )
        y += tall_of(stop)
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
        parts.append(Part(box(PHONE_X, y, PHONE_W, DOOR, door_kind(route), door_texts(route)), cause))
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
