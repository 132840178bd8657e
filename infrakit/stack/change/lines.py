"""Images that ran x images that are to run -> where the new one does not open what the old one left."""

from collections.abc import Iterator

from infrakit.catalog import load_catalog
from infrakit.catalog.model import Lines
from infrakit.catalog.versions import by_repository, line, tag_of, version
from infrakit.host.checks import Finding
from infrakit.lock import full_name, untagged
from infrakit.model import Container, Deployment
from infrakit.policy.broken import containers


def judge(before: Deployment | None, after: Deployment) -> list[Finding]:
    """`before`: what is in force. The catalogue is read only where something moved."""
    old = {item.name: item for _, item in containers(before)} if before else {}
    moved = [
        (service.name, old[item.name], item)
        for service, item in containers(after)
        if item.name in old and tag_of(item.image) != tag_of(old[item.name].image)
    ]
    known = by_repository(load_catalog()) if moved else {}
    found: dict[tuple[str, str], Finding] = {}
    for service, was, item in moved:
        name = next((name for name in known if _is_of(item.image, name) and _is_of(was.image, name)), "")
        lines = known[name].lines if name else None
        if lines and _is_the_same(was, item):
            for finding in _leap(service, name, tag_of(was.image), tag_of(item.image), lines):
                found.setdefault((service, name), finding)
    return list(found.values())


def _is_of(image: str, name: str) -> bool:
    """Whichever mirror it comes from."""
    return f"/{untagged(full_name(image))}".endswith(f"/{name}")


def _is_the_same(was: Container, item: Container) -> bool:
    """Whether it would find what the old one left: in a volume or folder, or in a database elsewhere."""
    places = [
        {mount.source for mount in one.mounts if mount.kind in ("volume", "shared", "host")} for one in (was, item)
    ]
    return not any(places) or bool(places[0] & places[1])


def _leap(service: str, name: str, old: str, new: str, lines: Lines) -> Iterator[Finding]:
    was, now = line(old, lines), line(new, lines)
    if not was or not now or was == now:
        return
    between = [tag for tag in lines.through if was < version(tag)[: lines.numbers] < now]
    what = f"{service} ran {name}:{old}, and {new} does not open what that left"
    if now < was:
        remedy = f"stay with {old}; or begin anew, or with a backup of that time: infrakit uninstall --purge first"
    elif not lines.through:
        remedy = lines.how or f"stay with {old}"
    elif between:
        first, *more = (f"{name}:{tag}" for tag in between)
        also = f"; the same with {', '.join(more)}" if more else ""
        remedy = f"`image: {first}` for {service} in the file, and sudo infrakit up{also}; then this"
    else:
        return
    yield Finding("other-line", "error", what, remedy)
