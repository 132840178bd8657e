"""The embedded examples, in each TLS mode, as Deployments: the real catalogue and the real passes."""

from functools import cache
from pathlib import Path

from infrakit import resources
from infrakit.catalog import load_catalog
from infrakit.config import bind, check_schema, parse
from infrakit.model import Deployment
from infrakit.resolve import settle
from infrakit.resolve.fleet import assemble
from infrakit.resolve.own import own_blueprints

FOLDER = Path(__file__).parents[2] / "infrakit/examples"
NAMES = ("full", "edge", "monitoring", "hybrid")
TLS = {
    "acme": "{mode: acme}",
    "dns": "{mode: dns, provider: cloudflare}",
    "internal": "{mode: internal}",
    "files": "{mode: files}",
    "tunnel": "{mode: tunnel}",
}


def deployments(name: str, tls: str = "") -> list[Deployment]:
    """All hosts of an example; `tls` replaces its TLS mode."""
    lines = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    if tls:
        lines = [line for line in lines if not line.startswith("tls:")] + [f"tls: {TLS[tls]}"]
    document = parse("\n".join(lines).encode(), "infrakit.yaml")
    assert check_schema(document, resources.schema("infrakit")) == []
    config = bind(document)
    blueprints, _, _ = own_blueprints(config, document, lambda name: b"")
    return list(assemble(settle(config, load_catalog(), blueprints)).deployments)


@cache
def hosts() -> dict[str, Deployment]:
    """Every host worth a look: each example, and the full one in each TLS mode."""
    found = {f"{name}-{host.host}": host for name in NAMES for host in deployments(name)}
    return found | {f"full-{tls}": host for tls in TLS for host in deployments("full", tls)}
