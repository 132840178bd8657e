"""A service's mounts, configs and temporary file systems -> `data`, `mounts`, `tmp` of an app, and `volumes`.

A volume of the project's is used under the name that Docker has for it, so that what is in it stays.
"""

import re
from collections.abc import Mapping

from infrakit.composed.app_inside import secret_name
from infrakit.composed.model import Grant, Mount, Resource, Service
from infrakit.composed.words import (
    CLOCK,
    DATA_FOLDERS,
    DIFFERENT,
    DROPPED,
    PRIVATE,
    REFUSED,
    SOCKET,
    WAYS,
    inner,
    literal,
    nested,
    secret_in,
    size,
)
from infrakit.composed.work import Work
from infrakit.errors import Position
from infrakit.policy.red import is_red
from infrakit.resolve.names_in_files import with_values

WRITTEN = re.compile(r"\$\{secret\.\w+\}")
ASSIGNED = re.compile(r"^[\s\"'-]*([\w.-]+)[\"']?[ \t]*[:=][ \t]*(.+)$", re.MULTILINE)
KNOWN_OPTIONS = {"create_host_path", "size", "nocopy"}


def mounts(work: Work, service: Service) -> None:
    """What it keeps, and what it sees of the host."""
    mounts: list[str] = []
    data: list[str] = []
    for mount in service.volumes:
        _mount(work, mount, mounts, data)
    for grant in service.configs:
        _config(work, grant, mounts)
    for entry in service.tmpfs:
        target, _, options = entry.partition(":")
        found = re.search(r"(?:^|,)size=(0*[1-9][0-9]*[kmg]?)", options)
        _tmp(work, target, found[1] if found else "", service.places.get("tmpfs"))
    if mounts:
        work.app["mounts"] = list(dict.fromkeys(mounts))
    if work.files:
        work.app["files"] = dict(work.files)
    if data:
        work.app["data"] = list(dict.fromkeys(data))


def _mount(work: Work, mount: Mount, mounts: list[str], data: list[str]) -> None:
    key = f"volumes.{mount.target}"
    more = sorted(set(nested(mount.others, mount.kind)) - KNOWN_OPTIONS)
    if "subpath" in more:
        work.say(key, REFUSED, "there is no key for a part of a volume", mount.at)
        return
    if more:
        work.say(f"{key}.{mount.kind}", REFUSED, f"there is no key for {', '.join(more)}", mount.at)
    end = ":ro" if mount.read_only else ""
    if mount.kind == "tmpfs":
        _tmp(work, mount.target, str(size(inner(mount, "size"))) if inner(mount, "size") else "", mount.at)
    elif mount.kind == "volume" and not mount.source and mount.target == "/tmp":
        work.say(key, DROPPED, "every app has one", mount.at)
    elif mount.kind == "volume" and not mount.source:
        data.append(mount.target)
        said = "data: a new volume of its own; what the nameless one held stays behind"
        work.say(key, DIFFERENT, said, mount.at)
    elif mount.kind == "volume":
        found = next((each for each in work.project.volumes if each.key == mount.source), None)
        bound = _bound_folder(found)
        if bound:
            _bind(work, key, mount, bound, f"{bound}:{mount.target}{end}", mounts)
            return
        name = _volume(work, mount, found)
        if name:
            options = found.driver_opts.get("o", "") if found is not None else ""
            mounts.append(f"{name}:{mount.target}{':ro' if 'ro' in options.split(',') else end}")
            there = next(iter(work.volumes[name].values()))
            work.say(key, DIFFERENT, f"mounts: {mounts[-1]}, where {name} is {there} as before", mount.at)
    elif mount.kind == "bind":
        _bind(work, key, mount, mount.source, f"{mount.source}:{mount.target}{end}", mounts)
    else:
        work.say(key, REFUSED, f"there is no key for mounts of the kind {mount.kind}", mount.at)


def _config(work: Work, grant: Grant, mounts: list[str]) -> None:
    source = next((each for each in work.project.configs if each.key == grant.source), None)
    key = f"configs.{grant.source}"
    if source is not None and source.file:
        target = grant.target or f"/{grant.source}"
        line = f"{source.file}:{target}:ro"
        _bind(work, key, Mount("bind", source.file, target, True, grant.at), source.file, line, mounts)
    elif source is not None and source.content:
        _content(work, key, grant, source.content)
    else:
        work.say(key, REFUSED, "write it into a file, and mount that", grant.at)


def _content(work: Work, key: str, grant: Grant, content: str) -> None:
    """A file of the app's; what is secret in it goes to the store of secrets, and its name into the file."""
    kept: dict[str, str] = {}

    def value_of(name: str, value: str) -> str:
        if not secret_in(name, value):
            return ""
        app = work.names[work.service.name]
        secret = work.secret_names.of(f"{name}\n{value}", secret_name(app, name))
        kept[secret] = value
        return "${secret." + secret + "}"

    said = with_values(literal(content), value_of)
    if any(secret_in(each[1], each[2].strip("\"' ,;")) for each in ASSIGNED.finditer(WRITTEN.sub("${secret}", said))):
        work.say(key, REFUSED, "write it into a file, and mount that", grant.at)
        return
    target = grant.target or f"/{grant.source}"
    work.files[target] = said
    work.say(key, DIFFERENT, f"files: {target}" + (f", with the secret {', '.join(kept)}" if kept else ""), grant.at)
    work.secrets.update(kept)
    if kept:
        before = work.app.get("user_secrets")
        asked = [*(before if isinstance(before, list) else []), *kept]
        work.app["user_secrets"] = list(dict.fromkeys(asked))


def _tmp(work: Work, target: str, wanted: str, at: Position | None) -> None:
    if target.rstrip("/") != "/tmp":
        work.say(f"tmpfs.{target}", REFUSED, WAYS["tmpfs"], at)
    elif wanted:
        work.app["tmp"] = wanted if not wanted.isdigit() else size(int(wanted))
        work.say("tmpfs./tmp", DIFFERENT, f"tmp: {wanted}", at)
    else:
        work.say("tmpfs./tmp", DROPPED, "every app has one", at)


def _bind(work: Work, key: str, mount: Mount, source: str, line: str, mounts: list[str]) -> None:
    if source in CLOCK:
        work.say(key, DROPPED, "every app is told the time zone", mount.at)
        return
    danger = _danger(source, work.folder)
    if not danger:
        real = work.leads_to(source)
        danger = _danger(real, work.leads_to(work.folder).rstrip("/") + "/")
        danger = f"{real}, {danger}" if danger else ""
    if danger:
        work.withhold(key, "mounts", line, danger, mount.at)
        return
    mounts.append(line)
    work.say(key, DIFFERENT, f"mounts: {line}", mount.at)


def _danger(source: str, folder: str) -> str:
    """What a person should know who gives a path of the host away; "" of one for data. `folder` ends in /."""
    if source.endswith((".sock", "/docker.sock.raw")):
        return SOCKET if "docker" in source else "a socket of the host's"
    if any(f"/{each}/" in f"{source}/" for each in PRIVATE):
        return "keys by which a person is believed elsewhere"
    return "" if _is_data(source, folder) else "a folder of the host's own system"


def _is_data(source: str, folder: str) -> bool:
    """Whether a path of the host is for data, or the project's own. `folder` ends in /."""
    own = folder.count("/") > (3 if folder.startswith("/home/") else 2)
    path = source.rstrip("/") + "/"
    if own and path.startswith(folder):
        return True
    return path not in DATA_FOLDERS and path.startswith(DATA_FOLDERS) and not is_red("host_path", source)


def _bound_folder(found: Resource | None) -> str:
    """The folder of the host that a volume of Docker's is."""
    options: Mapping[str, str] = found.driver_opts if found is not None else {}
    words = options.get("o", "").split(",")
    return options.get("device", "") if {"bind", "rbind"} & set(words) else ""


def _volume(work: Work, mount: Mount, found: Resource | None) -> str:
    said = _said(work, mount, found) if found is not None else None
    if found is None or said is None:
        work.say(f"volumes.{mount.target}", REFUSED, "no volume of Docker's own, and no NFS", mount.at)
        return ""
    name = work.volume_names.of(found.name, f"{work.prefix}-{mount.source}" if work.prefix else mount.source)
    work.volumes[name] = said
    work.places[f"volumes.{name}"] = mount.at
    return name


def _said(work: Work, mount: Mount, found: Resource) -> dict[str, object] | None:
    """As `volumes` has it; None for a driver that there is no key for."""
    kind, options = found.driver_opts.get("type", ""), found.driver_opts.get("o", "")
    address = re.search(r"(?:^|,)addr=([^,]+)", options)
    device = found.driver_opts.get("device", "").removeprefix(":")
    if kind.startswith("nfs") and address is not None and device.startswith("/"):
        more = [
            each
            for each in options.split(",")
            if each and not each.startswith(("addr=", "nfsvers=4")) and each not in ("ro", "rw")
        ]
        if more:
            said = f"options of NFS that there is no key for: {', '.join(more)}"
            work.say(f"volumes.{mount.target}.driver_opts", REFUSED, said, mount.at)
        server = address[1].strip("[]")
        return {"nfs": f"[{server}]:{device}" if ":" in server else f"{server}:{device}"}
    if found.driver not in ("", "local") or found.driver_opts:
        return None
    return {"external": found.name}
