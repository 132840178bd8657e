"""apps.*: names of their own, everything that an app needs, no circles."""

from infrakit.catalog.model import Catalog
from infrakit.config.doors import KEYS as DOOR_KEYS
from infrakit.config.model import AppConfig, Config, Path
from infrakit.config.nearest import nearest
from infrakit.errors import Problem
from infrakit.resolve.apps import page, volume_name
from infrakit.resolve.containers import final_volume
from infrakit.resolve.networks import SUFFIX
from infrakit.resolve.world import Locate

RESERVED = ("authorize", "token", "device", "userinfo", "introspect", "revoke")
"""Slugs that Authentik keeps for itself."""

OWN_NAMES = ("localhost", "ip6-allnodes", "ip6-allrouters", "ip6-localhost", "ip6-localnet", "ip6-loopback")
"""What every container takes for itself before it asks anybody: Docker writes these into its /etc/hosts."""

HOST_NETWORK = "host"
"""What network of an app says for the machine's own, where it could be an app."""

KEPT_EMPTY = ("dev", "proc", "sys", "tmp")
"""Folders of a container that a volume would hide."""

FOLDERS = ("secrets", "services", "systemd")
"""Folders of the output that are not a service's."""


def app_names(config: Config, catalog: Catalog, locate: Locate) -> list[Problem]:
    """An app has no name of the catalogue's, nor one that Authentik or a container of the catalogue has."""
    containers = {item.name for blueprint in catalog.blueprints.values() for item in blueprint.containers}
    found = []
    for app in config.apps:
        position = locate(app.path, key=True)
        if app.name in catalog.blueprints:
            what, hint = (
                f"apps.{app.name}: the catalogue has a service of this name",
                f"configure it under services.{app.name}, or rename the app",
            )
        elif app.name in containers or app.name.endswith("-socket"):
            what, hint = f"apps.{app.name}: a container of the catalogue has this name", "rename the app"
        elif app.name in FOLDERS:
            what, hint = f"apps.{app.name}: a folder of the output has this name", "rename the app"
        elif app.name in OWN_NAMES:
            what, hint = f"apps.{app.name}: every container takes this name for itself", "rename the app"
        elif app.name == HOST_NETWORK:
            what, hint = f"apps.{app.name}: network: {app.name} is the machine's own network", "rename the app"
        elif app.name == SUFFIX:
            what, hint = f"apps.{app.name}: names of our networks end so", "rename the app"
        elif app.name in RESERVED:
            what, hint = f"apps.{app.name}: Authentik keeps this name for itself", "rename the app"
        else:
            continue
        found.append(Problem(position, what, "app-name", hint))
    return found


HONOURED = (
    *("blueprint", "image", "memory", "cpus", "environment", "not_secret", "allow", "public", "saml"),
    *("needs", "hosts", "grants", "backup"),
)
"""Keys of an app that count beside a blueprint: what can be changed about a service of the catalogue, too, and what
only infrakit.yaml can say."""


def nothing_ignored(config: Config, catalog: Catalog, locate: Locate) -> list[Problem]:
    """A key beside `blueprint` counts, or is refused."""
    return [
        Problem(
            locate((*app.path, key), key=True),
            f"apps.{app.name}.{key}: the blueprint says it",
            "beside-blueprint",
            f"remove it, and change {app.blueprint}; beside blueprint count {', '.join(HONOURED[1:])}",
        )
        for app in config.apps
        if app.blueprint
        for key in sorted(map(str, config.said.below(app.path)))
        if key not in HONOURED
    ]


def apps_complete(config: Config, catalog: Catalog, locate: Locate) -> list[Problem]:
    """An app says an image (with a version) or a blueprint, and what needs a page has a port."""
    found = []
    for app in config.apps:
        position = locate(app.path, key=True)
        if not app.image and not app.blueprint and not app.address:
            found.append(
                Problem(
                    position, f"apps.{app.name}: image is missing", "missing-key", "add image: ghcr.io/owner/name:1.2"
                )
            )
        if app.image and "@" not in app.image:
            tag = app.image.rpartition("/")[2].partition(":")[2]
            if tag in ("", "latest"):
                what = f"apps.{app.name}.image: {'the tag latest' if tag else 'no tag'}"
                found.append(
                    Problem(
                        locate((*app.path, "image")),
                        what,
                        "image-not-pinned",
                        "name a version, so that it changes when you say so",
                    )
                )
        if app.port or app.blueprint or config.said.has((*app.path, "address")):
            continue
        for key in (*DOOR_KEYS, "health", "oidc", "saml"):
            if key == "health" and not page(app):
                continue
            if config.said.has((*app.path, key)):
                what = f"apps.{app.name}.{key}: the app has no port to serve a page on"
                found.append(
                    Problem(locate((*app.path, key), key=True), what, "no-port", "add port: 3000, or remove it")
                )
    return found


def data_apart(config: Config, catalog: Catalog, locate: Locate) -> list[Problem]:
    """Each path that an app keeps has a volume of its own, and hides nothing that we put there."""
    found = []
    for app in config.apps:
        taken: dict[str, Path] = {}
        for number, path in enumerate(app.data):
            place = (*app.path, "data", number)
            volume = final_volume(app.name, volume_name(path))
            parts = [part for part in path.split("/") if part]
            if not parts or parts[0] in KEPT_EMPTY or parts[:2] == ["run", "secrets"] or {".", ".."} & set(parts):
                found.append(
                    Problem(
                        locate(place),
                        f"apps.{app.name}.data: {path} cannot be kept",
                        "data-path",
                        "name a folder of the app's own, for instance /data",
                    )
                )
            elif volume in taken:
                what = f"apps.{app.name}.data: {path} would have the same volume as another path"
                other = app.data[int(taken[volume][-1])]
                same = parts == [part for part in other.split("/") if part]
                hint = "keep the folder above both"
                if same:
                    hint = "remove one of the two: they are one folder"
                elif parts[0] not in other.split("/"):
                    hint = f"give one a volume that you name, volumes: {{{app.name}-2: {{}}}} at the top, and "
                    hint += f"apps.{app.name}.mounts: ['{app.name}-2:{path}']"
                found.append(Problem(locate(place), what, "same-volume", hint, related=locate(taken[volume])))
            taken.setdefault(volume, place)
    return found


def saml_or_oidc(config: Config, catalog: Catalog, locate: Locate) -> list[Problem]:
    """An app signs in one way; one that everybody may open, none. What is said of an address is said to who asks."""
    found = []
    for app in config.apps:
        if app.oidc is not None and app.oidc.email_verified and "email" not in app.oidc.scopes:
            what = f"apps.{app.name}.oidc.email_verified: the app does not ask for addresses"
            place = locate((*app.oidc.path, "email_verified"), key=True)
            found.append(Problem(place, what, "no-scope", "add email to scopes, or remove it"))
        if app.oidc is not None and app.oidc.scopes and "openid" not in app.oidc.scopes:
            what = f"apps.{app.name}.oidc.scopes: without openid nobody is signed in: the app gets no ID token"
            found.append(Problem(locate((*app.oidc.path, "scopes")), what, "no-scope", "add openid"))
        ways = [
            key
            for key, said in (
                ("oidc", app.oidc),
                ("saml", app.saml),
                ("public", bool(app.doors) and app.doors[0].public),
            )
            if said
        ]
        if len(ways) > 1:
            what = f"apps.{app.name}.{ways[1]}: the app has {ways[0]} already"
            found.append(
                Problem(
                    locate((*app.path, ways[1]), key=True),
                    what,
                    "two-ways-to-sign-in",
                    "keep one of the two",
                    related=locate((*app.path, ways[0]), key=True),
                )
            )
    return found


def needs_known(config: Config, catalog: Catalog, locate: Locate) -> list[Problem]:
    """What an app needs exists, and no app needs itself, not even by way of others."""
    apps = {app.name: app for app in config.apps}
    known = {*apps, *catalog.blueprints}
    found = []
    for app in config.apps:
        for name, path in app.needs:
            if name not in known:
                close = nearest(name, sorted(known))
                hint = f"did you mean {close}?" if close else f"known: {', '.join(sorted(apps))}"
                found.append(
                    Problem(
                        locate(path), f"apps.{app.name}.needs: there is no app or service {name}", "unknown-need", hint
                    )
                )
    for circle in _circles(apps):
        first, second = apps[circle[0]], apps[circle[1 % len(circle)]]
        what = f"apps.{first.name}.needs: a circle: {' -> '.join((*circle, circle[0]))}"
        related = locate((*second.path, "needs"), key=True) if len(circle) > 1 else None
        found.append(
            Problem(
                locate((*first.path, "needs"), key=True), what, "circle", "remove one of these needs", related=related
            )
        )
    return found


def _waits_for(app: AppConfig) -> list[str]:
    """What it needs, and whose network it is in."""
    return [*(need for need, _ in app.needs), *({app.network} - {"", app.name})]


def _circles(apps: dict[str, AppConfig]) -> list[tuple[str, ...]]:
    """Each circle of needs once, starting with its first name."""
    circles: set[tuple[str, ...]] = set()
    done: set[str] = set()
    for start in sorted(apps):
        path: list[str] = []
        stack = [(start, False)]
        while stack:
            name, leaving = stack.pop()
            if leaving:
                path.pop()
                done.add(name)
            elif name in path:
                circle = path[path.index(name) :]
                least = circle.index(min(circle))
                circles.add(tuple(circle[least:] + circle[:least]))
            elif name in apps and name not in done:
                path.append(name)
                stack.append((name, True))
                stack += [(need, False) for need in reversed(_waits_for(apps[name]))]
    return sorted(circles)
