"""infrakit compile, from the built zipapp, as a user runs it."""

import json
import os
import stat
from pathlib import Path

import pytest

THREE_LINES = "version: 1\ndomain: home.example.org\npattern: full\n"


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def compiled(infrakit, tmp_path, text=THREE_LINES, *words):
    (tmp_path / "infrakit.yaml").write_text(text)
    done = infrakit("compile", *words)
    assert done.returncode == 0, done.stderr
    return tmp_path / "build" / "infrakit"


def test_without_a_file_it_points_at_init(infrakit):
    done = infrakit("compile")
    assert done.returncode == 2
    assert done.stderr == (
        "infrakit: error: there is no infrakit.yaml in this folder\n  hint: infrakit init writes one; -f names "
        "another\n"
    )


@pytest.mark.parametrize("name", ["full", "edge", "monitoring", "hybrid"])
def test_an_embedded_example_compiles(infrakit, tmp_path, name):
    done = infrakit("compile", "--example", name)
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "build").glob("*/compose.yaml"))


def test_three_lines_are_a_valid_file(infrakit, tmp_path):
    folder = compiled(infrakit, tmp_path)
    assert {"compose.yaml", "manifest.json", ".env", "REVIEW.md", "review.html"} <= set(os.listdir(folder))


def test_a_second_compile_changes_and_mints_nothing(infrakit, tmp_path):
    folder = compiled(infrakit, tmp_path)
    before = {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in folder.rglob("*")}
    again = infrakit("compile")
    assert again.stdout.endswith("nothing changed\n")
    assert {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in folder.rglob("*")} == before


def test_the_slow_way_says_the_same_as_the_stamp(infrakit, tmp_path):
    compiled(infrakit, tmp_path)
    quick = infrakit("compile")
    (tmp_path / "build" / ".infrakit.stamp").unlink()
    slow = infrakit("compile")
    assert (quick.stdout, quick.stderr, quick.returncode) == (slow.stdout, slow.stderr, slow.returncode)


def test_secrets_are_files_that_only_their_owner_reaches(infrakit, tmp_path):
    folder = compiled(infrakit, tmp_path) / "secrets"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o444
        assert len(path.read_bytes()) >= 32 and not path.read_bytes().endswith(b"\n")


def test_no_compiled_file_and_no_output_holds_a_secret(infrakit, tmp_path):
    (tmp_path / "infrakit.yaml").write_text(THREE_LINES)
    first = infrakit("compile")
    folder = tmp_path / "build" / "infrakit"
    (tmp_path / "infrakit.yaml").write_text(THREE_LINES + "name: infrakit\ntimezone: Europe/Berlin\n")
    said = first.stdout + first.stderr
    for words in (["compile", "--diff"], ["compile"], ["secrets", "list"], ["compile", "--json"]):
        done = infrakit(*words)
        said += done.stdout + done.stderr
    texts = "".join(
        path.read_text(errors="replace")
        for path in (tmp_path / "build").rglob("*")
        if path.is_file() and path.parent.name != "secrets"
    )
    for path in (folder / "secrets").iterdir():
        assert path.read_text() not in said + texts


def test_numbers_of_the_hosts_groups_are_left_for_the_host_to_fill_in(infrakit, tmp_path):
    text = THREE_LINES + "apps: {wiki: {image: 'x/y:1', groups: [render]}}\n"
    path = compiled(infrakit, tmp_path, text) / "secrets" / ".host.groups"
    assert path.read_text() == "# INFRAKIT_GROUP_render=\n"
    path.write_text("INFRAKIT_GROUP_render=993\n")
    compiled(infrakit, tmp_path, text + "timezone: Europe/Berlin\n")
    assert path.read_text() == "INFRAKIT_GROUP_render=993\n"


def test_no_secrets_mints_nothing(infrakit, tmp_path):
    folder = compiled(infrakit, tmp_path, THREE_LINES, "--no-secrets")
    assert not (folder / "secrets").exists()


def test_check_writes_nothing_and_says_so_by_its_exit_code(infrakit, tmp_path):
    (tmp_path / "infrakit.yaml").write_text(THREE_LINES)
    assert infrakit("compile", "--check").returncode == 6
    assert not (tmp_path / "build").exists()
    assert infrakit("compile").returncode == 0
    assert infrakit("compile", "--check").returncode == 0


def test_diff_prints_what_would_change_and_writes_nothing(infrakit, tmp_path):
    folder = compiled(infrakit, tmp_path)
    before = files_of(folder)
    (tmp_path / "infrakit.yaml").write_text(THREE_LINES + "services: {glances: {memory: 300m}}\n")
    done = infrakit("compile", "--diff")
    assert done.returncode == 6 and '+          memory: "300M"' in done.stdout.replace("300m", "300M"), done.stdout
    assert files_of(folder) == before


def test_a_hand_edited_file_stays_unless_forced(infrakit, tmp_path):
    folder = compiled(infrakit, tmp_path)
    edited = folder / "caddy" / "Caddyfile"
    edited.write_text("# mine\n")
    done = infrakit("compile")
    assert done.returncode == 6 and "caddy/Caddyfile: edited by hand" in done.stderr
    assert edited.read_text() == "# mine\n"
    assert infrakit("compile", "--force").returncode == 0
    assert edited.read_text() != "# mine\n"


def test_what_left_the_file_leaves_the_tree_and_nothing_else_does(infrakit, tmp_path):
    folder = compiled(infrakit, tmp_path, THREE_LINES + "apps: {wiki: {image: x/wiki:1, port: 80}}\n")
    (folder / "mine.txt").write_text("mine")
    (tmp_path / "infrakit.yaml").write_text(THREE_LINES)
    done = infrakit("compile")
    assert "- service wiki" in done.stdout and "- door wiki.home.example.org" in done.stdout
    assert not (folder / "services" / "wiki.yaml").exists() and (folder / "mine.txt").exists()


def test_a_host_that_left_the_file_loses_its_tree_but_not_its_secrets(infrakit, tmp_path):
    hosts = "version: 1\ndomain: home.example.org\nhosts:\n  a: {pattern: full}\n"
    compiled_folder = tmp_path / "build"
    (tmp_path / "infrakit.yaml").write_text(hosts + "  b: {pattern: edge}\n")
    assert infrakit("compile").returncode == 0
    assert infrakit("secrets", "set", "portainer_edge_key", feed="key").returncode == 0
    (tmp_path / "infrakit.yaml").write_text(hosts)
    assert infrakit("compile").returncode == 0
    assert [path.name for path in (compiled_folder / "b").iterdir()] == ["secrets"]


def test_two_projects_share_a_folder_in_peace(infrakit, tmp_path):
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text(THREE_LINES + f"name: {name}\n")
        assert infrakit("compile", "-f", f"{name}.yaml").returncode == 0
    assert (tmp_path / "build/one/compose.yaml").exists() and (tmp_path / "build/two/compose.yaml").exists()


def test_a_link_in_the_tree_is_not_followed(infrakit, tmp_path):
    folder = compiled(infrakit, tmp_path)
    outside = tmp_path / "outside"
    outside.write_text("untouched")
    (folder / "caddy" / "Caddyfile").unlink()
    (folder / "caddy" / "Caddyfile").symlink_to(outside)
    done = infrakit("compile", "--force")
    assert done.returncode == 1 and "a link where a file of ours should be" in done.stderr
    assert outside.read_text() == "untouched"


def test_json_is_the_same_for_a_program(infrakit, tmp_path):
    (tmp_path / "infrakit.yaml").write_text(THREE_LINES)
    found = json.loads(infrakit("compile", "--json").stdout)
    assert found["hosts"] == ["infrakit"] and found["added"] == found["files"] > 10
    (tmp_path / "infrakit.yaml").write_text("version: 1\n")
    wrong = infrakit("compile", "--json")
    assert wrong.returncode == 2
    (line,) = wrong.stdout.splitlines()
    error = json.loads(line)
    assert error["kind"] == "error" and error["problems"][0]["code"] == "missing-key"


def test_one_host_of_several(infrakit, tmp_path):
    done = infrakit("compile", "--example", "hybrid", "--host", "cabin")
    assert done.returncode == 0 and [path.name for path in (tmp_path / "build").iterdir()] == ["cabin"]
    assert infrakit("compile", "--example", "hybrid", "--host", "nowhere").returncode == 2


def test_a_range_of_hosts_is_written_one_by_one(infrakit, tmp_path):
    (tmp_path / "infrakit.yaml").write_text(
        "version: 1\ndomain: home.example.org\nhosts:\n  core: {pattern: full}\n  edge-[08:11]: {pattern: edge}\n"
    )
    assert infrakit("compile").returncode == 0
    names = sorted(path.name for path in (tmp_path / "build").iterdir() if path.is_dir())
    assert names == ["core", "edge-08", "edge-09", "edge-10", "edge-11"]
    text = (tmp_path / "build/edge-09/services/portainer-edge-agent.yaml").read_text()
    assert "edge-09" in text and "infrakit-host-name" not in text
    assert infrakit("compile").stdout.endswith("nothing changed\n")


def test_the_fleet_shares_one_authority_and_each_host_has_its_own_key(infrakit, tmp_path):
    assert infrakit("compile", "--example", "hybrid").returncode == 0
    build = tmp_path / "build"
    assert (build / "core/secrets/fleet_ca").read_bytes() == (build / "shed/secrets/fleet_ca").read_bytes()
    assert (build / "core/secrets/fleet_key").read_bytes() != (build / "shed/secrets/fleet_key").read_bytes()
    assert not (build / "cabin/secrets").exists()


def test_the_quick_reading_of_the_call_is_clicks():
    """plain.py reads the words of a plain compile; click's declaration stays the definition."""
    from infrakit.cli.compile import command
    from infrakit.cli.plain import FLAGS, VALUES, compile_options

    declared = {word: option.name for option in command.params for word in option.opts}
    assert declared == {**VALUES, **FLAGS}
    for words in (
        [],
        ["-f", "x", "--check"],
        ["-o", "y", "--host", "h", "--json"],
        ["--example", "full", "--force", "--no-secrets", "--diff"],
    ):
        assert compile_options(words) == command.make_context("compile", list(words)).params
    for words in (["-fx"], ["--output=y"], ["-f"], ["--example", "none"], ["--", "x"], ["--help"]):
        assert compile_options(words) is None
