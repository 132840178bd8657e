"""infrakit outdated, from the built zipapp, against a registry with more tags than it says at once."""

import json

import pytest

from tests.cli.test_lock import PROCESSORS, names_of, publish
from tests.system import fake_registry

FILE = """\
version: 1
domain: home.example.org
pattern: monitoring
tls: {mode: internal}
apps:
  wiki: {image: "team/wiki:2.5.1", port: 3000}
  blog: {image: "team/blog:nightly", port: 80}
"""
WIKI, BLOG, POSTGRES = "docker.io/team/wiki", "docker.io/team/blog", "docker.io/library/postgres"


@pytest.fixture
def registry(tmp_path_factory):
    with fake_registry.registry(fake_registry.certificates(tmp_path_factory.mktemp("tls"))) as made:
        made.tags_at_once, made.created = 2, "2026-08-19T10:00:00Z"
        for name in names_of(FILE.encode()):
            publish(made, name)
        yield made


@pytest.fixture
def place(registry, tmp_path):
    (tmp_path / "infrakit.yaml").write_text(f'{FILE}images: {{mirror: "{registry.address}"}}\n')
    return tmp_path


def test_nothing_newer_is_said_with_exit_code_0(infrakit, place, registry):
    infrakit("lock")
    done = infrakit("outdated")
    count = len(names_of(FILE.encode()))
    assert done.returncode == 0 and done.stdout == f"0 of {count} images have something newer\n", done
    assert done.stderr == f"asking {registry.address} about {count} images\n"


def test_a_newer_tag_of_the_line_and_of_a_later_one_is_said(infrakit, place, registry):
    infrakit("lock")
    for tag in ("2.4.9", "2.5.9", "2.5.10", "2.6.0-rc1", "3.0.0", "3.1.0", "latest"):
        registry.publish_for(WIKI, *PROCESSORS, tag=tag)
    done = infrakit("outdated")
    assert done.returncode == 6, done.stderr
    digest = registry.digest(WIKI, "2.5.1")[:19]
    assert done.stdout.startswith(
        f"{WIKI} 2.5.1 ({digest}, built 2026-08-19)\n  newer     2.5.10\n  major     3.1.0\n  run by    wiki\n1 of "
    )
    found = {item["image"]: item for item in json.loads(infrakit("outdated", "--json").stdout)["images"]}
    assert (found[WIKI]["newer"], found[WIKI]["major"], found[BLOG]["newer"]) == (["2.5.10"], "3.1.0", [])


def test_a_tag_that_has_moved_since_it_was_locked_is_said(infrakit, place, registry):
    infrakit("lock")
    publish(registry, f"{BLOG}:nightly")
    done = infrakit("outdated")
    now = registry.digest(BLOG, "nightly")[:19]
    assert done.returncode == 6 and f"  moved     the tag is {now} now\n  run by    blog\n" in done.stdout
    (place / "infrakit.lock").unlink()
    assert infrakit("outdated").returncode == 0, "without a lock nobody knows what it was"


def test_one_that_nobody_answers_for_is_a_line_of_its_own_and_no_end(infrakit, place, registry):
    infrakit("lock")
    publish(registry, f"{BLOG}:nightly")
    del registry.manifests[WIKI, "2.5.1"]
    done = infrakit("outdated")
    assert done.returncode == 6 and "  unknown   " in done.stdout and "  moved     " in done.stdout
    assert done.stdout.endswith("images have something newer, and 1 could not be asked about\n")
    infrakit("lock", "--upgrade", "blog")
    assert infrakit("outdated").returncode == 1


def test_offline_nobody_is_asked_and_a_file_of_versions_is_believed(infrakit, place, registry):
    (place / "newest.json").write_text(json.dumps({WIKI: "2.6.0", POSTGRES: ["16.99", "17.99"]}))
    assert infrakit("outdated", "--offline").returncode == 0
    done = infrakit("outdated", "--against", "newest.json")
    assert done.returncode == 6 and f"{WIKI} 2.5.1\n  newer     2.6.0\n" in done.stdout
    assert "  newer     16.99, 17.99\n" in done.stdout
    assert registry.heard == []
    (place / "newest.json").write_text(json.dumps({"docker.io/team/wikki": "2.6.0"}))
    assert f"did you mean {WIKI}" in infrakit("outdated", "--against", "newest.json").stderr


def test_a_version_with_a_known_hole_is_said_without_asking_anybody(infrakit, place):
    file = (place / "infrakit.yaml").read_text()
    (place / "infrakit.yaml").write_text(file.replace("team/wiki:2.5.1", "postgres:16.1"))
    done = infrakit("outdated", "--offline")
    assert done.returncode == 6 and f"{POSTGRES} 16.1\n" in done.stdout
    assert "  too old   it is below its floor\n  run by    wiki\n" in done.stdout
