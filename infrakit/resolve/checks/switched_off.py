"""World, in which services are selected -> Problems: sign-in and Caddy are switched off where nothing needs them."""

from infrakit.errors import Problem
from infrakit.resolve.routes import openings, signs_in_by
from infrakit.resolve.world import DOOR, LOG_AGENT, SIGN_IN, TUNNEL, HostDraft, Locate, Placed, World

ASKED = ("forward_auth", "application")


def nobody_needs_it(world: World, locate: Locate) -> list[Problem]:
    """One problem for each that is off, and needed."""
    found = []
    placed = [(host, item) for host in world.hosts for item in host.placed]
    for service in world.config.services:
        if service.enabled is not False or service.name not in (SIGN_IN, DOOR):
            continue
        ways = {item.name: _asked(world, host, item) for host, item in placed}
        if service.name == DOOR:
            needing = [item.name for host, item in placed if _is_led_to(world, host, item)]
        else:
            needing = [name for name, signs_in in ways.items() if signs_in]
        needing = [*dict.fromkeys(needing)]
        if needing:
            what = f"services.{service.name}.enabled: {', '.join(needing)} need{'s' if len(needing) == 1 else ''} it"
            opened = [name for name in needing if ways[name] == {"forward_auth"}]
            hint = "leave it on, or switch off what needs it"
            hint += f", or make {', '.join(opened)} public" if opened and service.name == SIGN_IN else ""
            found.append(Problem(locate((*service.path, "enabled")), what, "needed", hint))
    return found


def _asked(world: World, host: HostDraft, placed: Placed) -> set[str]:
    """How its doors ask Authentik."""
    return {way for opening in openings(world, host, placed) for way in [signs_in_by(opening)] if way in ASKED}


def _is_led_to(world: World, host: HostDraft, placed: Placed) -> bool:
    """As `selection` brings Caddy in, if nobody keeps it off."""
    through_core = placed.name == LOG_AGENT and world.core not in ("", host.name)
    if placed.name == TUNNEL and placed.app is None:
        return True
    return bool(placed.blueprint.routes or through_core) and bool(host.address or world.core in ("", host.name))
