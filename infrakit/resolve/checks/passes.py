"""apps.*.pass -> Problems: what is let in past sign-in is written exactly, and can come."""

from collections.abc import Iterator

from infrakit.catalog.model import Catalog
from infrakit.config.check import dotted
from infrakit.config.model import Config, Path
from infrakit.errors import Problem
from infrakit.model import Pass
from infrakit.resolve.checks.network import NARROWEST_TRUST
from infrakit.resolve.world import Locate

Wrong = tuple[Path, str, str, str]
"""(path below the pass, what is wrong, code, what to do)."""

READS = {"GET", "HEAD", "OPTIONS"}
"""Methods that change nothing (RFC 9110, 9.2.1): of the others one lets everybody do what a page can do."""
OUTPOST = "/outpost.goauthentik.io"
"""Below it sign-in itself answers, at every door that asks (emit/caddy_doors.py)."""


def passes_exact(config: Config, catalog: Catalog, locate: Locate) -> list[Problem]:
    """Each lets in what it says, no more, and something."""
    return [
        Problem(locate((*item.origin.path, *path)), f"{dotted(item.origin.path)}{what}", code, hint)
        for app in config.apps
        for door in app.doors
        for item in door.passes
        for path, what, code, hint in (*_said(item), *_paths(item), *_sources(config, item))
    ]


def _said(item: Pass) -> Iterator[Wrong]:
    if not (item.paths or item.sources or item.methods):
        yield (), ": it says nothing but why", "pass", "add path, from or method"
    elif item.is_everywhere and (not item.methods or not READS.issuperset(item.methods)):
        hint = "say so, public: true; or sign_in: own, where the app has a login of its own; or name a narrower path"
        yield (), ": everybody would reach this door without sign-in", "pass", hint


def _paths(item: Pass) -> Iterator[Wrong]:
    for number, text in enumerate(item.paths):
        steps = text.split("/")
        if {".", ".."} & set(steps) or "" in steps[1:-1]:
            hint = "write the path as the browser shows it"
            yield _place(item.paths, "path", number), f".path: {text} is not written in one way", "pass", hint
        elif f"{text}/".startswith(f"{OUTPOST}/"):
            what = f".path: {text}: sign-in itself answers there, and nobody is asked"
            yield _place(item.paths, "path", number), what, "pass", "remove it"


def _sources(config: Config, item: Pass) -> Iterator[Wrong]:
    from ipaddress import ip_network

    pool = ip_network(config.network.pool, strict=False)
    for number, text in enumerate(item.sources):
        place = _place(item.sources, "from", number)
        try:
            network = ip_network(text)
        except ValueError:
            yield place, f".from: {text} is neither an address nor a range", "address", "for instance 192.168.1.0/24"
            continue
        if network.version == 6:
            what = f".from: {text}: Docker hands on what comes by IPv6 under an address of its own"
            yield place, what, "no-effect", "name the IPv4 range of the same people"
        elif network.prefixlen < NARROWEST_TRUST:
            what = f".from: {text} is {'everybody' if network.prefixlen == 0 else 'much of the internet'}"
            yield place, what, "pass", "leave from out, or name a range of your own"
        elif network.overlaps(pool):
            what = f".from: {text} overlaps {config.network.pool}, and whomever Docker relays seems to come from there"
            yield place, what, "pass", "name a narrower range, or choose another network.pool"
        elif network.is_private and config.tls.mode == "tunnel":
            what = f".from: {text}: by a tunnel nobody comes from a private address"
            yield place, what, "no-effect", "name the public address of your home, or remove it"


def _place(values: tuple[str, ...], key: str, number: int) -> Path:
    """Where one of several stands; one alone may be no list."""
    return (key, number) if len(values) > 1 else (key,)
