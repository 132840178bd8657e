"""A bundle that was changed in any way is refused before anything is done with it, by a code and in words that name the
place."""

import errno
import json
import os
import shutil
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from infrakit.bundle import Refused
from infrakit.bundle.manifest import CHUNK, NAME, SIGNATURE
from infrakit.bundle.signature import allowed_signers, keys_of
from infrakit.system.bundle import signing
from infrakit.system.bundle.verify import Trust, verify
from tests.bundle.small import VERSION, digest, key, make, noise

YAML, DEB = "infrakit.yaml", "packages/debian-trixie-amd64/docker-ce_1_amd64.deb"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("bundles")


@pytest.fixture(scope="module")
def signed(place):
    return make(place / "signed", key(place))


@pytest.fixture
def copy(signed, tmp_path):
    return Path(shutil.copytree(signed, tmp_path / "copy"))


NOBODY = Trust()


def trusted(place, **more):
    return Trust(tuple(keys_of(key(place).with_suffix(".pub").read_text())), **more)


def codes(folder: Path, trust: Trust = NOBODY, version: str = VERSION) -> list[tuple[str, str]]:
    """(code, path) of everything that is wrong; [] where nothing is."""
    try:
        verify(str(folder), trust, version)
    except Refused as error:
        assert error.hint and all(fault.what and "\n" not in fault.text() for fault in error.faults)
        return [(fault.code, fault.path) for fault in error.faults]
    return []


def signs_anew(folder: Path, place: Path, change) -> None:
    """What a signer with bad intentions, or with a bug, could make of the manifest."""
    content = (folder / NAME).read_bytes()
    content = (
        change(content) if not isinstance(change, dict) else json.dumps({**json.loads(content), **change}).encode()
    )
    (folder / NAME).write_bytes(content)
    (folder / SIGNATURE).write_bytes(signing.sign(content, str(key(place))))


def test_a_whole_bundle_is_verified_and_the_receipt_says_by_whom(signed, place):
    found = verify(str(signed), trusted(place), VERSION, fresh=True)
    shown = subprocess.run(["ssh-keygen", "-l", "-f", str(key(place)) + ".pub"], capture_output=True, text=True).stdout
    assert found.key.fingerprint in shown and found.pinned and found.manifest.serial == 7
    assert found.sha256 == digest((signed / NAME).read_bytes())
    assert not verify(str(signed), Trust(), VERSION).pinned


def test_no_clock_can_matter_to_the_file_of_trust(place):
    line = key(place).with_suffix(".pub").read_text().split()
    assert allowed_signers(trusted(place).keys).decode().split() == [
        "infrakit",
        'namespaces="infrakit-bundle"',
        *line[:2],
    ]


def test_every_flipped_byte_of_manifest_and_signature_is_refused(copy, place):
    """One bit of each, low and high by turns."""
    trust = trusted(place)
    cases = [(name, at) for name in (NAME, SIGNATURE) for at in range((copy / name).stat().st_size)]

    def accepted(case):
        number, (name, at) = case
        folder = copy.parent / f"flip{number % 4}"
        content = bytearray((copy / name).read_bytes())
        content[at] ^= 1 if at % 2 else 0x80
        (folder / name).write_bytes(content)
        found = codes(folder, trust)
        (folder / name).write_bytes((copy / name).read_bytes())
        return None if found and found[0][1] == SIGNATURE else (name, at, found)

    for number in range(4):
        shutil.copytree(copy, copy.parent / f"flip{number}")
    with ThreadPoolExecutor(4) as pool:
        lanes = [[case for case in enumerate(cases) if case[0] % 4 == number] for number in range(4)]
        found = [item for lane in pool.map(lambda lane: [accepted(case) for case in lane], lanes) for item in lane]
    assert len(found) > 1500 and not [item for item in found if item]


def test_every_flipped_byte_elsewhere_is_named(copy):
    """One per 4 KiB, and the last byte, of every file."""
    for path in sorted(item for item in copy.rglob("*") if item.is_file() and item.name not in (NAME, SIGNATURE)):
        content = path.read_bytes()
        for at in {*range(0, len(content), 4096), len(content) - 1}:
            path.write_bytes(content[:at] + bytes([content[at] ^ 16]) + content[at + 1 :])
            assert codes(copy) == [("damaged", str(path.relative_to(copy)))]
        path.write_bytes(content)
    assert codes(copy) == []


def test_every_truncation_is_refused(copy, place):
    for name in (NAME, SIGNATURE, YAML):
        content = (copy / name).read_bytes()
        for length in range(len(content)) if name != NAME else (*range(0, len(content), 16), len(content) - 1):
            (copy / name).write_bytes(content[:length])
            found = codes(copy, trusted(place))
            assert found and found[0] == (("truncated", YAML) if name == YAML else ("signature", SIGNATURE)), (
                name,
                length,
                found,
            )
        (copy / name).write_bytes(content)


def test_the_damaged_chunk_of_a_large_file_is_named(place, tmp_path):
    folder = make(tmp_path / "large", None, more={"sbom/large": noise(2 * CHUNK + 100)})
    with open(folder / "sbom/large", "r+b") as file:
        file.seek(CHUNK + 5)
        file.write(b"\0\0\0\0")
    with pytest.raises(Refused) as caught:
        verify(str(folder), Trust(allow_unsigned=True), VERSION)
    assert [fault.code for fault in caught.value.faults] == ["damaged"]
    assert f"chunk 2 of 3 (bytes {CHUNK} to {2 * CHUNK - 1})" in caught.value.message


def _swap(folder: Path, first: str, second: str) -> None:
    one, two = (folder / first).read_bytes(), (folder / second).read_bytes()
    (folder / first).write_bytes(two)
    (folder / second).write_bytes(one)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


def _replaced(path: Path, make_other) -> None:
    path.unlink()
    make_other(path)


LAYOUTS = {
    "missing": (lambda f: (f / DEB).unlink(), [("missing", DEB)]),
    "extra": (lambda f: (f / "packages/more.deb").write_bytes(b"x"), [("extra", "packages/more.deb")]),
    "extra at the top": (lambda f: (f / "autorun.inf").write_bytes(b"x"), [("extra", "autorun.inf")]),
    "extra folder": (lambda f: (f / "images/empty").mkdir(), [("extra", "images/empty")]),
    "renamed": (lambda f: (f / DEB).rename(f / "packages/other.deb"), [("renamed", DEB)]),
    "swapped": (lambda f: _swap(f, YAML, DEB), [("swapped", YAML), ("swapped", DEB)]),
    "longer": (lambda f: (f / YAML).write_bytes(b"version: 1\n#"), [("wrong-size", YAML)]),
    "empty": (lambda f: (f / DEB).write_bytes(b""), [("truncated", DEB)]),
    "link in place of a file": (
        lambda f: _replaced(f / YAML, lambda path: path.symlink_to("/etc/hostname")),
        [("link", YAML)],
    ),
    "link to what it should be": (
        lambda f: ((f / YAML).rename(f.parent / "elsewhere"), (f / YAML).symlink_to(f.parent / "elsewhere")),
        [("link", YAML)],
    ),
    "link in place of a folder": (
        lambda f: ((f / "packages").rename(f.parent / "away"), (f / "packages").symlink_to(f.parent / "away")),
        [("missing", DEB), ("link", "packages")],
    ),
    "link beside": (lambda f: (f / "images/more").symlink_to("/"), [("link", "images/more")]),
    "dangling link as manifest": (
        lambda f: _replaced(f / NAME, lambda path: path.symlink_to("nothing")),
        [("link", NAME)],
    ),
    "link as signature": (
        lambda f: ((f / SIGNATURE).rename(f.parent / "away"), (f / SIGNATURE).symlink_to(f.parent / "away")),
        [("link", SIGNATURE)],
    ),
    "folder in place of a file": (lambda f: _replaced(f / YAML, lambda path: path.mkdir()), [("not-a-file", YAML)]),
    "folder as manifest": (lambda f: _replaced(f / NAME, lambda path: path.mkdir()), [("not-a-file", NAME)]),
    "pipe": (lambda f: _replaced(f / YAML, os.mkfifo), [("not-a-file", YAML)]),
    "pipe as manifest": (lambda f: _replaced(f / NAME, os.mkfifo), [("not-a-file", NAME)]),
    "socket": (lambda f: _socket(f / "s"), [("not-a-file", "s")]),
    "no manifest": (lambda f: (f / NAME).unlink(), [("unfinished", NAME)]),
    "no manifest and nothing else": (
        lambda f: [shutil.rmtree(p) if p.is_dir() else p.unlink() for p in f.iterdir()],
        [("no-bundle", NAME)],
    ),
    "no signature": (lambda f: (f / SIGNATURE).unlink(), [("unsigned", SIGNATURE)]),
    "huge manifest": (lambda f: os.truncate(f / NAME, 1 << 33), [("too-much", NAME)]),
    "huge signature": (lambda f: os.truncate(f / SIGNATURE, 1 << 33), [("too-much", SIGNATURE)]),
    "what systems leave behind": (
        lambda f: [(f / name).mkdir() for name in ("System Volume Information", "lost+found", ".Trash-1000")],
        [],
    ),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_hostile_layout_is_refused_by_its_code(copy, name):
    change, expected = LAYOUTS[name]
    change(copy)
    found = codes(copy)
    assert found == expected


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices")
def test_a_device_is_not_opened(copy):
    (copy / YAML).unlink()
    try:
        os.mknod(copy / YAML, 0o20644, os.makedev(1, 5))
    except PermissionError:
        os.mkfifo(copy / YAML)
    assert codes(copy) == [("not-a-file", YAML)]


FILES = {"infrakit.yaml": {"size": 11, "sha256": "0" * 64}}
MANIFESTS = {
    "traversal": ({"files": {"../x": FILES[YAML]}}, "path"),
    "absolute": ({"files": {"/etc/passwd": FILES[YAML]}}, "path"),
    "dot": ({"files": {"a/./b": FILES[YAML]}}, "path"),
    "hidden": ({"files": {".ssh/authorized_keys": FILES[YAML]}}, "path"),
    "empty name": ({"files": {"a//b": FILES[YAML]}}, "path"),
    "colon": ({"files": {"blobs/sha256:00": FILES[YAML]}}, "path"),
    "backslash": ({"files": {"a\\b": FILES[YAML]}}, "path"),
    "control character": ({"files": {"a\nb": FILES[YAML]}}, "path"),
    "long": ({"files": {"a" * 300: FILES[YAML]}}, "path"),
    "deep": ({"files": {"a/" * 50 + "b": FILES[YAML]}}, "path"),
    "itself": ({"files": {NAME: FILES[YAML]}}, "path"),
    "one name on a stick": ({"files": {YAML: FILES[YAML], "Infrakit.yaml": FILES[YAML]}}, "duplicate"),
    "file and folder": ({"files": {"a": FILES[YAML], "a/b": FILES[YAML]}}, "duplicate"),
    "absurd size": ({"files": {YAML: {"size": 1 << 60, "sha256": "0" * 64}}}, "too-much"),
    "negative size": ({"files": {YAML: {"size": -1, "sha256": "0" * 64}}}, "manifest"),
    "true as size": ({"files": {YAML: {"size": True, "sha256": "0" * 64}}}, "manifest"),
    "fraction": ({"serial": 1.5}, "manifest"),
    "short hash": ({"files": {YAML: {"size": 11, "sha256": "00"}}}, "manifest"),
    "hash with a line end": ({"files": {YAML: {"size": 11, "sha256": "0" * 64 + "\n"}}}, "manifest"),
    "chunks of a small file": ({"files": {YAML: {**FILES[YAML], "chunks": ["0" * 64]}}}, "manifest"),
    "too few chunks": ({"files": {YAML: {"size": CHUNK * 3, "sha256": "0" * 64, "chunks": ["0" * 64]}}}, "manifest"),
    "too many files": ({"files": {f"f{number}": FILES[YAML] for number in range(100_001)}}, "too-much"),
    "parts that are not there": ({"wholes": {"images/x": ["images/x.part0001"]}}, "manifest"),
    "image without its manifest": (
        {"images": {"a:1": {"amd64": {"manifest": "sha256:" + "0" * 64, "config": "sha256:" + "0" * 64, "index": ""}}}},
        "incomplete",
    ),
    "image with a blank": ({"images": {"a b:1": {}}}, "manifest"),
    "unknown key": ({"more": 1}, "manifest"),
    "list of files": ({"files": []}, "manifest"),
    "newer format": ({"bundle": 2}, "format"),
    "format as text": ({"bundle": "1"}, "format"),
    "newer minimum": ({"minimum": "0.10.0"}, "minimum-version"),
    "minimum that is none": ({"minimum": "new"}, "manifest"),
    "not JSON": (lambda content: b"{" + content, "manifest"),
    "nothing": (lambda content: b"", "manifest"),
    "nested": (lambda content: b"[" * 100_000, "manifest"),
    "not UTF-8": (lambda content: b'{"\xff": 1}', "manifest"),
    "a number of many digits": (lambda content: b'{"bundle": ' + b"1" * 10_000 + b"}", "manifest"),
    "a key twice": (lambda content: content.replace(b'"absent":', b'"bundle":1,"absent":'), "duplicate"),
    "a file twice": (
        lambda content: content.replace(
            b'"files":{', b'"files":{"infrakit.yaml":{"size":1,"sha256":"' + b"0" * 64 + b'"},'
        ),
        "duplicate",
    ),
}


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_hostile_manifest_with_a_right_signature_is_refused_by_its_code(copy, place, name):
    change, code = MANIFESTS[name]
    signs_anew(copy, place, change)
    assert codes(copy, trusted(place))[0][0] == code


def test_another_key_is_refused(copy, place):
    other = key(place, "other")
    (copy / SIGNATURE).write_bytes(signing.sign((copy / NAME).read_bytes(), str(other)))
    assert codes(copy, trusted(place)) == [("other-key", SIGNATURE)]
    assert codes(copy) == []


def test_a_key_of_another_kind_is_refused(copy, place):
    (copy / SIGNATURE).write_bytes(signing.sign((copy / NAME).read_bytes(), str(key(place, "rsa", "rsa"))))
    assert codes(copy) == [("other-key", SIGNATURE)]


def test_a_signature_for_something_else_is_refused(copy, place):
    done = subprocess.run(
        ["ssh-keygen", "-Y", "sign", "-q", "-n", "git", "-f", str(key(place))],
        input=(copy / NAME).read_bytes(),
        capture_output=True,
    )
    (copy / SIGNATURE).write_bytes(done.stdout)
    assert codes(copy, trusted(place)) == [("signature", SIGNATURE)]


def test_a_lower_serial_is_refused_unless_allowed(signed, place):
    assert codes(signed, trusted(place, serial=8)) == [("lower-serial", NAME)]
    assert (
        codes(signed, trusted(place, serial=8, allow_downgrade=True)) == [] == codes(signed, trusted(place, serial=7))
    )


def test_unsigned_is_refused_unless_allowed(copy, place):
    (copy / SIGNATURE).unlink()
    assert codes(copy, trusted(place)) == [("unsigned", SIGNATURE)]
    assert codes(copy, trusted(place, allow_unsigned=True)) == []


def test_allowing_unsigned_does_not_allow_a_bad_signature(copy, place):
    (copy / NAME).write_bytes((copy / NAME).read_bytes() + b" ")
    assert codes(copy, trusted(place, allow_unsigned=True)) == [("signature", SIGNATURE)]


def test_without_ssh_keygen_it_says_so(signed, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert codes(signed) == [("no-ssh-keygen", SIGNATURE)]
    assert verify(str(signed), Trust(allow_unsigned=True), VERSION).key is None


def test_everything_that_is_wrong_is_said_at_once(copy):
    (copy / YAML).unlink()
    (copy / "more").write_bytes(b"")
    for path in sorted((copy / "images/blobs/sha256").iterdir())[:2]:
        path.write_bytes(bytes(path.stat().st_size))
    assert [code for code, _ in codes(copy)] == ["missing", "extra", "damaged", "damaged"]


def test_a_medium_that_errs_once_is_read_again(copy, monkeypatch):
    failures = [OSError(errno.EIO, "Input/output error")]
    read = os.preadv

    def once(descriptor, buffers, offset):
        if failures:
            raise failures.pop()
        return read(descriptor, buffers, offset)

    monkeypatch.setattr(os, "preadv", once)
    assert "was read wrong once" in verify(str(copy), Trust(), VERSION).notes[0]


def test_a_medium_that_fails_is_named_with_its_file(copy, monkeypatch):
    size, read = (copy / DEB).stat().st_size, os.preadv

    def failing(descriptor, buffers, offset):
        if os.fstat(descriptor).st_size == size:
            raise OSError(errno.EIO, "Input/output error")
        return read(descriptor, buffers, offset)

    monkeypatch.setattr(os, "preadv", failing)
    assert codes(copy) == [("unreadable", DEB)]


def test_verifying_writes_nothing_to_the_medium(copy):
    before = {path: (path.stat().st_mtime_ns, path.stat().st_ctime_ns) for path in [copy, *copy.rglob("*")]}
    assert codes(copy) == []
    assert {path: (path.stat().st_mtime_ns, path.stat().st_ctime_ns) for path in [copy, *copy.rglob("*")]} == before
