"""The file, and which of its hosts this machine is."""

import os
import shlex
import socket
from collections.abc import Callable, Collection

import click

from infrakit.cli import source
from infrakit.cli.talk import say
from infrakit.compiler import Compiled
from infrakit.config.reader import MAXIMUM_BYTES
from infrakit.errors import UsageProblem
from infrakit.host.checks import Finding
from infrakit.host.fit import fitted
from infrakit.model import Deployment
from infrakit.plan import Step
from infrakit.plan.actions import state_of
from infrakit.stack import installed, moves
from infrakit.stack.change import lines
from infrakit.stack.change.applied import in_force
from infrakit.stack.layout import CONFIGURATION, HOSTS, INSTALLED, LOCKED
from infrakit.stack.move.under import judge as moved
from infrakit.system import secrets
from infrakit.system.certificates import FLEET_KINDS
from infrakit.system.files import only_ours
from infrakit.system.machine import Machine
from infrakit.system.stamp import lock_beside

WHICH = (
    "The file; of infrakit.yaml in this folder and the installed one that which was changed since they were the same."
)
FILE = click.option("-f", "--file", metavar="FILE", help=WHICH)
"""Of verbs that change a machine."""
RUNNING = click.option(
    "-f", "--file", metavar="FILE", help="The file; the installed one, else infrakit.yaml in this folder."
)
"""Of verbs about what runs."""
YES = click.option("--yes", is_flag=True, help="Do not ask.")
DRY_RUN = click.option(
    "--dry-run", is_flag=True, help="Change nothing; print the plan. Exit code 6 where something would change."
)
CHANGE_JSON = click.option("--json", "as_json", is_flag=True, help="Print the plan, or what happens, as JSON.")
BUILD = "build"
OUTPUT = click.option(
    "-o",
    "--output",
    metavar="FOLDER",
    help=f"Where the trees are; of the installed file {HOSTS}, else {BUILD} in this folder.",
)


def find(file: str | None) -> source.Source:
    """-f FILE; else of infrakit.yaml in this folder and the installed one the one that there is, or that was changed
    since they were the same. UsageProblem where both were."""
    if not file and os.path.exists(CONFIGURATION):
        choice = _choice() if os.path.exists(source.FILE) else installed.Choice(installed=True)
        if choice.both:
            what = f"{source.FILE} in this folder and {CONFIGURATION} differ, and none is merely the older one"
            raise UsageProblem(what, f"name the one that counts: -f {source.FILE}, or -f {CONFIGURATION}")
        if choice.installed and choice.differ:
            say(f"note: {CONFIGURATION} was changed, and counts; {source.FILE} in this folder is as it was before")
        file = CONFIGURATION if choice.installed else source.FILE
    return _ours(source.find(file, None))


def running(file: str | None) -> source.Source:
    """-f FILE; else the installed file, which is what runs here; else infrakit.yaml in this folder."""
    return _ours(source.find(file or (CONFIGURATION if os.path.exists(CONFIGURATION) else None), None))


def _choice() -> installed.Choice:
    machine = Machine()

    def reader(folder: str) -> Callable[[str], bytes | None]:
        return lambda name: machine.read(os.path.join(folder, name), MAXIMUM_BYTES)

    if not os.access(CONFIGURATION, os.R_OK):
        return installed.Choice(installed=False)  # only root may look there
    return installed.choose(installed.last_states(machine.read(INSTALLED)), reader("."), reader(installed.FOLDER))


def edited(found: source.Source, *, asks: bool) -> list[Finding]:
    """Where the installed file was changed by hand, and what takes its place does not have that: an error where nobody
    sees the difference and is asked."""
    machine = Machine()
    current = machine.read(CONFIGURATION, MAXIMUM_BYTES)
    if current in (None, found.content) or state_of(current) in installed.known_states(machine.read(INSTALLED)):
        return []
    what = f"{CONFIGURATION} was changed since it was installed, and {found.name} would take its place"
    remedy = f"the plan shows what differs (--dry-run); to keep it: -f {CONFIGURATION}"
    return [Finding("file-edited", "warning" if asks else "error", what, remedy)]


def file_to_install(found: source.Source) -> tuple[Step, ...]:
    """Steps that make a file, once it is compiled, the one of this machine."""
    others = tuple((name, found.read_blueprint(name)) for name in dict.fromkeys(found.blueprints))
    lock = found.lock.content if found.lock else None
    file = installed.File(found.name, found.content, others, lock, is_installed(found))
    return installed.file_steps(file, other_lock=os.path.exists(LOCKED))


def _ours(found: source.Source) -> source.Source:
    """Refuses what others than root may change, now and where it is read."""

    def read_blueprint(name: str) -> bytes:
        only_ours(os.path.join(os.path.dirname(found.path), name))
        return found.read_blueprint(name)

    for path in (found.path, *([lock_beside(found.path)] if found.lock else [])):
        only_ours(path)
    return found._replace(read_blueprint=read_blueprint)


def is_installed(found: source.Source) -> bool:
    """Whether it is the file that was installed, however it was named."""
    return bool(found.path) and os.path.realpath(found.path) == os.path.realpath(CONFIGURATION)


def secrets_place(found: source.Source, output: str | None) -> str:
    """The folder that holds one for each host, with its secrets."""
    return output or (HOSTS if is_installed(found) else BUILD)


def deployment_of(compiled: Compiled, name: str | None) -> Deployment:
    """This machine: the host called `name`, or the only one, or the one called like it; without what its kernel cannot
    do."""
    deployment, notes = fitted(named(compiled, name), Machine())
    for note in notes:
        say(f"note: {note}")
    return deployment


def named(compiled: Compiled, name: str | None) -> Deployment:
    """The same, as the file has it."""
    hosts = list(compiled.fleet.deployments)
    wanted = name or (hosts[0].host if len(hosts) == 1 else _called(compiled.fleet.deployments.names()))
    for deployment in hosts:
        if deployment.host == wanted:
            return deployment
    known = ", ".join(deployment.host for deployment in hosts[:8])
    if name:
        raise UsageProblem(f"there is no host {name} in the file", f"one of: {known}")
    raise UsageProblem(
        f"this machine is called {wanted}, and no host of the file is", f"name it: --host NAME, one of: {known}"
    )


def _called(hosts: Collection[str]) -> str:
    """What this machine was brought up as, where the file still has that; else its own name."""
    _, host = moves.in_force(Machine())
    return host if host in hosts else socket.gethostname().partition(".")[0]


def data(compiled: Compiled, deployment: Deployment) -> moves.Seen:
    """What earlier runs left here; nothing that anybody but root could see."""
    return moves.Seen() if os.geteuid() else moves.look(Machine(), deployment, compiled.fleet.deployments.names())


def missing(deployment: Deployment, seen: moves.Seen) -> list[str]:
    """Secrets that only the user has, and did not set yet."""
    states = secrets.states(f"{HOSTS}/{deployment.host}", deployment.host, deployment.secrets)
    return [state.name for state in states if state.state == "missing" and state.name not in seen.carried]


def _is_apart(deployment: Deployment) -> bool:
    """Whether what only the core can make is wanted, and not there."""
    if os.geteuid():
        return False  # nobody else can see them
    states = secrets.states(f"{HOSTS}/{deployment.host}", deployment.host, deployment.secrets)
    return any(state.spec.kind in FLEET_KINDS and state.state == "not minted" for state in states)


def findings(
    file: source.Source, compiled: Compiled, deployment: Deployment, seen: moves.Seen, given: Collection[str] = ()
) -> list[Finding]:
    """Where this is another machine than the file says, the data that is here is not the file's, or a secret is missing
    that only the user has."""
    found = moves.judge(seen, deployment, compiled.fleet.deployments.names())
    architecture = Machine().run(("dpkg", "--print-architecture")).out.strip()
    if deployment.architecture and architecture and architecture != deployment.architecture:
        what = f"this machine is {architecture}, and {deployment.host} in the file is {deployment.architecture}"
        remedy = f"correct hosts.{deployment.host}.architecture, or name the host that this machine is: --host NAME"
        found.append(Finding("other-architecture", "error", what, remedy))
    found += lines.judge(_in_force(), deployment)
    found += [] if os.geteuid() else moved(Machine(), deployment)
    if deployment.core not in ("", deployment.host) and _is_apart(deployment):
        what = f"this machine has no certificate of the fleet: no door of {deployment.core} would lead here"
        remedy = f"on {deployment.core}: sudo infrakit secrets export --for {deployment.host}; it says what comes then"
        found.append(Finding("fleet-apart", "error", what, remedy))
    names = [name for name in missing(deployment, seen) if name not in given]
    if names:
        remedy = _set_it(names[0], file, deployment.host)
        found.append(Finding("secret-missing", "error", f"missing secret: {', '.join(names)}", remedy))
    return found


def _in_force() -> Deployment | None:
    applied = None if os.geteuid() else in_force(Machine())
    return applied.deployment if applied else None


def _set_it(name: str, file: source.Source, host: str) -> str:
    """The command that works in this folder, before the file is installed too."""
    words = ["sudo", "infrakit", "secrets", "set", name]
    if not is_installed(file):
        words += ["-f", file.name, "-o", HOSTS, "--host", host]
    elif os.path.exists(source.FILE):
        words += ["-f", CONFIGURATION]
    return shlex.join(words) if file.path else f"infrakit init, and then: {shlex.join(words)}"
