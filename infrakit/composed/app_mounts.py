"""A service's mounts, configs and temporary file systems -> `data`, `mounts`, `tmp` of an app, and `volumes`."""

import re

from infrakit.composed.model import Mount, Service
from infrakit.composed.words import CLOCK, DATA_FOLDERS, DIFFERENT, DROPPED, REFUSED, WAYS, inner, nested, size, volume
from infrakit.composed.work import Work
from infrakit.errors import Position


def mounts(work: Work, service: Service) -> None:
    """What it keeps, and what it sees of the host."""
    mounts: list[str] = []
    data: list[str] = []
    for mount in service.volumes:
        key = f"volumes.{mount.target}"
        more = nested(mount.others, mount.kind)
        if set(more) - {"create_host_path", "size"}:
            names = ", ".join(sorted(set(more) - {"create_host_path", "size"}))
            work.say(f"{key}.{mount.kind}", REFUSED, f"there is no key for {names}", mount.at)
        end = ":ro" if mount.read_only else ""
        if mount.kind == "tmpfs":
            _tmp(work, mount.target, str(size(inner(mount, "size"))) if inner(mount, "size") else "", mount.at)
        elif mount.kind == "volume" and not mount.source:
            data.append(mount.target)
            work.say(key, DIFFERENT, "data: kept in a volume of its own", mount.at)
        elif mount.kind == "volume":
            name = _volume(work, mount)
            if name:
                mounts.append(f"{name}:{mount.target}{end}")
                work.say(key, DIFFERENT, f"{mounts[-1]}, the volume that is there", mount.at)
        elif mount.kind == "bind":
            _bind(work, key, mount, f"{mount.source}:{mount.target}{end}", mounts)
        else:
            work.say(key, REFUSED, f"there is no key for mounts of the kind {mount.kind}", mount.at)
    for grant in service.configs:
        source = next((each for each in work.project.configs if each.key == grant.source), None)
        if source is not None and source.file:
            mounts.append(f"{source.file}:{grant.target or '/' + grant.source}:ro")
            work.say(f"configs.{grant.source}", DIFFERENT, f"mounts: {mounts[-1]}", grant.at)
        else:
            work.say(f"configs.{grant.source}", REFUSED, "write it into a file, and mount that", grant.at)
    for entry in service.tmpfs:
        target, _, options = entry.partition(":")
        found = re.search(r"(?:^|,)size=([0-9]+[kmg]?)", options)
        _tmp(work, target, found[1] if found else "", service.places.get("tmpfs"))
    if mounts:
        work.app["mounts"] = mounts
    if data:
        work.app["data"] = data


def _tmp(work: Work, target: str, wanted: str, at: Position | None) -> None:
    if target.rstrip("/") != "/tmp":
        work.say(f"tmpfs.{target}", REFUSED, WAYS["tmpfs"], at)
    elif wanted:
        work.app["tmp"] = wanted
        work.say("tmpfs./tmp", DIFFERENT, f"tmp: {wanted}", at)
    else:
        work.say("tmpfs./tmp", DROPPED, "every app has one", at)


def _bind(work: Work, key: str, mount: Mount, line: str, mounts: list[str]) -> None:
    source = mount.source
    if source in CLOCK:
        work.say(key, DROPPED, "every app is told the time zone", mount.at)
    elif source.endswith("/docker.sock"):
        work.withhold(key, "mounts", line, "whoever has Docker's socket is root on the host", mount.at)
    elif (source + "/").startswith((work.folder, *DATA_FOLDERS)) and source + "/" not in DATA_FOLDERS:
        mounts.append(line)
        work.say(key, DIFFERENT, f"mounts: {line}", mount.at)
    else:
        work.withhold(key, "mounts", line, "a folder of the host's own system", mount.at)


def _volume(work: Work, mount: Mount) -> str:
    found = next((each for each in work.project.volumes if each.key == mount.source), None)
    name = re.sub(r"[^a-z0-9]+", "-", mount.source.lower()).strip("-") or "volume"
    said = volume(found) if found is not None else None
    if said is None:
        work.say(f"volumes.{mount.target}", REFUSED, "no volume of Docker's own, and no NFS", mount.at)
        return ""
    work.volumes[name] = said
    return name
