"""Providers of forward auth and Authentik's address -> entries of its embedded outpost, which asks who comes."""

from typing import Any

from infrakit.emit.yaml_text import Tagged
from infrakit.model import OURS

MODEL = "authentik_outposts.outpost"
EMBEDDED = "goauthentik.io/outposts/embedded"


def entries(host: str, providers: list[str]) -> list[dict[str, Any]]:
    """Its providers (ids of entries before), and where Authentik is, as a browser says it.

    Both replace what is there as a whole. So the first is left to `infrakit up` where an administrator has added a
    provider, and the second is done where the address is another: what else he set stays.
    """
    foreign = _found("providers__name__regex", f"^(?!{OURS})")
    there = _found("_config__authentik_host", host)
    wanted = {
        "providers": (foreign, [Tagged("!KeyOf", provider) for provider in providers]),
        "config": (there, {"authentik_host": host}),
    }
    return [
        {
            "model": MODEL,
            "state": "present",
            "conditions": [Tagged("!Condition", ["NOR", unless])],
            "identifiers": {"managed": EMBEDDED},
            "attrs": {"name": "authentik Embedded Outpost", "type": "proxy", name: value},
        }
        for name, (unless, value) in wanted.items()
    ]


def _found(field: str, value: str) -> Tagged:
    """Whether it is so already."""
    return Tagged("!Find", [MODEL, ["managed", EMBEDDED], [field, value]])
