"""Docker's config.json -> who we are at a registry. Programs that keep passwords for Docker are not run: said in words.

Nothing read here stands in an error.
"""

import base64
import binascii
import json
import os
from typing import Any, NamedTuple

from infrakit.errors import UsageProblem

HUB = "https://index.docker.io/v1/"
"""The name under which docker login keeps what docker.io takes (docker/cli, cli/config)."""


class Login(NamedTuple):
    """A user with a password; or a token, of which one is got (`identity`), or one that is sent as it is (`bearer`)."""

    user: str = ""
    password: str = ""
    identity: str = ""
    bearer: str = ""

    def __repr__(self) -> str:
        return f"Login({self.user!r}, ...)"

    @property
    def basic(self) -> str:
        return base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


class Logins:
    """Those of one config.json. `folder` None: DOCKER_CONFIG, else ~/.docker."""

    def __init__(self, folder: str | None = None) -> None:
        self.path = os.path.join(
            folder or os.environ.get("DOCKER_CONFIG") or os.path.expanduser("~/.docker"), "config.json"
        )
        self._tree: dict[str, Any] | None = None

    def of(self, registry: str) -> Login | None:
        """None where nothing is kept for this registry. UsageProblem where the file cannot be understood."""
        found: dict[str, Any] = {}
        for name, entry in self._mapping("auths").items():
            if _host(name) == registry and isinstance(entry, dict) and entry:
                found = entry
        if not found:
            return None
        user, password = str(found.get("username") or ""), str(found.get("password") or "")
        if found.get("auth"):
            try:
                user, _, password = base64.b64decode(str(found["auth"]), validate=True).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                raise UsageProblem(
                    f"{self.path}: what is kept for {registry} cannot be read", f"log in again: docker login {registry}"
                ) from None
        login = Login(
            user, password.rstrip("\0"), str(found.get("identitytoken") or ""), str(found.get("registrytoken") or "")
        )
        return login if any(login) else None

    def helper(self, registry: str) -> str:
        """The name of the program that keeps this registry's password, "" where there is none."""
        named = self._mapping("credHelpers")
        helper = (
            next((value for key, value in named.items() if _host(key) == registry), "")
            or self._whole().get("credsStore")
            or ""
        )
        return str(helper)

    def _mapping(self, key: str) -> dict[str, Any]:
        found = self._whole().get(key) or {}
        return found if isinstance(found, dict) else {}

    def _whole(self) -> dict[str, Any]:
        if self._tree is None:
            try:
                with open(self.path, "rb") as file:
                    tree = json.loads(file.read(1 << 20))
            except (FileNotFoundError, NotADirectoryError):
                tree = {}
            except OSError as error:
                raise UsageProblem(
                    f"{self.path}: {(error.strerror or str(error)).lower()}", "DOCKER_CONFIG names another folder"
                ) from None
            except (ValueError, RecursionError):
                raise UsageProblem(f"{self.path} is not JSON", "mend it, or log in again: docker login") from None
            self._tree = tree if isinstance(tree, dict) else {}
        return self._tree


def _host(name: str) -> str:
    """The registry of a key, which may be a URL as old versions of Docker wrote them."""
    host = name.removeprefix("https://").removeprefix("http://").partition("/")[0]
    return "docker.io" if host in ("index.docker.io", "registry-1.docker.io") else host
