"""Config x Catalog -> Problems: what the schema cannot see, before anything is decided.
World -> Problems: what only the decisions show.

Each check names both places where two are involved. All of them run; a later one does not rely on an earlier one.
"""

from collections.abc import Mapping

from infrakit.catalog.model import Blueprint, Catalog
from infrakit.config.doors import KEYS as DOOR_KEYS
from infrakit.config.model import Config
from infrakit.errors import Problem
from infrakit.resolve.checks.access import known_people
from infrakit.resolve.checks.apps import (
    app_names,
    apps_complete,
    data_apart,
    needs_known,
    nothing_ignored,
    saml_or_oidc,
)
from infrakit.resolve.checks.hosts import hosts_distinct, one_core
from infrakit.resolve.checks.keys import keys_of_apps, ports_past_doors
from infrakit.resolve.checks.limits import limits_real
from infrakit.resolve.checks.machines import architectures, memory_fits
from infrakit.resolve.checks.names import hostnames, slugs
from infrakit.resolve.checks.network import (
    addresses_dialled,
    addresses_for_docker,
    addresses_real,
    pool_apart,
    pool_private,
    proxies_named,
)
from infrakit.resolve.checks.own import own_fits
from infrakit.resolve.checks.ports import of_tls, ports_apart
from infrakit.resolve.checks.secrets import called_plain, secrets_apart
from infrakit.resolve.checks.services import (
    images_of_apps,
    options_known,
    released_apart,
    run_somewhere,
    services_known,
    versions_high_enough,
)
from infrakit.resolve.checks.tls import domain_real, timezone_known, tls_complete
from infrakit.resolve.discovery import clients_reach
from infrakit.resolve.hosts import place_hosts
from infrakit.resolve.networks import room
from infrakit.resolve.routes import agents_connect, balanced, unreachable
from infrakit.resolve.selection import requires_apart, select_services, unmet_needs
from infrakit.resolve.updates import moved_once
from infrakit.resolve.world import DOOR, SIGN_IN, Locate, World


def said_by_few(config: Config, catalog: Catalog, locate: Locate) -> list[Problem]:
    """Volumes that are shared, networks that are, and texts in which something is replaced: most files have none, and
    do without what checks them."""
    found: list[Problem] = []
    if config.volumes or any(item.is_volume for app in config.apps for item in app.mounts):
        from infrakit.resolve.checks.volumes import volumes_known

        found += volumes_known(config, catalog, locate)
    if any(app.network for app in config.apps):
        from infrakit.resolve.checks.shared_network import networks_of_apps

        found += networks_of_apps(config, catalog, locate)
    if config.updates and config.updates.excepted:
        from infrakit.resolve.updates import excepted_known

        found += excepted_known(config, catalog, locate)
    if any(service.environment for service in config.services):
        from infrakit.resolve.checks.ours import nothing_of_ours

        found += nothing_of_ours(config, catalog, locate)
    if config.backup:
        from infrakit.resolve.checks.backup import backup_sound

        found += backup_sound(config, catalog, locate)
    if config.notify:
        from infrakit.resolve.checks.notify import channels_sound

        found += channels_sound(config, locate)
    if any(app.backup for app in config.apps):
        from infrakit.resolve.checks.app_backup import backups_of_apps

        found += backups_of_apps(config, catalog, locate)
    texts = [value for app in config.apps for _, value in app.environment]
    texts += [value for service in config.services for _, value in service.environment]
    texts += [value for app in config.apps for _, value in app.labels]
    texts += [
        word for app in config.apps for words in (app.command, app.entrypoint, app.health) for word in words or ()
    ]
    owns = [app.backup.own for app in config.apps if app.backup and app.backup.own]
    texts += [word for own in owns for word in (*own.dump, *own.restore)]
    if any(app.files for app in config.apps) or any("$" in text or "/run/secrets/" in text for text in texts):
        from infrakit.resolve.checks.texts import no_secret_in_files, texts_known

        found += texts_known(config, catalog, locate) + no_secret_in_files(config, catalog, locate)
    return found


def off_in_vain(world: World, locate: Locate) -> list[Problem]:
    """Of sign-in and Caddy, where they are switched off."""
    if not any(service.enabled is False and service.name in (SIGN_IN, DOOR) for service in world.config.services):
        return []
    from infrakit.resolve.checks.switched_off import nobody_needs_it

    return nobody_needs_it(world, locate)


def shared_apart(world: World, locate: Locate) -> list[Problem]:
    """Of volumes that are shared, where there are any."""
    if not world.config.volumes:
        return []
    from infrakit.resolve.checks.volumes import volumes_apart

    return volumes_apart(world, locate)


def databases_apart(world: World, locate: Locate) -> list[Problem]:
    """Of databases, where an app mounts what may be one's folder."""
    if not any(item.path.startswith(("/var/lib/", "/data/")) for app in world.config.apps for item in app.mounts):
        return []
    from infrakit.resolve.checks.databases import servers_apart

    return servers_apart(world, locate)


def dumps_of_data(world: World, locate: Locate) -> list[Problem]:
    """Of apps that say how they are backed up, where there are any."""
    if not any(app.backup for app in world.config.apps):
        return []
    from infrakit.resolve.checks.app_backup import paths_kept

    return paths_kept(world, locate)


def names_apart(world: World, locate: Locate) -> list[Problem]:
    """Of names by which containers are found, where any is more than that of an app among our own."""
    hosts = [host for host in world.hosts if host.address[:1].isalpha() and "." not in host.address]
    items = [
        item for host in world.hosts for placed in host.placed if placed.app for item in placed.blueprint.containers
    ]
    if not hosts and not any(item.settings or item.name.endswith("-1") for item in items):
        return []
    from infrakit.resolve.checks.found import found_apart

    return found_apart(world, locate)


def doors_of_apps(config: Config, catalog: Catalog, locate: Locate) -> list[Problem]:
    """What doors say beyond a port and people. Most files say nothing of it: for them its checks are not loaded."""
    words = {"address", "doors", *DOOR_KEYS} - {"allow", "public", "subdomain"}
    if not any(path[0] == "apps" and len(path) > 2 and path[2] in words for path in config.said):
        return []
    from infrakit.resolve.checks.address import address_alone, addresses_of_apps
    from infrakit.resolve.checks.doors import backends_certified, domains_certified, keys_of_doors, one_form
    from infrakit.resolve.checks.passes import passes_exact

    found = (
        address_alone,
        addresses_of_apps,
        one_form,
        keys_of_doors,
        passes_exact,
        domains_certified,
        backends_certified,
    )
    return [problem for check in found for problem in check(config, catalog, locate)]


CHECKS = (
    services_known,
    options_known,
    versions_high_enough,
    known_people,
    app_names,
    apps_complete,
    nothing_ignored,
    data_apart,
    keys_of_apps,
    doors_of_apps,
    saml_or_oidc,
    needs_known,
    said_by_few,
    ports_past_doors,
    secrets_apart,
    hosts_distinct,
    one_core,
    limits_real,
    addresses_real,
    pool_private,
    pool_apart,
    proxies_named,
    domain_real,
    timezone_known,
    tls_complete,
)

DECIDED = (
    run_somewhere,
    unreachable,
    agents_connect,
    clients_reach,
    balanced,
    unmet_needs,
    requires_apart,
    released_apart,
    slugs,
    called_plain,
    addresses_for_docker,
    addresses_dialled,
    ports_apart,
    of_tls,
    shared_apart,
    databases_apart,
    dumps_of_data,
    names_apart,
    room,
    architectures,
    memory_fits,
    moved_once,
)
"""What is asked of the decisions: how names, ports and sums came out."""


def run(
    config: Config, catalog: Catalog, locate: Locate, blueprints: Mapping[str, Blueprint] | None = None
) -> list[Problem]:
    """All problems of all checks; `blueprints` are those of the apps, by name."""
    found = [problem for check in CHECKS for problem in check(config, catalog, locate)]
    chosen = select_services(place_hosts(World(config, catalog, blueprints or {})))
    found += images_of_apps(config, catalog, blueprints or {}, locate)
    found += own_fits(config, catalog, blueprints or {}, locate) + hostnames(chosen, locate)
    if any(app.blueprint for app in config.apps):
        from infrakit.resolve.checks.own_containers import reached_there

        found += reached_there(chosen, locate)
    return once_for_a_range(chosen, found + off_in_vain(chosen, locate))


def decided(world: World, locate: Locate) -> list[Problem]:
    """All problems of a world in which every pass has decided."""
    return once_for_a_range(world, [problem for check in DECIDED for problem in check(world, locate)])


def once_for_a_range(world: World, problems: list[Problem]) -> list[Problem]:
    """What would be said of each host of a range is said of the range."""
    names = {host.shown: str(host.config.path[-1]) for host in world.hosts if host.config}
    names = {name: said for name, said in names.items() if name != said}
    if not names or not problems:
        return problems
    from infrakit.resolve.checks.ranged import said_once

    return said_once(problems, names)
