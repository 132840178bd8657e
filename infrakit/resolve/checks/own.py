"""Blueprints of the user's own x Config x Catalog -> Problems: a blueprint speaks of itself, and touches nobody else's
things.

Comfort with a place for each mistake: the rules of policy/ hold without it.
"""

from collections.abc import Iterator, Mapping

from infrakit.catalog.model import Blueprint, Catalog
from infrakit.config.model import AppConfig, Config, Path
from infrakit.errors import Problem
from infrakit.model import Origin
from infrakit.resolve.addresses import lies_in, no_addresses, no_machine
from infrakit.resolve.checks.apps import OWN_NAMES
from infrakit.resolve.checks.secrets import of_apps, of_catalogue
from infrakit.resolve.containers import final_volume
from infrakit.resolve.networks import SUFFIX
from infrakit.resolve.world import Locate

Misfit = tuple[Path, str, str, str]
"""Path in the blueprint, what is wrong, its code, a hint."""


def own_fits(config: Config, catalog: Catalog, blueprints: Mapping[str, Blueprint], locate: Locate) -> list[Problem]:
    """All problems of all blueprints of apps."""
    found = []
    taken = {item.name for blueprint in catalog.blueprints.values() for item in blueprint.containers}
    taken |= {app.name for app in config.apps if not app.blueprint}
    secrets = {name: owner for name, (owner, _, _) in (of_apps(config) | of_catalogue(catalog)).items()}
    for app in config.apps:
        blueprint = blueprints.get(app.name)
        if blueprint is None or not app.blueprint:
            continue
        from infrakit.resolve.checks.own_containers import containers_made
        from infrakit.resolve.checks.own_doors import people_known, required_apart, said_beside, signs_in_once
        from infrakit.resolve.checks.own_texts import referred, unread, with_pages
        from infrakit.resolve.checks.texts import secrets_held

        for path, what, code, hint in (
            *_names(blueprint, taken),
            *_secrets(blueprint, secrets),
            *_parts(app, blueprint, catalog),
            *_order(blueprint),
            *referred(blueprint, with_pages(catalog, blueprints)),
            *unread(blueprint),
            *_in_the_hosts_network(blueprint),
            *_addresses(blueprint, config.network.pool),
            *containers_made(blueprint, {app.name for app in config.apps if app.address}),
            *signs_in_once(blueprint),
            *required_apart(config, blueprint),
            *people_known(config, blueprint),
            *(
                (("files", file.name), f"files.{file.name}: {what}", "secret-in-file", hint)
                for file in blueprint.files
                for what, hint in secrets_held(app, file.content)
            ),
        ):
            found.append(Problem(locate.origin(Origin(blueprint.document, path, "checks")), what, code, hint))
        for key, what, code, hint in said_beside(app, blueprint):
            place = locate((*app.path, key), key=True)
            found.append(Problem(place, f"apps.{app.name}.{key}: {what}", code, hint))
        said = [key for key in ("allow", "public", "saml") if config.said.has((*app.path, key))]
        for key in said if blueprint.route is None else ():
            what = f"apps.{app.name}.{key}: the blueprint has no page"
            found.append(Problem(locate((*app.path, key), key=True), what, "no-port", f"add route to {app.blueprint}"))
        taken |= {item.name for item in blueprint.containers}
    return found + _dialled(config, blueprints, locate)


def _dialled(config: Config, blueprints: Mapping[str, Blueprint], locate: Locate) -> list[Problem]:
    """An app may talk to what it needs: that is in networks of ours, if only in another container's."""
    named = {app.name: app.blueprint for app in config.apps}
    return [
        Problem(
            locate(path),
            f"apps.{app.name}.needs: {name} has the host's network, and no name that {app.name} could dial",
            "host-network",
            f"remove {'privileges.network from the blueprint' if named[name] else 'network'} of {name}",
        )
        for app in config.apps
        for name, path in app.needs
        if name in blueprints and blueprints[name].containers
        if dict(blueprints[name].main.privileges).get("network") == "host"
    ]


def _names(blueprint: Blueprint, taken: set[str]) -> Iterator[Misfit]:
    for container in blueprint.containers:
        if container.name in {*taken, *OWN_NAMES, SUFFIX} or container.name.endswith("-socket"):
            yield (
                ("containers", container.name),
                f"containers.{container.name}: the name is taken",
                "container-name",
                f"for instance {blueprint.name}-{container.name}"[:60],
            )
    volumes: dict[str, str] = {}
    for container in blueprint.containers:
        sockets = [f"{container.name}-socket"] if container.docker and container.docker.transport == "unix" else []
        for number, name in enumerate([*(use.volume for use in container.volumes), *sockets]):
            final = name if name in sockets else final_volume(blueprint.name, name)
            other = volumes.setdefault(final, name)
            if other != name:
                what = f"{container.name}: the volumes {name} and {other} would both be called {final}"
                yield ("containers", container.name, "volumes", number), what, "same-volume", "rename one of them"


def _order(blueprint: Blueprint) -> Iterator[Misfit]:
    """What a container waits for can come about: no circle, and an end where an end is waited for."""
    containers = {item.name: item for item in blueprint.containers}
    for item in blueprint.containers:
        waiting, seen = [name for name, _ in item.needs], set[str]()
        while waiting:
            name = waiting.pop()
            if name in containers and name not in seen:
                seen.add(name)
                waiting += [other for other, _ in containers[name].needs]
        if item.name in seen:
            what = f"{item.name}: needs: it would wait for itself"
            yield ("containers", item.name, "needs"), what, "circle", "remove one of these needs"
        for name, condition in item.needs:
            other = containers.get(name)
            if other is not None and (condition == "completed") != other.one_shot:
                right = "completed" if other.one_shot else "healthy"
                what = f"{item.name}: needs: {name} is never {condition}"
                yield ("containers", item.name, "needs", name), what, "unmet-need", f"write {name}: {right}"


def _secrets(blueprint: Blueprint, owners: dict[str, str]) -> Iterator[Misfit]:
    """What it declares is nobody else's, on no host; from here on it is this app's."""
    for spec in blueprint.secrets:
        owner = owners.setdefault(spec.name, f"apps.{blueprint.name}")
        if owner != f"apps.{blueprint.name}":
            yield (
                ("secrets", spec.name),
                f"secrets.{spec.name}: it is one of {owner}",
                "secret-name",
                f"for instance {blueprint.name.replace('-', '_')}_{spec.name}"[:60],
            )


def _parts(app: AppConfig, blueprint: Blueprint, catalog: Catalog) -> Iterator[Misfit]:
    """Everything that is named exists in the same blueprint, or is for this app to name."""
    names = {item.name for item in blueprint.containers}
    declared = {spec.name for spec in blueprint.secrets}
    files = {item.name for item in blueprint.files}
    route, oidc = blueprint.route, blueprint.oidc
    if route is not None and route.container not in names:
        yield (
            ("route", "container"),
            f"route.container: there is no container {route.container} here",
            "unknown-container",
            f"one of: {', '.join(sorted(names))}",
        )
    if route is not None and route.sign_in == "application" and oidc is None and app.saml is None:
        yield (
            ("route", "sign_in"),
            "route.sign_in: an application signs in through oidc",
            "no-sign-in",
            "add oidc, or write forward_auth",
        )
    if oidc is not None and oidc.secret and oidc.secret not in declared:
        yield (
            ("oidc", "secret"),
            f"oidc.secret: there is no secret {oidc.secret} here",
            "unknown-secret",
            "declare it under secrets",
        )
    for name in blueprint.requires:
        if name not in catalog.blueprints:
            yield (
                ("requires",),
                f"requires: there is no service {name}",
                "unknown-service",
                "infrakit catalog list names them",
            )
    for item in blueprint.containers:
        base = ("containers", item.name)
        for name, _ in item.needs:
            if name not in names:
                yield (
                    (*base, "needs", name),
                    f"{item.name}: needs: there is no container {name} here",
                    "unknown-container",
                    "an app that it needs stands in infrakit.yaml",
                )
        for number, use in enumerate(item.files):
            if use.file not in files:
                yield (
                    (*base, "files", number),
                    f"{item.name}: files: there is no file {use.file} here",
                    "unknown-file",
                    "declare it under files",
                )
        for number, secret in enumerate(item.secrets):
            if secret.name not in declared:
                yield (
                    (*base, "secrets", number),
                    f"{item.name}: secrets: there is no secret {secret.name} here",
                    "unknown-secret",
                    "declare it under secrets",
                )


def _in_the_hosts_network(blueprint: Blueprint) -> Iterator[Misfit]:
    """Docker puts such a container into no other network, gives it no name there, and publishes none of its ports."""
    outside = {item.name for item in blueprint.containers if dict(item.privileges).get("network")}
    hint = "remove privileges.network, or this"
    route = blueprint.route
    if route is not None and route.container in outside:
        what = (
            f"route: {route.container} has the host's network: Caddy finds no name of it, and its port is open to all"
        )
        yield ("route", "container"), what, "host-network", hint
    for item in blueprint.containers:
        for key, said in (("ports", item.ports), ("reaches", item.reaches), ("docker", item.docker)):
            if item.name in outside and said:
                what = f"{item.name}: {key}: it has the host's network, and none of ours"
                yield ("containers", item.name, key), what, "host-network", hint


def _addresses(blueprint: Blueprint, pool: str) -> Iterator[Misfit]:
    for item in blueprint.containers:
        wrong: list[tuple[Path, str]] = [
            (("settings" if key == "dns" else "privileges", key, place), text)
            for key, place, text in no_addresses(item.settings, item.privileges)
        ]
        for place, port in enumerate(item.ports):
            why = no_machine(port.address) if port.address else ""
            if port.address and lies_in(port.address, pool):
                why = f"lies in {pool}, the containers' range"
            wrong += [(("ports", place, "address"), f"{port.address} {why}")] if why else []
        for path, text in wrong:
            what = f"{item.name}: {'.'.join(map(str, path[:2]))}: {text}"
            yield ("containers", item.name, *path), what, "address", "for instance 192.168.1.1"
