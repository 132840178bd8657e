"""infrakit lock, from the built zipapp, against a registry over TLS that wants to know who asks, and whose tags
move."""

import json
from functools import cache

import pytest

from infrakit.compiler import load
from infrakit.lock import full_name, parse
from infrakit.policy import shapes_of
from tests.e2e.bed.engine import docker, start_engine
from tests.system import fake_registry
from tests.system.fake_registry import basic
from tests.system.test_engine import needs_docker

FILE = """\
version: 1
domain: home.example.org
tls: {mode: internal}
hosts:
  core: {pattern: monitoring, address: 10.0.0.1}
  shed: {pattern: edge, architecture: arm64, address: 10.0.0.2}
"""
PROCESSORS = ("linux/amd64", "linux/arm64/v8", "linux/arm/v7")


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """Every image of the file, for three processors."""
    with fake_registry.registry(fake_registry.certificates(tmp_path_factory.mktemp("tls"))) as made:
        made.auth = "token"
        for name in names():
            publish(made, name)
        yield made


def names() -> list[str]:
    return names_of(FILE.encode())


@cache
def names_of(file: bytes) -> list[str]:
    """Without the mirror."""
    file = b"".join(line for line in file.splitlines(keepends=True) if not line.startswith(b"images:"))
    deployments = shapes_of(load(file, "infrakit.yaml", lambda name: b"").fleet)
    return sorted(
        {full_name(item.image) for host in deployments for service in host.services for item in service.containers}
    )


def publish(registry, name: str) -> None:
    repository, _, tag = name.rpartition(":")
    registry.publish_for(repository, *PROCESSORS, tag=tag)


@pytest.fixture
def place(registry, tmp_path):
    """A folder with the file, and somebody who has logged in."""
    (tmp_path / "infrakit.yaml").write_text(f'{FILE}images: {{mirror: "{registry.address}/"}}\n')
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker/config.json").write_text(json.dumps({"auths": {registry.address: {"auth": basic()}}}))
    registry.heard.clear()
    return tmp_path


def test_twice_gives_the_same_bytes_and_asks_nobody_the_second_time(infrakit, place, registry):
    first = infrakit("lock")
    assert first.returncode == 0, first.stderr
    content, asked = (place / "infrakit.lock").read_bytes(), len(registry.heard)
    assert f"asking {registry.address} about {len(names())} images" in first.stderr
    second = infrakit("lock")
    assert (place / "infrakit.lock").read_bytes() == content and len(registry.heard) == asked
    assert second.stdout == f"infrakit.lock: {len(names())} images, nothing changed\n" and second.stderr == ""
    assert sorted(parse(content, "infrakit.lock").images) == names()


def test_it_names_what_the_registry_has_and_only_the_processors_of_the_hosts(infrakit, place, registry):
    infrakit("lock")
    lock = parse((place / "infrakit.lock").read_bytes(), "infrakit.lock")
    found = {name: tuple(locked.images) for name, locked in lock.images.items()}
    assert found[next(name for name in found if "/glances:" in name)] == ("amd64",)
    assert found[next(name for name in found if "/agent:" in name)] == ("arm64",)
    for name, locked in lock.images.items():
        repository, _, tag = name.rpartition(":")
        assert locked.index == registry.digest(repository, tag)
        for image in locked.images.values():
            kind, manifest = registry.manifests[repository, image.manifest]
            assert json.loads(manifest)["config"]["digest"] == image.image
            assert image.size_bytes == len(manifest) + sum(
                item["size"] for item in (json.loads(manifest)["config"], *json.loads(manifest)["layers"])
            )


def test_a_tag_that_moved_is_said_with_exit_code_6_and_taken_by_an_upgrade_of_its_service(infrakit, place, registry):
    infrakit("lock")
    assert infrakit("lock", "--check").returncode == 0
    before = (place / "infrakit.lock").read_bytes()
    name = next(name for name in names() if "/glances:" in name)
    publish(registry, name)
    found = infrakit("lock", "--check")
    assert (
        found.returncode == 6
        and f"~ {name}: the tag has moved to sha256:" in found.stdout
        and (place / "infrakit.lock").read_bytes() == before
    )
    as_json = json.loads(infrakit("lock", "--check", "--json").stdout)
    assert (
        list(as_json["moved"]) == [name]
        and not as_json["missing"]
        and as_json["moved"][name]["now"] == registry.digest(*name.rsplit(":", 1))
    )
    assert infrakit("lock").stdout.endswith("nothing changed\n"), "what is locked stays"
    assert "nothing changed" in infrakit("lock", "--upgrade", "dozzle").stdout
    assert f"~ {name}: " in infrakit("lock", "--upgrade", "glances").stdout
    assert infrakit("lock", "--check").returncode == 0
    changed = [line for line in before.splitlines() if line not in (place / "infrakit.lock").read_bytes().splitlines()]
    assert {line.split(b":")[0].strip() for line in changed} - {b"bytes"} == {b"index", b"manifest", b"image"}, changed


def test_a_question_whether_tags_have_moved_downloads_nothing(infrakit, place, registry):
    infrakit("lock")
    registry.heard.clear()
    infrakit("lock", "--check")
    assert {method for method, path, _ in registry.heard if path.startswith("/v2/")} == {"HEAD"}


def test_what_only_a_lock_mends_is_not_said_while_one_is_made(infrakit, place, registry):
    file = place / "infrakit.yaml"
    file.write_text(file.read_text() + "updates: {automatic: all}\n")
    assert "moved-unlocked" in infrakit("compile").stderr
    done = infrakit("lock")
    assert done.returncode == 0 and "moved-unlocked" not in done.stderr, done.stderr


def test_a_service_that_is_new_in_the_file_is_missing_until_lock_adds_it(infrakit, place, registry):
    infrakit("lock")
    before = parse((place / "infrakit.lock").read_bytes(), "infrakit.lock")
    file = (place / "infrakit.yaml").read_text()
    (place / "infrakit.yaml").write_text(file.replace("monitoring, ", "monitoring, architecture: arm64, "))
    glances = next(name for name in names() if "/glances:" in name)
    refused = infrakit("compile")
    assert (
        refused.returncode == 2
        and f"infrakit.lock has no image for arm64 of {glances} [image-not-locked]" in refused.stderr
        and "infrakit lock" in refused.stderr
    )
    found = infrakit("lock", "--check")
    assert (
        found.returncode == 6
        and f"+ {glances}: not in the lock for arm64\n" in found.stdout
        and f"- {glances}: no host needs it for amd64\n" in found.stdout
    )
    publish(registry, glances)
    assert infrakit("lock").returncode == 0 and infrakit("compile").returncode == 0
    after = parse((place / "infrakit.lock").read_bytes(), "infrakit.lock")
    assert after.images[glances].index == before.images[glances].index and tuple(after.images[glances].images) == (
        "arm64",
    ), "from the locked index, not from the tag"


def test_a_compile_heeds_a_lock_that_comes_changes_or_goes(infrakit, place):
    assert infrakit("compile").returncode == 0
    assert "nothing changed" in infrakit("compile").stdout
    infrakit("lock")
    assert (
        "io.infrakit" not in infrakit("compile").stdout
        and "io.infrakit.image: " in (place / "build/core/services/glances.yaml").read_text()
    )
    assert "nothing changed" in infrakit("compile").stdout
    (place / "infrakit.lock").write_text(
        (place / "infrakit.lock").read_text().replace("image: sha256:", "image: sha256:f", 1)
    )
    broken = infrakit("compile")
    assert (
        broken.returncode == 2
        and "infrakit.lock:" in broken.stderr
        and "[lock-value]" in broken.stderr
        and "Traceback" not in broken.stderr
    )
    (place / "infrakit.lock").unlink()
    infrakit("compile")
    assert "io.infrakit.image" not in (place / "build/core/services/glances.yaml").read_text()


def test_a_damaged_lock_is_made_anew_by_asking_everything_again(infrakit, place):
    infrakit("lock")
    right = (place / "infrakit.lock").read_bytes()
    (place / "infrakit.lock").write_bytes(right.replace(b"version: 1", b"<<<<<<< ours\nversion: 1"))
    assert infrakit("lock").returncode == 2
    assert infrakit("lock", "--upgrade").returncode == 0 and (place / "infrakit.lock").read_bytes() == right


def test_where_nobody_answers_or_may_ask_the_lock_stays_as_it_was(infrakit, place, registry):
    infrakit("lock")
    before = (place / "infrakit.lock").read_bytes()
    (place / ".docker/config.json").write_text("{}")
    refused = infrakit("lock", "--upgrade")
    assert (
        refused.returncode == 3
        and f"docker login {registry.address}" in refused.stderr
        and "Traceback" not in refused.stderr
    )
    assert (place / "infrakit.lock").read_bytes() == before
    assert sorted(path.name for path in place.iterdir()) == [".docker", "infrakit.lock", "infrakit.yaml"]


def test_a_wrong_call_is_told_so(infrakit, place):
    assert infrakit("lock", "--check", "--upgrade").returncode == 2
    done = infrakit("lock", "--upgrade", "wiki")
    assert done.returncode == 2 and "no host runs wiki" in done.stderr and "glances" in done.stderr


APPS = 'apps:\n  wiki: {image: "team/wiki:1", port: 3000}\n  blog:\n    image: "team/blog:2"\n    port: 80\n'


@pytest.fixture
def with_apps(place, registry):
    """The file with two apps that no registry has; the lines that name their images."""
    file = (place / "infrakit.yaml").read_text().replace("monitoring,", "full,").replace("internal", "acme") + APPS
    for name in names_of(file.encode()):
        if "/team/" not in name:
            publish(registry, name)
    (place / "infrakit.yaml").write_text(file)
    return [number for number, line in enumerate(file.splitlines(), 1) if "image:" in line]


def test_all_images_that_the_registry_has_not_are_said_at_once_each_with_its_place(
    infrakit, place, registry, with_apps
):
    done = infrakit("lock")
    assert (
        done.returncode == 3
        and done.stderr.endswith("infrakit: error: 2 problems found\n")
        and not (place / "infrakit.lock").exists()
    ), done.stderr
    for line, column, image in zip(with_apps, (17, 12), ("wiki:1", "blog:2")):
        assert (
            f"infrakit.yaml:{line}:{column}: error: {registry.address}/docker.io/team/{image}: there is no such image"
            in done.stderr
        )


@needs_docker
def test_an_image_that_this_machines_engine_has_is_said_to_be_here(infrakit, registry, with_apps):
    start_engine()
    name = f"{registry.address}/docker.io/team/blog:2"
    docker("import", "-", name, feed=bytes(1024))
    try:
        done = infrakit("lock")
    finally:
        docker("image", "rm", name)
    wiki, blog = [line for line in done.stderr.splitlines() if line.startswith("  hint: ")]
    assert "is its name right" in wiki and "this machine's engine has it" not in wiki
    assert "this machine's engine has it: where it was built here, push it to a registry" in blog
