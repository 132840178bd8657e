"""Names of images -> what a lock says of them, asked of their registries."""

from collections.abc import Callable, Container, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from infrakit.catalog.outdated import Heard
from infrakit.errors import InfraKitError
from infrakit.lock import mirrored_name, untagged
from infrakit.lock.entries import LockedImage, LockedName
from infrakit.system.registry.client import Client
from infrakit.system.registry.names import parse_reference


def ask(client: Client, name: str, mirror: str, architectures: Iterable[str], index: str = "") -> LockedName:
    """What `name` (as a lock has it) stands for, by its tag, or by the digest `index` where it is locked already."""
    reference = mirrored_name(name, mirror)
    found = client.image(f"{untagged(reference)}@{index}" if index else reference, architectures)
    images = {
        key: LockedImage(image.manifest.digest, image.config.digest, image.size) for key, image in found.images.items()
    }
    return LockedName(found.top.digest, images)


def moved(client: Client, name: str, mirror: str, locked: LockedName) -> str:
    """The digest that the tag of `name` has now, "" where it is still the locked one. A name with a digest does not
    move."""
    if "@" in name:
        return ""
    now = client.digest(mirrored_name(name, mirror))
    return "" if now == locked.index else now


AT_ONCE = 8


def hear(
    wanted: Mapping[str, tuple[str, str]],
    mirror: str,
    tell: Callable[[str], None],
    *,
    only: Container[str] | None = None,
) -> dict[str, Heard]:
    """What the registries say of each name by now; `wanted`: name -> (a processor, the locked index or ""). What one
    does not say is its Heard.problem, and nobody else's. `only`: those whose tags are of use; then it is not asked
    either when what runs was built."""

    def ask_one(item: tuple[str, tuple[str, str]]) -> Heard:
        (name, (architecture, index)), heard = item, Heard()
        reference = mirrored_name(name, mirror)
        try:
            with Client(tell=tell, attempts=2) as client:
                heard = heard._replace(digest="" if "@" in name else client.digest(reference))
                if only is None:
                    exact = f"{untagged(reference)}@{index}" if index else reference
                    heard = heard._replace(built=client.built(exact, architecture))
                return heard._replace(tags=tuple(client.tags(reference))) if only is None or name in only else heard
        except InfraKitError as error:
            return heard._replace(problem=error.message)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(wanted, pool.map(ask_one, wanted.items())))


def announcement(names: Iterable[str], mirror: str, tell: Callable[[str], None]) -> None:
    """Say whom we are about to ask, where it is anybody."""
    counts: dict[str, int] = {}
    for name in names:
        registry = parse_reference(mirrored_name(name, mirror)).host
        counts[registry] = counts.get(registry, 0) + 1
    if counts:
        tell(
            "asking "
            + ", ".join(
                f"{registry} about {count} image{'' if count == 1 else 's'}"
                for registry, count in sorted(counts.items())
            )
        )


def to_ask(
    locked: Mapping[str, LockedName], wanted: Mapping[str, Iterable[str]], upgraded: Iterable[str]
) -> dict[str, str]:
    """Name -> "" where its tag is to be asked, or the index that the missing processors are to be taken from."""
    anew = set(upgraded)
    found = {}
    for name, architectures in wanted.items():
        before = locked.get(name)
        if before is None or name in anew:
            found[name] = ""
        elif not set(architectures) <= set(before.images):
            found[name] = before.index
    return found
