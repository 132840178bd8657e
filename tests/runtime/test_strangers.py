"""Somebody else's Compose project of the same name, in a real engine: nothing of it is ever touched."""

import os
import subprocess

import pytest

from infrakit.plan import Plan, run
from infrakit.stack.belongings import Belongings
from infrakit.stack.down import listed, plan_down, plan_purge, used_by_others
from infrakit.stack.moves import Seen, judge
from infrakit.stack.services import NoOthers, RemoveOthers
from infrakit.system.machine import Machine
from tests.emit.deployments import deployment
from tests.runtime.engine import engine, needs_engine
from tests.runtime.test_start import Local

pytestmark = needs_engine

OURS = Belongings("homelab", frozenset({"homelab_data", "homelab_door"}))
VOLUMES, NETWORKS = {"homelab_data", "homelab_theirs"}, {"homelab_door", "homelab_default"}
ALL = {"theirs", "ours", *VOLUMES, *NETWORKS}
LABEL = "com.docker.compose.project=homelab"


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    with engine(tmp_path_factory.mktemp("strangers")) as made:
        made.docker(
            "import",
            "-",
            "example/empty:1",
            feed=subprocess.run(["tar", "c", "-T", "/dev/null"], capture_output=True).stdout,
        )
        yield made


@pytest.fixture
def machine(real):
    """With both projects, each with a container, a volume and a network."""
    for name, more in (("theirs", ()), ("ours", ("--label", "io.infrakit.config=abc"))):
        real.docker("create", "--name", name, "--label", LABEL, *more, "example/empty:1", "sleep")
    for kind, names in (("volume", VOLUMES), ("network", NETWORKS)):
        for name in names:
            real.docker(kind, "create", "--label", LABEL, name)
    yield Local(str(real.socket))
    for kind, names in (("container", {"theirs", "ours"}), ("volume", VOLUMES), ("network", NETWORKS)):
        for name in names & there(real):
            real.docker(kind, "rm", name)


def there(real) -> set[str]:
    listed = real.docker("ps", "-a", "--format", "{{.Names}}"), real.docker("volume", "ls", "-q")
    networks = real.docker("network", "ls", "--filter", "type=custom", "--format", "{{.Name}}")
    return set("\n".join((*listed, networks)).split()) & ALL


def carried_out(machine, *steps) -> None:
    run(Plan("x", steps), machine, lambda event: None, lambda step, action: None)


THEIRS = {"theirs", "homelab_theirs", "homelab_default"}


def test_purge_and_down_take_away_what_is_ours(real, machine):
    assert there(real) == {*THEIRS, "ours", "homelab_data", "homelab_door"}
    carried_out(machine, *plan_down(OURS).steps)
    assert there(real) == {*THEIRS, "homelab_data"}
    carried_out(machine, *plan_purge(OURS))
    assert there(real) == THEIRS
    assert used_by_others(machine, [OURS])


def test_up_removes_only_containers_of_ours_that_left_the_file(real, machine):
    assert [item.name for item in machine.engine.containers("homelab")] == ["ours"]
    RemoveOthers("homelab", ()).do(machine, lambda event: None)
    assert NoOthers("homelab", ()).holds(machine)
    assert "theirs" in there(real) and "ours" not in there(real)


def test_up_removes_what_compose_was_about_to_put_in_anothers_place(real, machine):
    """Broken off, it left two of a service, of which one is well: Compose would fail at the other one."""
    of_page = ("--label", "com.docker.compose.service=page", "--label", "io.infrakit.config=abc", "--label", LABEL)
    for name in ("homelab-page-1", "0123456789ab_homelab-page-1"):
        real.docker("create", "--name", name, *of_page, "example/empty:1", "sleep")
    others = RemoveOthers("homelab", ("page", ""))
    assert not NoOthers(*others).holds(machine)
    assert others.foretold(machine) == ("remove the container 0123456789ab_homelab-page-1",)
    others.do(machine, lambda event: None)
    assert NoOthers(*others).holds(machine)
    assert {"ours", "homelab-page-1"} <= set(real.docker("ps", "-a", "--format", "{{.Names}}").split())
    real.docker("rm", "homelab-page-1")


def test_the_other_project_is_named_before_anything_is_done(real, machine):
    assert machine.engine.strangers("homelab") == ["theirs"]
    (finding,) = judge(Seen(strangers=("theirs",)), deployment(), set())
    assert finding.severity == "error" and "theirs" in finding.what


def test_a_context_of_roots_does_not_lead_elsewhere(tmp_path):
    """`docker` asks where the SDK asks."""
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker" / "config.json").write_text('{"currentContext": "elsewhere"}')
    os.environ["DOCKER_HOST"] = "tcp://192.0.2.1:2375"
    try:
        done = Machine().run(("docker", "context", "show"), environment={"HOME": str(tmp_path)})
        said = Machine().run(("docker", "version"), environment={"HOME": str(tmp_path)}, timeout_s=10)
    finally:
        del os.environ["DOCKER_HOST"]
    assert done.out == "default\n" and "192.0.2.1" not in said.err + said.out and "elsewhere" not in said.err


def test_of_an_engine_that_does_not_run_the_folder_says_the_same(real, machine):
    questions = [
        (kind, *more)
        for kind in ("container", "volume")
        for more in (("",), ("homelab",), *((("homelab", "io.infrakit.config"),) if kind == "container" else ()))
    ]
    running = {question: sorted(listed(machine, *question)) for question in questions}
    assert running["container", "homelab", "io.infrakit.config"] == ["ours"]

    class Down(Local):
        """The same, without an engine; its folder is where Docker's would be."""

        def run(self, words, **how):
            return super().run(("docker", "-H", "unix:///nowhere", *words[1:]), **how)

        def _real(self, path):
            return path.replace("/var/lib/docker", real.docker("info", "--format", "{{.DockerRootDir}}").strip())

        def read(self, path, most_bytes=1 << 20):
            return super().read(self._real(path), most_bytes)

        def listing(self, path):
            return super().listing(self._real(path))

        def exists(self, path):
            return super().exists(self._real(path))

    down = Down(str(real.socket))
    assert {question: sorted(listed(down, *question)) for question in questions} == running
