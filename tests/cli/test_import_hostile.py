"""`import` of files that somebody made to do harm: a line with a place, no traceback, no hang, no other file."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from infrakit.errors import printable

FILE = "version: 1\ndomain: home.example.org\npattern: full\ntls: {mode: internal}\n"
ROOT = Path(__file__).parents[2]
ONE = "services:\n  a:\n    image: e/a:1\n"
HUSH = "hush-of-somebody-else"
BOMB = "x-0: &a0 [0,0,0,0,0,0,0,0,0]\n"
BOMB += "".join(f"x-{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
MERGED = "x-0: &a0 {k0: v}\n" + "".join(f"x-{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}], k{n}: v}}\n" for n in range(1, 60))
DOUBLED = "D0=xxxxxxxxxx\n" + "".join(f"D{n + 1}=$D{n}$D{n}\n" for n in range(60))
REFUSED = {
    "alias-bomb": ({"compose.yaml": BOMB + ONE}, "compose.yaml:5:6"),
    "merge-bomb": ({"compose.yaml": MERGED + ONE}, "compose.yaml:"),
    "alias-of-itself": ({"compose.yaml": "x: &a [*a]\n" + ONE}, "compose.yaml:1:8"),
    "tag": ({"compose.yaml": ONE + "    command: !!python/object/apply:os.system [id]\n"}, "compose.yaml:4:14"),
    "own-tag": ({"compose.yaml": ONE + "    command: !include /etc/passwd\n"}, "compose.yaml:4:14"),
    "deep": ({"compose.yaml": "x: " + "[" * 5000 + "]" * 5000 + "\n" + ONE}, "compose.yaml:1:"),
    "long": ({"compose.yaml": ONE + "#" * 600_000}, "compose.yaml:1:1"),
    "long-line": ({"compose.yaml": ONE + "    user: " + "x" * 300_000 + "\n    scale: y\n"}, "compose.yaml:5:12"),
    "nul": ({"compose.yaml": ONE + "    user: a\0b\n"}, "compose.yaml:4:12"),
    "nul-written": ({"compose.yaml": ONE + '    env_file: "a\\0b"\n'}, "compose.yaml:4:15"),
    "escape": ({"compose.yaml": ONE + '    user: "\\e[31mred"\n'}, "compose.yaml:4:11"),
    "not-utf8": ({"compose.yaml": ONE.encode() + b"    user: \xff\n"}, "compose.yaml:4:11"),
    "two-documents": ({"compose.yaml": ONE + "---\n" + ONE}, "compose.yaml:4:1"),
    "key-twice": ({"compose.yaml": ONE + "    image: e/b\n"}, "compose.yaml:4:5"),
    "no-yaml": ({"compose.yaml": "services: [\n"}, "compose.yaml:"),
    "nothing": ({"compose.yaml": ""}, "compose.yaml:1:1"),
    "a-list": ({"compose.yaml": "- services\n"}, "compose.yaml:1:1"),
    "number": ({"compose.yaml": ONE + f"    scale: {'9' * 9000}\n"}, "compose.yaml:4:12"),
    "variables-doubled": ({"compose.yaml": ONE + "    user: $D60\n", ".env": DOUBLED}, ".env:"),
    "variables-nested": ({"compose.yaml": ONE + "    user: " + "${A:-" * 900 + "}" * 900}, "compose.yaml:4:11"),
    "variable-broken": ({"compose.yaml": ONE + "    user: ${\n"}, "compose.yaml:4:11"),
    "extends-circle": ({"compose.yaml": "services:\n  a: {extends: b}\n  b: {extends: a}\n"}, "compose.yaml:"),
    "include-circle": (
        {"compose.yaml": "include: [b.yaml]\n" + ONE, "b.yaml": "include: [compose.yaml]\n"},
        "b.yaml:1:11",
    ),
    "include-url": ({"compose.yaml": "include: ['https://example.org/x.yaml']\n" + ONE}, "compose.yaml:1:11"),
    "include-git": ({"compose.yaml": "include: ['git@github.com:x/y.git']\n" + ONE}, "compose.yaml:1:11"),
    "include-oci": ({"compose.yaml": "include: ['oci://example.org/x']\n" + ONE}, "compose.yaml:1:11"),
    "include-outside": ({"compose.yaml": "include: ['../outside/secret']\n" + ONE}, "compose.yaml:1:11"),
    "extends-outside": (
        {"compose.yaml": "services:\n  a: {extends: {file: ../outside/compose.yaml, service: a}}\n"},
        "compose.yaml:2:23",
    ),
    "extends-whole": (
        {"compose.yaml": "services:\n  a: {extends: {file: /etc/passwd, service: a}}\n"},
        "compose.yaml:2:23",
    ),
    "env-outside": ({"compose.yaml": ONE + "    env_file: ../outside/secret\n"}, "compose.yaml:4:15"),
    "env-home": ({"compose.yaml": ONE + "    env_file: ~/secret\n"}, "compose.yaml:4:15"),
    "env-link": (
        {"compose.yaml": ONE + "    env_file: link.env\n", "link.env": Path("../outside/secret")},
        "compose.yaml:4:15",
    ),
    "env-link-chain": (
        {"compose.yaml": ONE + "    env_file: d/secret\n", "d": Path("../outside")},
        "compose.yaml:4:15",
    ),
    "env-device": ({"compose.yaml": ONE + "    env_file: /dev/zero\n"}, "compose.yaml:4:15"),
    "env-folder": ({"compose.yaml": ONE + "    env_file: .\n"}, "compose.yaml:4:15"),
    "env-itself": ({"compose.yaml": ONE + "    env_file: loop\n", "loop": Path("loop")}, "compose.yaml:4:15"),
    "dotenv-link": ({"compose.yaml": ONE, ".env": Path("../outside/secret")}, "compose.yaml:1:1"),
    "dotenv-pipe": ({"compose.yaml": ONE, ".env": None}, "compose.yaml:1:1"),
    "env-pipe": ({"compose.yaml": ONE + "    env_file: pipe\n", "pipe": None}, "compose.yaml:4:15"),
    "label-file-outside": ({"compose.yaml": ONE + "    label_file: ../outside/secret\n"}, "compose.yaml:4:17"),
    "secret-outside": (
        {"compose.yaml": ONE + "    secrets: [s]\nsecrets: {s: {file: ../outside/secret}}\n"},
        "compose.yaml:5:11",
    ),
    "secret-link": (
        {"compose.yaml": ONE + "    secrets: [s]\nsecrets: {s: {file: s}}\n", "s": Path("/etc/shadow")},
        "compose.yaml:5:11",
    ),
    "secret-pipe": (
        {"compose.yaml": ONE + "    secrets: [s]\nsecrets: {s: {file: s}}\n", "s": None},
        "compose.yaml:5:11",
    ),
    "compose-link": ({"compose.yaml": Path("../outside/secret")}, "compose.yaml:1:1"),
    "compose-pipe": ({"compose.yaml": None}, "compose.yaml:1:1"),
}


def lay(place, files):
    """Files by name: a text or bytes, a Path for a link, None for a pipe that nobody writes into."""
    for name, content in files.items():
        if content is None:
            os.mkfifo(place / name)
        elif isinstance(content, Path):
            (place / name).symlink_to(content)
        else:
            (place / name).write_bytes(content.encode() if isinstance(content, str) else content)


@pytest.fixture
def stack(tmp_path):
    (tmp_path / "infrakit.yaml").write_text(FILE)
    for folder in ("stack", "outside"):
        (tmp_path / folder).mkdir()
    (tmp_path / "outside/secret").write_text(f"OTHERS={HUSH}\n")
    (tmp_path / "outside/compose.yaml").write_text(ONE)
    (tmp_path / "secret").write_text(f"OTHERS={HUSH}\n")
    return tmp_path / "stack"


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_in_a_line_with_its_place(infrakit, stack, tmp_path, name):
    files, place = REFUSED[name]
    lay(stack, files)

    done = infrakit("import", "stack", "-o", "kept")

    assert done.returncode == 2, done.stdout
    errors = [line for line in done.stderr.splitlines() if ": error: " in line and not line.startswith("infrakit:")]
    assert any(line.startswith(f"stack/{place}") for line in errors), done.stderr
    assert "Traceback" not in done.stderr and "bug in InfraKit" not in done.stderr
    assert HUSH not in done.stdout + done.stderr
    assert all(printable(line) == line and len(line) < 5000 for line in done.stderr.splitlines())
    assert (tmp_path / "infrakit.yaml").read_text() == FILE and not (tmp_path / "kept").exists()


@pytest.mark.parametrize("path", ["", ":", "::"])
def test_a_path_of_nothing_is_refused(infrakit, stack, path):
    done = infrakit("import", path)

    assert done.returncode == 2 and done.stderr.startswith(f'infrakit: error: "{path}" names no file')


def test_a_link_in_the_project_gives_nothing_of_the_host_away(infrakit, stack, tmp_path):
    lay(stack, {"compose.yaml": ONE + "    volumes: ['./link:/data', './own:/own']\n", "link": Path("/etc")})

    done = infrakit("import", "stack")

    assert done.returncode == 0, done.stderr
    assert f"    #  - {stack}/link:/data  # grants: /etc, " in (tmp_path / "infrakit.yaml").read_text()


def test_a_folder_around_it_can_be_allowed(infrakit, stack, tmp_path):
    lay(stack, {"compose.yaml": "services:\n  a: {extends: {file: ../outside/compose.yaml, service: a}}\n"})

    done = infrakit("import", "stack", "--within", ".")

    assert done.returncode == 0 and "outside/compose.yaml:3:5" in done.stdout


def test_variables_that_go_round_end(infrakit, stack):
    lay(stack, {"compose.yaml": ONE + '    user: "$A"\n', ".env": "A=$B\nB=$C\nC=$A\n"})

    done = infrakit("import", "stack")

    assert done.returncode == 0 and "warning: A: the variable B is not set" in done.stderr


def test_an_own_file_that_is_no_file_is_refused(infrakit, stack, tmp_path):
    lay(stack, {"compose.yaml": ONE})
    (tmp_path / "infrakit.yaml").unlink()
    os.mkfifo(tmp_path / "infrakit.yaml")

    done = infrakit("import", "stack")

    assert done.returncode == 2 and done.stderr == "infrakit: error: infrakit.yaml: not a regular file\n"


def test_variables_of_the_shell_cannot_write_what_no_file_holds(infrakit, stack, tmp_path):
    lay(stack, {"compose.yaml": ONE + '    environment: {X: "${EVIL}", Y: "${GOOD}"}\n'})

    done = infrakit("import", "stack", env={"EVIL": "\x1b[31m\udcff", "GOOD": "two\nlines: {"})

    assert done.returncode == 0 and "\x1b" not in done.stdout + done.stderr
    assert '"Y": "two\\nlines: {"' in (tmp_path / "infrakit.yaml").read_text()


def test_an_image_that_is_none_becomes_no_app(infrakit, stack, tmp_path):
    services = "  a: {image: '$(id)'}\n  b: {image: 'e/b:1', depends_on: [a], network_mode: 'service:a'}\n"
    lay(stack, {"compose.yaml": f"services:\n{services}".replace("$(id)", "$$(id)")})

    done = infrakit("import", "stack")

    assert done.returncode == 0 and "no app is made of it" in done.stdout
    text = (tmp_path / "infrakit.yaml").read_text()
    assert "  b:\n" in text and "  a:\n" not in text and "needs" not in text and "network: a" not in text


def test_a_kill_in_the_midst_leaves_the_old_file_or_the_new(stack, tmp_path):
    lay(stack, {"compose.yaml": ONE})
    text = (
        f"import sys, os\nsys.path.insert(0, {str(ROOT)!r})\nfrom infrakit.system import files\n"
        "real = os.rename\nfiles.os.rename = lambda *names: os._exit(9)\n"
        "from infrakit.cli import main\nmain(['import', 'stack'])\n"
    )
    done = subprocess.run([sys.executable, "-c", text], cwd=tmp_path, capture_output=True, text=True, timeout=60)

    assert done.returncode == 9 and (tmp_path / "infrakit.yaml").read_text() == FILE
