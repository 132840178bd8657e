"""Labels and ports of a service -> its door: which port people open in a browser, under which name.

Reads the labels of Traefik and of caddy-docker-proxy, and the variables of nginx-proxy; else the port that web programs
are known to listen on.
"""

import re
from typing import NamedTuple

from infrakit.composed.model import Service
from infrakit.composed.words import image_name
from infrakit.errors import Position

TRAEFIK_PORT = re.compile(r"traefik\.http\.services\.[^.]+\.loadbalancer\.server\.port")
TRAEFIK_SCHEME = re.compile(r"traefik\.http\.services\.[^.]+\.loadbalancer\.server\.scheme")
TRAEFIK_RULE = re.compile(r"traefik\.http\.routers\.[^.]+\.rule")
HOSTS = re.compile(r"Host\(([^()]*)\)")
UPSTREAM = re.compile(r"\{\{\s*upstreams(?:\s+(https?\b)?\s*([0-9]{1,5})?)?\s*\}\}")
PROXY = "InfraKit's own Caddy serves the app"
INSTEAD_LABELS = {
    "traefik.": PROXY,
    "caddy": PROXY,
    "com.docker.compose.": "Compose says it by itself",
    "com.centurylinklabs.watchtower.": "update: never or automatic says whether it is kept up to date",
}
"""What labels begin with that speak to a program that InfraKit is instead of."""
PROXY_VARIABLES = {"VIRTUAL_HOST", "VIRTUAL_PORT", "VIRTUAL_PATH", "LETSENCRYPT_HOST", "LETSENCRYPT_EMAIL"}
WEB = (80, 8080, 3000, 8000, 5000, 8081, 8008, 8888, 9000, 8096, 8123, 2283, 5230, 5678, 8065, 9090, 51821, 3001, 8989)
"""Ports of the container that a browser is meant for, the likeliest first."""
HTTPS = (443, 8443, 9443, 8006)
"""The same of programs that speak TLS themselves; only where there is no other."""
WITHIN = {22: "ssh", 25: "mail", 53: "dns", 5432: "PostgreSQL", 3306: "MariaDB", 6379: "Redis", 27017: "MongoDB"}
NOT_WEB = {
    *(20, 21, 22, 23, 25, 53, 67, 69, 88, 110, 123, 135, 139, 143, 161, 389, 445, 465, 514, 554, 587, 636, 853, 873),
    *(993, 995, 1194, 1883, 1935, 2049, 2222, 2456, 3389, 3478, 3493, 4190, 5060, 5222, 5269, 5349, 5900, 6667, 6697),
    *(6881, 8554, 8555, 8883, 9418, 19132, 22000, 22067, 25565, 25575, 27015, 34197, 51820, 64738),
}  # fmt: skip
"""Ports that no browser speaks to: mail, files, names, voice, games, cameras, tunnels. They stay open past Caddy."""
SERVED = {
    "postgres": 5432,
    "postgis": 5432,
    "pgvector": 5432,
    "mariadb": 3306,
    "mysql": 3306,
    "redis": 6379,
    "valkey": 6379,
    "mongo": 27017,
    "memcached": 11211,
    "rabbitmq": 5672,
    "meilisearch": 7700,
}
"""Last words of names of images, and the port that others reach them at."""


class Door(NamedTuple):
    """`hostnames` (): under the app's name. `at`: what it was told by."""

    port: int
    hostnames: tuple[str, ...]
    at: Position
    https: bool = False


def instead_of(label: str) -> str:
    """Why a label says nothing here; "" where it is somebody else's."""
    return next((why for start, why in INSTEAD_LABELS.items() if label.startswith(start)), "")


def told_by(service: Service) -> str:
    """The key that says most of a service's door."""
    if service.ports:
        return "ports"
    return "labels" if any(instead_of(label.name) == PROXY for label in service.labels) else "environment"


def door(service: Service) -> Door | None:
    """The door of a service; None where nothing says that it has one."""
    port, hostnames, at, https = 0, list[str](), service.at, False
    for label in service.labels:
        value = label.value or ""
        rules = HOSTS.findall(value) if TRAEFIK_RULE.fullmatch(label.name) else ()
        upstream = UPSTREAM.fullmatch(value) if label.name.startswith("caddy") else None
        if rules:
            hostnames += re.findall("[`\"']([^`\"']+)[`\"']", ",".join(rules))
            at = label.at
        elif TRAEFIK_PORT.fullmatch(label.name) and value.isdigit():
            port, at = int(value), label.at
        elif upstream is not None:
            https = upstream[1] == "https"
            port, at = int(upstream[2] or ("443" if https else "80")), label.at
        elif TRAEFIK_SCHEME.fullmatch(label.name):
            https = value == "https"
        elif re.fullmatch(r"caddy(_[0-9]+)?", label.name):
            hostnames += [word.partition("://")[2] or word for word in re.split("[, ]+", value) if word]
            at = label.at
    for variable in service.environment:
        if variable.name == "VIRTUAL_HOST" and variable.value:
            hostnames += [word for word in re.split("[, ]+", variable.value) if word]
            at = variable.at
        elif variable.name == "VIRTUAL_PORT" and (variable.value or "").isdigit():
            port, at = int(variable.value or ""), variable.at
    listed = {each.target: each.at for each in service.ports if each.protocol == "tcp"}
    exposed = [int(each) for each in service.expose if each.isdigit()]
    likely = [each for each in (*WEB, *listed) if each in listed and each not in {*HTTPS, *WITHIN, *NOT_WEB}]
    if not port and not likely:
        likely = [each for each in HTTPS if each in listed]
    if not port and likely:
        https = https or likely[0] in HTTPS
        port, at = likely[0], at if hostnames else listed[likely[0]]
    if not port and hostnames:
        port = exposed[0] if exposed else 80
    return Door(port, tuple(dict.fromkeys(hostnames)), at, https) if port else None


def served(service: Service) -> list[int]:
    """Ports at which other services reach this one."""
    found = [int(each) for each in service.expose if each.isdigit()]
    found += [each.target for each in service.ports if each.target in WITHIN and each.target not in found]
    return found or ([] if service.entrypoint else served_by(service.image))


def served_by(image: str) -> list[int]:
    """Ports of images that are known to be there for others."""
    known = SERVED.get(image_name(image))
    return [] if known is None else [known]
