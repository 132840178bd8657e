"""files of an app: content in the tree, seen at their path, and the reason to make the container anew."""

from pathlib import Path

import pytest

from infrakit import emit
from infrakit.compiler import load
from infrakit.stack.up import wanted_of
from infrakit.system import secrets
from tests.emit.tree import needs_compose, project, write

FILE = """version: 1
domain: home.example.org
pattern: full
timezone: Europe/Berlin
tls: {mode: internal}
apps:
  wiki:
    image: ghcr.io/example/wiki:1
    port: 80
    data: [/etc/wiki]
    not_secret: [admin_password]
    files:
      /etc/wiki/wiki.ini: |
        url = ${url}
        zone = ${timezone} of ${domain}
        home = ${HOME}/x $${url} $x
        db = ${inside.wiki}
        admin-password = hunter2
        secret_file = /run/secrets/x
      /motd: hello
"""


def host(text: str = FILE):
    return load(text.encode(), "infrakit.yaml", lambda name: b"").fleet.deployments[0]


@needs_compose
def test_each_stands_in_the_tree_and_is_mounted_to_be_read(tmp_path):
    deployment = host()
    artifacts = emit.emit(deployment)
    files = {item.path: item.content.decode() for item in artifacts}
    assert files["wiki/motd"] == "hello"
    assert files["wiki/etc/wiki/wiki.ini"].splitlines() == [
        "url = https://wiki.home.example.org",
        "zone = Europe/Berlin of home.example.org",
        "home = ${HOME}/x ${url} $x",
        "db = http://wiki:80",
        "admin-password = hunter2",
        "secret_file = /run/secrets/x",
    ]
    found = project(write(tmp_path, artifacts, deployment))["services"]["wiki"]["volumes"]
    seen = [(item["type"], item["target"], item.get("read_only", False)) for item in found]
    assert seen == [("volume", "/etc/wiki", False), ("bind", "/etc/wiki/wiki.ini", True), ("bind", "/motd", True)]
    assert "admin\\_password in plain sight" in files["REVIEW.md"]
    trace = emit.trace(deployment, "wiki/etc/wiki/wiki.ini")
    assert trace["1"].path == ("apps", "wiki", "files", "/etc/wiki/wiki.ini")


SECRET = FILE.replace("admin-password = hunter2", "admin-password = ${secret.wiki_admin}").replace(
    "not_secret: [admin_password]", "secrets: [wiki_admin]"
)


@needs_compose
def test_a_secret_in_one_is_put_in_on_the_host_and_stands_in_no_tree(tmp_path):
    deployment = host(SECRET)
    artifacts = emit.emit(deployment)
    files = {item.path: item.content.decode() for item in artifacts}
    secrets.mint(str(tmp_path), "infrakit", deployment.secrets, ())
    value = (tmp_path / "secrets/wiki_admin").read_text()
    lines = files["wiki/etc/wiki/wiki.ini"].splitlines()
    assert lines[0] == "url = https://wiki.home.example.org" and "admin-password = ${secret.wiki_admin}" in lines
    found = project(write(tmp_path, artifacts, deployment))
    wiki = found["services"]["wiki"]
    assert [item["target"] for item in wiki["volumes"]] == ["/etc/wiki", "/motd"]
    assert {item["source"]: item["target"] for item in wiki["secrets"]} == {
        "wiki_admin": "/run/secrets/wiki_admin",
        "wiki-file0": "/etc/wiki/wiki.ini",
    }
    stored = Path(found["secrets"]["wiki-file0"]["file"])
    assert stored == tmp_path / "secrets/.wiki-file0" and stored.stat().st_mode & 0o777 == 0o444
    said = stored.read_text()
    assert f"admin-password = {value}\n" in said and "home = ${HOME}/x ${url} $x\n" in said
    assert not [path for path, text in files.items() if value in text]
    assert "/etc/wiki/wiki.ini with a secret in it" in files["REVIEW.md"]
    (spec,) = [item for item in deployment.secrets if item.name == "wiki_admin"]
    assert spec.required_by == ("wiki",)
    traced = emit.trace(deployment, "services/wiki.yaml")
    causes = {origin.path for leaf, origin in traced.items() if ".secrets.1." in leaf}
    assert causes == {("apps", "wiki", "files", "/etc/wiki/wiki.ini")}
    main = emit.trace(deployment, "compose.yaml")
    assert main["secrets.wiki-file0.file"].path == ("apps", "wiki", "files", "/etc/wiki/wiki.ini")


@pytest.mark.parametrize(
    "before_and_after", [(FILE, FILE.replace("hello", "good bye")), (SECRET, SECRET.replace("zone =", "the zone ="))]
)
def test_a_changed_file_makes_its_reader_anew(before_and_after):
    labels: list[str] = []
    for text in before_and_after:
        deployment = host(text)
        labels.append(wanted_of(deployment, emit.emit(deployment))["wiki"][0].label)
    assert labels[0] != labels[1]
