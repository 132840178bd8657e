"""What a power cut could take: the order in which things reach the disk, and records whose last line is torn."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infrakit.stack.undo import Record
from infrakit.system.machine import Machine

ROOT = Path(__file__).parents[2]
needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


def calls(code: str, tmp_path: Path) -> list[str]:
    """Which of rename, fsync and syncfs a piece of Python comes to, with the name of the file or folder that it is
    about."""
    words = [
        "strace",
        "-qq",
        "-y",
        "-o",
        str(tmp_path / "trace"),
        "--trace=rename,fsync,syncfs",
        sys.executable,
        "-c",
        code,
        str(tmp_path),
    ]
    subprocess.run(words, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    lines = (tmp_path / "trace").read_text().splitlines()
    return [re.sub(r'^(\w+)\(.*[/"<]([^/">]+)[">]+\) += 0$', r"\1 \2", line) for line in lines]


@needs_strace
def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path):
    code = "import sys; from infrakit.system.machine import Machine; Machine().write(sys.argv[1] + '/file', b'content')"

    assert calls(code, tmp_path) == ["fsync .infrakit.tmp", "rename file", f"fsync {tmp_path.name}"]


@needs_strace
def test_a_secret_is_on_the_disk_before_anything_can_read_it(tmp_path):
    code = "import sys; from infrakit.system.secrets import store; store(sys.argv[1], 'key', b'value')"

    assert calls(code, tmp_path) == ["fsync .key.tmp", "rename key", "fsync secrets"]


@needs_strace
def test_one_disk_is_flushed_once_and_what_is_not_there_is_left_out(tmp_path):
    (tmp_path / "other").mkdir()
    code = (
        "import sys; from infrakit.system.machine import Machine; Machine().flush(sys.argv[1], sys.argv[1] + "
        "'/other', '/nowhere')"
    )

    assert calls(code, tmp_path) == ["syncfs other"]


def test_a_line_after_a_torn_one_is_whole(tmp_path):
    record = tmp_path / "record"
    record.write_bytes(b'{"kind": "remove", "path": "/a"}\n{"kind": "rem')

    Machine().append(str(record), b'{"kind": "remove", "path": "/b"}')

    assert [found["path"] for found in Record(record.read_bytes()).whole()] == ["/a", "/b"]
