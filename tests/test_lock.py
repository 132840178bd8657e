"""infrakit.lock as a file: the same bytes, merged line by line, refused with a place where it is damaged; and what
compile makes of it."""

import random
import re
import subprocess

import pytest

from infrakit.changes import facts_of
from infrakit.compiler import load
from infrakit.emit import emit
from infrakit.errors import ConfigurationInvalid
from infrakit.lock import (
    Lock,
    LockFile,
    changes,
    full_name,
    lacking,
    leftover,
    locked_name,
    mirrored_name,
    parse,
    render,
    untagged,
    updated,
)
from infrakit.lock.entries import LockedImage, LockedName, LockedPackage
from infrakit.lock.text import Reading
from infrakit.policy import shapes_of
from infrakit.resolve.images import LABEL
from infrakit.stack.images import Pull
from infrakit.stack.up import plan_up, wanted_of
from infrakit.system.digest import hex_digest

NAMES = (
    "docker.io/library/caddy:2.11.4",
    "docker.io/library/haproxy:3.2",
    "ghcr.io/requarks/wiki:2.5",
    "registry.lan:5000/a/b:1",
)
FILE = (
    b"version: 1\ndomain: home.example.org\nhosts:\n  core: {pattern: full, address: 10.0.0.1}\n  shed: {pattern: "
    b"edge, architecture: arm64, address: 10.0.0.2}\n"
)


def digest(text: str) -> str:
    return f"sha256:{hex_digest(text.encode())}"


def locked(name: str, *architectures: str, salt: str = "") -> LockedName:
    images = {
        item: LockedImage(digest(f"manifest{name}{item}{salt}"), digest(f"image{name}{item}{salt}"), len(name) * 1000)
        for item in architectures
    }
    return LockedName(digest(f"index{name}{salt}"), images)


def lock_of(*names: str, salt: str = "") -> Lock:
    return Lock({name: locked(name, "amd64", "arm64", salt=salt) for name in names})


def fleet_lock(source: bytes = FILE, mirror: str = "", salt: str = "") -> Lock:
    """A lock that fits a file."""
    wanted: dict[str, set[str]] = {}
    for deployment in shapes_of(load(source, "infrakit.yaml", lambda name: b"").fleet):
        for container in (item for service in deployment.services for item in service.containers):
            wanted.setdefault(locked_name(container.image, mirror), set()).add(deployment.architecture)
    return Lock({name: locked(name, *sorted(found), salt=salt) for name, found in wanted.items()})


def compiled(lock: Lock | None, source: bytes = FILE):
    return load(source, "infrakit.yaml", lambda name: b"", LockFile("infrakit.lock", render(lock)) if lock else None)


def test_the_same_lock_is_the_same_bytes_in_whatever_order_it_was_made():
    items = list(lock_of(*NAMES).images.items())
    for seed in range(5):
        random.Random(seed).shuffle(items)
        turned = {name: one._replace(images=dict(reversed(list(one.images.items())))) for name, one in items}
        assert render(Lock(turned)) == render(lock_of(*NAMES))


@pytest.mark.parametrize("names", [(), NAMES[:1], NAMES])
def test_a_lock_is_read_as_it_was_written_by_both_readers(names):
    lock, source = lock_of(*names), render(lock_of(*names))
    assert parse(source, "infrakit.lock") == Reading("infrakit.lock").lock(source) == lock


def test_packages_stand_below_their_system():
    packages = {
        system: {
            name: LockedPackage(f"5:29.0.{number}-1~debian.13~trixie", digest(system + name), 10**6 + number)
            for number, name in enumerate(("containerd.io", "docker-ce"))
        }
        for system in ("debian-trixie-amd64", "ubuntu-noble-arm64")
    }
    for images in ((), NAMES):
        lock = lock_of(*images)._replace(packages=packages)
        assert parse(render(lock), "infrakit.lock") == Reading("infrakit.lock").lock(render(lock)) == lock
        assert render(lock).startswith(render(lock_of(*images))), "what has no packages is as it was"
    newer = {
        **packages,
        "debian-trixie-amd64": {
            "docker-ce": packages["debian-trixie-amd64"]["docker-ce"]._replace(version="5:29.1.0-1")
        },
    }
    assert changes(lock, lock._replace(packages=newer)) == [
        "- debian-trixie-amd64 containerd.io",
        "~ debian-trixie-amd64 docker-ce: 5:29.1.0-1, was 5:29.0.1-1~debian.13~trixie",
    ]


def test_a_lock_that_git_or_a_person_has_rearranged_is_read_all_the_same():
    first, second = (render(lock_of(name)).decode().partition("images:\n")[2] for name in NAMES[:2])
    text = (
        f"images:\n{second}{first.replace('      bytes', '      # counted twice' + chr(10) + '      bytes')}\n"
        "version: 1\n"
    )
    assert parse(text.encode(), "infrakit.lock") == lock_of(*NAMES[:2])


def test_two_upgrades_are_merged_by_git_without_a_question(tmp_path):
    base = lock_of(*NAMES)
    ours = Lock(
        {
            **base.images,
            NAMES[1]: locked(NAMES[1], "amd64", "arm64", salt="new"),
            "docker.io/library/aaa:1": locked("a", "amd64"),
        }
    )
    moved = {name: one for name, one in base.images.items() if name != NAMES[2]}
    theirs = Lock(
        {
            **moved,
            NAMES[0]: locked(NAMES[0], "amd64", "arm64", salt="new"),
            "ghcr.io/requarks/wiki:2.6": locked("w", "amd64", "arm64"),
        }
    )
    for name, lock in (("base", base), ("ours", ours), ("theirs", theirs)):
        (tmp_path / name).write_bytes(render(lock))
    done = subprocess.run(["git", "merge-file", "-p", "ours", "base", "theirs"], cwd=tmp_path, capture_output=True)
    both = Lock({**theirs.images, **{name: ours.images[name] for name in (NAMES[1], "docker.io/library/aaa:1")}})
    assert done.returncode == 0 and done.stdout == render(both)


LINE = {text: number for number, text in enumerate(render(lock_of(NAMES[0])).decode().splitlines(), 1)}
INDEX = f"    index: {lock_of(NAMES[0]).images[NAMES[0]].index}"
DAMAGES = {
    "conflict": ("version: 1\n", "<<<<<<< ours\nversion: 1\n=======\n", r"infrakit\.lock:\d+:\d+: error: .*\[yaml-"),
    "twice": (
        INDEX,
        f"{INDEX}\n{INDEX}",
        rf"infrakit\.lock:{LINE[INDEX] + 1}:5: error: the key index stands twice .*\[duplicate-key\]",
    ),
    "short": (
        INDEX,
        INDEX[:-1],
        (
            rf"infrakit\.lock:{LINE[INDEX]}:12: error: {NAMES[0]}: index is not sha256: and 64 hexadecimal digits "
            r"\[lock-value\]"
        ),
    ),
    "no-index": (
        INDEX + "\n",
        "",
        rf"infrakit\.lock:{LINE[INDEX]}:5: error: {NAMES[0]}: index is missing \[lock-key\]",
    ),
    "null": (INDEX, "    index:", rf"infrakit\.lock:{LINE[INDEX]}:5: error: {NAMES[0]}: index is not sha256"),
    "size": ("bytes: 30000", "bytes: -1", r"amd64: bytes is not a number of bytes \[lock-value\]"),
    "size-text": ("bytes: 30000", 'bytes: "30000"', r"amd64: bytes is not a number of bytes \[lock-value\]"),
    "size-large": ("bytes: 30000", f"bytes: {10**30}", r"amd64: bytes is not a number of bytes \[lock-value\]"),
    "strange": (
        "      bytes: 30000\n    arm64",
        "      bytes: 30000\n      date: today\n    arm64",
        r"amd64: a lock has no key date \[lock-key\]",
    ),
    "processor": ("    arm64:", "    sparc:", r": a lock has no key sparc \[lock-key\]"),
    "name": (f'"{NAMES[0]}"', '"Caddy"', r"Caddy is no full name of an image \[lock-value\]"),
    "version": (
        "version: 1",
        "version: 2",
        r"infrakit\.lock:3:10: error: it is of another version of the format \[lock-version\]",
    ),
    "no-version": ("version: 1\n", "", r"the lock: version is missing \[lock-key\]"),
    "list": ("images:\n", "images: []\nothers:\n", r"images is not a mapping \[lock-value\]"),
    "nothing": (
        render(lock_of(NAMES[0])).decode(),
        "",
        r"the lock: version is missing .*\n.*\n.*the lock: images is missing",
    ),
    "text": (render(lock_of(NAMES[0])).decode(), "hello\n", r"the lock is not a mapping"),
    "bytes": ("version", "ver\x00sion", r"control character U\+0000"),
    "system": (
        "images:\n",
        'packages: {"debian": {}}\nimages:\n',
        r":5:.*debian is no system, such as debian-trixie-amd64 \[lock-value\]",
    ),
    "package": (
        "images:\n",
        'packages: {"debian-trixie-amd64": {"docker-ce": {version: "a b", digest: x, bytes: 1}}}\nimages:\n',
        r"docker-ce: version is no version of a package \[lock-value\]\n.*\n.*docker-ce: digest is not sha256",
    ),
    "no-image": (
        render(lock_of(NAMES[0])).decode().partition(INDEX)[2],
        "\n",
        r"it has an image for no processor \[lock-key\]",
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_lock_is_refused_with_a_place_and_what_to_do(name):
    old, new, expected = DAMAGES[name]
    source = render(lock_of(NAMES[0])).decode()
    assert old in source
    with pytest.raises(ConfigurationInvalid) as refused:
        parse(source.replace(old, new, 1).encode(), "infrakit.lock")
    text = "\n".join(problem.text() for problem in refused.value.problems)
    assert re.search(expected, text), text
    assert all(problem.hint for problem in refused.value.problems if problem.code.startswith("lock-"))


def test_no_cut_and_no_flip_is_read_as_another_lock_of_the_same_digests():
    """Any other byte is refused, or changes what is read: nothing is ignored but white space and comments."""
    source, lock = render(lock_of(NAMES[0])), lock_of(NAMES[0])
    start = source.index(b"version")
    for at in range(start, len(source)):
        changed = bytearray(source)
        changed[at] ^= 1
        for other in (bytes(changed), source[:at]):
            try:
                found = parse(other, "infrakit.lock")
            except ConfigurationInvalid:
                continue
            assert found != lock or chr(changed[at]) in "#! " or other.strip() == source.strip(), (
                at,
                other[at - 20 : at + 20],
            )


def test_what_is_asked_replaces_what_is_left_is_dropped_what_stands_is_kept():
    old = lock_of(*NAMES[:3])
    wanted = {NAMES[0]: {"amd64"}, NAMES[1]: {"amd64", "arm64"}, NAMES[3]: {"armhf"}}
    assert lacking(old, wanted) == {NAMES[3]: ["armhf"]} and leftover(old, wanted) == {
        NAMES[0]: ["arm64"],
        NAMES[2]: ["amd64", "arm64"],
    }
    asked = {NAMES[1]: locked(NAMES[1], "amd64", "arm64", salt="new"), NAMES[3]: locked(NAMES[3], "armhf")}
    new = updated(old, wanted, asked)
    assert new.images == {NAMES[0]: locked(NAMES[0], "amd64"), **asked}
    lines = changes(old, new)
    assert (
        [line[0] for line in lines] == ["~", "~", "-", "+"]
        and "without arm64" in lines[0]
        and "was sha256:" in lines[1]
    )
    assert lacking(new, wanted) == leftover(new, wanted) == {} and changes(new, new) == []


@pytest.mark.parametrize(
    ("image", "full", "bare"),
    [
        ("caddy:2", "docker.io/library/caddy:2", "caddy"),
        ("a/b:1", "docker.io/a/b:1", "a/b"),
        ("ghcr.io/a/b:1", "ghcr.io/a/b:1", "ghcr.io/a/b"),
        ("registry:5000/a", "registry:5000/a", "registry:5000/a"),
        (f"registry:5000/a:1@{digest('x')}", f"registry:5000/a:1@{digest('x')}", "registry:5000/a"),
    ],
)
def test_names_with_and_without_a_mirror(image, full, bare):
    assert full_name(image) == locked_name(image, "") == full and untagged(image) == bare
    assert mirrored_name(image, "mirror.lan:5000/x/") == f"mirror.lan:5000/x/{full}"
    assert locked_name(f"mirror.lan:5000/x/{full}", "mirror.lan:5000/x/") == full


def test_a_lock_says_which_image_a_moving_tag_is_so_watchtower_has_nothing_to_do():
    source = FILE + b"services: {dozzle: {image: 'docker.io/amir20/dozzle:v10'}}\n"
    core, shed = compiled(None, source).fleet.deployments
    assert ("watchtower" in {item.name for item in core.services}) and core.idle_updater is None
    core, shed = compiled(fleet_lock(source), source).fleet.deployments
    assert "watchtower" not in {item.name for item in core.services} and core.idle_updater.path == ("hosts", "core")


def test_an_image_that_names_the_mirror_is_fetched_from_there_once():
    own = "mirror.lan:5000/x/own:1"
    for mirror in ("mirror.lan:5000/x/", "mirror.lan:5000/x", "mirror.lan:5000"):
        assert mirrored_name(own, mirror) == locked_name(own, mirror) == own
    assert mirrored_name(own, "mirror.lan:50") == f"mirror.lan:50/{own}"


def test_with_a_lock_each_container_carries_the_image_of_its_processor_and_keeps_its_name():
    lock = fleet_lock()
    plain = {item.host: item for item in compiled(None).fleet.deployments}
    for deployment in compiled(lock).fleet.deployments:
        before = {item.path: item.content for item in emit(plain[deployment.host])}
        for container in (item for service in deployment.services for item in service.containers):
            image = lock.images[full_name(container.image)].images[deployment.architecture]
            assert (
                container.pin.ids == (image.image, image.manifest, lock.images[full_name(container.image)].index)
                and not container.watch
            )
        for artifact in emit(deployment):
            text, old = artifact.content.decode(), before[artifact.path].decode()
            if artifact.path.startswith("services/"):
                assert text.count("io.infrakit.image: sha256:") == len(re.findall("^    image: ", text, re.MULTILINE))
                assert re.findall("^    image: .*", text, re.MULTILINE) == re.findall(
                    "^    image: .*", old, re.MULTILINE
                )
                assert not set(re.findall("io.infrakit.config: .*", text)) & set(
                    re.findall("io.infrakit.config: .*", old)
                )
            elif not artifact.path.endswith((".md", ".html")):
                assert text == old, artifact.path
        review = next(item.content.decode() for item in emit(deployment) if item.path == "REVIEW.md")
        assert all(
            container.pin.index in review and container.pin.image in review
            for service in deployment.services
            for container in service.containers
        )


def test_a_changed_lock_makes_anew_exactly_the_containers_of_the_changed_image():
    lock = fleet_lock()
    name = next(name for name in lock.images if "/caddy:" in name)
    after = Lock({**lock.images, name: locked(name, *lock.images[name].images, salt="new")})
    labels = [
        {item.name: item.label for wanted in wanted_of(host, emit(host)).values() for item in wanted}
        for host in (compiled(one).fleet.deployments[0] for one in (lock, after))
    ]
    changed = {container for container, label in labels[0].items() if labels[1][container] != label}
    users = {
        item.name
        for service in compiled(lock).fleet.deployments[0].services
        for item in service.containers
        if full_name(item.image) == name
    }
    assert changed == users and "caddy" in users
    facts = [facts_of(compiled(one).fleet.deployments[0])["services"]["caddy"] for one in (lock, after)]
    assert facts[0] != facts[1]


def test_an_image_that_the_lock_lacks_is_an_error_where_it_is_named():
    lock = fleet_lock()
    name = next(name for name in lock.images if "/portainer/agent:" in name)
    short = Lock({key: one for key, one in lock.images.items() if key != name})
    with pytest.raises(ConfigurationInvalid) as refused:
        compiled(short)
    (problem,) = refused.value.problems
    assert problem.position.document == "blueprints/portainer-edge-agent.yaml" and problem.code == "image-not-locked"
    assert problem.what == f"infrakit.lock has no image for arm64 of {name}" and "infrakit lock" in problem.hint
    app = FILE + b"apps: {wiki: {image: 'ghcr.io/requarks/wiki:2.5', port: 3000, hosts: [core]}}\n"
    with pytest.raises(ConfigurationInvalid) as refused:
        compiled(lock, app)
    assert str(refused.value.problems[0].position).startswith("infrakit.yaml:6:")
    for more in (b"", b'images: {mirror: "registry.example.org"}\n'):
        named = FILE + b"services: {glances: {image: 'docker.io/nicolargo/glances:4.5.9'}}\n" + more
        with pytest.raises(ConfigurationInvalid) as refused:
            compiled(lock, named)
        assert {str(problem.position) for problem in refused.value.problems} == {"infrakit.yaml:6:29"}


def test_a_mirror_changes_the_names_and_not_the_lock():
    mirrored = FILE + b"images: {mirror: 'registry.lan:5000/'}\n"
    lock = fleet_lock()
    assert fleet_lock(mirrored, "registry.lan:5000/") == lock
    deployment = compiled(lock, mirrored).fleet.deployments[0]
    container = deployment.services[0].containers[0]
    assert container.image.startswith("registry.lan:5000/docker.io/") or container.image.startswith(
        "registry.lan:5000/ghcr.io/"
    )
    assert (
        Pull(container.image, "amd64", container.pin).sources[0] == f"{untagged(container.image)}@{container.pin.index}"
    )


def test_a_pin_is_traced_to_its_line_of_the_lock():
    found = compiled(fleet_lock())
    container = found.fleet.deployments[0].services[0].containers[0]
    position = found.locate.origin(container.origins[LABEL])
    line = render(fleet_lock()).decode().splitlines()[position.line - 1]
    assert position.document == "infrakit.lock" and line.strip() == f"image: {container.pin.image}"


def test_the_plan_names_the_digest_that_it_pulls():
    deployment = compiled(fleet_lock()).fleet.deployments[0]
    texts = [
        action.text()
        for step in plan_up(deployment, emit(deployment), hex_digest).steps
        if step.name.startswith("image ")
        for action in step.actions
    ]
    assert texts and all(re.fullmatch(r"pull [^@]+@sha256:[0-9a-f]{64}", text) for text in texts)
