"""A service's command, labels, environment and secrets -> those of an app.

Values that are secrets go to `Work.secrets`; the line has their name.
"""

import re

from infrakit.composed.doors import PROXY, PROXY_VARIABLES, instead_of
from infrakit.composed.model import Resource, Service, Variable
from infrakit.composed.words import DIFFERENT, DROPPED, REFUSED, TAKEN, literal, secret_in
from infrakit.composed.work import SECRETS, Work
from infrakit.policy.secrets import named_in

MOVED = "with the names that others have here"
HIDDEN = "a secret stands in it: let the app read it from a file or its environment"


def words(work: Work, service: Service) -> None:
    """What runs in it and as whom, and its labels."""
    for key in ("command", "entrypoint"):
        found: tuple[str, ...] | None = getattr(service, key)
        if found and hides(key, found):
            work.say(key, REFUSED, HIDDEN)
        elif found:
            meant = [work.meant("", word) for word in found]
            work.set(key, meant, key)
            if tuple(meant) != found:
                work.say(f"{key}.names", DIFFERENT, MOVED)
    for key in ("working_dir", "init", "hostname"):
        said = getattr(service, key)
        if key == "hostname" and work.is_another(said):
            work.say(key, REFUSED, "a container is called so here: who looks for it could find this one")
        elif said:
            work.set(key, said, key)
            work.known_names |= {said.lower()} if key == "hostname" else set()
    if re.fullmatch(r"[0-9]{1,10}(:[0-9]{1,10})?", service.user):
        work.set("user", service.user, "user")
    if not service.read_only:
        work.app["writable"] = True
    _labels(work, service)


def hides(key: str, words: tuple[str, ...]) -> bool:
    """Whether a secret stands in a command, or in a health check."""
    named = [(name, value) for _, name, value in named_in(key, words)]
    return any(secret_in(name, value) for name, value in [*((key, word) for word in words), *named])


def _labels(work: Work, service: Service) -> None:
    labels: dict[str, str] = {}
    for label in service.labels:
        value = label.value or ""
        why = instead_of(label.name)
        if why:
            work.say(f"labels.{label.name}", DROPPED, why, label.at)
        elif secret_in(label.name, value) or "${" in value:
            work.say(f"labels.{label.name}", REFUSED, "a secret, or a ${, stands in it", label.at)
        else:
            labels[label.name] = value
    if labels:
        work.set("labels", labels, "labels")


def environment(work: Work, service: Service) -> None:
    """Variables, and secrets that it reads as files."""
    values: dict[str, str] = {}
    asked = _granted(work, service)
    for each in service.environment:
        secret = _variable(work, service, each, values)
        asked += [secret] if secret else []
    if values:
        work.app["environment"] = values
    if "environment" in service.places and not service.environment:
        work.say("environment", DROPPED, "it is empty")
    if asked:
        work.app["user_secrets"] = asked


def _variable(work: Work, service: Service, each: Variable, values: dict[str, str]) -> str:
    """The name of the secret that its value is; "" for anything else."""
    key = f"environment.{each.name}"
    if each.name in PROXY_VARIABLES:
        work.say(key, DROPPED, PROXY, each.at)
    elif each.value is None:
        work.say(key, REFUSED, "it has no value here: write it into .env", each.at)
    else:
        value = work.meant(each.name, each.value)
        moved = "" if value == each.value else MOVED
        if secret_in(each.name, value):
            name = work.secret_names.of(f"{each.name}\n{value}", secret_name(work.names[service.name], each.name))
            work.secrets[name] = value
            values[each.name] = "${secret." + name + "}"
            work.say(key, DIFFERENT, f"the secret {name}" + (f", {moved}" if moved else ""), each.at)
            return name
        if "$${" in value:
            work.say(key, REFUSED, "a value with $${ in it means something else here", each.at)
        else:
            values[each.name] = literal(value)
            moved = moved or ("" if values[each.name] == value else "$${ is a plain ${ here")
            work.say(key, DIFFERENT if moved else TAKEN, moved, each.at)
    return ""


def secret_name(app: str, variable: str) -> str:
    """minio, MINIO_ROOT_PASSWORD -> minio_root_password; the same variable with the same value is one secret."""
    start = app.replace("-", "_")
    return variable if variable.lower().startswith(f"{start}_") else f"{start}_{variable}"


def _granted(work: Work, service: Service) -> list[str]:
    granted: list[str] = []
    for grant in service.secrets:
        name = work.granted(grant.source)
        granted += [] if name in granted else [name]
        source = next((each for each in work.project.secrets if each.key == grant.source), None)
        kept = source is not None and _keep(work, name, source)
        path = grant.target or SECRETS + grant.source
        path = path if path.startswith("/") else SECRETS + path
        said = "user_secrets" if path == SECRETS + name else f"user_secrets, at {SECRETS}{name}"
        said += "" if kept else f"; its value is elsewhere: infrakit secrets set {name}"
        work.say(f"secrets.{grant.source}", DIFFERENT, said, grant.at)
    return granted


def _keep(work: Work, name: str, source: Resource) -> bool:
    """Whether what the secret holds is known."""
    if source.file:
        work.secret_files[name] = source.file, source.at
    elif source.value:
        work.secrets[name] = source.value
    return bool(source.file or source.value)
