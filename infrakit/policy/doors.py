"""Only Caddy is reachable from outside, and it asks who comes."""

from collections.abc import Iterator

from infrakit.model import Deployment, Grant, Origin, Route
from infrakit.policy.broken import Broken, containers, has_grant, origin_of

DOOR = "caddy"


UNCHECKED = "a backend whose certificate nobody checks"
PREFLIGHT = ("OPTIONS",)
"""What browsers ask before they send anything for a page of somebody else's: no identity comes with it, and nothing is
done (Fetch standard, CORS-preflight)."""


GUARDS = ("content-security-policy", "referrer-policy", "strict-transport-security", "x-content-type-options")
"""Headers of answers that protect who reads them; without one less is protected."""
LOOSE = ("access-control-allow-", "cross-origin-", "x-frame-options")
"""Beginnings of those by which pages of others are let in, or kept out."""
OWN = "the app asks by a login of its own, and by your word alone"


def weakens(name: str, value: str) -> bool:
    """Whether a header of answers, or that it is missing, opens a page to others; what is only one more guard does
    not."""
    low = name.lower()
    if low in GUARDS:
        return not value or low == "strict-transport-security" and "max-age=0" in value.replace(" ", "")
    return low.startswith(LOOSE) and value.upper() not in ("DENY", "SAMEORIGIN", "SAME-ORIGIN")


def written_at(route: Route, decided_by: str) -> Iterator[Grant]:
    """What the keys of a door grant: a way around sign-in in red, a weaker promise in amber."""

    def grant(capability: str, detail: str, origin: Origin, red: bool) -> Grant:
        return Grant(route.service, "", capability, detail, origin._replace(decided_by=decided_by), red, True)

    if route.certificate == "any" and any(not upstream.remote for upstream in route.upstreams):
        yield grant("certificate", f"{route.hostname}: {UNCHECKED}", route.origins["certificate"], False)
    if route.sign_in == "own":
        yield grant("sign_in", f"{route.hostname}: {OWN}", route.origins["sign_in"], False)
    for name, value in route.headers:
        if weakens(name, value):
            what = f"{name}: {value}" if value else f"no {name}"
            yield grant("headers", f"{route.hostname} answers with {what}", route.origins["headers"], False)
    for item in route.passes:
        yield grant(
            "pass", f"{route.hostname}: {item.text}, because {item.why}", item.origin, item.methods != PREFLIGHT
        )


def only_caddy_publishes(deployment: Deployment) -> list[Broken]:
    """Only Caddy publishes ports."""
    return [
        Broken(
            origin_of(container, "ports"),
            f"{container.name} publishes port {port.port}",
            "published-port",
            "only Caddy may be reached from outside: give it a route, or the grant ports",
        )
        for service, container in containers(deployment)
        if container.ports and container.name != DOOR and not has_grant(deployment, service, "ports")
        for port in container.ports
    ]


def signed_in(deployment: Deployment) -> list[Broken]:
    """Every route has sign-in unless the file says public."""
    asks = any(service.name == "authentik" for service in deployment.services)
    by_themselves = {
        name for item in deployment.access.applications if item.oidc or item.saml for name in item.hostnames
    }
    found = [] if asks else _nobody_asks(deployment)
    for route in deployment.routes:
        if route.sign_in in ("forward_auth", "application") and not asks:
            continue
        if route.sign_in == "forward_auth" and not route.allow:
            found.append(Broken(route.origins["allow"], f"nobody may open {route.hostname}", "nobody-allowed"))
        elif route.sign_in not in ("forward_auth", "application", "own", "provider", "public", "fleet"):
            found.append(Broken(route.origins[""], f"{route.hostname}: no such way to sign in", "no-sign-in"))
        elif route.sign_in == "application" and route.hostname not in by_themselves:
            found.append(
                Broken(
                    route.origins[""],
                    f"{route.hostname} says that it asks who comes, and has neither OIDC nor SAML",
                    "no-sign-in",
                )
            )
        elif route.sign_in == "fleet" and deployment.host == deployment.core:
            found.append(Broken(route.origins[""], f"{route.hostname} would ask nobody but other hosts", "no-sign-in"))
        elif route.sign_in == "provider" and route.service != "authentik":
            found.append(Broken(route.origins[""], f"{route.hostname} would not ask who comes", "no-sign-in"))
    return found


def _nobody_asks(deployment: Deployment) -> list[Broken]:
    """One for each app, whose line it is; one for the services of the catalogue, which come together."""
    ours = {service.name for service in deployment.services if service.kind == "catalogue"}
    # What is wrong there is no fault of somebody's blueprint, but of the file that names it.
    lines = {service.name: service.origin for service in deployment.services if service.kind == "blueprint"}
    asking = [route for route in deployment.routes if route.sign_in in ("forward_auth", "application")]
    together = [route for route in asking if route.service in ours]
    return [
        Broken(
            lines.get(group[0].service, group[0].origins[""]),
            f"{', '.join(route.hostname for route in group)} ha{'ve' if group[1:] else 's'} nobody to ask who comes",
            "no-sign-in",
            "add the profile identity, or public: true where everybody may come in",
        )
        for group in [[route] for route in asking if route.service not in ours] + ([together] if together else [])
    ]
