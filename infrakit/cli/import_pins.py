"""Images without a version -> the same with the digest that their registry has behind the name today.

Whoever adds what says `latest` gets what that is now, and not something else tomorrow.
"""

from collections.abc import Callable

from infrakit.composed.words import DIFFERENT, REFUSED, Converted, Row
from infrakit.errors import InfraKitError, Problem
from infrakit.lock import full_name, mirrored_name
from infrakit.policy.containers import is_pinned
from infrakit.system.patience import NoSuchImage
from infrakit.system.registry.client import Client
from infrakit.system.registry.names import parse_reference

ATTEMPTS = 2
REMEDY = "name a version"


class _Asked:
    """What registries say; one that does not answer is not asked again."""

    def __init__(self, mirror: str, client: Client) -> None:
        self.mirror, self.client = mirror, client
        self.found: dict[str, str] = {}
        self.silent: dict[str, InfraKitError] = {}

    def digest(self, image: str) -> str:
        reference = mirrored_name(full_name(image), self.mirror)
        registry = parse_reference(reference).host
        if registry in self.silent:
            raise self.silent[registry]
        if image not in self.found:
            try:
                self.found[image] = self.client.digest(reference)
            except NoSuchImage:
                raise
            except InfraKitError as error:
                self.silent[registry] = error
                raise
        return self.found[image]


def pinned(found: Converted, mirror: str, tell: Callable[[str], None]) -> tuple[Converted, list[Problem]]:
    """`found` with digests, and a warning for each image that nobody could be asked about. `mirror`: as in the
    file."""
    apps = {name: dict(app) for name, app in found.apps.items()}
    rows: list[Row] = []
    warnings: list[Problem] = []
    with Client(tell=tell, attempts=ATTEMPTS) as client:
        asked = _Asked(mirror, client)
        for name, app in apps.items():
            image = str(app.get("image", ""))
            if is_pinned(image):
                continue
            at, service = found.places[f"apps.{name}"], found.services.get(name, name)
            try:
                digest = asked.digest(image)
            except InfraKitError as error:
                what = f"{image} has no version, and its registry did not say which one it is today: {error.message}"
                warnings.append(Problem(at, what, "image-not-pinned", REMEDY, "warning"))
                rows.append(Row(service, "image.version", at, REFUSED, f"it has none: {REMEDY}"))
            else:
                app["image"] = f"{image}@{digest}"
                rows.append(Row(service, "image.version", at, DIFFERENT, f"what it is today: {digest}"))
    return found._replace(apps=apps, rows=(*found.rows, *rows)), warnings
