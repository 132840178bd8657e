"""Containers that start -> who only takes his time, who never comes, and why: in his own last words.

Docker calls a container unhealthy as soon as it dies, since nobody checks it any more, until it is started again
(moby/moby, container/health.go, CloseMonitorChannel); Compose gives up when it sees that. A moment later the container
may run again, and looks like new.
"""

from collections.abc import Collection

from infrakit.machine import Container, Machine
from infrakit.plan import Event
from infrakit.plan.model import Tell

LONGEST_START_S = 900
CRASHES, CRASHING_S = 3, 30.0
"""Who died so often and is not well after so long will not be: what it needs has its own place before it
(stack/up.py)."""
SLOW_S = 300.0
"""How long who runs, and is called unhealthy, may still become healthy: a Raspberry Pi that starts all at once is
slower than any check allows for."""
PAUSE_S = 0.5
LOG_LINES, LONGEST_LINE = 3, 300


def is_done(machine: Machine, container: Container) -> bool:
    """Whether it is work that is done once, and came to a good end: it needs no start, and is no fault."""
    ended = container.state == "exited" and container.exit_code == 0
    return ended and machine.engine.limits(container.name).restart == "no"


class Watch:
    """The containers of a project, or of some services of it, from now on. `before`: how they were, by name."""

    def __init__(self, machine: Machine, tell: Tell, project: str, services: Collection[str] | None = None) -> None:
        self._machine, self._tell, self._project, self._services = machine, tell, project, services
        self._end = machine.monotonic() + LONGEST_START_S
        self._ill_since: dict[str, float] = {}
        self._codes: dict[str, int] = {}
        self.before = {item.name: item for item in self.containers()}

    def left_s(self) -> float:
        """Of the time that a start may take."""
        return float(self._end - self._machine.monotonic())

    def containers(self) -> list[Container]:
        """Those that are there (system/engine.py); an exit code is remembered, since the engine forgets it when it
        starts one again."""
        found = self._machine.engine.containers(self._project, self._services)
        self._codes.update({item.name: item.exit_code for item in found if item.state in ("restarting", "exited")})
        return found

    def found(self, name: str) -> Container | None:
        """The container of this name, or of this service in Compose's file; None where there is none."""
        return next((item for item in self.containers() if name and name in (item.name, item.service)), None)

    def deaths(self, container: Container) -> int:
        """How often it died, and was started again, since we look."""
        known = self.before.get(container.name)
        return int(container.restarts - (known.restarts if known and known.restarts <= container.restarts else 0))

    def is_ill(self, container: Container) -> bool:
        """Whether it failed, or is failing, as far as one look can tell."""
        return (
            container.state in ("restarting", "dead")
            or container.health == "unhealthy"
            or container.state == "exited"
            and container.exit_code != 0
        )

    def gets_well(self, name: str) -> bool:
        """Wait for a container that Compose gave up. False where it will not come, or is none; True where Compose
        should look again."""
        while True:
            self._machine.sleep(PAUSE_S)
            container = self.found(name)
            if container is None or container.state not in ("running", "restarting") or self.left_s() <= 0:
                return False
            now = self._machine.monotonic()
            ill_s = now - self._ill_since.setdefault(container.name, now)
            deaths = self.deaths(container)
            if deaths >= CRASHES and ill_s >= CRASHING_S or ill_s >= SLOW_S:
                return False
            if not self.is_ill(container):
                return True
            self._tell(
                Event(
                    "progress",
                    "",
                    f"{container.service} {f'died {deaths} times' if deaths else 'is unhealthy'}, waiting",
                )
            )

    def last_words(self, container: Container) -> str:
        """What is wrong with it, and what it, or its check, said last."""
        deaths, code = self.deaths(container), self._codes.get(container.name)
        with_code = "" if code is None else f" with exit code {code}"
        probe: list[str] = []
        if container.state == "exited":
            what = f"ended{with_code}"
        elif deaths or container.state == "restarting":
            what = (
                f"dies again and again, {deaths} times so far, last{with_code}"
                if with_code
                else f"dies again and again, {deaths} times so far"
            )
        else:
            what = f"is {container.health or container.state}"
            probe = self._machine.engine.last_health(container.name).strip().splitlines()[-1:]
        log = self._machine.engine.logs(container.name, LOG_LINES).strip().splitlines()[-LOG_LINES:]
        said = [line.strip()[:LONGEST_LINE] for line in (*probe, *log) if line.strip()]
        return f"{container.service} {what}: {'; '.join(said) or 'it said nothing'}"
