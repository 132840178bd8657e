"""Config x Catalog -> Fleet: a fold over PASSES, one module per decision.

A pass trusts those before it and never looks at a file: its input is checked.
"""

from collections.abc import Mapping

from infrakit.catalog.model import Blueprint, Catalog
from infrakit.config.model import Config
from infrakit.lock import Lock
from infrakit.model import Fleet
from infrakit.resolve.access import grant_access
from infrakit.resolve.containers import build_services
from infrakit.resolve.discovery import let_clients_in
from infrakit.resolve.fleet import assemble
from infrakit.resolve.hosts import place_hosts
from infrakit.resolve.images import mirror_images, pin_images
from infrakit.resolve.networks import draw_networks
from infrakit.resolve.routes import open_doors
from infrakit.resolve.secrets import gather_secrets
from infrakit.resolve.selection import select_services
from infrakit.resolve.sockets import guard_sockets
from infrakit.resolve.updates import leave_out_updater
from infrakit.resolve.world import World

PASSES = (
    place_hosts,
    select_services,
    leave_out_updater,
    open_doors,
    grant_access,
    draw_networks,
    build_services,
    let_clients_in,
    guard_sockets,
    gather_secrets,
    pin_images,
    mirror_images,
)


def settle(config: Config, catalog: Catalog, blueprints: Mapping[str, Blueprint], lock: Lock | None = None) -> World:
    """Every decision taken. `blueprints`: the user's apps as blueprints, by name."""
    world = World(config, catalog, blueprints, lock)
    for decide in PASSES:
        world = decide(world)
    return world


def resolve(config: Config, catalog: Catalog, blueprints: Mapping[str, Blueprint], lock: Lock | None = None) -> Fleet:
    """The decided world of a checked file."""
    return assemble(settle(config, catalog, blueprints, lock))
