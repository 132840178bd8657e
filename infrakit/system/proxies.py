"""The HTTP proxy that a network has to be asked through: of the environment, else of /etc/environment (sudo takes the
environment away), else of apt's own settings."""

import os
import re
import subprocess
import urllib.request
from collections.abc import Mapping

NAMES = ("http_proxy", "https_proxy", "no_proxy")
SYSTEM = "/etc/environment"
LINE = re.compile(
    r"""^\s*(?:export\s+)?(https?_proxy|no_proxy)\s*=\s*(["']?)(.*?)\2\s*$""", re.IGNORECASE | re.MULTILINE
)
APT = ("apt-config", "dump", "--format", "%f %v%n", "Acquire::http::Proxy", "Acquire::https::Proxy")
APT_NAMES = {"Acquire::http::Proxy": "http_proxy", "Acquire::https::Proxy": "https_proxy"}


def proxies() -> dict[str, str]:
    """http_proxy, https_proxy and no_proxy, as far as they are said; of the first place that names a proxy."""
    for found in (_of_environment(os.environ), _of_file(SYSTEM), _of_apt()):
        if any(name.startswith("http") for name in found):
            return found
    return {}


def handler(said: Mapping[str, str], url: str) -> urllib.request.ProxyHandler:
    """For urllib: the proxy that a URL is asked through, none where no_proxy names its host."""
    host = urllib.request.Request(url).host
    # As urllib itself asks it; no word of it in typeshed.
    bypass = urllib.request.proxy_bypass_environment(host, {"no": said.get("no_proxy", "")})  # type: ignore[attr-defined]
    kinds = {name.partition("_")[0]: value for name, value in said.items() if name != "no_proxy"}
    return urllib.request.ProxyHandler({} if bypass else kinds)


def of_daemon(said: Mapping[str, str]) -> dict[str, str]:
    """The same as daemon.json says it (Docker 23 and newer)."""
    return {name.replace("_", "-"): said[name] for name in NAMES if said.get(name)}


def _of_environment(environment: Mapping[str, str]) -> dict[str, str]:
    found = {name: environment.get(name) or environment.get(name.upper(), "") for name in NAMES}
    return {name: value for name, value in found.items() if value}


def _of_file(path: str) -> dict[str, str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = LINE.findall(file.read(1 << 16))
    except OSError:
        return {}
    return {name.lower(): value for name, _, value in lines if value}


def _of_apt() -> dict[str, str]:
    try:
        done = subprocess.run(APT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return {}
    lines = (line.partition(" ") for line in done.stdout.splitlines())
    return {APT_NAMES[name]: value for name, _, value in lines if name in APT_NAMES and value not in ("", "DIRECT")}
