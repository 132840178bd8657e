"""What both halves of a move share: the flags, the file as it will be, and the plan that brings it up."""

import os
from typing import NamedTuple

from infrakit.cli import here, source
from infrakit.cli.installing import Packages, to_engine
from infrakit.cli.preflight import accepted, look, refuse
from infrakit.cli.talk import say_problems
from infrakit.compiler import Compiled
from infrakit.emit import emit
from infrakit.errors import UsageProblem
from infrakit.model import Deployment
from infrakit.plan import Plan
from infrakit.stack.change.applied import Applied, in_force
from infrakit.stack.generation import folder_of, generation_id
from infrakit.stack.up import plan_up
from infrakit.system.digest import hex_digest
from infrakit.system.machine import Machine


class Asked(NamedTuple):
    """The flags."""

    apps: tuple[str, ...]
    host: str | None
    ticket: str | None
    through: str | None
    without_folders: bool
    accept: tuple[str, ...]
    packages: Packages
    yes: bool
    dry_run: bool
    as_json: bool


class Upcoming(NamedTuple):
    """The file as it will be x this machine. `tree`: the folder of its generation."""

    compiled: Compiled
    deployment: Deployment
    plan: Plan
    tree: str


def running(machine: Machine) -> Applied:
    """What is in force here. UsageProblem where nothing is."""
    found = in_force(machine)
    if found is None:
        raise UsageProblem("nothing is in force on this machine", "sudo infrakit install")
    return found


def upcoming(
    file: source.Source, host: str, asked: Asked, given: tuple[str, ...] = (), mended: tuple[str, ...] = ()
) -> Upcoming:
    """`given`: secrets that come along; `mended`: codes of findings that this very call mends."""
    compiled = source.compiled(file)
    deployment = here.deployment_of(compiled, host)
    say_problems(compiled.warnings)
    seen = here.data(compiled, deployment)
    findings = here.findings(file, compiled, deployment, seen, given)
    findings += here.edited(file, asks=asked.dry_run or not (asked.yes or asked.as_json))
    refuse([item for item in accepted(findings, asked.accept) if item.code not in mended])
    put, artifacts = here.file_to_install(file), emit(deployment)
    plan = plan_up(deployment, artifacts, hex_digest, None, seen.former, file=put)
    return Upcoming(compiled, deployment, plan, folder_of(generation_id(artifacts, hex_digest)))


def fresh(file: source.Source, host: str, asked: Asked, given: tuple[str, ...]) -> Upcoming:
    """The same for a machine that has nothing: Docker and what is InfraKit's come first."""
    from infrakit.cli.completion import script
    from infrakit.cli.install import program
    from infrakit.stack.install import plan_install, program_steps

    compiled = source.compiled(file)
    deployment = here.deployment_of(compiled, host)
    say_problems(compiled.warnings)
    machine = Machine()
    facts, findings = look(machine, deployment, own_repository=asked.packages.are_others)
    seen = here.data(compiled, deployment)
    findings += here.findings(file, compiled, deployment, seen, given)
    refuse(accepted(findings, asked.accept))
    artifacts = emit(deployment)
    engine = to_engine(asked.packages, file, facts, machine)
    ours = (*here.file_to_install(file), *program_steps(program(), script("bash").encode()))
    plan = plan_install(deployment, artifacts, hex_digest, engine, ours, None, seen.former)
    return Upcoming(compiled, deployment, plan, folder_of(generation_id(artifacts, hex_digest)))


def need_place_for(ticket: str) -> None:
    """Before anything stops: it is written when all else is done."""
    folder = os.path.dirname(ticket)
    if not os.path.isdir(folder) or not os.access(folder, os.W_OK):
        raise UsageProblem(f"{folder} is no folder that the ticket could be written to", "--ticket FILE names another")
    if os.path.lexists(ticket):
        raise UsageProblem(f"{ticket} is there already", "--ticket FILE names another")
