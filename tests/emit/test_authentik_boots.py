"""Blueprints of files that somebody could have written, applied by a stand-in for Authentik's importer (importer.py):
at a first boot the worker finds ours and Authentik's own in any order, and what comes of it is the same.
"""

import itertools
import random
from functools import cache
from typing import Any

import pytest

from infrakit.compiler import load
from infrakit.emit import authentik
from infrakit.errors import ConfigurationInvalid
from tests.emit.importer import BRAND, FLOWS, MANAGED, SAML_PROVIDER, Database, Rejected, Tag, apply, read
from tests.fuzz.plausible import plausible

FILES = 60
OWN = (BRAND, *FLOWS, *MANAGED)
"""Blueprints of Authentik's that ours name."""
REFERENCES = ("provider", "target", "policy", "user", "group", "authorization_flow", "invalidation_flow")
REFERENCES += ("signing_key", "signing_kp", "users", "providers", "property_mappings")
LABELS = ("slug", "username", "managed", "domain", "name")


def compiled(seed: int) -> bytes | None:
    """The blueprint of a file, None where it does not compile or no host has one."""
    file = plausible(seed)
    try:
        fleet = load(file.source, "infrakit.yaml", file.read).fleet
    except ConfigurationInvalid:
        return None
    return next((item.content for host in fleet.deployments for item in authentik.emit(host)), None)


@cache
def blueprints() -> list[bytes]:
    """Of the first files that have one with a few applications."""
    found = filter(None, map(compiled, itertools.count()))
    return list(itertools.islice((item for item in found if len(item) > 6000), FILES))


def boot(content: bytes, order: list[str], ours: int) -> Database:
    """A first boot that finds ours as the one of that number, and later finds it again."""
    database = Database()
    database.files = {
        entry["attrs"]["client_secret"].value: "x" * 60
        for entry in read(content)["entries"]
        if "client_secret" in entry.get("attrs", {})
    }
    for name in order[:ours]:
        database.bring(name)
    database = apply(database, content)
    for name in order[ours:]:
        database.bring(name)
    return apply(database, content)


def meaning(database: Database) -> dict[str, list[dict[str, Any]]]:
    """The rows without the numbers that they happen to have."""
    label = {
        row["pk"]: next(str(row[name]) for name in LABELS if name in row)
        for rows in database.rows.values()
        for row in rows
        if any(name in row for name in LABELS)
    }

    def said(name: str, value: Any) -> Any:
        if name not in REFERENCES or value is None or isinstance(value, str):
            return value
        return sorted(label[item] for item in value) if isinstance(value, list) else label[value]

    found = {
        model: [{name: said(name, value) for name, value in row.items() if name != "pk"} for row in rows]
        for model, rows in database.rows.items()
        if rows
    }
    return {model: sorted(rows, key=str) for model, rows in found.items()}


@pytest.mark.parametrize("number", range(FILES))
def test_a_first_boot_ends_the_same_in_whatever_order_blueprints_are_found(number):
    content = blueprints()[number]
    generator = random.Random(number)
    wanted = meaning(boot(content, list(OWN), len(OWN)))
    for ours in (0, generator.randint(1, len(OWN) - 1)):
        assert meaning(boot(content, generator.sample(OWN, len(OWN)), ours)) == wanted


@pytest.mark.parametrize("number", range(FILES))
def test_what_a_row_says_is_said_by_one_entry(number):
    said: set[tuple[str, str, str]] = set()
    for entry in read(blueprints()[number])["entries"]:
        if entry.get("state") == "present":
            row = sorted((name, plain(value)) for name, value in entry["identifiers"].items())
            for name in [*entry["attrs"], *(["its being there"] if "conditions" not in entry else [])]:
                place = (entry["model"], str(row), name)
                # An outpost is found by what nobody else has, and its two entries say its name and type alike.
                assert place not in said or ("conditions" in entry and name in ("name", "type")), place
                said.add(place)


def plain(value: Any) -> Any:
    return (value.name, value.value) if isinstance(value, Tag) else value


def test_a_boot_notices_a_blueprint_that_is_not_applied_first():
    """Or the tests above could not fail."""
    content = blueprints()[0]
    flow = next(iter(FLOWS)).encode()
    with pytest.raises(Rejected):
        boot(content.replace(BRAND.encode(), flow, 1), list(OWN), 0)
    with pytest.raises(Rejected):
        boot(content.replace(flow, BRAND.encode(), 1), list(OWN), 0)


def test_the_files_are_of_many_kinds():
    texts = [item.decode() for item in blueprints()]
    assert len(texts) == len(set(texts)) == FILES
    words = (SAML_PROVIDER, "oauth2provider", "is_superuser: false", "request.user.username in", "scope-groups")
    for word in words:
        assert sum(word in text for text in texts) >= 3, word
