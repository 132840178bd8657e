"""infrakit.lock as data: what every image of the file is, exactly, and Docker's packages; an old lock and what was
asked -> the new one.

Pure. Images stand under their full names without the mirror. text.py reads and prints the file, entries.py has what is
in it; they are loaded only where there is one.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from infrakit.lock.entries import LockedImage, LockedName, LockedPackage


class LockFile(NamedTuple):
    """As it stands on the disk; `name` is what messages call it."""

    name: str
    content: bytes


class Lock(NamedTuple):
    """`images` by full name; `packages` by system ("debian-trixie-amd64"), then by name. `document` is what messages
    call the file."""

    images: "Mapping[str, LockedName]"
    document: str = "infrakit.lock"
    packages: "Mapping[str, Mapping[str, LockedPackage]]" = {}


def parse(source: bytes, document: str) -> Lock:
    """Raises ConfigurationInvalid with every problem and its place."""
    from infrakit.lock.text import read

    return read(source, document)


def render(lock: Lock) -> bytes:
    """The file. The same Lock is the same bytes."""
    from infrakit.lock.text import printed

    return printed(lock)


def full_name(image: str) -> str:
    """An image with its registry spelled out, as Docker reads it: "caddy:2" -> "docker.io/library/caddy:2"."""
    first, slash, _ = image.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return image
    return f"docker.io/{image}" if slash else f"docker.io/library/{image}"


def mirrored_name(image: str, mirror: str) -> str:
    """`image` as it is fetched: behind the mirror, where there is one and the image is not named there already."""
    before = f"{mirror.rstrip('/')}/"
    return f"{before}{full_name(image)}" if mirror and not image.startswith(before) else image


def locked_name(image: str, mirror: str) -> str:
    """The other way round: the name under which an image of a Deployment stands in a lock."""
    behind = image.removeprefix(f"{mirror.rstrip('/')}/") if mirror else image
    # What stands behind a mirror names its registry; what does not is an image of the mirror's own.
    return behind if behind == full_name(behind) else full_name(image)


def untagged(name: str) -> str:
    """A name without its tag and digest; a port is no tag."""
    name = name.partition("@")[0]
    head, colon, tag = name.rpartition(":")
    return head if colon and "/" not in tag else name


def updated(old: Lock, wanted: Mapping[str, Iterable[str]], asked: "Mapping[str, LockedName]") -> Lock:
    """What `wanted` names (name -> processors), no more: from `asked` where it was asked, else as it was."""
    images = {}
    for name, architectures in wanted.items():
        before, now = old.images.get(name), asked.get(name)
        known = {**(before.images if before else {}), **(now.images if now else {})}
        locked = now or before
        assert locked is not None, "what is wanted, and was not there, was asked for"
        images[name] = locked._replace(images={item: known[item] for item in sorted(architectures)})
    return old._replace(images=images)


def lacking(lock: Lock, wanted: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    """What `wanted` names and the lock has not: name -> processors."""
    found = {
        name: [item for item in sorted(architectures) if item not in _images(lock, name)]
        for name, architectures in wanted.items()
    }
    return {name: missing for name, missing in sorted(found.items()) if missing}


def leftover(lock: Lock, wanted: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    """What the lock has and `wanted` does not name: name -> processors."""
    found = {name: sorted(set(locked.images) - set(wanted.get(name, ()))) for name, locked in lock.images.items()}
    return {name: left for name, left in sorted(found.items()) if left}


def _images(lock: Lock, name: str) -> "Mapping[str, LockedImage]":
    locked = lock.images.get(name)
    return locked.images if locked else {}


def changes(before: Lock, after: Lock) -> list[str]:
    """Two locks -> lines for a person."""
    lines = []
    for name in sorted({*before.images, *after.images}):
        old, new = before.images.get(name), after.images.get(name)
        if old is None or new is None:
            lines.append(
                f"{'+' if old is None else '-'} {name}"
                + (f": {', '.join(new.images)}, {short(new.index)}" if new else "")
            )
        elif old.index != new.index:
            lines.append(f"~ {name}: {short(new.index)}, was {short(old.index)}")
        elif old != new:
            gained, lost = set(new.images) - set(old.images), set(old.images) - set(new.images)
            words = [f"and {item}" for item in sorted(gained)] + [f"without {item}" for item in sorted(lost)]
            lines.append(f"~ {name}: {', '.join(words) or 'as its index says'}")
    return lines + _package_changes(before, after)


def _package_changes(before: Lock, after: Lock) -> list[str]:
    lines = []
    for system in sorted({*before.packages, *after.packages}):
        old, new = before.packages.get(system, {}), after.packages.get(system, {})
        for name in sorted({*old, *new}):
            if name not in old or name not in new:
                lines.append(
                    f"{'+' if name in new else '-'} {system} {name}" + (f": {new[name].version}" if name in new else "")
                )
            elif old[name] != new[name]:
                lines.append(f"~ {system} {name}: {new[name].version}, was {old[name].version}")
    return lines


def short(digest: str) -> str:
    """Enough of a digest for a person."""
    return digest[: len("sha256:") + 12]
