"""Images that move -> whose data is put aside, what moves at once, and the plan: without a machine."""

import pytest

from infrakit.cli.newer import Move, groups_of, is_meant
from infrakit.emit import emit
from infrakit.model import Dependency, ImagePin, Mount, SharedVolume
from infrakit.stack.change.aside import Data, data_of
from infrakit.stack.change.update import Files, Under, plan_update, touched
from infrakit.system.digest import hex_digest
from tests.emit.deployments import container, deployment, origin, service

FILES = Files("version: 1\n", None)


def keeps(name: str, *needs: str, **changes):
    mounts = (Mount("volume", f"{name}-data", "/data"), Mount("file", "x", "/x", True))
    waits = tuple(Dependency(need, "service_healthy") for need in needs)
    plain = {"mounts": mounts, "depends_on": waits, **changes}
    return service(name, container(name, networks=(), **plain), volumes=(f"{name}-data",))


def host(**images: str):
    """A page whose data is in a database of another app; its mate reads what it keeps; and somebody else."""
    page = keeps("page", "database")
    reads = container("mate", networks=(), mounts=(Mount("volume", "page-data", "/in", True),))
    page = page._replace(containers=(*page.containers, reads))
    theirs = (
        Mount("host", "/srv/photos", "/photos"),
        Mount("host", "/etc/hosts", "/h", True),
        Mount("shared", "films", "/f"),
    )
    services = [page, keeps("database"), keeps("other"), service("idle", container("idle", networks=(), mounts=theirs))]
    moved = [
        item._replace(
            containers=tuple(
                each._replace(image=images[each.name]) if each.name in images else each for each in item.containers
            )
        )
        for item in services
    ]
    shared = (SharedVolume("films", "", "", "", origin("volumes", "films")),)
    return deployment(*moved, networks=(), secrets=(), routes=(), volumes=shared)


@pytest.mark.parametrize(
    ("services", "found"),
    [
        (("page",), (("infrakit_database-data", "infrakit_page-data"), ("page", "mate", "database"), ())),
        (("database",), (("infrakit_database-data",), ("database",), ())),
        (("idle",), ((), (), ("/srv/photos", "infrakit_films"))),
        ((), ((), (), ())),
    ],
)
def test_data_of_a_service_is_also_that_of_whom_it_needs_and_whoever_opens_it_stops(services, found):
    assert data_of(host(), services) == Data(*found)


def test_who_has_another_image_moves_and_who_has_another_digest():
    made = host()
    page = made.services[0]
    pin = ImagePin("sha256:1", "sha256:2", "sha256:3", 1)
    pinned = page._replace(containers=(page.containers[0]._replace(pin=pin), page.containers[1]))
    assert touched(made, host(other="docker.io/example/other:2")) == ("other",)
    assert touched(made, made._replace(services=(pinned, *made.services[1:]))) == ("page",)
    assert touched(made, host()) == ()
    other = page._replace(
        containers=(page.containers[0]._replace(pin=pin._replace(index="sha256:4")), page.containers[1])
    )
    before, after = (made._replace(services=(item, *made.services[1:])) for item in (pinned, other))
    assert touched(before, after) == (), "what changed is an image for another processor"


def names(plan) -> list[str]:
    return [step.name for step in plan.steps]


def test_nothing_that_runs_is_touched_before_the_data_is_put_aside_and_no_file_before_all_is_well():
    made = host(page="docker.io/example/page:2.0.0")
    well = ("page", "mate", "database", "idle")
    under = Under(("page",), "before", (), well, (), FILES, FILES._replace(lock="x"))
    pull, rest = plan_update(under, made, emit(made), hex_digest, 60)
    assert [name for name in names(pull) if name.startswith("image ")][0] == "image docker.io/example/page:2.0.0"
    assert not [step for step in pull.steps if step.name.startswith(("service ", "file ", "in force", "door "))]
    assert names(rest) == [
        *("aside", "service database", "service page", "service idle", "others", "steady"),
        *("file /etc/infrakit/infrakit.yaml", "file /etc/infrakit/infrakit.lock", "in force"),
    ], "other was ill before, and is left alone"
    assert [action.text() for action in rest.steps[0].actions] == [
        "stop page, mate, database",
        "copy infrakit_database-data, infrakit_page-data",
    ]


def test_who_was_ill_before_is_started_where_he_was_stopped_for_his_data():
    made = host(page="docker.io/example/page:2.0.0")
    under = Under(("page",), "before", (), ("idle",), (), FILES, FILES)
    rest = plan_update(under, made, emit(made), hex_digest, 60)[1]
    assert [name for name in names(rest) if name.startswith("service ")] == [
        *("service database", "service page", "service idle")
    ]
    assert "no /etc/infrakit/infrakit.lock" in names(rest)


def test_images_that_a_service_has_in_common_move_at_once():
    proxy, one, two, three = (
        Move(name, name, frozenset(services), ())
        for name, services in (("proxy", "ab"), ("one", "a"), ("two", "bc"), ("three", "d"))
    )
    found = [sorted(move.name for move in group) for group in groups_of([one, three, two, proxy])]
    assert sorted(found) == [["one", "proxy", "two"], ["three"]]


@pytest.mark.parametrize(
    ("name", "services", "moves"),
    [
        ("docker.io/amir20/dozzle:v10.7.3", (), True),
        ("docker.io/library/caddy:2.11.4", (), True),
        ("docker.io/library/postgres:16.16-alpine", (), False),
        ("ghcr.io/immich-app/postgres:14-vectorchord0.4.3", (), False),
        ("ghcr.io/goauthentik/server:2026.8.7", (), False),
        ("registry.example.org/postgres/docker.io/amir20/dozzle:v10.7.3", (), True),
        ("docker.io/library/postgres:16.16-alpine", ("a",), True),
        ("docker.io/amir20/dozzle:v10.7.3", ("b",), False),
        (f"docker.io/amir20/dozzle:v10.7.3@sha256:{0:064x}", (), False),
        (f"docker.io/amir20/dozzle:v10.7.3@sha256:{0:064x}", ("a",), False),
    ],
)
def test_databases_and_authentik_move_by_name_alone_and_a_digest_in_the_file_never(name, services, moves):
    assert is_meant(name, {"a"}, services) is moves
