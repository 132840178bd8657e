"""An app of the user's own -> a blueprint, so that everything after this treats both alike."""

from typing import Any

from infrakit.config.model import AppConfig

APP_MEMORY = 256 * 1024 * 1024
APP_SECTION = "Apps"
ALL_ARCHITECTURES = ("amd64", "arm64", "armhf")


def app_tree(app: AppConfig) -> dict[str, Any]:
    """The tree of the blueprint that six lines of infrakit.yaml stand for (schema/blueprint.schema.json).

    The health check asks the port over TCP with what nearly every image has: wget, curl, nc, or bash.
    """
    container: dict[str, Any] = {
        "image": app.image,
        "architectures": list(app.architectures or ALL_ARCHITECTURES),
        "memory": f"{app.memory_bytes or APP_MEMORY}b",
        "internet": app.internet,
        "writable_root": app.writable,
        "capabilities": list(app.capabilities),
        "secrets": [*app.secrets, *app.user_secrets],
        "volumes": [{"volume": volume_name(path), "path": path} for path in app.data],
        "tmpfs": ["/tmp:mode=1777,size=64m"],
        "health": {"test": health_test(app), "start_period_s": 60},
    }
    if app.command is not None:
        # A word of the user's is no reference of a blueprint's.
        container["command"] = [word.replace("${", "$${") for word in app.command]
    if app.user:
        container["user"] = app.user
    if app.cpus:
        container["cpus"] = app.cpus
    tree: dict[str, Any] = {
        "name": app.name,
        "title": app.title or app.name,
        "summary": "an app of your own",
        "section": APP_SECTION,
        "source": "infrakit.yaml",
        "profiles": [],
        "secrets": _secrets(app),
        "containers": {app.name: container},
    }
    if app.port:
        tree["route"] = _route(app)
    if app.oidc is not None:
        tree["oidc"] = {
            "secret": oidc_secret(app.name),
            "grant_types": ["authorization_code", "refresh_token"],
            "redirects": list(app.oidc.redirects),
            "scopes": list(app.oidc.scopes),
        }
        container["reaches"] = ["authentik"]
        container["secrets"].append(oidc_secret(app.name))
        tree["secrets"][oidc_secret(app.name)] = {"kind": "password", "length": 60, "description": "OIDC client secret"}
    return tree


def oidc_secret(app: str) -> str:
    """The name of the OIDC client secret of an app."""
    return f"{app.replace('-', '_')}_client_secret"


def volume_name(path: str) -> str:
    """A volume's name from the path that it holds: /wiki/data -> wiki-data."""
    name = "".join(c if c.isascii() and c.isalnum() else "-" for c in path.lower()).strip("-")
    return name or "data"


def health_test(app: AppConfig) -> list[str]:
    """Ask the app's page where the file names one, else its port; the first tool that the image has decides."""
    if not app.port:
        return ["CMD-SHELL", "kill -0 1"]
    if app.health:
        address = f"http://127.0.0.1:{app.port}{app.health}"
        script = 'if command -v wget >/dev/null; then wget -q -O /dev/null "$1"; else curl -fsS -o /dev/null "$1"; fi'
        return ["CMD", "/bin/sh", "-c", script, "health", address]
    script = (
        'if command -v nc >/dev/null; then nc -z 127.0.0.1 "$1"; '
        "elif command -v bash >/dev/null; then bash -c ': > /dev/tcp/127.0.0.1/'\"$1\"; "
        'elif command -v wget >/dev/null; then wget -q -O /dev/null "http://127.0.0.1:$1/"; '
        'else curl -s -o /dev/null "http://127.0.0.1:$1/"; fi'
    )
    return ["CMD", "/bin/sh", "-c", script, "health", str(app.port)]


def _secrets(app: AppConfig) -> dict[str, Any]:
    found: dict[str, Any] = {
        name: {"kind": "password", "length": 40, "description": f"minted for {app.name}"} for name in app.secrets
    }
    found.update({name: {"kind": "user", "description": f"asked by {app.name}"} for name in app.user_secrets})
    return found


def _route(app: AppConfig) -> dict[str, Any]:
    tree = {
        "container": app.name,
        "port": app.port,
        "subdomain": app.subdomain or app.name,
        "sign_in": "application" if app.oidc or app.saml else "forward_auth",
        "identity_headers": True,
        "stream": True,
    }
    # What a page answers at / is anybody's guess: a redirect to its own sign-in, for many.
    return {**tree, "health_path": app.health} if app.health else tree
