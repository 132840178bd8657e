"""A service's command, labels, environment and secrets -> those of an app.

Values that are secrets go to `Work.secrets`; the line has their name.
"""

import re

from infrakit.composed.doors import PROXY_VARIABLES, is_proxy_label
from infrakit.composed.model import Service
from infrakit.composed.words import DIFFERENT, DROPPED, REFUSED, TAKEN, secret_name
from infrakit.composed.work import Work
from infrakit.policy.secrets import what_is_secret


def words(work: Work, service: Service) -> None:
    """What runs in it and as whom, and its labels."""
    for key in ("command", "entrypoint"):
        words = getattr(service, key)
        if words:
            hidden = [word for word in words if what_is_secret(key, word)]
            if hidden:
                work.say(key, REFUSED, "a secret stands in it: let the app read it from a file or its environment")
            else:
                work.set(key, list(words), key)
    for key in ("working_dir", "init", "hostname"):
        if getattr(service, key):
            work.set(key, getattr(service, key), key)
    if re.fullmatch(r"[0-9]{1,10}(:[0-9]{1,10})?", service.user):
        work.set("user", service.user, "user")
    if not service.read_only:
        work.app["writable"] = True
    labels: dict[str, str] = {}
    for label in service.labels:
        if not is_proxy_label(label.name):
            if what_is_secret(label.name, label.value or "") or "${" in (label.value or ""):
                work.say(f"labels.{label.name}", REFUSED, "a secret, or a ${, stands in it", label.at)
            else:
                labels[label.name] = label.value or ""
        else:
            work.say(f"labels.{label.name}", DROPPED, "InfraKit's own proxy serves the app", label.at)
    if labels:
        work.set("labels", labels, "labels")


def environment(work: Work, service: Service) -> None:
    """Variables, and secrets that it reads as files."""
    values: dict[str, str] = {}
    for each in service.environment:
        key = f"environment.{each.name}"
        if each.name in PROXY_VARIABLES:
            work.say(key, DROPPED, "InfraKit's own proxy serves the app", each.at)
        elif each.value is None:
            work.say(key, REFUSED, "it has no value here: write it into .env", each.at)
        elif what_is_secret(each.name, each.value):
            name = _secret(work, f"{work.names[service.name]}_{each.name}", each.value)
            values[each.name] = "${secret." + name + "}"
            work.say(key, DIFFERENT, f"the secret {name}", each.at)
        elif "${" in each.value:
            work.say(key, REFUSED, "a value with ${ in it means something else here", each.at)
        else:
            values[each.name] = each.value
            work.say(key, TAKEN, "", each.at)
    if values:
        work.app["environment"] = values
    if "environment" in service.places and not service.environment:
        work.say("environment", DROPPED, "it is empty")
    granted = []
    for grant in service.secrets:
        name = secret_name(grant.source)
        granted += [] if name in granted else [name]
        file = next((each.file for each in work.project.secrets if each.key == grant.source), "")
        if file:
            work.secret_files[name] = file
        moved = grant.target.rpartition("/")[2] != name
        said = f"/run/secrets/{name}" if moved else ""
        work.say(f"secrets.{grant.source}", DIFFERENT if moved else TAKEN, said, grant.at)
    if granted:
        work.app["secrets"] = granted


def _secret(work: Work, wanted: str, value: str) -> str:
    name = secret_name(wanted)
    work.secrets[name] = value
    return name
