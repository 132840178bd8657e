"""What ran x what is to run: where data of the old one is not opened by the new one, and what to do then."""

import pytest

from infrakit.catalog import load_catalog
from infrakit.catalog.versions import by_repository, line, newest, tag_of
from infrakit.model import Mount
from infrakit.stack.change.lines import judge
from tests.emit.deployments import container, deployment, service

KNOWN = by_repository(load_catalog())
SERVER, POSTGRES = "ghcr.io/goauthentik/server", "docker.io/library/postgres"
GUACAMOLE = "docker.io/guacamole/guacamole"
DATA = (Mount("volume", "data", "/data"),)


def running(image: str, mounts=DATA):
    return deployment(service("app", container("app", image=image, mounts=mounts)))


def found(old: str, new: str):
    return judge(running(old), running(new))


@pytest.mark.parametrize(
    "name,old,new",
    [
        (SERVER, "2026.5.3", "2026.5.6"),
        (SERVER, "2026.5.6", "2026.8.7"),
        (SERVER, "2026.8.7", "2026.11.1"),
        (SERVER, "2026.8.7", "nightly"),
        (POSTGRES, "16.15-alpine", "16.16"),
        (GUACAMOLE, "1.6.0", "1.6.1"),
        ("docker.io/amir20/dozzle", "v9.0.0", "v10.10.0"),
        ("ghcr.io/team/own", "1", "2"),
    ],
)
def test_the_next_line_and_what_has_none_is_fine(name, old, new):
    assert found(f"{name}:{old}", f"{name}:{new}") == []


@pytest.mark.parametrize(
    "old,new,first,more",
    [
        ("2026.2.3", "2026.8.7", "2026.5.6", ""),
        ("2025.12.4", "2026.8.7", "2026.2.3", f"; the same with {SERVER}:2026.5.6"),
        ("2025.10.1", "2026.2.3", "2025.12.4", ""),
    ],
)
def test_what_skips_a_release_is_told_each_between(old, new, first, more):
    (finding,) = found(f"{SERVER}:{old}", f"{SERVER}:{new}")
    assert finding.code == "other-line" and finding.severity == "error"
    assert finding.what == f"app ran {SERVER}:{old}, and {new} does not open what that left"
    assert finding.remedy == f"`image: {SERVER}:{first}` for app in the file, and sudo infrakit up{more}; then this"


@pytest.mark.parametrize(
    "name,old,new,remedy",
    [
        (SERVER, "2026.8.7", "2026.5.6", "stay with 2026.8.7; or begin anew"),
        (POSTGRES, "17.12", "16.16-alpine", "stay with 17.12; or begin anew"),
        (POSTGRES, "16.16-alpine", "18.7-alpine", "pg_dump"),
        (GUACAMOLE, "1.6.0", "1.7.0", "upgrade-pre-*.sql"),
    ],
)
def test_what_goes_back_or_cannot_read_it_is_refused(name, old, new, remedy):
    (finding,) = found(f"{name}:{old}", f"{name}:{new}")
    assert remedy in finding.remedy


def test_a_mirror_is_no_other_image():
    (finding,) = found(f"old.bed:5000/{POSTGRES}:16.16", f"new.bed/{POSTGRES}:17.12")
    assert f"ran {POSTGRES}:16.16" in finding.what
    assert found("ghcr.io/team/postgres:16.16", f"{POSTGRES}:17.12") == []


def test_other_data_is_another_matter():
    before, after = running(f"{POSTGRES}:16.16"), running(f"{POSTGRES}:17.12", (Mount("volume", "new", "/data"),))
    assert judge(before, after) == []
    assert judge(None, after) == []


def test_a_service_is_named_once():
    def fleet(tag):
        return deployment(service("app", *(container(name, image=f"{SERVER}:{tag}") for name in ("app", "worker"))))

    assert len(judge(fleet("2026.2.3"), fleet("2026.8.7"))) == 1


def test_an_update_stays_in_the_line_that_the_catalogue_says():
    lines = KNOWN[GUACAMOLE].lines
    assert newest("1.6.0", ["1.6.1", "1.7.0"], lines) == ("1.6.1", "1.7.0")
    assert newest("1.6.0", ["1.6.1", "1.7.0"]) == ("1.7.0", "")


@pytest.mark.parametrize("name", [name for name, item in KNOWN.items() if item.lines and item.lines.through])
def test_the_pin_is_reached_from_the_last_line_that_is_gone_through(name):
    item = KNOWN[name]
    *_, last = [line(tag, item.lines) for tag in item.lines.through]
    assert last < line(tag_of(item.image), item.lines)
    assert [line(tag, item.lines) for tag in item.lines.through] == sorted(
        line(t, item.lines) for t in item.lines.through
    )
