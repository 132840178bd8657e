"""Recording -> which Docker is here, where it came from, and how it is set up."""

import json
from typing import Any

from infrakit.host.facts_system import active_units, broken_packages, installed_packages
from infrakit.host.recording import Recording

DATA_ROOT = "/var/lib/docker"
DAEMON = "/etc/docker/daemon.json"
OF_DOCKER = {"docker-ce", "docker-ce-cli", "containerd.io", "docker-compose-plugin"}


def docker(recording: Recording) -> dict[str, Any]:
    """Client, engine, Compose and settings; "" for what is not there."""
    version = _object(recording.ended("docker", "version", "--format", "{{json .}}")[1])
    info = _object(recording.ended("docker", "info", "--format", "{{json .}}")[1])
    client, server = _inner(version, "Client"), _inner(version, "Server")
    daemon = _object(recording.file(DAEMON))
    options = [str(option) for option in info.get("SecurityOptions") or ()]
    origin = _origin(recording)
    is_podman = origin == "podman"
    return {
        "docker_origin": origin,
        "docker_snap": recording.ended("snap", "list", "docker")[0] == 0
        or "snap.docker.dockerd" in active_units(recording),
        "docker_running": bool(server) and not is_podman,
        "docker_version": ""
        if is_podman
        else _text(server, "Version") or _text(client, "Version") or _spoken(recording),
        "client_api": "" if is_podman else _text(client, "DefaultAPIVersion") or _text(client, "ApiVersion"),
        "api_version": _text(server, "ApiVersion"),
        "api_min": _text(server, "MinAPIVersion"),
        "compose_version": recording.said("docker", "compose", "version", "--short").lstrip("v"),
        "compose_alone": recording.said("docker-compose", "version", "--short").lstrip("v"),
        "storage_driver": _text(info, "Driver"),
        "data_root": _text(info, "DockerRootDir") or _text(daemon, "data-root") or DATA_ROOT,
        "rootless": any(option.startswith("name=rootless") for option in options),
        "userns_remap": any(option.startswith("name=userns") for option in options) or bool(daemon.get("userns-remap")),
        "live_restore": bool(info.get("LiveRestoreEnabled")),
        "swarm": _text(_inner(info, "Swarm"), "LocalNodeState") == "active",
        "daemon_json": recording.file(DAEMON),
        "docker_sources": tuple(
            sorted(recording.said("grep", "-rls", "download.docker.com", "/etc/apt/sources.list.d").split())
        ),
        "daemon_words": recording.said("systemctl", "show", "docker.service", "--property=ExecStart", "--value"),
    }


def _origin(recording: Recording) -> str:
    """Where the program called docker comes from; "half" where Docker's packages are there in part. A snap is found
    last: its folder is not on the path of a service."""
    installed = installed_packages(recording)
    said = recording.ended("docker", "--version")
    place = recording.said("readlink", "-f", "/usr/bin/docker")
    if "docker-ce" in installed:
        return "docker-ce"
    if {"docker-ce-cli", "containerd.io"} & set(installed) or set(broken_packages(recording)) & OF_DOCKER:
        return "half"
    if "docker.io" in installed or "moby-engine" in installed:
        return "distribution"
    if "podman-docker" in installed or "podman" in said[1].lower() or place.endswith("/podman"):
        return "podman"
    if recording.ended("snap", "list", "docker")[0] == 0 or place == "/usr/bin/snap":
        return "snap"
    return "unknown" if said[0] == 0 else "none"


def _spoken(recording: Recording) -> str:
    """Of "Docker version 29.1.4, build 0e6fee6"."""
    words = recording.said("docker", "--version").split()
    return words[2].rstrip(",") if words[:2] == ["Docker", "version"] and len(words) > 2 else ""


def _object(text: str) -> dict[str, Any]:
    """A JSON object; empty where it is none. Docker says what it knows even where it fails."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _inner(tree: dict[str, Any], key: str) -> dict[str, Any]:
    found = tree.get(key)
    return found if isinstance(found, dict) else {}


def _text(tree: dict[str, Any], key: str) -> str:
    found = tree.get(key)
    return found if isinstance(found, str) else ""
