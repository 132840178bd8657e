"""Images that move -> the plan that moves them, one that takes that back, and the note by which a later run goes on
with either.

Nothing is in force before it has been well for a while; until then infrakit.yaml and the lock stay as they were.
"""

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple

from infrakit.errors import EXIT_FAILED, InfraKitError, MachineUnfit, UsageProblem
from infrakit.machine import Machine
from infrakit.model import Artifact, Deployment, Service
from infrakit.plan import Gone, Interrupted, Plan, Remove, Step, file_step
from infrakit.plan.model import Event, Tell
from infrakit.stack import layout
from infrakit.stack.answers import silent
from infrakit.stack.change import applied
from infrakit.stack.change.aside import brought_back, data_of, forget, place, put_aside
from infrakit.stack.change.back import artifacts_of, plan_back
from infrakit.stack.change.way_back import take_back
from infrakit.stack.installed import Replace
from infrakit.stack.move.under import none_moving
from infrakit.stack.services import Wanted, is_well
from infrakit.stack.up import plan_up, wanted_of
from infrakit.stack.watch import Watch
from infrakit.stack.wire.doors import Door, steps

WATCH_S = 60
SILENCE_S = 15
"""How long a door may be silent, which Caddy opens anew when a service has another address."""
MOST_BYTES = 1 << 24
FORWARD, BACK = "forward", "back"
Digest = Callable[[bytes], str]


class Files(NamedTuple):
    """infrakit.yaml as it is installed, and the lock beside it."""

    file: str
    lock: str | None


class Under(NamedTuple):
    """An update that is under way. `services`: those whose images move; `generation`: the one that it goes back to;
    `images`: (reference, ID) of what ran; `well`: containers, and `doors`, that were well before."""

    services: tuple[str, ...]
    generation: str
    images: tuple[tuple[str, str], ...]
    well: tuple[str, ...]
    doors: tuple[str, ...]
    before: Files
    after: Files
    way: str = FORWARD


class TakenBack(InfraKitError):
    """An update that did not go well; everything is as it was before it."""

    exit_code = EXIT_FAILED


def read(machine: Machine) -> Under | None:
    """The one under way."""
    content = machine.read(layout.UPDATING, MOST_BYTES)
    if content is None:
        return None
    try:
        found = json.loads(content)
        lists = {name: tuple(found[name]) for name in ("services", "well", "doors")}
        images = tuple((reference, image) for reference, image in found["images"])
        before, after = (Files(**found[name]) for name in ("before", "after"))
        return Under(**{**found, **lists, "images": images, "before": before, "after": after})
    except (ValueError, KeyError, TypeError):
        what = f"{layout.UPDATING} was written by another InfraKit, or damaged"
        raise InfraKitError(what, "use the InfraKit that wrote it") from None


def none_under_way(machine: Machine) -> None:
    """UsageProblem where one is: whoever changed the stack now would change half of it. And where a newer InfraKit
    did."""
    applied.none_newer(machine)
    none_rotated(machine)
    none_restored(machine)
    under = read(machine)
    if under:
        what = f"an update of {', '.join(under.services)} was broken off"
        raise UsageProblem(what, "sudo infrakit update goes on with it; with --back it takes it back")


def none_rotated(machine: Machine) -> None:
    """UsageProblem where a rotation of secrets is under way (stack/change/rotate.py)."""
    if machine.exists(layout.ROTATING):
        what = "a rotation of secrets was broken off"
        raise UsageProblem(what, "sudo infrakit secrets rotate goes on with it; with --back it takes it back")


def none_restored(machine: Machine) -> None:
    """UsageProblem where data is half here and half there (stack/backup/back.py)."""
    none_moving(machine)
    if machine.exists(layout.RESTORING):
        raise UsageProblem("a restore was broken off: data is half as it was", "sudo infrakit restore goes on with it")


def none_other(names: Collection[str], under: Collection[str], what: str, verb: str) -> None:
    """UsageProblem where `names` are given and are others than `under`, of what is under way: they would be left out
    without a word."""
    others = [name for name in dict.fromkeys(names) if name not in under]
    if others:
        remedy = f"sudo infrakit {verb} goes on with that, with --back it takes it back; then this"
        raise UsageProblem(f"{what} of {', '.join(under)} was broken off, and {', '.join(others)} is another", remedy)


def look(
    machine: Machine, deployment: Deployment, artifacts: Sequence[Artifact], services: Iterable[str], files: Files
) -> Under:
    """An update about to begin, of the host as it runs; it has no files after it yet."""
    found = {item.service: item for item in machine.engine.containers(deployment.name)}
    well = [item.name for item in _all_wanted(deployment, artifacts) if is_well(found.get(item.name), item)]
    images = {item.image: item.image_id for item in found.values()}
    doors = [door.text() for door in _doors(deployment) if door.holds(machine)]
    name = machine.target(layout.CURRENT).rpartition("/")[2]
    return Under(tuple(services), name, tuple(sorted(images.items())), tuple(well), tuple(doors), files, files)


def touched(before: Deployment, after: Deployment) -> tuple[str, ...]:
    """Services that have another image."""

    def images(service: Service) -> list[tuple[str, str]]:
        return [(item.image, item.pin.image if item.pin else "") for item in service.containers]

    was = {service.name: images(service) for service in before.services}
    return tuple(service.name for service in after.services if was.get(service.name) != images(service))


def plan_update(
    under: Under, deployment: Deployment, artifacts: Sequence[Artifact], digest: Digest, watch_s: int
) -> tuple[Plan, Plan]:
    """(what changes nothing that runs, the rest)."""
    plan = plan_up(deployment, artifacts, digest)
    title = f"update {', '.join(under.services)} on {deployment.host}"
    first = next(number for number, step in enumerate(plan.steps) if step.name.startswith("service "))
    last = next(number for number, step in enumerate(plan.steps) if step.name == "in force")
    aside = put_aside(deployment.name, under.generation, data_of(deployment, under.services))
    wanted = tuple(item for item in _all_wanted(deployment, artifacts) if item.name in under.well)
    doors = tuple(door for door in _doors(deployment) if door.text() in under.doors)
    steady = Steady(deployment.name, wanted, doors, watch_s)
    services = _meant(under, deployment, plan.steps[first:last])
    gate = Step("steady", f"{', '.join(under.services)}: well for {watch_s} s", (), (steady,))
    rest = (*aside, *services, gate, *_file_steps(under.after), plan.steps[last])
    return Plan(title, plan.steps[:first]), Plan(title, rest)


def plan_taken_back(under: Under, machine: Machine, digest: Digest) -> Plan:
    """Image, data, infrakit.yaml and lock as they were."""
    found = applied.read(machine, under.generation)
    if found is None:
        raise InfraKitError(f"generation {under.generation} is gone", "sudo infrakit up")
    host = found.deployment
    plan = plan_back(found, artifacts_of(machine, found, digest), digest)
    first = (
        *brought_back(host.name, under.generation, data_of(host, under.services)),
        Step("images before", "images as they were", (ImagesAre(under.images),), (TagAgain(under.images),)),
        *_file_steps(under.before),
    )
    kept = [step for step in plan.steps if not step.name.startswith("door ")]
    return Plan(f"take the update of {', '.join(under.services)} back", (*first, *_meant(under, host, kept)))


def carry(
    under: Under, plans: Callable[[], tuple[Plan, Plan]], machine: Machine, digest: Digest, run: Callable[[Plan], int]
) -> None:
    """Update, or go on with that; where it does not go well, take it back, which TakenBack says. `plans`: of
    plan_update; `run`: carries a plan out. A signal leaves it for a later run."""
    if under.way == BACK:
        _take_back(under, machine, digest, run)
        return
    pull, rest = plans()
    fresh = read(machine) is None
    if fresh:
        run(pull)
        machine.remove_tree(place(machine, under.generation))
        _note(machine, under)
    try:
        if not fresh:
            run(pull)
        run(rest)
    except Interrupted:
        raise
    except InfraKitError as error:
        _take_back(under, machine, digest, run)
        what = f"{', '.join(under.services)} did not go well and is as it was before: {error.message}"
        raise TakenBack(what, error.hint) from None
    forget(machine, _volumes(machine, under), kept=under.generation)
    machine.remove(layout.UPDATING)


def _volumes(machine: Machine, under: Under) -> tuple[str, ...]:
    found = applied.read(machine, under.generation)
    return data_of(found.deployment, under.services).volumes if found else ()


def _take_back(under: Under, machine: Machine, digest: Digest, run: Callable[[Plan], int]) -> None:
    take_back(
        f"{', '.join(under.services)} did not go well",
        "update",
        machine,
        lambda: _note(machine, under._replace(way=BACK)),
        lambda: plan_taken_back(under, machine, digest),
        run,
    )
    machine.remove_tree(place(machine, under.generation))
    machine.remove(layout.UPDATING)


def _note(machine: Machine, under: Under) -> None:
    content = {**under._asdict(), "before": under.before._asdict(), "after": under.after._asdict()}
    machine.write(layout.UPDATING, json.dumps(content, sort_keys=True).encode(), 0o600)


def _meant(under: Under, deployment: Deployment, found: Sequence[Step]) -> list[Step]:
    """Without the services that were ill before, and have nothing to do with it."""
    names = {service.name: [item.name for item in service.containers] for service in deployment.services}
    known = {*under.well, *data_of(deployment, under.services).containers}
    ill = {name for name, items in names.items() if name not in under.services and not set(items) <= known}
    return [step for step in found if step.name.removeprefix("service ") not in ill]


def _file_steps(files: Files) -> tuple[Step, ...]:
    path, content = layout.CONFIGURATION, files.file.encode()
    file = file_step(f"file {path}", path, path, content, 0o600)
    lock = layout.LOCKED
    beside = (
        Step(f"no {lock}", f"no {lock}", (Gone(lock),), (Remove(lock),))
        if files.lock is None
        else file_step(f"file {lock}", lock, lock, files.lock.encode(), 0o600)
    )
    return file._replace(actions=(Replace(path, content),)), beside


def _all_wanted(deployment: Deployment, artifacts: Sequence[Artifact]) -> list[Wanted]:
    return [item for items in wanted_of(deployment, artifacts).values() for item in items]


def _doors(deployment: Deployment) -> list[Door]:
    return [probe for step in steps(deployment) for probe in step.done_when if isinstance(probe, Door)]


class Steady(NamedTuple):
    """Look for a while: those that were well before are well all the time, and the doors answer."""

    project: str
    wanted: tuple[Wanted, ...]
    doors: tuple[Door, ...]
    watch_s: int

    def do(self, machine: Machine, tell: Tell) -> None:
        watch = Watch(machine, tell, self.project, {item.name for item in self.wanted})
        began = {item.service: item.started_at for item in watch.before.values()}
        end = machine.monotonic() + self.watch_s
        since: dict[str, float] = {}
        while True:
            found = {item.service: item for item in watch.containers()}
            for item in self.wanted:
                container = found.get(item.name)
                if container is None:
                    raise MachineUnfit(f"{item.name} is gone", "see: infrakit status")
                if container.started_at != began.get(item.name) or not is_well(container, item):
                    raise MachineUnfit(watch.last_words(container), f"see: infrakit logs {item.name}")
            now = machine.monotonic()
            mute = [item.name for item in self.wanted if silent(machine, self.project, item)]
            mute += [door.hostname for door in self.doors if not door.holds(machine)]
            since = {name: since.get(name, now) for name in mute}
            late = [name for name, first in since.items() if now - first > SILENCE_S]
            if late:
                raise MachineUnfit(f"{', '.join(late)} answered before, and does not now", "see: infrakit logs caddy")
            if now >= end and not since:
                return
            tell(Event("progress", "", f"{max(0, end - now):.0f} s"))
            machine.sleep(1)

    def text(self) -> str:
        return f"look for {self.watch_s} s that all that was well stays so"


class ImagesAre(NamedTuple):
    """Names of images stand for what ran."""

    images: tuple[tuple[str, str], ...]

    def holds(self, machine: Machine) -> bool:
        return not _renamed(machine, self.images)

    def text(self) -> str:
        return "every name of an image stands for what it did"


class TagAgain(NamedTuple):
    """Give images the names that newer ones have by now: no registry is asked for what is here."""

    images: tuple[tuple[str, str], ...]

    def do(self, machine: Machine, tell: Tell) -> None:
        for reference, image in _renamed(machine, self.images):
            machine.engine.tag(image, reference)

    def text(self) -> str:
        return "give images that are here the names that they had"


def _renamed(machine: Machine, images: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Those whose name is another's, or nobody's, and that are here."""
    engine = machine.engine
    return [item for item in images if engine.image_id(item[0]) != item[1] == engine.image_id(item[1])]
