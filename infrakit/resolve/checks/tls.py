"""tls: what each mode needs."""

from infrakit.catalog.model import Catalog
from infrakit.config.model import Config
from infrakit.errors import Problem
from infrakit.resolve.world import Locate


def tls_complete(config: Config, catalog: Catalog, locate: Locate) -> list[Problem]:
    """dns needs a provider and a Caddy that speaks to it; the others have no use for one."""
    tls = config.tls
    found = []
    mode = locate((*tls.path, "mode"))
    if tls.mode == "dns":
        if not tls.provider:
            found.append(Problem(mode, "tls.mode: dns needs a provider", "tls-provider", "add provider: cloudflare"))
        image = next((service.image for service in config.services if service.name == "caddy"), "")
        if not image:
            found.append(
                Problem(
                    mode,
                    "tls.mode: the stock image of Caddy has no DNS provider",
                    "tls-image",
                    "build one with xcaddy and name it: services.caddy.image",
                )
            )
    elif tls.provider:
        path = (*tls.path, "provider")
        found.append(
            Problem(
                locate(path, key=True),
                f"tls.provider: mode {tls.mode} asks no provider",
                "tls-provider",
                "remove it",
                related=mode,
            )
        )
    off = next(
        (service for service in config.services if service.name == "cloudflared" and service.enabled is False), None
    )
    if tls.mode == "tunnel" and off is not None:
        found.append(
            Problem(
                locate((*off.path, "enabled")),
                "services.cloudflared.enabled: mode tunnel is nothing without it",
                "needed",
                "leave it on, or choose another mode",
                related=mode,
            )
        )
    if tls.staging and tls.mode not in ("acme", "dns"):
        path = (*tls.path, "staging")
        found.append(
            Problem(
                locate(path, key=True),
                f"tls.staging: mode {tls.mode} asks no authority",
                "tls-staging",
                "remove it",
                related=mode,
            )
        )
    return found
