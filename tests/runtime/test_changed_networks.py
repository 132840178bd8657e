"""A network that the file says something else of, on a running stack, by a real engine and Compose: it is made anew."""

import json

import pytest

from infrakit.cli.status import rows_of
from infrakit.emit import compose
from infrakit.errors import MachineUnfit
from infrakit.plan import Plan, StepFailed, preview, run
from infrakit.stack import networks
from infrakit.stack.up import _others, service_step, wanted_of
from tests.emit.deployments import container, deployment, network, service
from tests.emit.tree import needs_compose, write
from tests.runtime.engine import FOR_EVER, engine, import_shell, needs_engine
from tests.runtime.test_start import IMAGE, Local

pytestmark = [needs_engine, needs_compose]

COMMAND = ("/bin/sh", "-c", FOR_EVER)
FIRST, SECOND, THIRD = 220, 221, 222


class Cut(Exception):
    """As a power cut is: nobody catches it."""


class CutShort(Local):
    """Goes after so many programs have run."""

    left = 1 << 30

    def run(self, words, **how):
        if not self.left:
            raise Cut
        self.left -= 1
        return super().run(words, **how)


def host(*drawn, joined=("first", "second")):
    """A container in two networks, one in the second of them, and one in another."""
    common = {"image": IMAGE, "command": COMMAND, "health": None, "stop_grace_period_s": 0}
    both = container("both", **common, networks=joined)
    return deployment(
        service("both", both),
        service("half", container("half", **common, networks=("second",))),
        service("neighbour", container("neighbour", **common, networks=("third",))),
        networks=tuple(drawn),
        secrets=(),
    )


BEFORE = host(network("first", FIRST), network("second", SECOND), network("third", THIRD))
SWAPPED = host(network("first", SECOND), network("second", FIRST), network("third", THIRD))


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    with engine(tmp_path_factory.mktemp("networks")) as made:
        import_shell(made, IMAGE, "-c", "VOLUME /kept")
        yield made


@pytest.fixture
def machine(real, tmp_path):
    found = CutShort(str(real.socket))
    found.tree = tmp_path
    yield found
    for kind, more in (("container", ["--all"]), ("network", [])):
        mine = ["--filter", "label=com.docker.compose.project=infrakit"]
        left = real.docker(kind, "ls", "--quiet", *more, *mine).split()
        if left:
            real.docker(kind, "rm", "--force", *left)


def plan(made, tree: str, *, only_services: bool = False) -> Plan:
    """That part of `up` which is about what runs."""
    artifacts = compose.emit(made)
    wanted = wanted_of(made, artifacts)
    step = networks.networks_step(made, wanted, tree)
    parts = [service_step(made, item, artifacts, wanted[item.name], tree) for item in made.services]
    return Plan("up", tuple(parts if only_services else [step, *parts, _others(made)]))


def up(machine, made, **how) -> int:
    """How many steps were taken."""
    write(machine.tree, compose.emit(made), made)
    return run(plan(made, str(machine.tree), **how), machine, lambda event: None, lambda step, action: None)


def foretold(machine, made) -> list[str]:
    return list(preview(plan(made, str(machine.tree)), machine)[0].actions)


def ranges(machine) -> dict[str, str]:
    return {item.name.removeprefix("infrakit_"): item.subnets[0] for item in machine.engine.networks("infrakit")}


def began(machine) -> dict[str, str]:
    return {item.service: item.started_at for item in machine.engine.containers("infrakit")}


def addresses(machine, name: str) -> list[str]:
    return [address.rpartition(".")[0] for address in machine.engine.addresses(f"infrakit-{name}-1")]


def kept(real, name: str) -> str:
    """What the engine calls the volume that nobody named."""
    (found,) = json.loads(real.docker("inspect", f"infrakit-{name}-1"))
    return found["Mounts"][0]["Name"]


def states(machine, made) -> dict[str, tuple[str, bool]]:
    """As `status` says them, and whether that is well."""
    return {row[1]: row[2:4] for row in rows_of(made, wanted_of(made, compose.emit(made)), machine)}


def is_right(machine) -> bool:
    """Everything is as SWAPPED says, and there is nothing more to do."""
    assert ranges(machine) == {
        "first": f"172.30.{SECOND}.0/28",
        "second": f"172.30.{FIRST}.0/28",
        "third": f"172.30.{THIRD}.0/28",
    }
    assert sorted(addresses(machine, "both")) == [f"172.30.{FIRST}", f"172.30.{SECOND}"]
    assert addresses(machine, "half") == [f"172.30.{FIRST}"]
    return up(machine, SWAPPED) == 0


def test_two_networks_that_take_each_others_range_are_made_anew_and_the_third_stays(real, machine):
    assert (up(machine, BEFORE), up(machine, BEFORE)) == (3, 0)
    before, volume = began(machine), kept(real, "both")

    assert foretold(machine, SWAPPED) == [
        f"infrakit_first moves from 172.30.{FIRST}.0/28 to 172.30.{SECOND}.0/28; meanwhile stopped: both",
        f"infrakit_second moves from 172.30.{SECOND}.0/28 to 172.30.{FIRST}.0/28; meanwhile stopped: both, half",
    ]
    assert up(machine, SWAPPED) == 3
    assert is_right(machine) and kept(real, "both") == volume
    assert [name for name, moment in began(machine).items() if moment == before[name]] == ["neighbour"]


SOAK = pytest.mark.soak


@pytest.mark.parametrize("programs", [pytest.param(n, marks=[SOAK] if n % 2 else []) for n in range(1, 7)])
def test_broken_off_anywhere_the_next_run_finishes(real, machine, programs):
    up(machine, BEFORE)
    volume = kept(real, "half")
    machine.left = programs
    with pytest.raises(Cut):
        up(machine, SWAPPED)
    machine.left = 1 << 30
    up(machine, SWAPPED)

    assert is_right(machine) and kept(real, "half") == volume


def test_what_an_older_version_left_in_the_old_networks_is_taken_along(real, machine):
    """Its containers are up to date by their labels, so Compose would not touch them."""
    moved = host(network("first", 223), network("second", 224), network("third", THIRD))
    up(machine, BEFORE)
    up(machine, moved, only_services=True)
    volume = kept(real, "both")
    assert ranges(machine)["first"] == f"172.30.{FIRST}.0/28", "this Compose does it by itself"
    assert states(machine, moved)["both"] == ("running, but a network of it is another", False)
    assert up(machine, moved) == 3

    assert (ranges(machine)["first"], addresses(machine, "half")) == ("172.30.223.0/28", ["172.30.224"])
    assert (up(machine, moved), kept(real, "both")) == (0, volume)
    assert states(machine, moved) == dict.fromkeys(("both", "half", "neighbour"), ("running", True))


@pytest.mark.parametrize(
    "change", [{"internal": False}, {"isolated": True}, {"internal": False, "masquerade": False}], ids=str
)
def test_another_option_makes_a_network_anew(machine, change):
    changed = host(network("first", FIRST)._replace(**change), network("second", SECOND), network("third", THIRD))
    up(machine, BEFORE)
    before = began(machine)

    assert foretold(machine, changed) == ["infrakit_first gets other options; meanwhile stopped: both"]
    assert up(machine, changed) == 2 and up(machine, changed) == 0
    assert [name for name, moment in began(machine).items() if moment != before[name]] == ["both"]


def test_an_option_that_no_label_tells_of_counts_too(real, machine):
    """Compose would start such a container as it is, in no network."""
    drawn = network("first", FIRST, internal=False), network("second", SECOND), network("third", THIRD)
    open_, closed = host(*drawn), host(drawn[0]._replace(masquerade=False), *drawn[1:])
    up(machine, open_)
    volume = kept(real, "both")
    assert up(machine, closed) == 2 and up(machine, closed) == 0
    assert kept(real, "both") == volume and len(addresses(machine, "both")) == 2


def test_a_range_that_the_engine_adds_of_itself_is_no_change(real, machine):
    """As one does that is told to give every network IPv6: made anew, it would have that again."""
    labels = ("--label=com.docker.compose.project=infrakit", "--label=com.docker.compose.network=first")
    both = (f"--subnet=172.30.{FIRST}.0/28", "--subnet=fd00:17::/64")
    before = real.docker("network", "create", "--internal", "--ipv6", *both, *labels, "infrakit_first")
    up(machine, BEFORE)
    assert up(machine, BEFORE) == 0
    assert real.docker("network", "inspect", "--format", "{{.Id}}", "infrakit_first") == before
    assert foretold(machine, SWAPPED)[0].startswith(f"infrakit_first moves from 172.30.{FIRST}.0/28 to ")


def test_a_network_that_left_the_file_makes_room_for_another(machine):
    left = host(network("second", SECOND), network("third", THIRD), network("new", FIRST), joined=("second", "new"))
    up(machine, BEFORE)

    assert foretold(machine, left) == ["infrakit_first goes, another wants its range; meanwhile stopped: both"]
    up(machine, left)
    assert up(machine, left) == 0 and ranges(machine)["new"] == f"172.30.{FIRST}.0/28"


def test_a_network_that_left_the_file_goes_unless_somebody_is_in_it(real, machine):
    left = host(network("second", SECOND), network("third", THIRD), joined=("second",))
    up(machine, BEFORE)
    real.docker("create", "--name", "guest", "--network", "infrakit_first", IMAGE, *COMMAND)
    up(machine, left)
    assert up(machine, left) == 0 and "first" in ranges(machine)
    real.docker("rm", "--volumes", "guest")

    assert up(machine, left) == 1 and "first" not in ranges(machine)


def test_a_network_that_went_while_nothing_ran_is_made_again(real, machine):
    up(machine, BEFORE)
    real.docker("stop", *(f"infrakit-{name}-1" for name in ("both", "half", "neighbour")))
    real.docker("network", "rm", "infrakit_third")
    up(machine, BEFORE)

    assert up(machine, BEFORE) == 0 and addresses(machine, "neighbour") == [f"172.30.{THIRD}"]


def test_a_guest_of_somebody_elses_is_told_of_before_anything_stops(real, machine):
    up(machine, BEFORE)
    before = began(machine)
    real.docker("run", "-d", "--name", "guest", "--network", "infrakit_first", IMAGE, *COMMAND)
    try:
        with pytest.raises(
            (MachineUnfit, StepFailed), match="infrakit_first .* somebody else is in it: guest"
        ) as error:
            up(machine, SWAPPED)
        assert error.value.hint == "docker network disconnect infrakit_first guest"
        assert began(machine) == before
        real.docker("network", "disconnect", "infrakit_first", "guest")
    finally:
        real.docker("rm", "--force", "--volumes", "guest")
    up(machine, SWAPPED)
    assert is_right(machine)
