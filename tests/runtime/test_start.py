"""Services that start, by a real engine and Compose: who is slow is waited for, who never comes is given up soon, and
says why himself."""

import json
import os
import re
import signal
import time
from pathlib import Path
from threading import Thread

import pytest

from infrakit.cli.carry import stopping
from infrakit.errors import MachineUnfit
from infrakit.plan import Interrupted, Plan, Step, StepFailed, run
from infrakit.stack import watch
from infrakit.stack.down import plan_restart
from infrakit.stack.services import Start, Wanted, compose
from infrakit.system.engine import Engine
from infrakit.system.machine import Machine
from tests.emit.tree import needs_compose
from tests.runtime.engine import FOR_EVER, engine, import_shell, needs_engine

pytestmark = [needs_engine, needs_compose]

IMAGE, PROJECT = "example/shell:1", "starting"
COMMANDS = {
    "crashes": "echo 'open /data/own.key: permission denied'; exit 7",
    "comes-late": f"[ -e /database ] || {{ echo 'no database yet'; exit 3; }}; echo 1 >/ready; {FOR_EVER}",
    "is-slow": f": >/ready; until [ -e /database ]; do sleep 0.2; done; sleep 2; echo 1 >/ready; {FOR_EVER}",
    "is-silent": f"echo 'cannot listen'; {FOR_EVER}",
    "fails-once": "echo 'no such table'; exit 5",
    "needs-it": f"echo 1 >/ready; {FOR_EVER}",
    "has-no-image": "true",
    "starts-once": (f"[ ! -e /once ] || {{ echo 'lost its key'; exit 9; }}; : >/once; echo 1 >/ready; {FOR_EVER}"),
    "is-well": f"echo 1 >/ready; {FOR_EVER}",
}
SERVICE = """\
  {name}:
    image: {image}
    labels: {{io.infrakit.config: ""}}
    network_mode: none
    restart: {restart}
    command: [/bin/sh, -c, {command}]
    stop_grace_period: 0s
    healthcheck: {{test: [CMD, /bin/sh, -c, "[ -s /ready ] || {{ echo not ready; exit 1; }}"], interval: 1s, retries: 2}}
"""  # noqa: E501 -- verbatim text
NEEDS = "    depends_on: {fails-once: {condition: service_completed_successfully}}\n"


class Local(Machine):
    """This machine, with another engine."""

    def __init__(self, socket: str) -> None:
        super().__init__()
        self.engine, self._socket = Engine(socket), socket

    def run(self, words, **how):
        return super().run(words, **how, environment={"DOCKER_HOST": f"unix://{self._socket}"})


def compose_file() -> str:
    parts = []
    for name, command in COMMANDS.items():
        image, restart = (
            "example/none:1" if name == "has-no-image" else IMAGE,
            "no" if name == "fails-once" else "unless-stopped",
        )
        parts.append(
            SERVICE.format(
                name=name, image=image, restart=json.dumps(restart), command=json.dumps(command.replace("$", "$$"))
            )
        )
        parts.append(NEEDS if name == "needs-it" else "")
    return f"name: {PROJECT}\nservices:\n" + "".join(parts)


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """An engine with a shell as its image."""
    folder = tmp_path_factory.mktemp("start")
    with engine(folder) as made:
        import_shell(made, IMAGE)
        yield made


@pytest.fixture
def machine(real):
    """With a Compose file of all containers."""
    folder = real.socket.parent
    (folder / "compose.yaml").write_text(compose_file())
    made = Local(str(real.socket))
    made.tree = str(folder)
    yield made
    left = real.docker("ps", "-aq", "--filter", f"label=com.docker.compose.project={PROJECT}").split()
    if left:
        real.docker("rm", "-f", *left)


def start(machine, *names: str) -> Start:
    """From a file that is newer than what runs."""
    return Start(PROJECT, tuple(Wanted(name, "newer", name == "fails-once") for name in names), machine.tree)


def started(real, machine, *names: str) -> list[str]:
    """What was told meanwhile. Who is waited for gets his database once that was said."""
    told: list[str] = []

    def tell(event) -> None:
        told.append(event.text)
        database = Path(machine.tree, "database")
        database.touch()
        real.docker("cp", str(database), f"{PROJECT}-{event.text.split()[0]}-1:/database")

    start(machine, *names).do(machine, tell)
    return told


def failed(machine, *names: str, told: list[str] | None = None) -> str:
    """The error; `told` gets what was told meanwhile."""
    heard = [] if told is None else told
    with pytest.raises(MachineUnfit) as error:
        start(machine, *names).do(machine, lambda event: heard.append(event.text))
    assert error.value.hint.startswith("see: infrakit "), error.value.hint
    return error.value.message


def test_who_dies_again_and_again_is_given_up_soon_and_says_why(machine, monkeypatch):
    """Long before one that runs, and is not well, would be. The engine knows the code while it is dead only, and
    nobody need have looked then."""
    monkeypatch.setattr(watch, "CRASHING_S", 2)
    said = failed(machine, "crashes")

    assert re.match(r"crashes dies again and again, \d+ times so far(, last with exit code 7)?: ", said), said
    assert said.endswith("open /data/own.key: permission denied"), said


def test_who_died_before_what_it_needs_was_there_is_waited_for(real, machine):
    told = started(real, machine, "comes-late")
    assert told and all(re.fullmatch(r"comes-late (died \d+ times|is unhealthy), waiting", text) for text in told), told
    (container,) = machine.engine.containers(PROJECT)
    assert container.restarts and container.health == "healthy"


def test_who_is_slower_than_its_check_allows_is_waited_for(real, machine):
    assert "is-slow is unhealthy, waiting" in started(real, machine, "is-slow")


def test_who_stays_unhealthy_is_given_up_with_the_words_of_its_check_and_its_own(machine, monkeypatch):
    monkeypatch.setattr(watch, "SLOW_S", 3)
    assert failed(machine, "is-silent") == "is-silent is unhealthy: not ready; cannot listen"


def test_who_ends_badly_is_given_up_at_once(machine):
    told: list[str] = []
    assert failed(machine, "needs-it", "fails-once", told=told) == "fails-once ended with exit code 5: no such table"
    assert told == [], "somebody was waited for"


def test_what_compose_itself_cannot_do_is_said_in_its_words(machine):
    """Also where another container of the project is not well."""
    machine.run((*compose(machine.tree), "up", "-d", "fails-once"))
    said = failed(machine, "has-no-image")
    assert "example/none:1" in said and "fails-once" not in said, said


def test_what_compose_was_about_to_put_in_anothers_place_does_not_stay(real, machine):
    """As it is after a cut in the midst of that: the new container is made, and has a name for the time being."""
    started(real, machine, "is-well")
    (before,) = json.loads(real.docker("inspect", "starting-is-well-1"))
    labels = [word for name, value in before["Config"]["Labels"].items() for word in ("--label", f"{name}={value}")]
    real.docker("create", "--name", f"{before['Id'][:12]}_starting-is-well-1", *labels, IMAGE, "/bin/sh")
    file = real.socket.parent / "compose.yaml"
    file.write_text(file.read_text().replace("sleep 2147483647", "sleep 2147483646"))

    started(real, machine, "is-well")
    (after,) = machine.engine.containers(PROJECT)
    assert (after.name, after.health) == ("starting-is-well-1", "healthy") and after.started_at > before["State"][
        "StartedAt"
    ]


def test_a_restart_is_done_when_all_are_well_again_and_says_who_is_not(real, machine, monkeypatch):
    def restart(*names: str) -> None:
        plan = plan_restart(PROJECT, [tuple(f"starting-{name}-1" for name in names)])
        run(plan, machine, lambda event: None, lambda step, action: None)

    started(real, machine, "is-slow", "is-well", "starts-once")
    before = {item.service: item.started_at for item in machine.engine.containers(PROJECT)}
    restart("is-slow", "is-well")
    after = {item.service: item for item in machine.engine.containers(PROJECT)}
    assert after["is-slow"].health == after["is-well"].health == "healthy"
    assert [name for name, item in after.items() if item.started_at == before[name]] == ["starts-once"]

    monkeypatch.setattr(watch, "CRASHING_S", 2)
    with pytest.raises(StepFailed, match="starts-once dies again and again.*lost its key"):
        restart("starts-once")


def test_a_start_that_would_last_is_stopped_by_a_signal(real, machine):
    """Compose goes with us; what it started stays, for the next run."""

    def ask_when_it_runs() -> None:
        while not real.docker("ps", "-q", "--filter", f"label=com.docker.compose.project={PROJECT}"):
            time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGTERM)

    step = Step("service is-silent", "is silent", (), (start(machine, "is-silent"),))
    with (
        stopping(machine.stop, lambda: "stopping") as asked,
        pytest.raises(Interrupted, match="stopped in: is silent") as stopped,
    ):
        Thread(target=ask_when_it_runs).start()
        run(Plan("start", (step,)), machine, lambda event: None, lambda step, action: None, stopping=asked)

    assert (stopped.value.hint, stopped.value.exit_code) == ("run again to go on", 4)
    commands = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert not [words for words in commands if str(machine._socket).encode() in words and b"compose" in words]
    assert [item.state for item in machine.engine.containers(PROJECT)] == ["running"]
