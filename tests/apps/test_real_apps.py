"""Apps of real life, each as a person at home would write it down, and what must come out: NAME.yaml beside
NAME.expected.yaml. Each file names the upstream's own instructions."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from infrakit import compiler, emit
from infrakit.emit import compose
from infrakit.model import Deployment
from infrakit.system.certificates import mint_certificates
from tests.apps.facts import Facts, coloured, facts
from tests.emit.read import tree_of
from tests.emit.test_compose import SCHEMA
from tests.emit.test_examples import LINT_CONFIG
from tests.emit.tree import needs_compose, project, write
from tests.runtime.caddy import needs_caddy, run

FOLDER = Path(__file__).parent
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml") if not path.stem.endswith(".expected"))
BARE = b"version: 1\ndomain: home.example.org\npattern: full\naccess: {administrators: [alice]}\n"
every_app = pytest.mark.parametrize("name", NAMES)


def compiled(source: bytes, name: str) -> Deployment:
    found = compiler.load(source, f"{name}.yaml", lambda path: (FOLDER / path).read_bytes())
    (deployment,) = found.fleet.deployments
    return deployment


@pytest.fixture(scope="module")
def deployments() -> dict[str, Deployment]:
    return {name: compiled((FOLDER / f"{name}.yaml").read_bytes(), name) for name in NAMES}


@pytest.fixture(scope="module")
def bare() -> frozenset[tuple[str, str, str]]:
    """What is shown in colour of every host."""
    return coloured(compiled(BARE, "bare"))


@pytest.fixture(scope="module")
def secrets(tmp_path_factory) -> Path:
    """A folder with the files that a Caddyfile names, made once."""
    home = tmp_path_factory.mktemp("fleet") / "host"
    home.mkdir()
    mint_certificates(str(home), "host")
    return home / "secrets"


def expected(name: str, found: Facts) -> Facts:
    """What NAME.expected.yaml says; INFRAKIT_UPDATE=1 writes it anew, and the difference is to be read."""
    path = FOLDER / f"{name}.expected.yaml"
    yaml = YAML(typ="safe", pure=True)
    if os.environ.get("INFRAKIT_UPDATE"):
        yaml.default_flow_style, yaml.width, yaml.sort_base_mapping_type_on_output = False, 200, False
        with path.open("w", encoding="utf-8") as file:
            yaml.dump(found, file)
    return yaml.load(path.read_text(encoding="utf-8"))


def test_there_are_forty_of_them_and_each_names_its_source():
    assert len(NAMES) >= 40
    for name in NAMES:
        assert (FOLDER / f"{name}.yaml").read_text(encoding="utf-8").startswith("# Source: https://"), name


@every_app
def test_it_becomes_what_its_author_meant(deployments, bare, name):
    found = facts(deployments[name], bare)

    assert found == expected(name, found)


@pytest.mark.skipif(
    not SCHEMA.exists(),
    reason="the Compose specification's schema lies beside the project, and not in every copy of it",
)
def test_every_file_follows_the_compose_schema(deployments):
    schema = jsonschema.Draft7Validator(json.loads(SCHEMA.read_text()))

    for name, deployment in deployments.items():
        files = {f"services/{service.name}.yaml" for service in deployment.services if service.kind == "app"}
        for artifact in compose.emit(deployment):
            if artifact.path in files:
                problems = list(schema.iter_errors(tree_of(artifact.content)))
                assert problems == [], name


@needs_compose
@every_app
def test_compose_reads_it_in_silence_and_starts_all_of_it(tmp_path, deployments, name):
    host = deployments[name]

    tree = project(write(tmp_path, emit.emit(host), host))

    assert set(tree["services"]) == {container.name for service in host.services for container in service.containers}


@pytest.fixture(scope="module")
def linted(tmp_path_factory, deployments) -> dict[str, set[str]]:
    """App -> the containers in which compose-lint finds danger, beside what has a reason everywhere; asked once."""
    tool = shutil.which("compose-lint", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert tool is not None, "compose-lint is in tests/requirements.txt"
    top = tmp_path_factory.mktemp("linted")
    for name, host in deployments.items():
        (top / name).mkdir()
        write(top / name, emit.emit(host), host)
    words = ["--format", "json", "--skip-suppressed", "--config", str(LINT_CONFIG)]
    files = [f"{name}/compose.yaml" for name in deployments]
    done = subprocess.run([tool, *words, *files], cwd=top, capture_output=True, text=True)
    found: dict[str, set[str]] = {name: set() for name in deployments}
    for each in json.loads(done.stdout)["findings"]:
        if each["severity"] != "low":
            found[each["graded_file"].partition("/")[0]].add(each["service"])
    return found


@every_app
def test_what_compose_lint_finds_is_shown_in_the_review(linted, deployments, bare, name):
    shown = {word for _, where, text in coloured(deployments[name]) - bare for word in (where, text)}

    assert linted[name] <= shown


@needs_caddy
@every_app
def test_caddy_reads_its_doors_in_silence(tmp_path, secrets, deployments, name):
    (caddyfile,) = [each for each in emit.emit(deployments[name]) if each.path.endswith("Caddyfile")]
    (tmp_path / "Caddyfile").write_bytes(caddyfile.content.replace(b"/run/secrets/", f"{secrets}/".encode()))

    done = run("adapt", "--config", "Caddyfile", "--adapter", "caddyfile", "--validate", folder=tmp_path)

    assert done.returncode == 0, done.stderr
    assert [line for line in done.stderr.splitlines() if '"level":"error"' in line or "not formatted" in line] == []
