"""A bundle served to others, over real sockets and TLS: what it holds and nothing else, nothing that changed, and to
nobody for ever."""

import hashlib
import http.client
import json
import os
import re
import shutil
import socket
import ssl
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from infrakit.bundle import ImageEntry, Manifest, Refused
from infrakit.bundle.manifest import NAME, SIGNATURE
from infrakit.bundle.offer import offer
from infrakit.errors import MachineUnfit, UsageProblem
from infrakit.system.bundle import remote
from infrakit.system.bundle.copy import copy
from infrakit.system.bundle.remote import fingerprint
from infrakit.system.bundle.serve import Server
from infrakit.system.bundle.shelf import Shelf
from infrakit.system.bundle.verify import Trust, verify
from infrakit.system.bundle.write import Writer
from infrakit.system.certificates import server_pair
from infrakit.system.registry import Client, verified
from tests.bundle.small import REFERENCE, VERSION, blobs, digest, key, make, noise
from tests.bundle.test_create import create
from tests.ports import free_port
from tests.system import fake_registry

HOST = "127.0.0.1"
BIG = noise(1 << 20) * 17
"""Of two chunks."""


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """(the folder, certificate, key)."""
    folder = tmp_path_factory.mktemp("tls")
    return (folder, *server_pair(str(folder), [HOST]))


@contextmanager
def serving(folder, pair, port=0, **settings):
    """(the port, what was said, the server) while it serves."""
    said, over = [], threading.Event()
    with Shelf(verify(str(folder), Trust(allow_unsigned=True), VERSION)) as shelf:
        server = Server(HOST, port, shelf, *pair[1:], said.append)
        for name, value in settings.items():
            setattr(server, name, value)
        thread = threading.Thread(target=server.serve, args=(lambda: not over.is_set(),))
        thread.start()
        try:
            yield server.port, said, server
        finally:
            over.set()
            thread.join(10)
            assert not thread.is_alive()


def ask(port, pair, path, method="GET", **headers):
    """(status, headers, body)."""
    context = ssl.create_default_context(cafile=pair[1])
    connection = http.client.HTTPSConnection(HOST, port, timeout=10, context=context)
    try:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    return make(folder / "stick", key(folder), more={"big.bin": BIG})


@pytest.fixture
def stick(made, tmp_path):
    """A copy of a test's own."""
    return shutil.copytree(made, tmp_path / "stick")


def trusted(tmp_path, pair, port):
    """A folder of certificates as Docker has it below /etc/docker."""
    folder = tmp_path / "certs.d" / f"{HOST}:{port}"
    folder.mkdir(parents=True)
    (folder / "ca.crt").write_bytes((pair[0] / "server.crt").read_bytes())
    return str(tmp_path / "certs.d")


def test_an_image_is_had_by_its_tag_and_by_the_digest_that_a_lock_has(tmp_path, pair):
    with fake_registry.registry() as registry:
        name = registry.publish_for("team/app", "linux/amd64", "linux/arm64")
        manifest = create(tmp_path / "out", [name], architectures=("amd64", "arm64"), split=1 << 18)
        locked = registry.digest("team/app")
    with (
        serving(tmp_path / "out", pair) as (port, _, _),
        Client(certificates=trusted(tmp_path, pair, port), attempts=1) as client,
    ):
        reference = f"{HOST}:{port}/team/app"
        assert client.digest(f"{reference}:1") == locked
        for asked in (f"{reference}:1", f"{reference}@{locked}"):
            found = client.image(asked, ("amd64", "arm64"))
            assert {key: (one.manifest.digest, one.config.digest) for key, one in found.images.items()} == {
                key: one[:2] for key, one in manifest.images[name].items()
            }
        layer = found.images["arm64"].layers[0]
        whole = b"".join(verified(client.blob(reference, layer), layer))
        # The layer lies in three parts.
        assert len(whole) == layer.size > 2 << 18
        assert [
            b"".join(client.blob(reference, layer, start)) == whole[start:]
            for start in (1, (1 << 18) - 1, 1 << 18, (2 << 18) + 7)
        ] == [True] * 4
        with pytest.raises(MachineUnfit, match="(?i)unknown|no team/app"):
            client.resolve(f"{reference}:2")


def test_a_bundle_without_the_index_of_an_image_gets_one(tmp_path, pair):
    """As bundles were made before one could be served."""
    parts, image = blobs()
    with Writer(str(tmp_path / "old")) as writer:
        for name, content in parts.items():
            writer.blob(f"images/blobs/sha256/{name}", name, len(content), lambda offset, content=content: [content])
        images = {REFERENCE: {"amd64": image._replace(index=f"sha256:{'1' * 64}")}}
        writer.seal(Manifest(1, VERSION, VERSION, "homelab", ("amd64",), {}, {}, images, {}))
    with (
        serving(tmp_path / "old", pair) as (port, _, _),
        Client(certificates=trusted(tmp_path, pair, port), attempts=1) as client,
    ):
        for name in ("registry.example.org/team/app", "team/app"):
            assert client.image(f"{HOST}:{port}/{name}:1.2", ["amd64"]).images["amd64"].config.digest == image.config


def test_names_are_those_of_mirrors_and_dockers_come_first():
    def read(path):
        return json.dumps({"path": path}).encode()

    images = {
        name: {"amd64": ImageEntry(f"sha256:{number:064}", "sha256:" + "f" * 64)}
        for number, name in enumerate(
            ("caddy:2", "ghcr.io/library/caddy:2", "ghcr.io/library/caddy", "10.0.0.1:5000/a/b:1")
        )
    }
    found = offer(Manifest(1, VERSION, VERSION, "x", (), {}, {}, images, {}), read).tags
    number = {name: {tag: int(digest[7:]) for tag, digest in tags.items()} for name, tags in found.items()}
    assert number == {
        "docker.io/library/caddy": {"2": 0},
        "ghcr.io/library/caddy": {"2": 1, "latest": 2},
        "library/caddy": {"2": 0, "latest": 2},
        "a/b": {"1": 3},
    }


@pytest.mark.parametrize(
    "content",
    [b"no JSON", b"[]", b'{"mediaType": "a/b\\r\\nSet-Cookie: x"}', b'{"mediaType": ["a/b"]}', b"[" * 100_000],
)
def test_a_manifest_that_is_none_is_refused_before_serving(content):
    images = {"caddy:2": {"amd64": ImageEntry("sha256:" + "1" * 64, "sha256:" + "2" * 64)}}
    with pytest.raises(Refused, match="image"):
        offer(Manifest(1, VERSION, VERSION, "x", (), {}, {}, images, {}), lambda path: content)


def test_every_file_is_served_as_it_is_and_can_be_gone_on_with(stick, pair):
    with serving(stick, pair) as (port, _, _):
        for path in (
            "infrakit.yaml",
            NAME,
            SIGNATURE,
            "packages/debian-trixie-amd64/docker-ce_1_amd64.deb",
            "packages/debian-trixie-amd64/./docker-ce_1_amd64.deb",
            "big.bin",
        ):
            status, headers, body = ask(port, pair, f"/{path}")
            assert (status, body) == (200, (stick / path).read_bytes()) and int(headers["Content-Length"]) == len(body)
        whole = BIG
        for start in (1, (1 << 24) - 1, 1 << 24, len(whole) - 1):
            status, headers, body = ask(port, pair, "/big.bin", Range=f"bytes={start}-")
            assert (status, body, headers["Content-Range"]) == (
                206,
                whole[start:],
                f"bytes {start}-{len(whole) - 1}/{len(whole)}",
            )
        assert ask(port, pair, "/big.bin", Range="bytes=5-9")[2] == whole[5:10]
        assert ask(port, pair, "/big.bin", Range=f"bytes={len(whole)}-")[0] == 416
        # Whoever began with another file gets all of this one.
        assert ask(port, pair, "/infrakit.yaml", Range="bytes=3-", If_Range='"another"')[::2] == (200, b"version: 1\n")
        tag = ask(port, pair, "/infrakit.yaml")[1]["ETag"]
        assert ask(port, pair, "/infrakit.yaml", Range="bytes=3-", If_Range=tag)[::2] == (206, b"sion: 1\n")


def test_what_the_manifest_has_not_is_not_there(stick, pair):
    (stick.parent / "outside").write_text("secret")
    with serving(stick, pair) as (port, _, _):
        (stick / "added").write_text("secret")
        (stick / "link").symlink_to(stick.parent / "outside")
        for path in (
            "/../outside",
            "/packages/../../outside",
            "/%2e%2e/outside",
            "/packages/%2e%2e%2f%2e%2e%2foutside",
            "//outside",
            "/added",
            "/link",
            "/packages",
            "/images/",
            "/v2/../added",
            "/v2/team/app/blobs/sha256:" + "0" * 64,
            "/v2/team/app/blobs/../../../added",
            "/v2/other/manifests/1.2",
            "/v2/team/app/manifests/9",
            "/bundle.json.part",
            "outside",
            "/infrakit.yaml%00",
        ):
            status, _, body = ask(port, pair, path)
            assert status == 404 and b"secret" not in body, path


def test_nobody_can_write(stick, pair):
    before = {path: path.read_bytes() for path in stick.rglob("*") if path.is_file()}
    with serving(stick, pair) as (port, _, _):
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            assert ask(port, pair, "/v2/team/app/manifests/1.2", method)[0] == 405
        assert ask(port, pair, "/infrakit.yaml", "HEAD")[::2] == (200, b"")
        assert ask(port, pair, "/infrakit.yaml", "BREW")[0] == 501
    assert before == {path: path.read_bytes() for path in stick.rglob("*") if path.is_file()}


def test_what_changed_after_it_was_verified_is_not_sent(stick, pair):
    content = bytearray(BIG)
    content[1 << 24] ^= 1
    with serving(stick, pair) as (port, said, _):
        (stick / "big.bin").write_bytes(content)
        with pytest.raises(http.client.IncompleteRead) as caught:
            ask(port, pair, "/big.bin")
        assert caught.value.partial == BIG[: 1 << 24]  # the part before it
        assert any("big.bin" in line and "damaged" in line for line in said)
        with pytest.raises(Refused):
            (stick / NAME).write_bytes(b"{}")
            with serving(stick, pair):
                pass


def test_a_manifest_that_changes_between_verifying_and_serving_is_refused(stick):
    found = verify(str(stick), Trust(), VERSION)
    (stick / NAME).write_bytes((stick / NAME).read_bytes() + b" ")
    with pytest.raises(Refused, match="it changed"):
        Shelf(found)


def shown(pair) -> str:
    return fingerprint(ssl.PEM_cert_to_DER_cert(open(pair[1]).read()))


def fetched(port, pair, target, given=None):
    """Files that were written."""
    return copy(
        f"https://{HOST}:{port}",
        str(target),
        Trust(),
        VERSION,
        lambda part, whole, text: None,
        shown(pair) if given is None else given,
    )[1]


def test_another_machine_copies_it_whole_and_goes_on_where_it_stopped(stick, pair, tmp_path):
    with serving(stick, pair) as (port, said, _):
        assert fetched(port, pair, tmp_path / "out") == len(verify(str(stick), Trust(), VERSION).manifest.files)
        assert {path.relative_to(stick): path.read_bytes() for path in stick.rglob("*") if path.is_file()} == {
            path.relative_to(tmp_path / "out"): path.read_bytes()
            for path in (tmp_path / "out").rglob("*")
            if path.is_file()
        }
        assert fetched(port, pair, tmp_path / "out") == 0
        os.truncate(tmp_path / "out/big.bin", 5_000_000)
        assert fetched(port, pair, tmp_path / "out") == 1 and f"{HOST} GET /big.bin 206" in said
        assert verify(str(tmp_path / "out"), Trust(), VERSION)


def test_a_copy_goes_on_when_the_connection_breaks(stick, pair, tmp_path, monkeypatch):
    breaks = [1, 1 << 20, 5_000_000]

    def broken(item):
        def read(offset):
            pieces = item.read(offset)
            if breaks:
                yield next(pieces)[: breaks.pop()]
                raise ConnectionResetError
            yield from pieces

        return item._replace(read=read)

    monkeypatch.setattr(remote, "FIRST_PAUSE_S", 0.01)
    with serving(stick, pair) as (port, said, server):
        monkeypatch.setattr(
            server.shelf,
            "find",
            lambda target, find=server.shelf.find: broken(find(target)) if "big" in target else find(target),
        )
        fetched(port, pair, tmp_path / "out")
        assert not breaks and [line.rpartition(" ")[2] for line in said if "big.bin" in line] == [
            "200",
            "206",
            "206",
            "206",
        ]
    assert verify(str(tmp_path / "out"), Trust(), VERSION)


def test_another_certificate_is_refused_before_anything_is_asked(stick, pair, tmp_path):
    with serving(stick, pair) as (port, said, _):
        with pytest.raises(MachineUnfit, match=shown(pair)) as caught:
            fetched(port, pair, tmp_path / "out", "AB:" * 31 + "AB")
        assert "do not go on" in caught.value.hint
        with pytest.raises(MachineUnfit, match="is not believed") as caught:
            fetched(port, pair, tmp_path / "out", "")
        assert f"--fingerprint {shown(pair)}" in caught.value.hint
        assert said == [] and not (tmp_path / "out").exists()


def test_what_is_served_and_is_not_what_was_signed_makes_no_bundle(stick, pair, tmp_path, monkeypatch):
    """By a machine that lies: the same server, whose bundle is changed where it does not look again."""
    with serving(stick, pair) as (port, _, server):
        monkeypatch.setattr(
            server.shelf,
            "find",
            lambda target, find=server.shelf.find: forged(find(target)) if "big" in target else find(target),
        )
        with pytest.raises(MachineUnfit, match="what came is not what it should be"):
            fetched(port, pair, tmp_path / "out")
        monkeypatch.setattr(
            server.shelf,
            "find",
            lambda target, find=server.shelf.find: find(target if NAME not in target else "/infrakit.yaml"),
        )
        with pytest.raises(Refused):
            fetched(port, pair, tmp_path / "other")
    assert not (tmp_path / "out" / NAME).exists() and not (tmp_path / "other").exists()


def forged(item):
    return item._replace(read=lambda offset: iter([bytes(item.size - offset)]))


def test_a_place_that_has_no_bundle_or_does_not_answer_is_said(pair, tmp_path, monkeypatch):
    monkeypatch.setattr(remote, "FIRST_PAUSE_S", 0.01)
    with pytest.raises(MachineUnfit, match="connection refused"):
        fetched(free_port(), pair, tmp_path / "out")
    for address in (
        "https://",
        "https://host:port",
        "https://a b",
        "https://user@host:5",
        "https://[x",
        "https://h:99999",
    ):
        with pytest.raises((UsageProblem, MachineUnfit)):
            copy(address, str(tmp_path / "out"), Trust(), VERSION, print)


def test_who_says_nothing_is_cut_and_others_are_served_meanwhile(stick, pair):
    with serving(stick, pair, idle_s=1.0) as (port, _, _):
        silent = [socket.create_connection((HOST, port), 10) for _ in range(4)]
        silent[0].sendall(b"GET / HTTP/1.1\r\n\r\n")  # no TLS
        assert ask(port, pair, "/v2/")[::2] == (200, b"{}")
        for one in silent:
            one.settimeout(60)
            try:
                while one.recv(100):
                    pass
            except ConnectionError:
                pass
            one.close()


def test_what_is_no_request_is_answered_in_words(stick, pair, capfd):
    context = ssl.create_default_context(cafile=pair[1])
    with serving(stick, pair) as (port, said, _):
        for text in (
            b"nonsense\r\n\r\n",
            b"GET /" + b"a" * 70_000 + b"\r\n\r\n",
            b"GET / HTTP/9.9\r\n\r\n",
            b"GET\r\n\r\n",
            b"\0\xff\r\n\r\n",
            b"GET /%ff%00 HTTP/1.1\r\nRange: bytes=9-1\r\nContent-Length: 5\r\n\r\nhello",
            b"A:b\r\n" * 300,
        ):
            with context.wrap_socket(socket.create_connection((HOST, port), 10), server_hostname=HOST) as caller:
                try:
                    caller.sendall(text)
                    answer = caller.recv(1 << 16)
                except ConnectionError:  # it has seen enough of it
                    answer = b""
            assert re.match(rb"HTTP/1.1 (4|5)\d\d |[45]\d\d |$", answer), answer
        assert ask(port, pair, "/v2/")[0] == 200
    assert "Traceback" not in capfd.readouterr().err and len(said) >= 5


def test_too_many_at_once_wait_for_their_turn(stick, pair):
    with serving(stick, pair, most=2) as (port, _, server):
        found = []
        callers = [
            threading.Thread(target=lambda: found.append(hashlib.sha256(ask(port, pair, "/big.bin")[2]).hexdigest()))
            for _ in range(6)
        ]
        for caller in callers:
            caller.start()
        while any(caller.is_alive() for caller in callers):
            assert len(server._until) <= 2
            time.sleep(0.01)
    assert found == [digest(BIG)] * 6


def test_the_end_cuts_what_is_open_and_leaves_nothing(stick, pair):
    before, threads = len(os.listdir("/proc/self/fd")), threading.active_count()
    context = ssl.create_default_context(cafile=pair[1])
    with serving(stick, pair, idle_s=600.0) as (port, _, _):
        caller = context.wrap_socket(socket.create_connection((HOST, port), 10), server_hostname=HOST)
        caller.sendall(b"GET /big.bin HTTP/1.1\r\n\r\n")
        assert caller.recv(10)
    caller.close()
    assert len(os.listdir("/proc/self/fd")) <= before and threading.active_count() == threads


def test_a_port_that_is_taken_and_a_pair_that_is_none_are_said(stick, pair, tmp_path):
    with Shelf(verify(str(stick), Trust(), VERSION)) as shelf:
        with socket.create_server((HOST, 0)) as taken, pytest.raises(MachineUnfit, match="address already in use"):
            Server(HOST, taken.getsockname()[1], shelf, *pair[1:], print)
        (tmp_path / "wrong.key").write_text("no key")
        with pytest.raises(MachineUnfit, match="wrong.key"):
            Server(HOST, 0, shelf, pair[1], str(tmp_path / "wrong.key"), print)


def test_a_certificate_is_made_once_and_not_taken_for_another_name(tmp_path):
    paths = server_pair(str(tmp_path / "tls"), ["core.lan", "fd00::1"])
    before = [Path(path).read_text() for path in paths]
    assert server_pair(str(tmp_path / "tls"), ["fd00::1"]) == paths and before == [
        Path(path).read_text() for path in paths
    ]
    assert os.stat(paths[1]).st_mode & 0o777 == 0o600 and os.stat(tmp_path / "tls").st_mode & 0o777 == 0o700
    with pytest.raises(UsageProblem, match="is not for 192.168.1.10"):
        server_pair(str(tmp_path / "tls"), ["192.168.1.10"])
