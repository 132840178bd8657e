"""Pattern -> profiles, and whose they are: the table behind `pattern:` in infrakit.yaml.

`monitoring` on the only host brings its own sign-in and door; in a fleet with a core, the core has them.
"""

from collections.abc import Iterable

PROFILES = (
    "auto_update",
    "container_management",
    "container_management_agent",
    "identity",
    "observability",
    "remote_access",
    "security",
)

PATTERNS = {
    "full": ("auto_update", "container_management", "identity", "observability", "remote_access", "security"),
    "edge": ("auto_update", "container_management_agent"),
    "monitoring": ("observability",),
}

SIGN_IN = ("identity", "security")
"""What a lone host that shows pages needs besides, so that none is open to everybody."""

PAGES = ("container_management", "observability", "remote_access")
"""Profiles whose services have pages."""


def shows_pages(profiles: Iterable[str]) -> bool:
    """Whether one of the profiles brings a page that somebody must be asked for."""
    return not set(PAGES).isdisjoint(profiles)


def profiles_of(patterns: tuple[str, ...], profiles: tuple[str, ...], *, alone: bool) -> tuple[str, ...]:
    """The profiles of one host, sorted. `alone`: no other host of the fleet brings sign-in."""
    found = set(profiles)
    for pattern in patterns:
        found.update(PATTERNS[pattern])
    if alone and shows_pages(found):
        found.update(SIGN_IN)
    return tuple(sorted(found))
