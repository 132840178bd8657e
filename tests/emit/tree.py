"""Artifacts -> a folder that Compose can read, and Compose as it is called by hand: with an empty environment."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from infrakit.emit.groups import FILE, content
from infrakit.model import Artifact, Deployment
from infrakit.stack.groups import names_of
from infrakit.system import environments

needs_compose = pytest.mark.skipif(
    shutil.which("docker") is None
    or subprocess.run(["docker", "compose", "version"], capture_output=True).returncode != 0,
    reason="Docker's Compose plugin is not installed",
)


def write(folder: Path, artifacts: tuple[Artifact, ...], deployment: Deployment) -> Path:
    """The tree, with an empty file for every secret."""
    for artifact in artifacts:
        path = folder / artifact.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(artifact.content)
    (folder / "secrets").mkdir(exist_ok=True)
    for secret in deployment.secrets:
        (folder / "secrets" / secret.name).touch()
    for service in deployment.services:
        for container in service.containers:
            if container.secret_environment:
                environments.write(str(folder), container.name, container.secret_environment)
            for file in container.secret_files:
                environments.write_file(str(folder), file)
    numbers = [(name, 7000 + place) for place, name in enumerate(names_of(deployment))]
    if numbers:
        (folder / FILE).write_bytes(content(numbers))
    return folder


def compose(folder: Path, *words: str) -> subprocess.CompletedProcess:
    """`docker compose <words>` in `folder` under an empty environment."""
    return subprocess.run(
        ["docker", "compose", *words], cwd=folder, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True
    )


def project(folder: Path) -> dict:
    """The project as Compose understands it. Compose doubles each `$` again in what it prints."""
    done = compose(folder, "config", "--format", "json")
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout.replace("$$", "$"))
