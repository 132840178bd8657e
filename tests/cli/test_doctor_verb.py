"""`doctor` on the command line, where a generation is in force and nothing runs: what it says, to whom, and
what it gives away."""

import io
import json
import os
import tarfile
from pathlib import Path

import pytest

from infrakit.system import secrets
from infrakit.system.redacted import GONE, cleaner
from tests.cli.test_generation_verbs import PATH, SECOND, STATE, two

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root sees it"),
    pytest.mark.usefixtures("machine_engine"),
]
__all__ = ["two"]

FILE = f"version: 1\nname: {SECOND.name}\ndomain: home.example.org\ntls: {{mode: internal}}\npattern: monitoring\n"
VALUE, KEY = (
    "s3cr€t/with \"all\" of 'it' $HOME\\",
    "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\n-----END PRIVATE KEY-----\n",
)


@pytest.fixture
def kept(two):
    """Secrets of the host in force."""
    folder = STATE / "hosts" / SECOND.host
    folder.mkdir(parents=True)
    secrets.store(str(folder), "word", VALUE.encode())
    secrets.store(str(folder), "key", KEY.encode())
    yield folder / "secrets"
    for path in (folder / "secrets").iterdir():
        path.unlink()
    (folder / "secrets").rmdir()
    folder.rmdir()


@pytest.fixture
def doctor(infrakit):
    """Run it. It asks many programs, which may take long on a busy machine."""
    return lambda *words: infrakit("doctor", *words, timeout=600)


def problems(done) -> dict[str, dict]:
    return {item["code"]: item for item in json.loads(done.stdout)["problems"]}


def test_a_stack_that_is_away_is_wrong_and_says_what_to_do(doctor, two, tmp_path):
    (tmp_path / "infrakit.yaml").write_text(FILE)
    done = doctor()
    assert done.returncode == 3 and done.stderr == "", done
    names = ", ".join(item.name for service in SECOND.services for item in service.containers)
    assert f"! not there: {names} [container-missing]\n    because: somebody removed it, " in done.stdout
    assert "[errno 111] connection refused [door-silent]\n    because: nobody listens there: Caddy does" in done.stdout
    said = json.loads(doctor("--json").stdout)
    assert said["version"] == 1 and 100 < len(said["passed"]) < said["checks"]
    assert said["errors"] == sum(item["severity"] == "error" for item in said["problems"]) > 0
    assert "container-missing" not in said["passed"] and "container-down" in said["passed"]


def test_a_secret_that_others_can_change_is_mended(doctor, kept):
    path = kept / "word"
    path.chmod(0o666)
    kept.chmod(0o755)
    done = doctor("--json")
    assert problems(done)["secret-mode"]["what"].startswith(f"{kept} has mode 755")
    done = doctor("--fix", "--dry-run")
    assert done.returncode == 6 and f"run chmod 700 {kept}" in done.stdout
    assert "left to you: " in done.stderr and kept.stat().st_mode & 0o777 == 0o755
    assert doctor("--fix", "--yes").returncode == 0
    assert kept.stat().st_mode & 0o777 == 0o700


def test_a_rule_of_the_file_holds_until_its_day(doctor, two, tmp_path):
    rules = "doctor: {ignore: [{code: container-missing, until: %s, why: on holiday}]}\n"
    (tmp_path / "infrakit.yaml").write_text(FILE + rules % "2099-01-01")
    done = doctor()
    assert "\n  ignored until 2099-01-01: not there: " in done.stdout
    (tmp_path / "infrakit.yaml").write_text(FILE + rules % "2020-01-01")
    found = problems(doctor("--json"))
    assert "container-missing" in found and found["ignored-too-long"]["what"].startswith("infrakit.yaml:6:19: ")


def test_a_file_that_is_broken_keeps_nobody_from_looking(doctor, two, tmp_path):
    (tmp_path / "infrakit.yaml").write_text("version: 1\ndomian: x\n")
    assert "file-invalid" in problems(doctor("--json"))


def test_where_nothing_is_in_force_the_file_counts(doctor, tmp_path):
    assert doctor().returncode == 2
    (tmp_path / "infrakit.yaml").write_text(FILE)
    done = doctor("--json")
    assert "container-missing" not in problems(done) and done.stderr == ""


def test_free_space_is_written_down_once_a_day(doctor, two):
    log = STATE / "space.jsonl"
    log.unlink(missing_ok=True)
    doctor()
    doctor()
    (line,) = log.read_text().splitlines()
    assert set(json.loads(line)) == {"at", "free"}
    log.unlink()


def test_what_is_given_away_holds_no_secret(doctor, kept, tmp_path):
    """Not even where somebody wrote one into a file of the tree, in the forms that programs have."""
    forms = [VALUE, json.dumps(VALUE), f'"{VALUE}"', *KEY.splitlines()[1:2]]
    place = two_path = STATE / "current" / PATH
    place.write_text("\n".join(forms))
    done = doctor("--bundle", "out.tar.gz")
    path = tmp_path / "out.tar.gz"
    assert done.stderr.startswith("wrote out.tar.gz") and path.stat().st_mode & 0o777 == 0o600
    texts = unpacked(path)
    assert {"doctor.json", "recording.json", "containers.json", "versions.json", f"tree/{PATH}"} <= set(texts)
    assert texts[f"tree/{PATH}"].count(GONE) == len(forms), two_path
    for name, text in texts.items():
        assert [form for form in forms if form in text] == [], name
    assert json.loads(texts["doctor.json"])["version"] == 1


def unpacked(path: Path) -> dict[str, str]:
    with tarfile.open(fileobj=io.BytesIO(path.read_bytes())) as archive:
        members = archive.getmembers()
        assert {item.mode for item in members} == {0o600}
        return {
            item.name.partition("/")[2]: archive.extractfile(item).read().decode()  # type: ignore[union-attr]
            for item in members
        }


@pytest.mark.parametrize(
    "value", [VALUE, "hunter2!", "aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5bC7d", "ümläut & co", "tab\there"]
)
def test_a_secret_is_gone_in_every_form(tmp_path, value):
    from base64 import b64encode
    from urllib.parse import quote, quote_plus

    secrets.store(str(tmp_path), "word", value.encode())
    clean = cleaner(str(tmp_path))
    forms = [value, quote(value), quote(value, safe=""), quote_plus(value), json.dumps(value)[1:-1]]
    forms += [json.dumps(value, ensure_ascii=False)[1:-1], value.replace("$", "$$"), value.replace("'", "''")]
    for form in forms:
        assert form not in clean(f"before {form} after {form}"), form
        assert clean(f"before {form} after").startswith("before ") and clean(f"x {form} after").endswith(" after")
    for before in ("", "u", "us", "user:"):
        coded = b64encode(f"{before}{value}".encode()).decode()
        assert value not in coded and coded not in clean(f"x {coded} x")


@pytest.mark.parametrize(
    "text, left",
    [
        ("POST /login password=letmein99 200", "POST /login password=[secret] 200"),
        ('{"token": "abcdef123456", "user": "bob"}', '{"token": "[secret]", "user": "bob"}'),
        ("Authorization: Bearer eyJhbGciOi.x.y", "Authorization: Bearer [secret]"),
        ("postgres://bob:letmein@db/x", "postgres://bob:[secret]@db/x"),
        ("https://auth/recovery/use-token/abcDEF123/ opened", "https://auth/recovery/use-token/[secret]/ opened"),
        ("nothing to hide: 42", "nothing to hide: 42"),
    ],
)
def test_what_looks_like_a_secret_of_somebody_else_goes_too(tmp_path, text, left):
    assert cleaner(str(tmp_path))(text) == left
