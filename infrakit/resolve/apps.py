"""An app of the user's own -> a blueprint, so that everything after this treats both alike."""

from collections.abc import Iterator, Mapping
from typing import Any

from infrakit.config.model import AppConfig, DoorConfig, PortConfig
from infrakit.model import BASE_CAPABILITIES, HOST_NAME, NO_CHECK, SHARED

APP_MEMORY = 256 * 1024 * 1024
MOST_PORTS = 1000
APP_TMP = 64 * 1024 * 1024
APP_SECTION = "Apps"
ALL_ARCHITECTURES = ("amd64", "arm64", "armhf")


def app_tree(app: AppConfig, authorities: Mapping[str, str]) -> dict[str, Any]:
    """The tree of the blueprint that six lines of infrakit.yaml stand for (schema/blueprint.schema.json), but that it
    may have several doors. `authorities`: name of a door -> certificates that its backend is held to, as text.
    """
    base = () if app.user else BASE_CAPABILITIES
    container: dict[str, Any] = {
        "image": app.image,
        "architectures": list(app.architectures or ALL_ARCHITECTURES),
        "memory": f"{app.memory_bytes or APP_MEMORY}b",
        "internet": app.internet,
        "writable_root": app.writable,
        "capabilities": sorted({*base, *app.capabilities}),
        "privileges": {**dict(app.privileges), **_network(app)},
        "settings": {**dict(app.settings), **_ulimits(app)},
        "environment": {"TZ": "${timezone}"},
        "secrets": [*app.secrets, *app.user_secrets],
        "volumes": [{"volume": volume_name(path), "path": path} for path in app.data],
        "host_paths": [item._asdict() for item in app.mounts if not item.is_volume],
        "shared": [
            {"volume": item.host, "path": item.path, "read_only": item.read_only}
            for item in app.mounts
            if item.is_volume
        ],
        "files": [{"file": path.lstrip("/"), "path": path} for path, _ in app.files],
        "tmpfs": [_tmp(app)],
        "ports": [tree for item in app.ports for tree in _ports(item)],
        "pids": app.pids,
        "one_shot": app.once,
        "stop_grace_period_s": app.stop_grace_s,
        "labels": dict(app.labels),
        "update": app.update,
    }
    container.update(_health(app))
    # A word of the user's is no reference of a blueprint's.
    container.update((key, [_plain(word) for word in words]) for key, words in _commands(app) if words is not None)
    wanted = (("user", app.user), ("cpus", app.cpus), ("working_dir", app.working_dir))
    container.update((key, value) for key, value in wanted if value)
    if app.shm_bytes:
        container["shm_size"] = f"{app.shm_bytes}b"
    tree: dict[str, Any] = {
        "name": app.name,
        "title": app.title or app.name,
        "summary": "an app of your own",
        "section": APP_SECTION,
        "source": "infrakit.yaml",
        "profiles": [],
        "secrets": _secrets(app),
        "files": {path.lstrip("/"): {"content": content} for path, content in app.files},
        "containers": {} if app.address else {app.name: container},
    }
    tree["routes"] = [_route(app, door, authorities.get(door.name, "")) for door in app.doors if door.port]
    if app.oidc is not None:
        tree["oidc"] = {
            "secret": oidc_secret(app.name),
            "grant_types": ["authorization_code", "refresh_token"],
            "redirects": list(app.oidc.redirects),
            "scopes": list(app.oidc.scopes),
            "logout": list(app.oidc.logout),
            "email_verified": app.oidc.email_verified,
        }
        container["reaches"] = ["authentik"]
        container["secrets"].append(oidc_secret(app.name))
        tree["secrets"][oidc_secret(app.name)] = {"kind": "password", "length": 60, "description": "OIDC client secret"}
    return tree


def page(app: AppConfig) -> str:
    """The path of its pages that says whether it is well, "" where the file names none."""
    return app.health if isinstance(app.health, str) and app.health.startswith("/") else ""


def oidc_secret(app: str) -> str:
    """The name of the OIDC client secret of an app."""
    return f"{app.replace('-', '_')}_client_secret"


def volume_name(path: str) -> str:
    """A volume's name from the path that it holds: /wiki/data -> wiki-data."""
    name = "".join(c if c.isascii() and c.isalnum() else "-" for c in path.lower()).strip("-")
    return name or "data"


def _commands(app: AppConfig) -> tuple[tuple[str, tuple[str, ...] | None], ...]:
    return ("entrypoint", app.entrypoint), ("command", app.command)


def _plain(word: str) -> str:
    return word.replace("${", "$${")


def _tmp(app: AppConfig) -> str:
    """/tmp in memory. Where the rest may be written to, it would keep nothing out that no program runs there."""
    size = f"{app.tmp_bytes or APP_TMP}"
    return f"/tmp:mode=1777,size={size}{',exec' if app.writable else ''}"


def _ulimits(app: AppConfig) -> dict[str, Any]:
    found = dict(app.settings).get("ulimits", {})
    return {"ulimits": {key: str(value) for key, value in found.items()}} if found else {}


def _ports(item: PortConfig) -> Iterator[dict[str, Any]]:
    where = {"address": item.address} if item.address else {}
    for published, port in zip(unfolded(item.published), unfolded(item.inside)):
        yield {"port": port, "published": published, "protocol": item.protocol, **where}


def unfolded(ends: tuple[int, int]) -> range:
    """Every port of a range; of one that is too long to be meant, what a check refuses (resolve/checks/keys.py)."""
    return range(ends[0], min(ends[1], ends[0] + MOST_PORTS) + 1)


def is_asked_outside(app: AppConfig) -> bool:
    """Whether the file leaves it to us how to see that it is well, and nothing need be in its image for that: its doors
    are knocked at from outside, or its first port for other apps (stack/answers.py), or it has to stay up; what the
    image says of itself counts, too."""
    return not (app.health or app.once or app.blueprint)


def _health(app: AppConfig) -> dict[str, Any]:
    """How Docker asks whether it is well; nothing where the image says that itself, or where we ask from outside."""
    if app.once or app.health == "image" or is_asked_outside(app):
        return {}
    if app.health == "none":
        return {"health": {"test": list(NO_CHECK)}}
    if isinstance(app.health, tuple):
        test = [_plain(word) for word in app.health]
        return {"health": {"test": test, "start_period_s": 60}}
    # A page without a door is told elsewhere (checks/apps.py).
    return {"health": {"test": _test(app), "start_period_s": 60}} if app.port else {}


def _test(app: AppConfig) -> list[str]:
    """Ask the page that the file names, with the first tool that the image has."""
    # Within the container nobody listens in, and no certificate is for 127.0.0.1.
    scheme, unchecked = app.doors[0].scheme, app.doors[0].scheme == "https"
    wget, curl = (" --no-check-certificate", " -k") if unchecked else ("", "")
    address = f"{scheme}://127.0.0.1:{app.port}{page(app)}"
    script = (
        f'if command -v wget >/dev/null; then wget -q{wget} -O /dev/null "$1"; '
        f'else curl -fsS{curl} -o /dev/null "$1"; fi'
    )
    return ["CMD", "/bin/sh", "-c", script, "health", address]


def _network(app: AppConfig) -> dict[str, str]:
    if not app.network:
        return {}
    return {"network": "host" if app.network == "host" else f"{SHARED}{app.network}"}


def dialled(app: AppConfig) -> str:
    """The name under which Caddy finds it."""
    return HOST_NAME if app.network == "host" else app.network or app.name


def _secrets(app: AppConfig) -> dict[str, Any]:
    found: dict[str, Any] = {
        name: {"kind": "password", "length": 40, "description": f"minted for {app.name}"} for name in app.secrets
    }
    found.update({name: {"kind": "user", "description": f"asked by {app.name}"} for name in app.user_secrets})
    return found


def _route(app: AppConfig, door: DoorConfig, authority: str) -> dict[str, Any]:
    first = door is app.doors[0]
    tree = {
        "container": door.address or dialled(app),
        "elsewhere": bool(door.address),
        "port": door.port,
        "subdomain": door.subdomain or door.name or app.name,
        "sign_in": "application" if first and (app.oidc or app.saml) else "forward_auth",
        # A machine that is not ours is not told who comes.
        "identity_headers": not door.address,
        "stream": True,
        "door": door.name,
        "authority": authority,
    }
    # What a page answers at / is anybody's guess: a redirect to its own sign-in, for many.
    return {**tree, "health_path": page(app)} if first and page(app) else tree
