"""files of an app: content in the tree, seen at their path, and the reason to make the container anew."""

from infrakit import emit
from infrakit.compiler import load
from infrakit.stack.up import wanted_of
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


def test_a_changed_file_makes_its_reader_anew():
    labels = []
    for text in (FILE, FILE.replace("hello", "good bye")):
        deployment = host(text)
        labels.append(wanted_of(deployment, emit.emit(deployment))["wiki"][0].label)
    assert labels[0] != labels[1]
