"""The catalogue: every file fits its schema, and holds what the facts demand."""

import json

import pytest
from jsonschema import Draft202012Validator

from infrakit import resources
from infrakit.catalog import blueprint_from, is_known, load_catalog, references
from infrakit.catalog.docker_api import docker_call
from infrakit.catalog.load import read_trees
from infrakit.catalog.model import Catalog
from infrakit.catalog.show import describe, text_of
from infrakit.config import check_schema, parse
from infrakit.model import POWER_FILES, POWER_READS, POWER_ROOT
from infrakit.resolve.checks.own_texts import unknown_references
from infrakit.resolve.patterns import PROFILES

SCHEMA = resources.schema("blueprint")
NAMES = resources.blueprint_names()
CATALOG = load_catalog()
EXPECTED = {
    "authentik",
    "caddy",
    "cloudflared",
    "dozzle",
    "dozzle-agent",
    "glances",
    "guacamole",
    "portainer",
    "portainer-agent",
    "portainer-edge-agent",
    "socket-proxy",
    "watchtower",
}
CONTAINERS = [(blueprint, container) for blueprint in CATALOG.blueprints.values() for container in blueprint.containers]


def test_the_catalogue_is_complete():
    assert set(NAMES) == EXPECTED


@pytest.mark.parametrize("name", NAMES)
def test_a_blueprint_fits_its_schema(name):
    document = parse(resources.blueprint_source(name), f"blueprints/{name}.yaml")
    assert [problem.text() for problem in check_schema(document, SCHEMA)] == []
    assert document.values == read_trees()[name], "what a user's blueprint would mean is what ours means"


@pytest.mark.parametrize("name", NAMES)
def test_jsonschema_finds_nothing_either(name):
    assert not list(Draft202012Validator(SCHEMA).iter_errors(json.loads(json.dumps(read_trees()[name]))))


@pytest.mark.parametrize("blueprint,container", CONTAINERS, ids=lambda item: item.name)
def test_a_container_is_confined(blueprint, container):
    assert container.memory, "a limit"
    assert container.architectures
    assert container.health is not None or container.one_shot
    assert not container.writable_root
    assert container.privileges == ()
    assert ":" in container.image.rpartition("/")[2] and not container.image.endswith(":latest")
    assert not any(path.host.endswith("docker.sock") for path in container.host_paths)


@pytest.mark.parametrize("blueprint,container", CONTAINERS, ids=lambda item: item.name)
def test_every_secret_that_is_read_is_declared(blueprint, container):
    declared = {secret.name for secret in blueprint.secrets}
    assert {use.name for use in container.secrets} <= declared


@pytest.mark.parametrize("name", NAMES)
def test_every_reference_stands_in_the_table(name):
    text = resources.blueprint_source(name).decode()
    plain = "\n".join(line.partition(" #")[0] for line in text.splitlines() if not line.lstrip().startswith("#"))
    assert all(is_known(reference) for reference in references(plain)), [
        r for r in references(plain) if not is_known(r)
    ]


def test_every_one_shot_is_awaited():
    for blueprint, container in CONTAINERS:
        if container.one_shot:
            assert any((container.name, "completed") in other.needs for other in blueprint.containers), container.name


def test_names_of_containers_are_unique():
    names = [container.name for _, container in CONTAINERS]
    assert len(names) == len(set(names))


def test_profiles_exist():
    assert all(set(blueprint.profiles) <= set(PROFILES) for blueprint in CATALOG.blueprints.values())


def test_readers_of_docker_are_read_only():
    """What their lists amount to, by Docker's own API, and not by what anybody says of them."""
    powers = {
        container.name: {docker_call(entry).power for entry in container.docker.allow}
        for _, container in CONTAINERS
        if container.docker
    }
    assert {name for name, found in powers.items() if found <= {POWER_READS, POWER_FILES}} == {
        "dozzle",
        "dozzle-agent",
        "glances",
    }
    assert {name for name, found in powers.items() if POWER_ROOT in found} == {
        "portainer",
        "portainer-agent",
        "portainer-edge-agent",
        "watchtower",
    }


def test_clients_say_their_grant_types():
    for blueprint in CATALOG.blueprints.values():
        assert blueprint.oidc is None or blueprint.oidc.grant_types


@pytest.mark.parametrize("name", NAMES)
def test_a_blueprint_can_be_shown(name):
    facts = describe(CATALOG.blueprints[name])
    assert facts["memory_mib"] > 0 and facts["architectures"]
    assert facts["source"] in text_of(CATALOG.blueprints[name])


def test_the_precompiled_catalogue_is_the_same():
    assert json.loads(json.dumps(read_trees())) == read_trees()
    for name, tree in read_trees().items():
        assert blueprint_from(tree, f"blueprints/{name}.yaml") == CATALOG.blueprints[name]


def test_every_reference_of_the_catalogue_stands_for_something():
    catalog = load_catalog()
    assert unknown_references(catalog) == []
    glances = catalog.blueprints["glances"]
    wrong = glances._replace(files=(glances.files[0]._replace(content="${url.nobody} ${option.none} ${url} ${x}"),))
    assert len(unknown_references(Catalog({"glances": wrong}))) == 3


def test_no_service_promises_processes_of_the_host_that_it_cannot_see():
    for blueprint in CATALOG.blueprints.values():
        sees = any(("pid", "host") in container.privileges for container in blueprint.containers)
        assert sees or "processes" not in blueprint.summary, blueprint.name
