"""Who there is, and what they may open: groups, users, and the portal's applications."""

from infrakit.model import OURS, Access, Application, Group, OidcClient, Origin, Route, SamlClient, User
from infrakit.resolve.routes import ADMINISTRATORS, Opening, openings, url_of
from infrakit.resolve.world import HostDraft, Placed, World


def grant_access(world: World) -> World:
    """Fill `access`: everybody whom the file names, and one application for every door that asks who comes."""
    core = world.core_host()
    if core is None:
        return world
    applications = _applications(world, core)
    return world._replace(access=Access(_groups(world), _users(world), applications))


def _groups(world: World) -> tuple[Group, ...]:
    access = world.config.access
    groups = [Group(ADMINISTRATORS, True, world.origin((*access.path, "administrators"), "access"))]
    groups += [Group(group.name, False, world.origin(group.path, "access")) for group in access.groups]
    return tuple(sorted(groups))


def _users(world: World) -> tuple[User, ...]:
    """Everybody who is declared, or named as a member or an administrator, each once."""
    access = world.config.access
    declared = {user.username: user for user in access.users}
    paths = {user.username: user.path for user in access.users}
    groups: dict[str, list[str]] = {username: [] for username in declared}
    memberships = [(ADMINISTRATORS, access.administrators), *((group.name, group.members) for group in access.groups)]
    for group, members in memberships:
        for username, path in members:
            paths.setdefault(username, path)
            found = groups.setdefault(username, [])
            if group not in found:
                found.append(group)
    users = []
    for username in sorted(groups):
        known = declared.get(username)
        title, email = (known.title, known.email) if known else ("", "")
        origin = world.origin(paths[username], "access")
        users.append(User(username, title or username, email, tuple(sorted(groups[username])), origin))
    return tuple(users)


def _applications(world: World, core: HostDraft) -> tuple[Application, ...]:
    opened = {
        opening.hostname: (placed, opening)
        for host in world.hosts
        for placed in host.placed
        for opening in openings(world, host, placed)
    }
    found = []
    for route in core.routes:
        placed, opening = opened[route.hostname]
        # One that signs in by itself is one client under all its names.
        if route.sign_in == "forward_auth" or route.sign_in == "application" and not opening.number:
            found.append(_application(world, route, placed, opening))
    return tuple(sorted(found))


def _application(world: World, route: Route, placed: Placed, opening: Opening) -> Application:
    elsewhere = route.upstreams[0].remote if placed.app is None else ""
    parts = [placed.name, elsewhere, opening.spec.door, route.hostname.replace(".", "-") if opening.number else ""]
    slug = OURS + "-".join(part for part in parts if part)
    title = f"{route.title} ({elsewhere})" if elsewhere else route.title
    url = url_of(world, route.hostname)
    origin = route.origins[""]._replace(decided_by="access")
    by_itself = opening.spec is placed.blueprint.route and not opening.number
    asks = opening.door if route.sign_in == "application" else None
    names = tuple(name for name, _ in (asks.domains if asks is not None else ())) or (route.hostname,)
    return Application(
        slug=slug,
        title=title,
        section=placed.blueprint.section,
        url=url,
        hostnames=names,
        allow=route.allow,
        oidc=_oidc(placed, slug, [url_of(world, name) for name in names], origin) if by_itself else None,
        saml=_saml(placed, url, origin) if by_itself else None,
        origin=route.origins["allow"]._replace(decided_by="access"),
    )


def _oidc(placed: Placed, slug: str, urls: list[str], origin: Origin) -> OidcClient | None:
    spec = placed.blueprint.oidc
    if spec is None:
        return None
    if placed.app is None:
        origin = Origin(placed.blueprint.document, ("oidc",), "access")
    redirects, logout = (_whole(urls, paths) for paths in (spec.redirects, spec.logout))
    return OidcClient(slug, spec.secret, spec.grant_types, redirects, spec.scopes, origin, logout, spec.email_verified)


def _whole(urls: list[str], said: tuple[str, ...]) -> tuple[str, ...]:
    """Addresses: what is a path, below each of `urls`."""
    return tuple(dict.fromkeys(f"{url}{item}" if item[:1] in ("/", "") else item for url in urls for item in said))


def _saml(placed: Placed, url: str, origin: Origin) -> SamlClient | None:
    if placed.app is None or placed.app.saml is None:
        return None
    saml = placed.app.saml
    return SamlClient(f"{url}{saml.acs}", saml.audience or url, origin._replace(path=saml.path))
