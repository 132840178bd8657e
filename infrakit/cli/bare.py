"""infrakit restore --from: a machine that has nothing, a folder of backups and the key on paper -> all of it runs as it
did."""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from infrakit import VERSION, resources
from infrakit.catalog.versions import version
from infrakit.cli import doors, here, installing, source
from infrakit.cli.backup import sets_of
from infrakit.cli.carry import carry_out, need_root
from infrakit.cli.completion import script
from infrakit.cli.given_secret import MOST_BYTES as MOST_SECRET_BYTES
from infrakit.cli.given_secret import checked
from infrakit.cli.install import program
from infrakit.cli.preflight import accepted, look, refuse
from infrakit.cli.talk import say, say_problems
from infrakit.cli.terminal import answer, ask, ask_hidden, has_terminal
from infrakit.emit import emit
from infrakit.errors import EXIT_DIFFERENCES, UsageProblem
from infrakit.model import BACKUP_SSH_KEY, Deployment
from infrakit.plan import Plan
from infrakit.resolve.backups import KEY, OPENED_BY
from infrakit.stack.backup.back import chosen, content_of
from infrakit.stack.backup.bare import Origin, begun, plan_bare
from infrakit.stack.backup.confirmed import confirm, key_of
from infrakit.stack.backup.places import is_folder
from infrakit.stack.backup.program import program_steps as backup_programs
from infrakit.stack.backup.repository import LONGEST_S, Repository, restic
from infrakit.stack.backup.sheet import read_sheet
from infrakit.stack.backup.take import FORMAT
from infrakit.stack.generation import folder_of, generation_id
from infrakit.stack.install import plan_install, program_steps
from infrakit.stack.layout import CONFIGURATION, CURRENT, secrets_folder
from infrakit.stack.move.under import COPY
from infrakit.stack.secrets import Given
from infrakit.system.digest import hex_digest
from infrakit.system.files import read_input
from infrakit.system.machine import Machine

GLANCE, GLANCE_KEY = "/run/infrakit-restore", "/run/infrakit-restore.key"
GLANCE_OPENS = "/run/infrakit-restore.opens"
"""In memory, while the plan is made: the user's file as it was backed up, and the key, and what opens a server, until
they are in their places."""
BROUGHT = ("fleet-apart", "secret-missing")
"""Findings before a restore that it mends."""
MOST_BYTES, TRIES = 1 << 12, 3
LIKE_A_SHEET = re.compile(r"\s*[a-z0]{5}[\s-]*\d\d\b", re.I)


class Asked(NamedTuple):
    """The flags."""

    folder: str
    host: str | None
    at: str | None
    key_file: str | None
    host_key: str
    secrets: tuple[str, ...]
    accept: tuple[str, ...]
    packages: installing.Packages
    yes: bool
    dry_run: bool
    as_json: bool


def bring_back(asked: Asked) -> int:
    """The exit code. Goes on with one that was broken off."""
    need_root()
    machine, folder = Machine(), place_of(asked.folder)
    _, going_on, number = begun(machine)
    if not going_on and (machine.exists(CURRENT) or machine.exists(CONFIGURATION)):
        what = "this machine is set up already, and --from is for one that has nothing"
        raise UsageProblem(what, "sudo infrakit restore puts its data back; sudo infrakit uninstall takes all away")
    if going_on and (asked.host not in (None, going_on) or asked.at not in (None, number)):
        what = f"a restore of {going_on} as in {number} was broken off"
        raise UsageProblem(what, f"sudo infrakit restore --from {folder} goes on with it")
    host = going_on or asked.host or _only(folder, machine)
    _need_one(folder, host, machine)
    key, opens = _key(asked.key_file, host, machine), _opens(asked.secrets, folder, host, machine)
    if not _can_read(asked, machine):
        return EXIT_DIFFERENCES
    with _in_memory(key, opens, machine):
        reading = Repository(f"{folder}/{host}", host, GLANCE_KEY, asked.host_key, GLANCE_OPENS if opens else "")
        found = {item["set"]: item["snapshot"] for item in sets_of(machine, reading)}
        number = number or asked.at or max(found, default="")
        if number not in found:
            known = f"there are: {', '.join(sorted(found))}" if found else "nothing whole was ever backed up there"
            raise UsageProblem(f"there is no backup {number} in {folder}/{host}".replace("  ", " "), known)
        origin = Origin(folder, reading._replace(key="", secrets=""), number, found[number])
        given = [Given(KEY, key), *opens]
        return _carried(asked, origin, content_of(machine, reading, origin.snapshot), reading, given, machine)


def place_of(text: str) -> str:
    """The folder, or the place on a server as infrakit.yaml would have it."""
    if ":" not in text.partition("/")[0]:
        return os.path.abspath(text)
    pattern = resources.schema("infrakit")["properties"]["backup"]["properties"]["to"]["pattern"]
    if not re.search(pattern, text):
        raise UsageProblem(
            f"{text} is no place of backups", "as backup.to in infrakit.yaml, or the recovery sheet, has it"
        )
    return text.rstrip("/")


def _opens(said: Sequence[str], folder: str, host: str, machine: Machine) -> list[Given]:
    """What opens a server: of files, NAME=FILE each; of a run before; or of somebody who types it."""
    wanted = dict(next((pairs for kind, pairs in OPENED_BY.items() if re.match(kind, folder)), ()))
    given = []
    for words in said:
        name, sign, path = words.partition("=")
        if not sign or name not in wanted:
            what = f"nobody asks for {name} there" if sign else f"--secret {words}: no file is named"
            raise UsageProblem(what, f"--secret NAME=FILE, NAME one of: {', '.join(wanted) or 'none'}")
        given.append(Given(name, checked(name, read_input(path, MOST_SECRET_BYTES))))
    there = f"{secrets_folder(host)}/secrets"
    for name, what in wanted.items():
        if name in {item.name for item in given} or not given and machine.exists(f"{there}/{name}"):
            continue
        if name == BACKUP_SSH_KEY or not has_terminal():
            raise UsageProblem(f"{name} is not said: {what}", f"--secret {name}=FILE")
        given.append(Given(name, checked(name, ask_hidden(name, what))))
    return given


def _only(folder: str, machine: Machine) -> str:
    """The host whose backups are there; asked for where there are several."""
    if not is_folder(folder):
        raise UsageProblem(f"whose backups of {folder} are meant is not said", "say it: --host NAME")
    names = hosts_in(folder, machine)
    if len(names) == 1:
        return names[0]
    if not names:
        what = f"there are no backups in {folder}"
        raise UsageProblem(what, "is its disk mounted? name the folder that has one for each host")
    known = ", ".join(names)
    if not has_terminal():
        raise UsageProblem(f"{folder} has backups of {known}", "say which one this machine is to be: --host NAME")
    return ask(f"host ({known})", names[0], "which of them this machine is to be")


def hosts_in(folder: str, machine: Machine) -> list[str]:
    """Those whose backups are in a folder; a copy of what is on its way from one host to another is no host's."""
    there = [name for name in machine.listing(folder) if machine.exists(f"{folder}/{name}/config")]
    return [name for name in there if not COPY.fullmatch(name)]


def _need_one(folder: str, host: str, machine: Machine) -> None:
    if is_folder(folder) and not machine.exists(f"{folder}/{host}/config"):
        names = hosts_in(folder, machine)
        hint = (
            f"there are some of: {', '.join(names)}" if names else "is its disk mounted? it has a folder for each host"
        )
        raise UsageProblem(f"there are no backups of {host} in {folder}", hint)


def _key(file: str | None, host: str, machine: Machine) -> bytes:
    """Of a file, which has it as it is or as groups; of a run before; or of somebody who types it."""
    if file:
        content = read_input(file, MOST_BYTES)
        text = content.decode("utf-8", "replace")
        return read_sheet(text) if LIKE_A_SHEET.match(text) else content.strip()
    there = key_of(machine, host)
    if there:
        return there
    if not has_terminal():
        what = "the key of the backups is not said, and there is no terminal to ask on"
        raise UsageProblem(what, "--key-file FILE, which has what the recovery sheet has, or the key itself")
    return _typed()


def _typed() -> bytes:
    """In as many lines as it takes."""
    say("the groups of the recovery sheet, in their order, on one line or several; Enter alone at the end")
    for left in reversed(range(TRIES)):
        lines: list[str] = []
        while said := answer("more groups" if lines else "groups"):
            lines.append(said)
            try:
                return read_sheet(" ".join(lines))
            except UsageProblem as error:
                problem = error
        if not lines or not left:
            break
        say(f"{problem.message}; {problem.hint}; all of them again")
    raise UsageProblem("that is not the key of the sheet; nothing was changed", "run it again, with the sheet at hand")


def _can_read(asked: Asked, machine: Machine) -> bool:
    """restic is there, or is installed now: nobody else reads a backup. False where that is only foretold."""
    plan = Plan("read backups", backup_programs(place_of(asked.folder)))
    if all(probe.holds(machine) for step in plan.steps for probe in step.done_when):
        return True
    carry_out(plan, yes=asked.yes, dry_run=asked.dry_run, as_json=asked.as_json, machine=machine, again=())
    if asked.dry_run:
        say("note: the rest of the plan stands in the backup, which is read when restic is here")
    return not asked.dry_run


@contextmanager
def _in_memory(key: bytes, opens: Sequence[Given], machine: Machine) -> Iterator[None]:
    """For root alone, and gone when this is left."""
    try:
        machine.write(GLANCE_KEY, key, 0o600)
        if opens:
            machine.make_folder(GLANCE_OPENS, 0o700)
        for item in opens:
            machine.write(f"{GLANCE_OPENS}/{item.name}", item.value, 0o600)
        yield
    finally:
        machine.remove(GLANCE_KEY)
        machine.remove_tree(GLANCE_OPENS)
        machine.remove_tree(GLANCE)


def _carried(
    asked: Asked, origin: Origin, content: dict[str, Any], reading: Repository, given: Sequence[Given], machine: Machine
) -> int:
    _need_ours(content)
    found = _file(origin, reading, str(content.get("architecture", "")), machine)
    host = origin.repository.host
    compiled = source.compiled(found)
    deployment = here.deployment_of(compiled, host)
    say_problems(compiled.warnings)
    facts, findings = look(machine, deployment, own_repository=asked.packages.are_others)
    findings += here.findings(found, compiled, deployment, here.data(compiled, deployment))
    refuse([item for item in accepted(findings, asked.accept) if item.code not in BROUGHT])
    artifacts = emit(deployment)
    engine = installing.to_engine(asked.packages, found, facts, machine)
    ours = program_steps(program(), script("bash").encode())
    install = plan_install(deployment, artifacts, hex_digest, engine, ours)
    tree, file = folder_of(generation_id(artifacts, hex_digest)), here.file_to_install(found)
    plan = plan_bare(deployment, install, origin, chosen(deployment, content, ()), given, tree, file)
    _say_what_differs(deployment, content, origin)

    def after(taken: int) -> None:
        if not asked.key_file:
            confirm(machine, host)  # who typed it has it
        doors.tell(deployment, machine, as_json=asked.as_json, whole=True, ask_names=True)

    again = _again(asked, origin)
    yes, dry_run, as_json = asked.yes, asked.dry_run, asked.as_json
    return carry_out(plan, yes=yes, dry_run=dry_run, as_json=as_json, machine=machine, again=again, after=after)


def _need_ours(content: dict[str, Any]) -> None:
    """UsageProblem where a newer InfraKit made it: its images may have newer data, and its file newer keys."""
    made_by = str(content.get("infrakit", ""))
    if content.get("format") != FORMAT or version(made_by) > version(VERSION):
        what = f"InfraKit {made_by} made this backup, and this is {VERSION}"
        raise UsageProblem(what, f"use InfraKit {made_by} or a newer one")


def _file(origin: Origin, reading: Repository, before: str, machine: Machine) -> source.Source:
    """The user's file as it was backed up, with its lock and blueprints; for a machine of another kind with that
    changed. `before`: the kind of the one that was backed up."""
    folder = CONFIGURATION.rpartition("/")[0]
    restic(machine, reading, "restore", origin.snapshot, "--target", GLANCE, "--include", folder, timeout_s=LONGEST_S)
    found = source.find(GLANCE + CONFIGURATION, None)._replace(name="infrakit.yaml of the backup")
    now = machine.run(("dpkg", "--print-architecture")).out.strip()
    if not before or now in ("", before):
        return found
    say(f"note: the backup is of a machine with {before}, and this one has {now}: its images are taken for {now}")
    host = origin.repository.host
    patterns = here.named(source.compiled(found), host).patterns
    return found._replace(content=_of_kind(found.content, host, now, patterns))


def _of_kind(content: bytes, host: str, architecture: str, patterns: Sequence[str]) -> bytes:
    """infrakit.yaml whose host has another processor. One that names no host gets it named, with its pattern, which
    each host says where one is named: `patterns`."""
    from infrakit.composed.edit import assigned, deleted
    from infrakit.config import parse
    from infrakit.config.keys import located

    name, schema = "infrakit.yaml of the backup", resources.schema("infrakit")
    changes = {"architecture": architecture}
    if not re.search(rb"^hosts\s*:", content, re.MULTILINE):
        content = deleted(content, name, ("pattern",)).content
        changes["pattern"] = f"[{', '.join(patterns)}]"
    for key, value in changes.items():
        path, part = located(schema, f"hosts.{host}.{key}", parse(content, name).root)
        content = assigned(content, name, path, part, value).content
    return content


def _say_what_differs(deployment: Deployment, content: dict[str, Any], origin: Origin) -> None:
    """What is not as it was before."""
    assert deployment.backup is not None, "it was backed up"
    absent = [part.name for part in deployment.backup.parts if part.name not in content["parts"]]
    if absent:
        say(f"note: not in this backup, and begins empty: {', '.join(absent)}")
    if deployment.backup.to != origin.repository.to:
        say(f"note: backups go on to {deployment.backup.to}, as the file says, and not to {origin.folder}")
    for place, who in deployment.backup.left:
        if place.startswith("/"):
            say(f"note: {place}, which {who} writes to, is in no backup")


def _again(asked: Asked, origin: Origin) -> tuple[str, ...]:
    """Words that finish it, once the key is in its place."""
    host = origin.repository.host
    words = ["restore", "--from", origin.folder, "--host", host, "--at", origin.number, "--yes"]
    words += ["--host-key", asked.host_key] if asked.host_key else []
    words += [word for code in asked.accept for word in ("--accept", code)]
    return (*words, *asked.packages.words())
