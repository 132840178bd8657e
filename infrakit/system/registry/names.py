""" "docker.io/library/caddy:2.11.4" -> registry, repository, tag and digest (distribution, reference/reference.go: the
grammar)."""

import re
from typing import NamedTuple

from infrakit.errors import UsageProblem
from infrakit.system.patience import registry_of

API_HOSTS = {"docker.io": "registry-1.docker.io", "index.docker.io": "registry-1.docker.io"}
"""The registry whose name is not the name of the host that answers (moby, registry/config.go)."""
REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
HOST = re.compile(r"(?:[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*|\[[0-9a-fA-F:]+\])(?::\d{1,5})?")
TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class Reference(NamedTuple):
    """`registry` as its name has it ("docker.io"); `tag` and `digest` are "" where the name has none."""

    registry: str
    repository: str
    tag: str
    digest: str

    @property
    def host(self) -> str:
        """Who answers for the registry."""
        return API_HOSTS.get(self.registry, self.registry)

    @property
    def wanted(self) -> str:
        """What the API is asked for: the digest where there is one."""
        return self.digest or self.tag or "latest"


def parse_reference(text: str) -> Reference:
    """UsageProblem where it is no name of an image."""
    name, _, digest = text.partition("@")
    registry = registry_of(name)
    path = name.removeprefix(f"{registry}/")
    path, colon, tag = path.partition(":")
    if registry in API_HOSTS and "/" not in path:
        path = f"library/{path}"
    fits = (
        HOST.fullmatch(registry)
        and REPOSITORY.fullmatch(path)
        and (TAG.fullmatch(tag) or not colon)
        and (DIGEST.fullmatch(digest) or "@" not in text)
    )
    if not fits or len(path) > 255:
        raise UsageProblem(
            f"{text} is no name of an image", "write it like ghcr.io/owner/name:1.2, or with @sha256: and 64 digits"
        )
    return Reference(registry, path, tag, digest)
