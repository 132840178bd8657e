"""volumes: of infrakit.yaml, from the file to what Compose makes, the review says, and uninstall leaves alone."""

import pytest

from infrakit import emit
from infrakit.changes import compare, facts_of
from infrakit.compiler import load
from infrakit.stack import belongings
from infrakit.stack.moves import _opens
from infrakit.stack.up import wanted_of
from tests.emit.tree import needs_compose, project, write

FILE = """version: 1
domain: home.example.org
pattern: full
tls: {mode: internal}
volumes:
  library: {}
  films: {nfs: "192.168.1.5:/export/films"}
  v6: {nfs: "[fd00::5]:/x"}
  old: {external: shop_database}
apps:
  photos: {image: "x/y:1", mounts: [library:/data, films:/films], secrets: [photos_key]}
  player: {image: "x/z:1", mounts: ["library:/data:ro", "v6:/v6", "old:/old/"]}
"""


def host(text: str = FILE):
    return load(text.encode(), "infrakit.yaml", lambda name: b"").fleet.deployments[0]


@needs_compose
def test_compose_makes_each_as_it_is_said(tmp_path):
    deployment = host()
    found = project(write(tmp_path, emit.emit(deployment), deployment))
    volumes = found["volumes"]
    assert volumes["library"] == {"name": "infrakit_library"}
    films = volumes["films"]
    assert films["name"].startswith("infrakit_films-") and films["driver"] == "local"
    assert films["driver_opts"] == {"type": "nfs", "o": "addr=192.168.1.5,rw,nfsvers=4", "device": ":/export/films"}
    assert volumes["v6"]["driver_opts"]["o"] == "addr=fd00::5,rw,nfsvers=4"
    assert volumes["old"] == {"name": "shop_database", "external": True}
    mounts = [
        (item["type"], item["source"], item["target"], item.get("read_only", False))
        for item in found["services"]["player"]["volumes"]
    ]
    assert mounts == [
        ("volume", "library", "/data", True),
        ("volume", "old", "/old", False),
        ("volume", "v6", "/v6", False),
    ]


def test_another_address_is_another_volume_and_another_container():
    before, after = host(), host(FILE.replace("/export/films", "/export/other"))
    artifacts = emit.emit(before)
    first, second = wanted_of(before, artifacts), wanted_of(after, artifacts)
    assert first["photos"][0].label != second["photos"][0].label
    assert first["player"] == second["player"]
    assert belongings.of_deployment(before).names ^ belongings.of_deployment(after).names == {
        name for item in (before, after) for name in belongings.of_deployment(item).names if "films" in name
    }


def test_what_is_somebody_elses_is_not_ours_even_where_it_was():
    ours = belongings.of_deployment(host())
    assert "infrakit_library" in ours.names and "shop_database" not in ours.names
    assert ours.others == {"shop_database"}

    class Files:
        content = b"infrakit\nshop_database\ninfrakit_kept\n"

        def read(self, path, most):
            return self.content

        def write(self, path, content):
            self.content = content

    files = Files()
    belongings.write(files, "h", *ours)
    lines = files.content.decode().splitlines()
    assert "shop_database" not in lines and "infrakit_kept" in lines and "infrakit_library" in lines


def test_the_review_says_who_shares_and_where_it_is():
    deployment = host()
    review = next(item.content.decode() for item in emit.emit(deployment) if item.path == "REVIEW.md")
    rows = review.partition("## Shared volumes")[2].partition("\n## ")[0].splitlines()[6:]
    assert len(rows) == 4 and any("photos, player, to read only" in row for row in rows)
    assert any("NFS server 192.168.1.5" in row for row in rows) and any("shop\\_database" in row for row in rows)
    said = {(grant.container, grant.capability, grant.detail): grant.red for grant in deployment.grants}
    assert said["photos", "shared_volume", "volume library"] is False
    assert facts_of(deployment)["mounts"]["photos /data"] == "volume library"


def test_a_volume_that_leads_elsewhere_is_said_with_what_it_was():
    said = facts_of(host())
    moved = facts_of(host(FILE.replace("/export/films", "/export/other").replace("shop_database", "shop_new")))
    assert compare(said, moved) == [
        "! mount photos /films: shared films, at 192.168.1.5:/export/other, was shared films, at "
        "192.168.1.5:/export/films",
        "! mount player /old: shared old, shop_new, was shared old, shop_database",
    ]
    (line,) = compare(said, facts_of(host(FILE.replace('films: {nfs: "192.168.1.5:/export/films"}', "films: {}"))))
    assert line.startswith("! mount photos /films: volume films, was shared films, at ")


def test_a_lost_secret_and_the_volume_that_it_opens_are_seen_together():
    assert ("photos", "photos_key", "infrakit_library") in set(_opens(host()))


def test_what_nobody_mounts_is_worth_a_word():
    text = FILE.replace("  library: {}\n", "  library: {}\n  spare: {}\n")
    (warning,) = load(text.encode(), "infrakit.yaml", lambda name: b"").warnings
    assert (warning.code, warning.position.line, warning.severity) == ("no-effect", 7, "warning")


@pytest.mark.parametrize("name", ["library", "films", "old"])
def test_every_value_has_its_cause_in_the_users_file(name):
    deployment = host()
    trace = emit.trace(deployment, "compose.yaml")
    causes = {origin.path for leaf, origin in trace.items() if leaf.startswith(f"volumes.{name}")}
    assert causes == {("volumes", name)}
