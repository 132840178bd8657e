"""What is in dist/: pure Python, the same bytes from any clone, and a script that carries it all."""

import ast
import hashlib
import marshal
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from types import CodeType

import pytest

from infrakit.packaging.bytecode import Untyped

ROOT = Path(__file__).parents[2]
HEAD = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}


def pythons() -> list[str]:
    """Every Python of this machine that InfraKit supports, ours first; one of each minor version."""
    found = {sys.version_info[1]: sys.executable}
    places = sorted(Path.home().glob(".pyenv/versions/3.*/bin/python3")) + [Path("/usr/bin/python3")]
    for path in places:
        if path.exists():
            version = subprocess.run(
                [path, "-c", "import sys; print(*sys.version_info[:2])"], capture_output=True, text=True
            ).stdout
            major, minor = (int(part) for part in version.split())
            if major == 3 and minor >= 10:
                found.setdefault(minor, str(path))
    return [found[minor] for minor in sorted(found)]


def test_no_machine_code_and_not_too_big(pyz):
    with zipfile.ZipFile(pyz) as archive:
        names = archive.namelist()
    assert not [name for name in names if name.endswith((".so", ".pyc", ".pyd"))]
    assert pyz.stat().st_size < 1_500_000
    assert "site-packages/LICENSES.txt" in names


def test_checksums_are_those_of_the_files(pyz):
    for line in (pyz.parent / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((pyz.parent / name).read_bytes()).hexdigest() == digest


@pytest.mark.slow
def test_another_python_any_umask_zone_and_locale_change_its_bytecode_alone(pyz, tmp_path):
    """test_same_bytes.py builds with this one."""
    other = next((path for path in reversed(pythons()) if path != sys.executable), None)
    if not other:
        pytest.skip("needs a second Python, 3.10 or newer")
    clone = tmp_path / "a clone"
    subprocess.run(["git", "clone", "-q", ROOT, clone], check=True)
    changed = {"PYTHON": other, "INFRAKIT_WHEELS": str(ROOT / ".build/wheels"), "LC_ALL": "C", "TZ": "Etc/GMT+9"}
    done = subprocess.run([clone / "build.sh"], capture_output=True, text=True, umask=0, env={**os.environ, **changed})
    assert done.returncode == 0, done.stdout + done.stderr
    assert members(clone / "dist/infrakit.pyz") == members(pyz)


def members(path: Path) -> dict[str, bytes]:
    """Of the archive, but for bytecode."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith(".code")}


def test_the_bytecode_in_the_archive_is_what_its_sources_say(pyz):
    """In a Python of its own without the build's options: the lines' columns are all that may differ, and annotations
    that nothing reads."""
    with zipfile.ZipFile(pyz) as archive:
        start, name = sorted(name for name in archive.namelist() if name.endswith(".code"))
        source = compile(archive.read("infrakit_start.py"), "infrakit_start.py", "exec", dont_inherit=True)
        assert instructions(marshal.loads(archive.read(start))) == instructions(source)
        shipped = marshal.loads(archive.read(name))
        for module, (is_package, code) in shipped.items():
            file = "site-packages/" + module.replace(".", "/") + ("/__init__.py" if is_package else ".py")
            optimize = 0 if module.startswith("ruamel") else 2
            tree = ast.parse(archive.read(file), file)
            tree = tree if optimize == 0 else Untyped().visit(tree)
            assert instructions(marshal.loads(code)) == instructions(
                compile(tree, file, "exec", dont_inherit=True, optimize=optimize)
            )
            read = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
            assert not read & {"__annotations__", "get_type_hints", "get_annotations"}, module
    assert {"infrakit.compiler", "infrakit.cli.compiling", "ruamel.yaml.scanner"} <= set(shipped)


def instructions(code) -> tuple:
    """What a code object does."""
    constants = tuple(
        instructions(item)
        if isinstance(item, CodeType)
        else sorted(map(repr, item))  # a set has an order of its own in every process
        if isinstance(item, frozenset)
        else repr(item)
        for item in code.co_consts
    )
    return code.co_name, code.co_code, constants, code.co_names, code.co_varnames, code.co_freevars, code.co_flags


def test_the_install_script_runs_from_a_pipe_with_arguments(pyz, tmp_path):
    script = (pyz.parent / "install.py").read_bytes()
    for home in (str(tmp_path), "/nonexistent"):
        run = subprocess.run(
            [sys.executable, "-", "catalog", "show", "caddy"],
            input=script,
            capture_output=True,
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "HOME": home},
        )
        assert run.returncode == 0 and b"caddy" in run.stdout, run.stderr


def test_a_truncated_install_script_runs_nothing(pyz, tmp_path):
    script = (pyz.parent / "install.py").read_bytes()
    tail = len(script) - len(b'"""\nmain()\n')
    lengths = [*range(0, 2200, 40), *range(2200, tail, 40_000), *range(tail, len(script) - 1)]
    for length in lengths:
        run = subprocess.run(
            [sys.executable, "-", "compile", "--example", "edge"],
            input=script[:length],
            capture_output=True,
            cwd=tmp_path,
            env=HEAD,
        )
        assert not run.stdout and not list(tmp_path.iterdir()), f"ran after {length} of {len(script)} bytes"


def test_a_damaged_install_script_says_so(pyz, tmp_path):
    script = (pyz.parent / "install.py").read_text()
    middle = len(script) // 2
    changed = "A" if script[middle] != "A" else "B"
    run = subprocess.run(
        [sys.executable, "-", "--version"],
        input=script[:middle] + changed + script[middle + 1 :],
        capture_output=True,
        text=True,
        env=HEAD,
    )
    assert run.returncode != 0 and "damaged" in run.stderr and not run.stdout
