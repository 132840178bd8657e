"""Doors of blueprints of the user's own -> Problems: one of all signs people in, and who may come exists."""

from collections.abc import Iterator

from infrakit.catalog.model import Blueprint
from infrakit.config.model import AppConfig, Config, Path
from infrakit.config.nearest import nearest
from infrakit.resolve.routes import ADMINISTRATORS
from infrakit.resolve.world import PROXY_TEMPLATE, TUNNEL

Misfit = tuple[Path, str, str, str]
"""Path in the blueprint, what is wrong, its code, a hint."""


def signs_in_once(blueprint: Blueprint) -> Iterator[Misfit]:
    """Authentik is asked by Caddy, or by the application: by both, nobody gets in."""
    if blueprint.oidc is None:
        return
    if blueprint.route is None:
        yield ("oidc",), "oidc: there is no door, and nobody could sign in", "no-door", "add route, or remove oidc"
    elif blueprint.route.sign_in != "application":
        what = f"oidc: the app asks who comes, and route.sign_in is {blueprint.route.sign_in}"
        yield ("oidc",), what, "two-ways-to-sign-in", "write route.sign_in: application, or remove oidc"


def said_beside(app: AppConfig, blueprint: Blueprint) -> Iterator[tuple[str, str, str, str]]:
    """(key of the app, what, code, hint) for what infrakit.yaml says against its blueprint."""
    signs_in = blueprint.route.sign_in if blueprint.route is not None else ""
    if app.saml is not None and blueprint.oidc is not None:
        hint = f"remove it, or oidc from {app.blueprint}"
        yield "saml", "the blueprint says oidc, and one of them signs in", "two-ways-to-sign-in", hint
    elif app.saml is not None and signs_in not in ("", "application"):
        hint = f"write route.sign_in: application in {app.blueprint}, or remove saml"
        yield "saml", f"the app asks who comes, and the blueprint's door is {signs_in}", "two-ways-to-sign-in", hint
    if any(door.public for door in app.doors) and (blueprint.oidc is not None or app.saml is not None):
        hint = "remove it: whom the app lets in is its own matter"
        yield "public", "the app itself asks who comes, and would have nobody to ask", "no-effect", hint


def required_apart(config: Config, blueprint: Blueprint) -> Iterator[Misfit]:
    """What comes with something else, or by the file alone, is nothing to require; nor what the file switches off."""
    off = {service.name for service in config.services if service.enabled is False}
    for name in blueprint.requires:
        what = f"services.{name}.enabled says false" if name in off else ""
        hint = "remove one of the two"
        if name == PROXY_TEMPLATE:
            what, hint = "it comes beside each container that asks Docker", "remove it, and list its calls under docker"
        elif name == TUNNEL and config.tls.mode != "tunnel":
            what, hint = f"with mode {config.tls.mode} nobody comes by a tunnel", "remove it; tls.mode is the user's"
        if what:
            code = "unmet-need" if name in off else "no-effect"
            yield ("requires",), f"requires: {name}: {what}", code, hint


def people_known(config: Config, blueprint: Blueprint) -> Iterator[Misfit]:
    """A name that nobody has would be whoever takes it."""
    access = config.access
    known = {ADMINISTRATORS, *(group.name for group in access.groups), *(user.username for user in access.users)}
    known |= {
        name for members in (access.administrators, *(group.members for group in access.groups)) for name, _ in members
    }
    for name in blueprint.route.allow if blueprint.route is not None else ():
        if name not in known:
            close = nearest(name, sorted(known))
            hint = f"did you mean {close}?" if close else "leave it out, and write allow in infrakit.yaml"
            yield ("route", "allow"), f"route.allow: there is no group or user {name}", "unknown-group", hint
