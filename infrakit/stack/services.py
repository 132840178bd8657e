"""The containers of a service: running as the tree says, healthy, or finished where that is their work."""

import re
from typing import NamedTuple

from infrakit.errors import InfraKitError, MachineUnfit
from infrakit.machine import Container, Done, Machine
from infrakit.plan.model import Tell
from infrakit.stack.answers import Dial, silent, silent_for_long
from infrakit.stack.generation import MADE_FROM
from infrakit.stack.hints import hint_of
from infrakit.stack.watch import CRASHES, LONGEST_START_S, Watch

# docker/compose v2, pkg/compose: isServiceHealthy of 2.26 and waitDependencies.
BLAMED = re.compile(
    r"""container (\S+) (?:is unhealthy|exited \(\d+\))|service "([^"]+)" didn't complete successfully"""
)
# moby, libnetwork/drivers/bridge: 20.10 to 27, their userland proxy, and 28.
TAKEN = re.compile(r"endpoint (\S+) \(\w+\): .*?:(\d+)\b.*already (?:allocated|in use)")
HALF = "[0-9a-f]{12}_"
"""What Compose has before the name of a new container until the old one, whose ID that is, has made room."""
LABEL = "io.infrakit.config"
"""system/engine.py asks for containers by it."""
GO_BACK_S = 300
SETTLE_S = 2.0
"""How long who has no check must stay up to be taken for well."""
CONTAINERS = "/var/lib/docker/containers"
"""Of an engine that does not run, too."""


def compose(folder: str) -> tuple[str, ...]:
    """Words for Docker Compose, of the generation in a folder."""
    return ("docker", "compose", "--project-directory", folder, "-f", f"{folder}/compose.yaml", "--ansi", "never")


class Wanted(NamedTuple):
    """One container: what its label must say, whether it is one that does its work and ends, where it is locked what
    Docker may call its image, what it waits for at its start, whether it is asked how it is, and where it must listen
    that is not asked by Docker."""

    name: str
    label: str
    one_shot: bool
    images: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    asked: bool = True
    dials: tuple[Dial, ...] = ()


class Runs(NamedTuple):
    """Each of these containers was made from this tree, and is well."""

    project: str
    wanted: tuple[Wanted, ...]

    def holds(self, machine: Machine) -> bool:
        found = {item.service: item for item in _there(machine, self.project, self.wanted)}
        return all(
            is_well(found.get(item.name), item) and not silent(machine, self.project, item) for item in self.wanted
        )

    def text(self) -> str:
        return f"{', '.join(item.name for item in self.wanted)}: up to date and healthy"


def _there(machine: Machine, project: str, wanted: tuple[Wanted, ...]) -> list[Container]:
    return machine.engine.containers(project, {item.name for item in wanted})


def is_well(container: Container | None, wanted: Wanted) -> bool:
    """Whether a container (system/engine.py, or None) is as wanted."""
    if container is None or not is_up_to_date(container, wanted):
        return False
    if wanted.one_shot:
        return bool(container.state == "exited" and container.exit_code == 0)
    return bool(container.state == "running" and container.health in ("healthy", ""))


def is_up_to_date(container: Container, wanted: Wanted) -> bool:
    """Whether it was made from the present tree, of the image that is locked."""
    same = container.labels.get(LABEL) == wanted.label
    return same and (not wanted.images or container.image_id in wanted.images)


def with_who_needs(wanted: tuple[Wanted, ...], anew: set[str]) -> tuple[Wanted, ...]:
    """Those that are made anew, and who must come along. Who is well stays as he is: Compose would make him anew, since
    the folder of his files is another one.

    Work that is done once is done again for whom it was done; who waits for its end, waits for that (and Compose, told
    to wait, takes the end of work that nobody waits for as a failure).
    """
    once = {item.name for item in wanted if item.one_shot}
    found = set(anew)
    while True:
        more = {
            item.name
            for item in wanted
            if found & set(item.needs) and (item.one_shot or found & once & set(item.needs))
        }
        if more <= found:
            return tuple(item for item in wanted if item.name in found)
        found |= more


class Start(NamedTuple):
    """Bring them up from the generation in a folder, and wait until they are healthy; where one is not, its last words
    are the error, and those that were well before go back to the generation that they were made from.

    They do not where the image is another one and has data of its own (`keeps_data`): the newer one may have converted
    that, which the older one need not understand.

    What Compose was about to put in another's place when it was broken off goes first: with it there, Compose fails
    once (2.26: tried). Compose gives up at the first sight of a container that is not well; one that is merely slow
    gets well all the same (Watch). One that ran before and is unhealthy is started anew, once: Compose leaves it as it
    is, and the engine's socket that it mounts may be one that is gone (`systemctl stop docker.socket` takes it away, an
    upgrade of Docker's package too).
    """

    project: str
    wanted: tuple[Wanted, ...]
    folder: str
    keeps_data: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(item.name for item in self.wanted)

    def do(self, machine: Machine, tell: Tell) -> None:
        ours = _there(machine, self.project, self.wanted)
        half = [item.name for item in ours if _is_half_made(item, self.project)]
        if half:
            machine.run(("docker", "rm", *half), timeout_s=LONGEST_START_S)
        there = {item.service: item for item in ours if item.name not in half}
        ill = {item.name for item in self.wanted if not is_well(there.get(item.name), item)}
        if ill:
            self._replace(wanted=with_who_needs(self.wanted, ill))._start(machine, tell)
        elif failed := silent_for_long(machine, tell, self._watch(machine, tell), self.project, self.wanted):
            raise MachineUnfit(*failed)

    def _watch(self, machine: Machine, tell: Tell) -> Watch:
        return Watch(machine, tell, self.project, self.names)

    def _start(self, machine: Machine, tell: Tell) -> None:
        watch = self._watch(machine, tell)
        done = self._up(machine, watch)
        before = {(item.name, item.started_at) for item in watch.before.values()}
        ill = [
            item.name
            for item in watch.containers()
            if item.health == "unhealthy" and (item.name, item.started_at) in before
        ]
        if done.code and ill:
            machine.run(("docker", "restart", *ill), timeout_s=LONGEST_START_S)
            done = self._up(machine, watch)
        while done.code and watch.gets_well(_blamed(done)):
            done = self._up(machine, watch)
        dying = None if done.code else self._unsettled(machine, watch, before)
        if done.code or dying:
            failed: tuple[str, str] | None = self._why(watch, done, dying)
        else:
            failed = silent_for_long(machine, tell, watch, self.project, self.wanted)
        if failed:
            what, hint = failed
            raise MachineUnfit(f"{what}{self._gone_back(machine, watch)}", hint)

    def _up(self, machine: Machine, watch: "Watch") -> Done:
        """Work that nobody here waits for comes by itself: Compose, told to wait, takes its end for a failure."""
        needed = {name for item in self.wanted for name in item.needs}
        alone = tuple(item.name for item in self.wanted if item.one_shot and item.name not in needed)
        others = tuple(item for item in self.wanted if item.name not in alone)
        done = _up(machine, self.folder, alone, max(1, watch.left_s()), False) if alone else Done(0, "", "")
        if done.code or not others:
            return done
        names, waits = tuple(item.name for item in others), any(item.asked for item in others)
        return _up(machine, self.folder, names, max(1, watch.left_s()), waits)

    def _unsettled(self, machine: Machine, watch: "Watch", before: set[tuple[str, str]]) -> Container | None:
        """One of those that nobody checks, and that were started now, that does not stay up; None where all do, and
        work that is done once has come to its end."""
        since: dict[str, str] = {}
        once = [item.name for item in self.wanted if item.one_shot]
        while True:
            found = [item for item in watch.containers() if item.service in once or not item.health]
            for item in found:
                if watch.deaths(item) >= CRASHES or item.state == "exited" and item.exit_code:
                    return item
            now = {item.name: item.started_at for item in found if (item.name, item.started_at) not in before}
            settled = all(
                item.state == "exited" or item.state == "running" and item.service not in once for item in found
            )
            if now == since and (settled or watch.left_s() <= 0):
                return None
            since = now
            machine.sleep(SETTLE_S)

    def _gone_back(self, machine: Machine, watch: "Watch") -> str:
        """Whether they run as before, in words; "" where they never did, or nothing was made anew."""
        before = list(watch.before.values())
        folders = {str(item.labels.get(MADE_FROM, "")) for item in before}
        folder = folders.pop() if len(folders) == 1 else ""
        if folder in ("", self.folder) or any(watch.is_ill(item) for item in before):
            return ""
        now = {item.service: item for item in watch.containers()}
        newer = [item.service for item in before if item.service in now and now[item.service].image != item.image]
        if newer and self.keeps_data:
            return f"; it does not go back, since its data may be {newer[0]}'s of now: see infrakit logs {newer[0]}"
        fresh = sorted(item.name for name, item in now.items() if name not in {item.service for item in before})
        if fresh:
            machine.run(("docker", "rm", "--force", *fresh), timeout_s=LONGEST_START_S)
        waits = any(item.health for item in before)
        done = _up(machine, folder, tuple(sorted(item.service for item in before)), GO_BACK_S, waits)
        return "; it runs as before" if not done.code else "; nor does it start as it was before"

    def _why(self, watch: "Watch", done: Done, dying: Container | None) -> tuple[str, str]:
        """(what went wrong in the words of who failed, what to do): the container that Compose names, else one of ours
        that is not well."""
        taken = TAKEN.search(done.err + done.out)
        if taken:
            what = f"{taken[1]} cannot have port {taken[2]}: somebody else has it"
            return what, f"see who: ss -Hlntup 'sport = :{taken[2]}'; docker ps --filter publish={taken[2]}"
        blamed = dying or watch.found(_blamed(done))
        ours = [item for item in watch.containers() if watch.is_ill(item)]
        for container in [blamed] if blamed else ours:
            words = watch.last_words(container)
            return words, hint_of(words, container.service)
        said = [line for line in (done.err or done.out).strip().splitlines() if line.strip()]
        return (said[-1].strip() if said else f"exit code {done.code}"), "see: infrakit status"

    def text(self) -> str:
        return f"start {', '.join(self.names)}"


def _up(machine: Machine, folder: str, names: tuple[str, ...], longest_s: float, waits: bool) -> Done:
    """What Compose says. What they need has its own place in the plan, before them; Compose would make that anew, too,
    where it was made from another generation. Told to wait for one that has no check by its file's own word, it takes
    that for a failure (2.26: tried)."""
    words = (
        *compose(folder),
        *("up", "-d", "--no-deps"),
        *(("--wait", "--wait-timeout", f"{longest_s:.0f}") if waits else ()),
        *("--pull", "never", "--quiet-pull"),
        *names,
    )
    return machine.run(words, timeout_s=longest_s + 60)


def _blamed(done: Done) -> str:
    """The container, or the service of its file, that Compose says it gave up because of; "" for none."""
    found = BLAMED.findall(done.err + done.out)
    return next((name or service for name, service in found[-1:]), "")


def _is_half_made(container: Container, project: str) -> bool:
    """Whether Compose was about to put it in another's place, and was broken off."""
    return container.state == "created" and re.match(HALF + re.escape(f"{project}-"), container.name) is not None


def _others(machine: Machine, project: str, names: tuple[str, ...]) -> list[str]:
    """Containers of the project that are of none of these services, or were never put in the place of one."""
    found = machine.engine.containers(project)
    return [item.name for item in found if item.service not in names or _is_half_made(item, project)]


class NoOthers(NamedTuple):
    """The project has no container but one of each of these."""

    project: str
    names: tuple[str, ...]

    def holds(self, machine: Machine) -> bool:
        try:
            return not _others(machine, self.project, self.names)
        except InfraKitError:
            if machine.listing(CONTAINERS):
                raise
            return True  # where there is no engine yet

    def text(self) -> str:
        return "nothing runs that left the file"


class RemoveOthers(NamedTuple):
    """Stop and remove containers of services that left the file; their volumes stay."""

    project: str
    names: tuple[str, ...]

    def do(self, machine: Machine, tell: Tell) -> None:
        others = _others(machine, self.project, self.names)
        done = machine.run(("docker", "rm", "--force", *others), timeout_s=300) if others else None
        if done is not None and done.code:
            raise MachineUnfit(done.err.strip() or f"exit code {done.code}", "run again")

    def text(self) -> str:
        return "remove containers of services that left the file"

    def foretold(self, machine: Machine) -> tuple[str, ...]:
        return tuple(f"remove the container {name}" for name in _others(machine, self.project, self.names))
