"""services.*, profiles: keys that have an effect, names and options that exist, images that are new enough."""

import re
from collections.abc import Mapping

from infrakit.catalog.model import Blueprint, Catalog, ContainerBlueprint, OptionBlueprint, RouteBlueprint
from infrakit.config.model import Config, Path, ServiceConfig
from infrakit.config.nearest import nearest
from infrakit.errors import Position, Problem
from infrakit.model import Origin
from infrakit.resolve.images import release_of, released_together
from infrakit.resolve.world import DOOR, LOG_AGENT, LOGS, PROXY_TEMPLATE, TUNNEL, UPDATER, HostDraft, Locate, World

IDLE = {
    "allow": "everybody may sign in; what a user may open is said there",
    "enabled": "it comes beside each container that asks Docker, and never alone",
    "internet": "it answers one container, and asks Docker alone",
    "public": "it asks who comes by itself, and would have nobody to ask",
    "secrets": "a socket proxy has none",
    "user_secrets": "a socket proxy has none",
}
"""Why a key has no effect."""


def services_known(config: Config, catalog: Catalog, locate: Locate) -> list[Problem]:
    """Every name under services is in the catalogue, and what is switched off is not opened to anybody."""
    found = []
    for service in config.services:
        if service.name not in catalog.blueprints:
            close = nearest(service.name, catalog.blueprints)
            hint = f"did you mean {close}?" if close else "infrakit catalog list names them; your own go under apps"
            found.append(
                Problem(
                    locate(service.path, key=True),
                    f"services.{service.name}: there is no such service",
                    "unknown-service",
                    hint,
                )
            )
            continue
        route = catalog.blueprints[service.name].route
        for key, said in (
            ("allow", service.allow is not None),
            ("public", service.public),
            ("subdomain", bool(service.subdomain)),
        ):
            path = (*service.path, key)
            if said and service.enabled is False:
                what = f"services.{service.name}.{key}: the service is off"
                found.append(
                    Problem(
                        locate(path, key=True),
                        what,
                        "service-off",
                        "remove one of the two",
                        related=locate((*service.path, "enabled"), key=True),
                    )
                )
            elif said and route is None:
                what = f"services.{service.name}.{key}: the service has no page"
                found.append(Problem(locate(path, key=True), what, "no-door", "remove it"))
        for key in _idle(service, route):
            what = f"services.{service.name}.{key}: {IDLE[key]}"
            found.append(Problem(locate((*service.path, key), key=True), what, "no-effect", "remove it"))
    return found


def _idle(service: ServiceConfig, route: RouteBlueprint | None) -> list[str]:
    """Keys that could have no effect on this service, or only half of one."""
    if service.name == PROXY_TEMPLATE:
        said = (("enabled", service.enabled is not None), ("internet", service.internet))
        return [*(key for key, there in said if there), *_secret_keys(service)]
    found = [key for key in ("public",) if service.public and route is not None and route.sign_in != "forward_auth"]
    if service.allow is not None and route is not None and route.sign_in == "provider":
        found.append("allow")
    return found


def _secret_keys(service: ServiceConfig) -> list[str]:
    return [key for key, names in (("secrets", service.secrets), ("user_secrets", service.user_secrets)) if names]


def run_somewhere(world: World, locate: Locate) -> list[Problem]:
    """What the file switches on runs on a host, and a profile that a host names brings something there."""
    found = []
    off = {service.name for service in world.config.services if service.enabled is False}
    for service in world.config.services:
        if service.enabled and service.name == UPDATER and any(host.idle_updater for host in world.hosts):
            found.append(_idle_updater(locate((*service.path, "enabled")), f"services.{UPDATER}.enabled", "warning"))
        elif service.enabled and not any(host.has(service.name) for host in world.hosts):
            what = f"services.{service.name}.enabled: it would run on the core, and no host is one"
            hint = "give one host the pattern full, or the profile that brings it"
            found.append(Problem(locate((*service.path, "enabled")), what, "runs-nowhere", hint))
        elif service.enabled and service.name == LOG_AGENT:
            found += _log_agent(world, locate((*service.path, "enabled")))
        elif service.enabled is None and not _runs(world, service.name):
            left_out = service.name == UPDATER and any(host.idle_updater for host in world.hosts)
            what = f"services.{service.name}: it runs nowhere, and nothing counts that is said here"
            hint = "say enabled: false to keep this for later, or remove it"
            hint = hint if left_out else f"say enabled: true, or {hint.removeprefix('say ')}"
            found.append(Problem(locate(service.path, key=True), what, "settings-idle", hint, "warning"))
    tunnelled = [route for host in world.hosts if host.has(TUNNEL) for route in host.routes if route.sign_in != "fleet"]
    if world.config.tls.mode == "tunnel" and not tunnelled:
        what = "tls.mode: there is no page that a tunnel could lead to"
        found.append(Problem(locate((*world.config.tls.path, "mode")), what, "no-effect", "remove it, or add an app"))
    for host in world.hosts:
        entry = host.config or world.config
        base: Path = host.config.path if host.config is not None else ()
        for number, profile in enumerate(entry.profiles):
            brought = {name for name, item in world.catalog.blueprints.items() if profile in item.profiles}
            if UPDATER in brought and host.idle_updater is not None:
                severity = "warning" if host.placed else "error"
                key = f"{'.'.join([*map(str, base), 'profiles'])}: {profile}"
                found.append(_idle_updater(locate((*base, "profiles", number)), key, severity))
            elif brought - off and not any(host.has(name) for name in brought):
                what = f"{'.'.join([*map(str, base), 'profiles'])}: {profile} brings nothing to {host.shown}"
                hint = f"remove it: {', '.join(sorted(brought - off))} {_elsewhere(world, brought)}"
                found.append(Problem(locate((*base, "profiles", number)), what, "runs-nowhere", hint))
        if host.has(DOOR) and not (host.routes or host.relays or host.has(TUNNEL)):
            found.append(_idle_door(world, host, locate))
    return found


def _idle_door(world: World, host: HostDraft, locate: Locate) -> Problem:
    """Caddy would open ports, and lead nowhere."""
    profiles = (host.config or world.config).profiles
    brought = world.catalog.blueprints[DOOR].profiles
    number = next((number for number, profile in enumerate(profiles) if profile in brought), None)
    cause = next(placed.cause for placed in host.placed if placed.name == DOOR)
    base: Path = host.config.path if host.config is not None else ()
    by_profile = number is not None and cause.path[:1] != ("services",)
    place = locate((*base, "profiles", number or 0)) if by_profile else locate.origin(cause)
    what = f"{host.shown}: Caddy would open its ports there, and there is no page that it could lead to"
    return Problem(place, what, "no-effect", f"remove what brings it, or add an app with a port to {host.shown}")


def _log_agent(world: World, where: Position) -> list[Problem]:
    """On the core, or the only host, nobody but a Dozzle beside it reaches it, which reads the same logs by itself."""
    host = next(
        (host for host in world.hosts if host.has(LOG_AGENT) and not any(not way.port for way in host.relays)), None
    )
    if host is None:
        return []
    beside = host.has(LOGS)
    why = "Dozzle reads the logs there by itself, and would show them twice" if beside else "no Dozzle there asks it"
    what = f"services.{LOG_AGENT}.enabled: it runs on {host.shown}, and {why}"
    hint = "remove it: hosts with the pattern monitoring have one without it"
    return [Problem(where, what, "no-effect", hint, "warning")]


def _runs(world: World, name: str) -> bool:
    if name == PROXY_TEMPLATE:
        return any(service.socket_proxies for host in world.hosts for service in host.services)
    return any(host.has(name) for host in world.hosts)


def _idle_updater(where: Position, key: str, severity: str) -> Problem:
    what = f"{key}: Watchtower is left out: every tag that it would watch is exact, or locked, and it is root"
    hint = "remove it, and raise versions yourself; or let one move: services.NAME.image with a tag such as v10"
    return Problem(where, what, "nothing-updated", hint, severity)


def _elsewhere(world: World, brought: set[str]) -> str:
    if any(host.has(name) for host in world.hosts for name in brought):
        return f"runs at {world.core}" if len(brought) == 1 else f"run at {world.core}"
    return "would run on the core"


def options_known(config: Config, catalog: Catalog, locate: Locate) -> list[Problem]:
    """Options are those that the blueprint declares, of its type and among its values."""
    found = []
    for service in config.services:
        blueprint = catalog.blueprints.get(service.name)
        known = {option.name: option for option in blueprint.options} if blueprint else {}
        for name, value in service.options if blueprint else ():
            path = (*service.path, "options", name)
            if name not in known:
                close = nearest(name, known)
                hint = f"did you mean {close}?" if close else f"it has: {', '.join(sorted(known)) or 'none'}"
                what = f"services.{service.name}.options.{name}: there is no such option"
                found.append(Problem(locate(path, key=True), what, "unknown-option", hint))
                continue
            wrong = _wrong(known[name], value)
            if wrong:
                what = f"services.{service.name}.options.{name}: {value} is not {wrong}"
                found.append(Problem(locate(path), what, "option-value", f"for instance {known[name].example}"))
    return found


def _wrong(option: OptionBlueprint, value: str) -> str:
    """What the value should have been, or "" where it is right."""
    if option.enum and value not in [str(item) for item in option.enum]:
        return f"one of {', '.join(str(item) for item in option.enum)}"
    if option.type == "integer" and not re.fullmatch("-?[0-9]{1,12}", value):
        return "a whole number"
    if option.type == "boolean" and value not in ("true", "false"):
        return "true or false"
    return ""


def versions_high_enough(config: Config, catalog: Catalog, locate: Locate) -> list[Problem]:
    """An image of the user's choice is not below what closed the known holes of its line, and names a version at
    all."""
    found = []
    for service in config.services:
        blueprint = catalog.blueprints.get(service.name)
        if blueprint is None or not service.image:
            continue
        found += _unlike(service, blueprint, locate)
        from infrakit.catalog.versions import tag_of

        path = (*service.path, "image")
        tag = tag_of(service.image)
        digest = "@" in service.image
        if tag in ("", "latest") and not digest:
            what = f"services.{service.name}.image: {'the tag latest' if tag else 'no tag'}"
            found.append(
                Problem(locate(path), what, "image-not-pinned", "name a version, so that it changes when you say so")
            )
            continue
        severity = "warning" if digest else "error"  # it is known what runs, and chosen, as an app's is
        found += _too_old(f"services.{service.name}.image", service.image, blueprint.main, locate(path), severity)
    return found


def _unlike(service: ServiceConfig, blueprint: Blueprint, locate: Locate) -> list[Problem]:
    """An image whose name does not say which release it is of, where others of the service must be of the same."""
    others = [item.name for item in blueprint.containers if released_together(item, blueprint.main)]
    if not others or release_of(service.image, blueprint.main):
        return []
    what = (
        f"services.{service.name}.image: {', '.join(others)} must be of the same release, and the tag does not say it"
    )
    hint = f"begin the tag with the release: {blueprint.main.image.rpartition(':')[2]}-mine"
    return [Problem(locate((*service.path, "image")), what, "release-unknown", hint)]


def released_apart(world: World, locate: Locate) -> list[Problem]:
    """Services that speak with each other are of one release, where the user names the image of one of them."""
    said = {service.name: service for service in world.config.services if service.image}
    if not said:
        return []
    from infrakit.resolve.checks.releases import apart

    return apart(world, said, locate)


def images_of_apps(
    config: Config, catalog: Catalog, blueprints: Mapping[str, Blueprint], locate: Locate
) -> list[Problem]:
    """What the catalogue knows of an image holds for an app of the user's and for its blueprint, too; but nobody else
    can say what it must run with."""
    images = [(f"apps.{app.name}.image", app.image, locate((*app.path, "image"))) for app in config.apps if app.image]
    for app in config.apps:
        if not app.blueprint or app.name not in blueprints:
            continue
        own = blueprints[app.name]
        for item in own.containers:
            if not (app.image and item.image == own.main.image):
                path = ("containers", item.name, "image")
                images.append((".".join(path), item.image, locate.origin(Origin(own.document, path, "checks"))))
    if not images:
        return []
    from infrakit.catalog.versions import by_repository, repository_of
    from infrakit.lock import full_name

    known = by_repository(catalog)
    found = []
    for key, image, where in images:
        name = full_name(repository_of(image))
        found += _too_old(key, image, known[name], where, "warning") if name in known else []
    return found


def _too_old(key: str, image: str, item: ContainerBlueprint, where: Position, severity: str) -> list[Problem]:
    from infrakit.catalog.versions import below_floor, tag_of, version

    if item.minimum_version and not version(tag_of(image)) and tag_of(image):
        what = (
            f"{key}: {tag_of(image)} does not begin with a version: is it {' or '.join(item.minimum_version)} at least?"
        )
        hint = f"begin the tag with it: {tag_of(item.image)}-{tag_of(image)}; older ones: {item.advisory}"
        return [Problem(where, what, "version-unknown", hint, "warning")]
    if not below_floor(version(tag_of(image)), item.minimum_version):
        return []
    floors = ", ".join(item.minimum_version)
    what = f"{key}: {tag_of(image)} is below {floors}: {item.advisory}"
    hint = (
        f"use {floors} or newer" if len(item.minimum_version) == 1 else f"use the newest of a line: {floors} or later"
    )
    return [Problem(where, what, "version-too-old", hint, severity)]
