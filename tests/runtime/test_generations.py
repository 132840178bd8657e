"""A new generation of a running stack, by a real engine and Compose: in force when all of it runs, and who does not
start from it goes back to the one that he was made from."""

import json
import os

import pytest

from infrakit.emit import compose
from infrakit.model import Artifact, Dependency, Mount
from infrakit.plan import Plan, StepFailed, run
from infrakit.stack import generation, layout, tidy
from infrakit.stack.up import plan_up
from infrakit.system.digest import hex_digest
from tests.emit.deployments import container, deployment, service
from tests.emit.tree import needs_compose
from tests.runtime.engine import FOR_EVER, engine, import_shell, needs_engine
from tests.runtime.test_start import IMAGE, Local

pytestmark = [needs_engine, needs_compose]

OTHER_IMAGE = "example/shell:2"
FILE = "reader/file"
GOOD = f'read word </file; [ "$word" = good ] || {{ echo "cannot read /file"; exit 3; }}; {FOR_EVER}'
PARTS = ("tree", "service", "others", "in")


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    with engine(tmp_path_factory.mktemp("generations")) as made:
        for image in (IMAGE, OTHER_IMAGE):
            import_shell(made, image)
        yield made


@pytest.fixture
def machine(real, tmp_path, monkeypatch):
    """With a state folder of its own."""
    for module in (generation, layout):
        monkeypatch.setattr(module, "GENERATIONS", str(tmp_path / "generations"))
        monkeypatch.setattr(module, "CURRENT", str(tmp_path / "current"))
    monkeypatch.setattr(layout, "HOSTS", str(tmp_path / "hosts"))
    monkeypatch.setattr(generation, "KEPT_GENERATIONS", 3)
    yield Local(str(real.socket))
    mine = ["--all", "--filter", "label=com.docker.compose.project=infrakit"]
    for kind, more in (("container", mine), ("volume", mine[1:])):
        left = real.docker(kind, "ls", "--quiet", *more).split()
        if left:
            real.docker(kind, "rm", "--force", *left)


def host(*, image=IMAGE, command=GOOD, data=(), once=()):
    """One that reads a file of the tree, its mate, and a neighbour, whom nobody changes."""
    common = {"health": None, "stop_grace_period_s": 0, "networks": ()}
    reads = (Mount("file", FILE, "/file", read_only=True), *(Mount("volume", name, "/data") for name in data))
    shell = {"command": ("/bin/sh", "-c", command), "mounts": reads}
    idle = {"command": ("/bin/sh", "-c", FOR_EVER), "mounts": (Mount("file", FILE + "-2", "/file", read_only=True),)}
    waits = tuple(Dependency(name, "service_completed_successfully") for name in once)
    needs = (Dependency("mate", "service_started"),)
    return deployment(
        service(
            "reader",
            container("reader", image=image, **common, **shell, depends_on=waits),
            container("mate", image=IMAGE, **common, **idle),
            *(
                container(
                    name, image=IMAGE, command=("/bin/sh", "-c", "exit 0"), one_shot=True, depends_on=needs, **common
                )
                for name in once
            ),
            volumes=data,
        ),
        service("neighbour", container("neighbour", image=IMAGE, **common, **idle)),
        networks=(),
        secrets=(),
    )


def up(machine, made, word: str = "good") -> None:
    """Those parts of `up` that are about the tree and what runs from it."""
    files = [Artifact(FILE, f"{word}\n".encode()), Artifact(FILE + "-2", b"x\n")]
    artifacts = [*files, *compose.emit(made, files)]
    steps = [step for step in plan_up(made, artifacts, hex_digest).steps if step.name.split()[0] in PARTS]
    run(Plan("up", tuple(steps)), machine, lambda event: None, lambda step, action: None)


def found(machine) -> dict[str, tuple[str, str, str]]:
    """Container -> its state, since when, and the generation that it was made from."""
    return {
        item.service: (item.state, item.started_at, item.labels[generation.MADE_FROM].rpartition("/")[2])
        for item in machine.engine.containers("infrakit")
    }


def in_force(machine) -> str:
    return machine.target(generation.CURRENT).rpartition("/")[2]


def test_who_is_not_changed_stays_what_it_was_made_from_and_its_generation_stays_too(machine, real):
    up(machine, host())
    first, before = in_force(machine), found(machine)
    for number in range(5):
        up(machine, host(command=f"{GOOD} # {number}"))
    after = found(machine)
    assert after["neighbour"] == before["neighbour"] and after["mate"] == before["mate"]
    assert after["reader"][2] == in_force(machine) != first
    kept = machine.listing(generation.GENERATIONS)
    assert {first, in_force(machine)} <= set(kept) and len(kept) == 3
    # What it mounts is there at the next start of the engine, too.
    real.docker("restart", "infrakit-neighbour-1")
    assert found(machine)["neighbour"][0] == "running"


@pytest.mark.parametrize("ours", [True, False])
def test_an_image_that_no_generation_has_any_more_goes_where_we_fetched_it(machine, real, tmp_path, monkeypatch, ours):
    image, record = "example/shell:3", tmp_path / "undo.jsonl"
    import_shell(real, image)
    record.write_text(json.dumps({"words": ["docker", "image", "rm", image if ours else "example/another:1"]}))
    monkeypatch.setattr(tidy, "UNDO", str(record))
    up(machine, host(image=image))
    for number in range(3):
        assert machine.engine.image_id(image)
        up(machine, host(command=f"{GOOD} # {number}"))
    assert bool(machine.engine.image_id(image)) != ours and machine.engine.image_id(IMAGE)


def test_a_file_of_which_nothing_runs_any_more_takes_away_what_ran(machine):
    up(machine, host())
    up(machine, deployment(networks=(), secrets=()))
    assert found(machine) == {} and in_force(machine)


def test_work_that_is_done_once_is_done_again_for_whom_it_was_done_and_who_waits_for_it_comes_along(machine, real):
    """It may have been done for him: a database whose volume somebody removed has no tables."""
    up(machine, host(once=("prepare",)))
    before = found(machine)
    up(machine, host(once=("prepare",)))
    assert found(machine) == before
    for gone, anew in (("reader", {"reader"}), ("prepare", {"prepare", "reader"}), ("mate", {*before} - {"neighbour"})):
        real.docker("rm", "--force", f"infrakit-{gone}-1")
        up(machine, host(once=("prepare",)))
        after = found(machine)
        assert {name for name in after if after[name][1] != before[name][1]} == anew
        assert after["prepare"][0] == "exited"
        before = after


def test_who_does_not_start_goes_back_and_the_old_generation_stays_in_force(machine):
    up(machine, host())
    first = in_force(machine)
    with pytest.raises(StepFailed, match="cannot read /file; it runs as before"):
        up(machine, host(command=f"{GOOD} # newer"), word="bad")
    assert in_force(machine) == first
    state, _, made_from = found(machine)["reader"]
    assert (state, made_from) == ("running", first)
    up(machine, host(command=f"{GOOD} # mended"))
    assert found(machine)["reader"][2] == in_force(machine) != first


def test_another_image_with_data_of_its_own_does_not_go_back(machine, real):
    up(machine, host(data=("reader-data",)))
    broken = {"image": OTHER_IMAGE, "command": "echo 'cannot convert'; exit 4"}
    with pytest.raises(StepFailed, match="cannot convert; it does not go back, since its data may be reader's of now"):
        up(machine, host(data=("reader-data",), **broken))
    (now,) = json.loads(real.docker("inspect", "infrakit-reader-1"))  # it may run for an instant, again and again
    assert now["Config"]["Image"] == OTHER_IMAGE


def test_another_image_without_data_goes_back(machine, real):
    up(machine, host())
    with pytest.raises(StepFailed, match="(exit code 4|again and again).*; it runs as before"):
        up(machine, host(image=OTHER_IMAGE, command="exit 4"))
    (now,) = json.loads(real.docker("inspect", "infrakit-reader-1"))
    assert now["Config"]["Image"] == IMAGE and now["State"]["Running"]


def test_a_first_start_that_fails_goes_nowhere_and_nothing_is_in_force(machine):
    with pytest.raises(StepFailed, match="cannot read /file$"):
        up(machine, host(), word="bad")
    assert in_force(machine) == "" and not os.path.lexists(generation.CURRENT)
    assert generation.in_force_folder(machine).rpartition("/")[2] in machine.listing(generation.GENERATIONS)
