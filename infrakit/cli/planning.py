"""The file x this machine -> the plan that brings its stack up, as `up`, `plan`, `apply` and `drift` have it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from infrakit.cli import doors, from_bundle, here, source
from infrakit.cli.carry import carry_out
from infrakit.cli.preflight import accepted, look, refuse
from infrakit.cli.source import compiled
from infrakit.cli.talk import say_problems
from infrakit.compiler import Compiled
from infrakit.emit import emit
from infrakit.model import Artifact, Deployment
from infrakit.plan import Plan
from infrakit.stack.bundle import from_packages, remembered, system_of
from infrakit.stack.change.update import none_under_way
from infrakit.stack.layout import CONFIGURATION
from infrakit.stack.up import plan_up
from infrakit.system.digest import hex_digest
from infrakit.system.machine import Machine


class Prepared(NamedTuple):
    """`offline`: all comes from a bundle; `again`: words that finish it."""

    plan: Plan
    deployment: Deployment
    artifacts: tuple[Artifact, ...]
    compiled: Compiled
    source: source.Source
    offline: bool
    again: tuple[str, ...]


def prepared(
    file: str | None,
    host: str | None,
    accept: tuple[str, ...],
    flags: Mapping[str, Any],
    *,
    asks: bool,
    looks: bool,
    quiet: bool,
) -> Prepared:
    """Refuses what cannot be done here. `flags`: of from_bundle; `asks`: somebody sees the plan before it is carried
    out; `looks`: nothing is carried out."""
    if not looks:
        none_under_way(Machine())
    bundle = from_bundle.found(**flags, quiet=quiet)
    given = here.find(file)
    found = compiled(given)
    deployment = here.deployment_of(found, host)
    say_problems(found.warnings)
    seen = here.data(found, deployment)
    findings = here.findings(given, found, deployment, seen)
    findings += here.edited(given, asks=asks)
    system = ""
    if bundle:
        facts, more = look(Machine(), deployment, bundle=bundle)
        findings, system = [*findings, *more], system_of(facts)
    refuse([finding for finding in accepted(findings, accept) if not (looks and finding.code == "not-root")])
    put = here.file_to_install(given)
    artifacts = emit(deployment)
    plan = plan_up(deployment, artifacts, hex_digest, bundle.source if bundle else None, seen.former, file=put)
    if bundle:
        plan = plan._replace(steps=from_packages(plan.steps, bundle.source, system))
        plan = remembered(plan, bundle.source, bundle.pinned)
    return Prepared(plan, deployment, artifacts, found, given, bundle is not None, words_of_up(deployment, accept))


def words_of_up(deployment: Deployment, accept: Sequence[str]) -> tuple[str, ...]:
    """Once the file is in its place."""
    accepted = (word for code in accept for word in ("--accept", code))
    return ("up", "-f", CONFIGURATION, "--host", deployment.host, *accepted, "--yes")


def tell_sheet(deployment: Deployment, machine: Machine, taken: int, *, yes: bool, as_json: bool) -> None:
    """Of the backups' key, where there is one that nobody has on paper yet."""
    if deployment.backup is not None and not as_json:
        from infrakit.cli.sheet import offer

        offer(deployment, machine, asks=taken > 0 and not yes)


def bring_up(
    found: Prepared, *, yes: bool, dry_run: bool, as_json: bool, shown: Callable[[], int] | None = None
) -> int:
    """Carry it out, and say where the doors are. The exit code."""
    machine = Machine()

    def tell_doors(taken: int) -> None:
        doors.tell(found.deployment, machine, as_json=as_json, whole=False, ask_names=not found.offline)
        tell_sheet(found.deployment, machine, taken, yes=yes, as_json=as_json)

    return carry_out(
        found.plan,
        yes=yes,
        dry_run=dry_run,
        as_json=as_json,
        machine=machine,
        again=found.again,
        after=tell_doors,
        shown=shown,
    )
