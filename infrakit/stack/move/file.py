"""infrakit.yaml x apps that go from one host to another -> the file as it is then, and how it gets back; every comment
stays.
"""

from collections.abc import Sequence

from infrakit import resources
from infrakit.composed.edit import assigned, deleted
from infrakit.config import parse
from infrakit.config.document import Node, Path
from infrakit.config.keys import Schema, located
from infrakit.errors import UsageProblem

Was = tuple[tuple[str, tuple[str, ...]], ...]
"""App -> its `hosts`, () where it said none."""


def sent(content: bytes, name: str, apps: Sequence[str], sender: str, to: str) -> tuple[bytes, Was]:
    """The file called `name` with the apps on `to`, and what it said before. UsageProblem where one is there
    already."""
    was = []
    for app in apps:
        hosts = said(content, name, app)
        if to in hosts:
            raise UsageProblem(f"{app} is on {to} already, and on {sender}", f"see apps.{app}.hosts in {name}")
        was.append((app, hosts))
        content = _put(content, name, app, [to if host == sender else host for host in hosts] or [to])
    return content, tuple(was)


def sent_still(content: bytes, name: str, apps: Sequence[str], sender: str, to: str) -> bytes:
    """The same of a file that may have them there already."""
    left = [app for app in apps if to not in said(content, name, app)]
    return sent(content, name, left, sender, to)[0]


def brought_back(content: bytes, name: str, was: Was) -> bytes:
    """The file with the apps where they were; whatever else was changed in it since stays."""
    for app, hosts in was:
        content = _put(content, name, app, hosts)
    return content


def said(content: bytes, name: str, app: str) -> tuple[str, ...]:
    """The hosts of an app, as the file has them; () where it says none."""
    node: Node | None = parse(content, name).root
    for step in ("apps", app, "hosts"):
        pairs = node.value if node is not None and node.kind == "map" else ()
        node = next((value for key, value in pairs if key.value == step), None)
    return tuple(str(item.value) for item in node.value) if node is not None and node.kind == "list" else ()


def _put(content: bytes, name: str, app: str, hosts: Sequence[str]) -> bytes:
    path, schema = _place(content, name, app)
    if not hosts:
        return deleted(content, name, path).content
    return assigned(content, name, path, schema, f"[{', '.join(hosts)}]").content


def _place(content: bytes, name: str, app: str) -> tuple[Path, Schema]:
    return located(resources.schema("infrakit"), f"apps.{app}.hosts", parse(content, name).root)


def _own_ways(content: bytes, name: str) -> list[str]:
    """Apps that say how their data is written down."""
    pairs = {key.value: value for key, value in parse(content, name).root.value}
    apps = pairs["apps"].value if "apps" in pairs and pairs["apps"].kind == "map" else ()
    return [
        str(app.value) for app, node in apps if node.kind == "map" and "backup" in {key.value for key, _ in node.value}
    ]


def backed_up(content: bytes, name: str, to: str) -> bytes:
    """The file as if it said that backups of all go `to` a place: what is kept is found by that. Who moves stands still
    meanwhile, and so no app says another way for its own."""
    schema = resources.schema("infrakit")
    content = deleted(content, name, ("backup",)).content
    for app in _own_ways(content, name):
        content = deleted(content, name, ("apps", app, "backup")).content
    path, part = located(schema, "backup.to", parse(content, name).root)
    return assigned(content, name, path, part, to).content
