"""Which services run on which host: profiles, the user's `enabled`, placement, and what a service requires."""

from infrakit.catalog.load import PASSWORD_LENGTH
from infrakit.catalog.model import Blueprint, SecretBlueprint, SecretUse
from infrakit.config.model import ServiceConfig
from infrakit.errors import Problem
from infrakit.model import Origin
from infrakit.resolve.world import (
    DOOR,
    HUB,
    HUB_AGENT,
    HUB_AUTHORITY,
    LOG_AGENT,
    LOGS,
    SIGN_IN,
    TUNNEL,
    HostDraft,
    Locate,
    Placed,
    World,
)


def select_services(world: World) -> World:
    """Place catalogue services by profile and the user's word, then apps, then what they require."""
    settings = {service.name: service for service in world.config.services}
    found = [_wanted(world, host, settings) for host in world.hosts]
    watched = any(LOGS in wanted for host, wanted in zip(world.hosts, found) if host.name == world.core)
    hosts = []
    for host, wanted in zip(world.hosts, found):
        if host.name != world.core and LOG_AGENT in wanted and len(found) > 1:
            # An agent without a Dozzle that asks it is for nothing, and beside one on its own host it is one too many.
            wanted.pop(LOGS if watched and host.address else LOG_AGENT, None)
        placed = tuple(
            _placed(blueprint, settings.get(name), wanted[name])
            for name, blueprint in world.catalog.blueprints.items()
            if name in wanted
        )
        hosts.append(host._replace(placed=placed + _apps(world, host)))
    placed_all = tuple(_with_requirements(world, host, settings) for host in hosts)
    # Where the file has no core, that is described in another one, whose Caddy signs as this one says.
    held = world.config.tls.mode == "internal" and (not world.core or any(host.has(HUB) for host in placed_all))
    placed_all = tuple(
        host._replace(placed=tuple(_trusting(item, held=held) for item in host.placed)) if host.has(HUB_AGENT) else host
        for host in placed_all
    )
    # Sign-in that was switched on or required where no profile brings it: the only host is the core, too.
    core = world.core or (placed_all[0].name if len(placed_all) == 1 and placed_all[0].has(SIGN_IN) else "")
    return world._replace(hosts=placed_all, core=core)


def _wanted(world: World, host: HostDraft, settings: dict[str, ServiceConfig]) -> dict[str, Origin]:
    """Catalogue services of one host -> why. A name switched on by hand runs on the core, or on the only host."""
    home = host.name == world.core or len(world.hosts) == 1
    wanted = {}
    for name, blueprint in world.catalog.blueprints.items():
        setting = settings.get(name)
        by_profile = bool(set(blueprint.profiles) & set(host.profiles))
        if setting is not None and setting.enabled is not None:
            if setting.enabled and (by_profile or home):
                wanted[name] = world.origin((*setting.path, "enabled"), "selection")
        elif by_profile and _fits(blueprint.placement, home=home):
            wanted[name] = host.origin._replace(decided_by="selection")
    if world.config.tls.mode == "tunnel" and home and TUNNEL in world.catalog.blueprints:
        wanted.setdefault(TUNNEL, world.origin((*world.config.tls.path, "mode"), "selection"))
    return wanted


def _placed(blueprint: Blueprint, said: ServiceConfig | None, cause: Origin) -> Placed:
    """A service with the secrets and the way out that the user gives to its main container, and to those that run the
    same image."""
    if said is None or not (said.secrets or said.user_secrets or said.internet):
        return Placed(blueprint, said, None, cause)
    kinds = [("password", name) for name in said.secrets] + [("user", name) for name in said.user_secrets]
    specs = [SecretBlueprint(name, kind, PASSWORD_LENGTH, False, f"for {blueprint.name}") for kind, name in kinds]
    uses = tuple(SecretUse(name) for _, name in kinds)
    image = blueprint.main.image
    containers = tuple(
        item._replace(secrets=item.secrets + uses, internet=item.internet or said.internet)
        if item.image == image and not item.one_shot
        else item
        for item in blueprint.containers
    )
    return Placed(blueprint._replace(secrets=(*blueprint.secrets, *specs), containers=containers), said, None, cause)


def _fits(placement: str, *, home: bool) -> bool:
    return placement == "host" or (placement == "core") == home


def _apps(world: World, host: HostDraft) -> tuple[Placed, ...]:
    """The user's apps on this host: those that name it, and on the core (or the first host) those that name none."""
    home = host.shown == (world.core or world.hosts[0].shown)
    return tuple(
        Placed(world.blueprints[app.name], None, app, world.origin(app.path, "selection"))
        for app in world.config.apps
        if app.name in world.blueprints and (host.shown in [name for name, _ in app.hosts] if app.hosts else home)
    )


def _with_requirements(world: World, host: HostDraft, settings: dict[str, ServiceConfig]) -> HostDraft:
    """Add what placed services require, unless the user switched it off; and a door where something is routed.

    What a service of the catalogue brings in comes first, so that a blueprint of the user's answers only for the rest.
    """
    placed = list(host.placed)
    elsewhere = _at_core_alone(world, host)
    names = {item.name for item in placed}
    queue = list(placed)
    while queue:
        item = queue.pop(0)
        asker, cause = item.asked_by, item.cause._replace(decided_by="selection")
        required = [(name, asker, cause) for name in item.blueprint.requires]
        if item.kind == "blueprint":
            line = Origin(item.blueprint.document, ("requires",), "selection")
            required = [(name, item.name, line) for name in item.blueprint.requires]
        led_to = item.blueprint.route is not None or item.name == LOG_AGENT and host.name != world.core
        if led_to and (host.address or host.name == world.core or not world.core):
            required.insert(0, (DOOR, asker, cause))
        for name, asker, cause in required:
            if name in names or name not in world.catalog.blueprints or _is_off(settings, name):
                continue
            if name in elsewhere:
                continue
            added = _placed(world.catalog.blueprints[name], settings.get(name), cause)._replace(asked_by=asker)
            names.add(name)
            placed.append(added)
            queue.insert(0, added)
    return host._replace(placed=tuple(sorted(placed, key=lambda item: item.name)))


def _trusting(placed: Placed, *, held: bool) -> Placed:
    """An agent of Portainer's holds it to the authority of the core's Caddy where that signs by itself, and the user
    has not said that any certificate will do; else there is nothing for the user to carry there."""
    if placed.name != HUB_AGENT or placed.app is not None or held and not unchecked(placed):
        return placed
    blueprint = placed.blueprint
    containers = tuple(
        item._replace(
            secrets=tuple(use for use in item.secrets if use.name != HUB_AUTHORITY),
            environment=tuple(pair for pair in item.environment if pair[0] != "SSL_CERT_DIR"),
        )
        for item in blueprint.containers
    )
    secrets = tuple(item for item in blueprint.secrets if item.name != HUB_AUTHORITY)
    return placed._replace(blueprint=blueprint._replace(secrets=secrets, containers=containers))


def unchecked(placed: Placed) -> bool:
    """Whether the user lets an agent of Portainer's take any certificate for it."""
    return placed.settings is not None and ("insecure_poll", "true") in placed.settings.options


def _is_off(settings: dict[str, ServiceConfig], name: str) -> bool:
    return name in settings and settings[name].enabled is False


def _at_core_alone(world: World, host: HostDraft) -> set[str]:
    """What there is once in a fleet, on another host than this one."""
    if not world.core or host.name == world.core:
        return set()
    return {name for name, blueprint in world.catalog.blueprints.items() if blueprint.placement == "core"}


def requires_apart(world: World, locate: Locate) -> list[Problem]:
    """What a blueprint of the user's requires can run on its own host."""
    problems = []
    for host in world.hosts:
        elsewhere = _at_core_alone(world, host)
        for placed in host.placed:
            for name in placed.blueprint.requires if placed.kind == "blueprint" else ():
                if name in elsewhere and not host.has(name):
                    origin = Origin(placed.blueprint.document, ("requires",), "selection")
                    what = f"requires: {name} runs on {world.core} alone, and {placed.name} on {host.shown}"
                    hint = f"take it away, or write apps.{placed.name}.hosts: [{world.core}]"
                    problems.append(Problem(locate.origin(origin), what, "requires-apart", hint))
    return problems


def unmet_needs(world: World, locate: Locate) -> list[Problem]:
    """What an app needs has to run on the app's own host: networks end there."""
    problems = []
    for host in world.hosts:
        for placed in host.placed:
            for name, path in placed.app.needs if placed.app is not None else ():
                if not host.has(name):
                    related = next((other.shown for other in world.hosts if other.has(name)), "")
                    where = f"runs on {related}" if related else "is off"
                    hint = (
                        f"put both on one host with apps.{placed.name}.hosts"
                        if related
                        else f"switch it on, or remove it from {placed.name}'s needs"
                    )
                    problems.append(
                        Problem(
                            locate(path),
                            f"apps.{placed.name}.needs: {name} {where}, {placed.name} on {host.shown}",
                            "unmet-need",
                            hint,
                        )
                    )
    return problems
