"""doors: whether each answers a stranger as it should, whether its name leads here, and whether one can sign in; and
the secrets and files that all of it stands on."""

from collections.abc import Iterator

from infrakit.host.checks.model import listed
from infrakit.plan import Answers, Run, Step
from infrakit.stack.doctor.readings import Readings
from infrakit.stack.doctor.words import UP, Trouble, trouble
from infrakit.stack.inside import container_name
from infrakit.stack.layout import secrets_folder

FOLDER_MODE, FILE_MODE = 0o700, 0o444
STATUS = {
    502: "Caddy does not reach {name}: it does not run, or listens at another port",
    503: "{name} says that it is not ready",
    504: "{name} does not answer in time",
}
CLOSED = "nobody listens there: Caddy does not run, or another program has its port"
SILENT = "no answer comes: Caddy hangs, or a firewall of this machine is between"
NO_CERTIFICATE = "Caddy has no certificate for this name yet, or another program answers at the port"
MINTED = "restore it from a backup; where nothing was made with it yet: sudo infrakit up mints a new one"


def door_wrong(readings: Readings) -> Iterator[Trouble]:
    """Caddy, at this machine, by the right name. Where no door answers it is one trouble, not one for each."""
    dumb = [(door, met.answer.problem) for door, met in readings.met if met.answer.problem]
    lost = [(door, said) for door, said in dumb if not _is_tls(said)]
    if lost:
        said = lost[0][1]
        what = f"{listed([door.hostname for door, _ in lost])}: {said}"
        yield trouble("door-silent", what, cause=CLOSED if "refused" in said else SILENT)
    for door, said in dumb:
        if _is_tls(said):
            yield trouble("door-tls", f"{door.hostname}: {said}", subject=door.hostname, cause=NO_CERTIFICATE)
    services = {route.hostname: route.service for route in readings.deployment.routes}
    for door, met in readings.met:
        answer, name = met.answer, services.get(door.hostname, "")
        wrong = door.wrong(answer)
        if not wrong or answer.problem:
            continue
        if answer.status >= 500:
            asks = "authentik" if door.sign_in == "forward_auth" else name
            why = STATUS.get(answer.status, "{name} fails").replace(
                "{name}", f"{name} (or authentik)" if asks != name else name
            )
            yield trouble("door-failing", f"{door.hostname} {wrong}", subject=door.hostname, cause=why, name=name)
        elif door.sign_in == "forward_auth" and answer.status < 400:
            called = container_name(readings.deployment.name, name)
            yield trouble("door-open", f"{door.hostname} {wrong}", subject=door.hostname, called=called)
        else:
            why = f"{name}, or Authentik, does not know it"
            yield trouble("door-failing", f"{door.hostname} {wrong}", subject=door.hostname, cause=why, name=name)


def sign_in_down(readings: Readings) -> Iterator[Trouble]:
    """Authentik's own word, by way of Caddy; where Caddy is silent the doors say so."""
    answer = readings.ready.answer if readings.ready else None
    if answer and not answer.problem and not 200 <= answer.status < 300:
        yield trouble("sign-in-down", f"Authentik says that it is not ready: {answer.status}")


def name_wrong(readings: Readings) -> Iterator[Trouble]:
    """As far as this machine's name server knows."""
    names = readings.names
    if names.unknown:
        yield trouble("name-unknown", f"nobody knows {listed(names.unknown)}")
    if names.elsewhere:
        said = [f"{name} ({', '.join(found)})" for name, found in names.elsewhere]
        yield trouble("name-elsewhere", f"another machine is where these names lead: {listed(said)}")


def fleet_door(readings: Readings) -> Iterator[Trouble]:
    """Another host's Caddy, as ours meets it."""
    for host, said in readings.fleet:
        if said:
            yield trouble("fleet-door", f"{host} {said}", subject=host, name=host)


def secret_gone(readings: Readings) -> Iterator[Trouble]:
    """Not there, or nothing in it."""
    for states, remedy in (
        (("missing", "set"), f"sudo infrakit secrets set NAME; {UP}"),
        (("not minted", "minted"), MINTED),
    ):
        there = [item for item in readings.secrets if item.state in states]
        for code, names in (
            ("secret-missing", [item.name for item in there if item.state == states[0]]),
            ("secret-empty", [item.name for item in there if item.state == states[1] and item.empty]),
        ):
            if names:
                what = f"{code.replace('-', ' ')}: {listed(names)}"
                yield trouble(code, what, subject=states[0], remedy=remedy)


def secret_open(readings: Readings) -> Iterator[Trouble]:
    """The folder shuts everybody out; any user of a container may read a file, and nobody write (system/secrets.py)."""
    folder = f"{secrets_folder(readings.deployment.host)}/secrets"
    shut = "other users of this machine can look into it"
    dumb = "who reads it in a container cannot, or somebody could change it"
    places = [(folder, *readings.folder, FOLDER_MODE, shut)]
    there = [item for item in readings.secrets if item.mode]
    places += [(f"{folder}/{item.name}", item.mode, item.owner, FILE_MODE, dumb) for item in there]
    for path, mode, owner, wanted, cause in places:
        if mode != wanted:
            step = _settled(path, ("chmod", f"{wanted:o}", path), f"{wanted:o}", "%a", ("chmod", f"{mode:o}", path))
            what = f"{path} has mode {mode:o}, and should have {wanted:o}"
            said = {"cause": cause, "mode": f"{wanted:o}", "path": path}
            yield trouble("secret-mode", what, subject=path, steps=(step,), **said)
        if owner:
            step = _settled(path, ("chown", "root:root", path), "0", "%u", ("chown", str(owner), path))
            what = f"{path} belongs to user {owner}"
            yield trouble("secret-owner", what, subject=path, path=path, steps=(step,))


def changed_by_hand(readings: Readings) -> Iterator[Trouble]:
    """All that `drift` names, but for what others here say better."""
    rest = [item for item in readings.drift if item.kind not in ("secret", "container")]
    rest = [item for item in rest if "none of ours" not in item.what]
    if rest:
        said = listed([f"{item.name.rpartition('/')[2]} ({item.what})" for item in rest])
        yield trouble("changed-by-hand", f"{len(rest)} things were changed since the last `up`: {said}")


def _settled(path: str, words: tuple[str, ...], wanted: str, shown: str, back: tuple[str, ...]) -> Step:
    is_so = Answers(("sh", "-c", f'[ "$(stat -c {shown} "$0")" = {wanted} ]', path))
    return Step(f"{words[0]} {path}", f"{path}: {words[0]} {words[1]}", (is_so,), (Run(words, 10, "", (back,)),))


def _is_tls(said: str) -> bool:
    return "ssl" in said or "tls" in said or "eof occurred" in said


CHECKS = (door_wrong, sign_in_down, name_wrong, fleet_door, secret_gone, secret_open, changed_by_hand)
