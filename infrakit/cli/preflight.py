"""infrakit preflight: whether this machine is fit for the stack, and what to do where it is not. `install` looks first,
too."""

import os
from collections.abc import Sequence

import click

from infrakit.cli import here, source
from infrakit.cli.carry import carry_out
from infrakit.cli.from_bundle import Bundle, glimpsed
from infrakit.cli.source import compiled
from infrakit.cli.talk import result, result_json, result_text, say
from infrakit.config.sample import sample
from infrakit.errors import EXIT_MACHINE, EXIT_OK, MachineUnfit, printable
from infrakit.host.checks import ACCEPTABLE, CHECKS, Finding, run
from infrakit.host.facts import Facts, facts_of
from infrakit.host.fixes import plan_fixes
from infrakit.host.recording import record, to_json
from infrakit.model import Deployment
from infrakit.stack.layout import CONFIGURATION, CURRENT
from infrakit.stack.wanted import names_of, wanted_of
from infrakit.system.machine import Machine

ACCEPT = click.option(
    "--accept",
    metavar="CODE",
    multiple=True,
    type=click.Choice(ACCEPTABLE),
    help=f"Go on in spite of this finding; one of: {', '.join(ACCEPTABLE)}.",
)
SIGNS = {"error": "!", "warning": "~", "note": "-"}


@click.command(
    help=(
        "Look at this machine, change nothing, and say what stands in the way of the stack. Exit code 3 where "
        "something does."
    )
)
@here.FILE
@click.option("--host", metavar="NAME", help="Which host of the file this machine is.")
@click.option("--record", "recorded", is_flag=True, help="Print all that was looked at, as JSON, to show to somebody.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.option(
    "--fix",
    is_flag=True,
    help="Mend what InfraKit can mend and undo: memory limits of a Raspberry Pi, the clock, the stub on port 53.",
)
@ACCEPT
@click.option("--yes", is_flag=True, help="With --fix: do not ask.")
@click.option("--dry-run", is_flag=True, help="With --fix: change nothing; print the plan.")
def command(
    file: str | None,
    host: str | None,
    recorded: bool,
    as_json: bool,
    fix: bool,
    accept: tuple[str, ...],
    yes: bool,
    dry_run: bool,
) -> int:
    bundle = glimpsed()
    file_here = bundle.file() if bundle and not file else _file(file)
    found = compiled(file_here)
    deployment = here.deployment_of(found, host)
    machine = Machine()
    if recorded:
        result_text(to_json(record(machine, () if bundle else names_of(deployment))))
        return EXIT_OK
    facts, findings = look(machine, deployment, bundle=bundle)
    if fix:
        return carry_out(plan_fixes(facts, findings), yes=yes, dry_run=dry_run, as_json=as_json, machine=machine)
    findings += here.findings(file_here, found, deployment, here.data(found, deployment))
    findings = accepted(findings, accept)
    errors = [finding for finding in findings if finding.severity == "error"]
    if as_json:
        result_json(
            {
                "version": 1,
                "checks": len(CHECKS),
                "errors": len(errors),
                "findings": [{**finding._asdict(), "acceptable": finding.code in ACCEPTABLE} for finding in findings],
            }
        )
    else:
        for line in lines_of(findings):
            result(line)
        result(f"{len(CHECKS)} checks: {len(errors)} in the way, {len(findings) - len(errors)} worth knowing")
    return EXIT_MACHINE if errors else EXIT_OK


def _file(file: str | None) -> source.Source:
    """The file; on a machine that has none yet, what `install` would propose."""
    if file or os.path.exists(source.FILE) or os.path.exists(CONFIGURATION):
        return here.find(file)
    say("note: there is no file yet; this is for pattern full")
    answers = {"domain": "home.example.org", "pattern": "full", "tls": "internal", "admin": "admin"}
    return source.Source("", source.FILE, sample(answers, source.FILE), source.no_blueprint, [])


def accepted(findings: Sequence[Finding], codes: Sequence[str]) -> list[Finding]:
    """Errors that the user takes upon himself are warnings."""
    return [item._replace(severity="warning") if item.code in codes else item for item in findings]


def look(
    machine: Machine, deployment: Deployment, *, own_repository: bool = False, bundle: Bundle | None = None
) -> tuple[Facts, list[Finding]]:
    """Ask the machine everything, change nothing. `own_repository`: packages come from where the user said.

    Names are looked up before the first start only: a name server that is silent takes seconds to be silent. With a
    bundle none is.
    """
    facts = facts_of(record(machine, () if bundle or machine.exists(CURRENT) else names_of(deployment)))
    brought = bundle.brought(deployment, facts, machine) if bundle else None
    return facts, run(facts, wanted_of(deployment, facts, machine, own_repository=own_repository, brought=brought))


def lines_of(findings: Sequence[Finding]) -> list[str]:
    """Two lines for each: what it is, and what to do."""
    found = []
    for finding in findings:
        found.append(printable(f"{SIGNS[finding.severity]} {finding.what} [{finding.code}]"))
        mends = " (or: infrakit preflight --fix)" if finding.fix else ""
        accept = f" (or: --accept {finding.code})" if finding.severity == "error" and finding.code in ACCEPTABLE else ""
        found.append(printable(f"    {finding.remedy}{mends}{accept}"))
    return found


def refuse(findings: Sequence[Finding]) -> None:
    """Say what may hurt and what stands in the way; MachineUnfit where something does."""
    for line in lines_of([finding for finding in findings if finding.severity != "note"]):
        say(line)
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors:
        what = errors[0].what if len(errors) == 1 else f"{len(errors)} things stand in the way"
        raise MachineUnfit(
            what, errors[0].remedy if len(errors) == 1 else "mend them, then run again; nothing was changed"
        )
