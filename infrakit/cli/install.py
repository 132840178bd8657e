"""infrakit install: from a fresh machine to a running stack. The same again resumes, or changes nothing."""

import os
from collections.abc import Sequence
from typing import Any

import click

from infrakit.cli import doors, from_bundle, here, installing, source
from infrakit.cli.carry import carry_out
from infrakit.cli.completion import script
from infrakit.cli.given_secret import MOST_BYTES, checked
from infrakit.cli.planning import tell_sheet, words_of_up
from infrakit.cli.preflight import ACCEPT, accepted, look, refuse
from infrakit.cli.questions import QUESTIONS, about_secret
from infrakit.cli.sign_in import note_link
from infrakit.cli.talk import result, say_problems
from infrakit.cli.terminal import ask, ask_hidden, has_terminal
from infrakit.config.reader import MAXIMUM_BYTES
from infrakit.config.sample import sample
from infrakit.emit import emit
from infrakit.emit.authentik import portal
from infrakit.errors import InfraKitError, UsageProblem
from infrakit.host.facts import Facts
from infrakit.model import Deployment
from infrakit.plan import Plan, Step
from infrakit.stack.bundle import from_packages, remembered, system_of
from infrakit.stack.change.update import none_under_way
from infrakit.stack.install import plan_install, program_steps
from infrakit.stack.layout import CONFIGURATION, secrets_folder
from infrakit.stack.secrets import Given
from infrakit.stack.sign_in import Link, first_user, never_came, sign_in_link
from infrakit.system.digest import hex_digest
from infrakit.system.files import read_input
from infrakit.system.machine import Machine

__loader__: Any  # of a zipapp, our own (packaging/zip_start.py)


@click.command(
    help="Install Docker where it is missing, bring the stack up, and say where to go. Running it again resumes."
)
@click.option("-f", "--config", "file", metavar="FILE", help=f"{here.WHICH} Without any: questions.")
@click.option("--domain", metavar="DOMAIN", help="Without a file: the domain that every service gets a name below.")
@click.option(
    "--pattern", type=click.Choice(["full", "edge", "monitoring"]), help="Without a file: what the machine is for."
)
@click.option(
    "--tls",
    type=click.Choice(["acme", "internal", "files", "tunnel"]),
    help="Without a file: where certificates come from.",
)
@click.option("--admin", metavar="USER", help="Without a file: the user who may open everything.")
@click.option("--host", metavar="NAME", help="Which host of the file this machine is.")
@installing.options
@click.option(
    "--secret",
    "secrets",
    metavar="NAME=FILE",
    multiple=True,
    help="A secret that only you have, from a file; those that are missing are asked for on the terminal.",
)
@ACCEPT
@from_bundle.options
@here.YES
@here.DRY_RUN
@here.CHANGE_JSON
def command(
    file: str | None,
    domain: str | None,
    pattern: str | None,
    tls: str | None,
    admin: str | None,
    host: str | None,
    docker_repository: str,
    docker_key: str,
    docker_from: str,
    packages_folder: str | None,
    secrets: tuple[str, ...],
    accept: tuple[str, ...],
    yes: bool,
    dry_run: bool,
    as_json: bool,
    **flags: Any,
) -> int:
    bundle = from_bundle.found(**flags, quiet=as_json)
    answers = {"domain": domain, "pattern": pattern, "tls": tls, "admin": admin}
    found = bundle.file() if bundle and not file and not any(answers.values()) else _source(file, answers)
    compiled = source.compiled(found)
    deployment = here.deployment_of(compiled, host)
    say_problems(compiled.warnings)
    machine = Machine()
    if not dry_run:
        none_under_way(machine)
    packages = installing.packages_of(docker_repository, docker_key, docker_from, packages_folder)
    others_packages = bundle is not None or packages.are_others
    facts, findings = look(machine, deployment, own_repository=others_packages, bundle=bundle)
    seen = here.data(compiled, deployment)
    nobody = dry_run or as_json or yes or os.geteuid() != 0
    given = _given(secrets, deployment, [] if nobody else here.missing(deployment, seen))
    findings += here.findings(found, compiled, deployment, seen, [item.name for item in given])
    findings += here.edited(found, asks=dry_run or not (yes or as_json))
    findings = accepted(findings, accept)
    refuse([finding for finding in findings if not (dry_run and finding.code == "not-root")])
    ours = (*here.file_to_install(found), *program_steps(program(), script("bash").encode()))
    engine = installing.to_engine(packages, found, facts, machine, bundled=bundle is not None)
    plan = _plan(deployment, (engine, ours), facts, bundle, seen.former, given)

    def closing_page(taken: int) -> None:
        if not as_json:
            _closing_page(deployment, _first_link(deployment, machine) if taken else None)
        doors.tell(deployment, machine, as_json=as_json, whole=True, ask_names=bundle is None)
        tell_sheet(deployment, machine, taken, yes=yes, as_json=as_json)

    again = words_of_up(deployment, accept)
    return carry_out(plan, yes=yes, dry_run=dry_run, as_json=as_json, machine=machine, again=again, after=closing_page)


def _plan(
    deployment: Deployment,
    machine_parts: tuple[tuple[Step, ...], tuple[Step, ...]],
    facts: Facts,
    bundle: from_bundle.Bundle | None,
    *more: Any,
) -> Plan:
    """`machine_parts`: steps to the engine, and to our files; `more`: what the host was called before, and secrets that
    were given."""
    engine, ours = machine_parts
    if bundle is None:
        return plan_install(deployment, emit(deployment), hex_digest, engine, ours, None, *more)
    plan = plan_install(deployment, emit(deployment), hex_digest, engine, ours, bundle.source, *more)
    steps = from_packages(plan.steps, bundle.source, system_of(facts))
    return remembered(plan._replace(steps=steps), bundle.source, bundle.pinned)


def _given(said: Sequence[str], deployment: Deployment, missing: Sequence[str]) -> list[Given]:
    """Secrets from files, NAME=FILE each; those that are missing beside them are asked for, where there is somebody."""
    known = {spec.name: spec for spec in deployment.secrets if spec.kind == "user"}
    given = []
    for words in said:
        name, sign, path = words.partition("=")
        if not sign or name not in known:
            what = (
                f"{deployment.host} has no secret {name} to be set" if sign else f"--secret {words}: no file is named"
            )
            raise UsageProblem(what, f"--secret NAME=FILE, NAME one of: {', '.join(known) or 'none'}")
        given.append(Given(name, checked(name, read_input(path, MOST_BYTES), known[name].owner)))
    asked = [name for name in missing if name not in {item.name for item in given}]
    if asked and has_terminal():
        for name in asked:
            value = ask_hidden(name, about_secret(known[name].description))
            given.append(Given(name, checked(name, value, known[name].owner)))
    return given


def _source(file: str | None, answers: dict[str, str | None]) -> source.Source:
    """The file that is named or found; else one made of answers, given as flags or on the terminal."""
    said = {key: value for key, value in answers.items() if value}
    if file or not said and (os.path.exists(source.FILE) or os.path.exists(CONFIGURATION)):
        return here.find(file)
    if os.path.exists(CONFIGURATION):
        raise UsageProblem(
            f"{CONFIGURATION} is there already", "edit it, then infrakit install, or name a file with --config"
        )
    whole = {key: said.get(key) or ask(*question) for key, question in QUESTIONS.items()}
    content = sample(whole, source.FILE)

    def read_blueprint(name: str) -> bytes:
        return read_input(name, MAXIMUM_BYTES)

    return source.Source("", source.FILE, content, read_blueprint, [])


def program() -> bytes:
    """The zipapp that we run from; empty in a checkout."""
    archive = getattr(__loader__, "archive", "")
    return read_input(archive) if archive and os.path.isfile(archive) else b""


def _first_link(deployment: Deployment, machine: Machine) -> Link | None:
    """For the first administrator of the file, until he came once; None where that cannot be had now."""
    try:
        if not portal(deployment) or not never_came(deployment, machine):
            return None
        link = sign_in_link(deployment, first_user(deployment), machine)
    except InfraKitError:
        return None
    note_link(machine, link)
    return link


def _closing_page(deployment: Deployment, link: Link | None) -> None:
    """Where to go, who may, where things live, what to do next."""
    result("")
    doors.say_pages(deployment)
    if link:
        result("")
        result(
            f"  sign in first as {link.user}, by this link, which works once and for {link.minutes} minutes, and "
            "set a password:"
        )
        result(f"  {link.url}")
        result(f"  {link.new_password}")
    if portal(deployment):
        result("")
        result(
            "  infrakit sign-in USER makes such a link; infrakit open SERVICE leads in when sign-in or Caddy is down"
        )
        result(
            "  Authentik's own administrator is akadmin: "
            f"{secrets_folder(deployment.host)}/secrets/authentik_bootstrap_password"
        )
    result("")
    result(f"  your file {CONFIGURATION}: change it, then infrakit up")
    result("  infrakit status, infrakit logs SERVICE, infrakit uninstall")
