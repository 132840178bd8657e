"""The generation in force x the machine -> what somebody changed by hand since: files, secrets, containers, their
limits, networks. Each named; and the plan that takes it back.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from infrakit.emit.container import size
from infrakit.errors import MachineUnfit
from infrakit.machine import Container as Running
from infrakit.machine import Limits, Machine
from infrakit.model import Artifact, Container
from infrakit.plan import Gone, Plan, RemoveTree, Step
from infrakit.plan.model import Tell
from infrakit.stack.change.applied import FILE, Applied, all_here
from infrakit.stack.change.back import Digest, edited, plan_back
from infrakit.stack.environments import environment_steps
from infrakit.stack.generation import MADE_FROM, MARK, SECRETS, folder_of
from infrakit.stack.late import late_addresses
from infrakit.stack.layout import secrets_folder
from infrakit.stack.networks import as_drawn
from infrakit.stack.services import LABEL, compose, is_well
from infrakit.stack.timer import timer_steps
from infrakit.stack.up import wanted_of
from infrakit.stack.watch import LONGEST_START_S

ADDED = "was added"


class Drift(NamedTuple):
    """One thing. kind: "file", "setting", "secret", "container", "limit" or "network"; `anew`: containers that have to
    be made anew for it, where nothing else would see to that. `limit`: which one it is, and what it is `now`."""

    kind: str
    name: str
    what: str
    anew: tuple[str, ...] = ()
    limit: str = ""
    now: str = ""


def drift(machine: Machine, applied: Applied, digest: Digest) -> tuple[Drift, ...]:
    """All of it."""
    there = {item.service: item for item in machine.engine.containers(applied.deployment.name)}
    return (
        *_files(machine, applied, there, digest),
        *_settings(machine, applied),
        *_containers(machine, applied, there),
        *_networks(machine, applied, there),
    )


def _files(machine: Machine, applied: Applied, there: dict[str, Running], digest: Digest) -> Iterator[Drift]:
    """Of the generation in force, and of all that a container was made from."""
    made_from = {name: str(item.labels.get(MADE_FROM, "")).rpartition("/")[2] for name, item in there.items()}
    for item in all_here(machine):
        users = {name for name, generation in made_from.items() if generation == item.name}
        if item.name != applied.name and not users:
            continue
        folder = folder_of(item.name)
        mounts = {
            container.name: [mount.source for mount in container.mounts if mount.kind == "file"]
            for service in item.deployment.services
            for container in service.containers
            if container.name in users
        }
        for path in [*edited(machine, item, digest), *_added(machine, item)]:
            readers = [name for name, sources in mounts.items() if any(_is_in(path, source) for source in sources)]
            how = "is gone" if not machine.exists(f"{folder}/{path}") else "was changed"
            how = how if path in item.files else ADDED
            yield Drift("file", f"{folder}/{path}", how, tuple(readers))


def _is_in(path: str, source: str) -> bool:
    return path == source or path.startswith(f"{source}/")


def _added(machine: Machine, applied: Applied) -> Iterator[str]:
    """Paths in its folders that we did not write."""
    parts = [path.split("/") for path in applied.files]
    folders = {"/".join(part[:length]) for part in parts for length in range(len(part))}
    known = {*applied.files, *folders, MARK, SECRETS, FILE}
    for folder in sorted(folders):
        inside = f"{folder}/" if folder else ""
        names = machine.listing(f"{folder_of(applied.name)}/{folder}")
        yield from (f"{inside}{name}" for name in names if f"{inside}{name}" not in known)


def _settings(machine: Machine, applied: Applied) -> Iterator[Drift]:
    host = applied.deployment
    states = machine.secret_states(secrets_folder(host.host), host.host, host.secrets)
    yield from (Drift("secret", item.name, "is gone") for item in states if item.state in ("not minted", "missing"))
    for step in (*environment_steps(host), *late_addresses(host), *timer_steps(host)):
        if not all(probe.holds(machine) for probe in step.done_when):
            yield Drift("setting", step.title, "was changed")


def _containers(machine: Machine, applied: Applied, there: dict[str, Running]) -> Iterator[Drift]:
    host = applied.deployment
    wanted = {
        item.name: item._replace(label=applied.labels.get(item.name, ""))
        for items in wanted_of(host, ()).values()
        for item in items
    }
    for service in host.services:
        for container in service.containers:
            running, item = there.get(container.name), wanted[container.name]
            if running is None:
                yield Drift("container", container.name, "is gone")
                continue
            if running.labels.get(LABEL) != item.label or item.images and running.image_id not in item.images:
                yield Drift("container", container.name, "is another one")
            elif not is_well(running, item):
                how = running.health if running.state == "running" else running.state
                yield Drift("container", container.name, f"is {how}")
            yield from _limits(machine.engine.limits(running.name), container)
    yield from (
        Drift("container", item.name, "is not of the file") for name, item in there.items() if name not in wanted
    )
    for name in machine.engine.strangers(host.name):
        yield Drift("container", name, "is none of ours, and stays")


def limits_of(container: Container) -> dict[str, str]:
    """Name -> value, as it should be."""
    return {
        "memory": size(container.memory_bytes),
        "cpus": f"{float(container.cpus or 0):g}",
        "pids": str(container.pids),
        "restart": "no" if container.one_shot else "unless-stopped",
        "others": "",
    }


def _limits(found: Limits, container: Container) -> Iterator[Drift]:
    """A limit of 0 is one that the kernel does not know, and the engine left out."""
    name = container.name
    running = {
        "memory": (size(max(0, found.memory_bytes)), found.memory_bytes),
        "cpus": (f"{found.nano_cpus / 1e9:g}", found.nano_cpus),
        "pids": (str(found.pids), found.pids),
        "restart": (found.restart, 1),
        "others": (found.others, 1),
    }
    for limit, was in limits_of(container).items():
        now, known = running[limit]
        if known and now != was:
            yield Drift("limit", name, f"{limit}: {now or 'none'}, was {was or 'none'}", (name,), limit, now)


def _networks(machine: Machine, applied: Applied, there: dict[str, Running]) -> Iterator[Drift]:
    host = applied.deployment
    probe = as_drawn(host, wanted_of(host, ()))
    drawn = {item.name: item for item in probe.networks}
    found = {item.name: item for item in machine.engine.networks(host.name)}
    inside = {member.wanted.name: member.networks for member in probe.members}
    needed = {name for names in inside.values() for name in names}
    ours = {item.name for item in there.values()}
    yield from (Drift("network", name, "is gone") for name in sorted(needed - set(found)))
    for name in sorted(set(drawn) & set(found)):
        if not drawn[name].is_it(found[name]):
            yield Drift("network", name, "is another one")
        for guest in sorted(set(machine.engine.inside(name)) - ours):
            yield Drift("network", name, f"{guest} is in it, who is none of ours, and stays")
    yield from (Drift("network", name, "is not of the file") for name in sorted(set(found) - set(drawn)))
    for name, networks in inside.items():
        now = set(there[name].networks) if name in there else networks
        yield from (Drift("network", other, f"{name} is in it", (name,)) for other in sorted(now - networks))
        yield from (Drift("network", other, f"{name} is not in it", (name,)) for other in sorted(networks - now))


class MadeSince(NamedTuple):
    """None of these containers is the one that it was: (name, since when that ran)."""

    project: str
    were: tuple[tuple[str, str], ...]

    def holds(self, machine: Machine) -> bool:
        now = {(item.service, item.started_at) for item in machine.engine.containers(self.project)}
        return not now & set(self.were)

    def text(self) -> str:
        return f"{', '.join(name for name, _ in self.were)}: made anew"


class MakeAgain(NamedTuple):
    """Make them anew from the generation in `folder`; they start with their service."""

    names: tuple[str, ...]
    folder: str

    def do(self, machine: Machine, tell: Tell) -> None:
        how = ("up", "--no-start", "--no-deps", "--force-recreate", "--pull", "never")
        done = machine.run((*compose(self.folder), *how, *self.names), timeout_s=LONGEST_START_S)
        if done.code:
            raise MachineUnfit(done.err.strip() or f"exit code {done.code}", "see: infrakit status")

    def text(self) -> str:
        return f"make {', '.join(self.names)} anew"


def plan_revert(
    machine: Machine, applied: Applied, artifacts: Sequence[Artifact], found: Sequence[Drift], digest: Digest
) -> Plan:
    """What `up` would do for the generation in force, and who cannot be mended otherwise is made anew."""
    plan = plan_back(applied, artifacts, digest)
    names = sorted({name for item in found for name in item.anew})
    added = tuple(item.name for item in found if item.what == ADDED)
    steps = []
    if added:
        title = "files that were added by hand"
        steps.append(Step("changed files", title, tuple(map(Gone, added)), tuple(map(RemoveTree, added))))
    if names:
        project = applied.deployment.name
        were = [(item.service, item.started_at) for item in machine.engine.containers(project) if item.service in names]
        probe, action = MadeSince(project, tuple(were)), MakeAgain(tuple(names), folder_of(applied.name))
        steps.append(Step("changed containers", "containers that were changed by hand", (probe,), (action,)))
    first = next((number for number, step in enumerate(plan.steps) if step.name.startswith("service ")), 0)
    title = f"take back what was changed by hand on {applied.deployment.host}"
    return plan._replace(title=title, steps=(*plan.steps[:first], *steps, *plan.steps[first:]))
