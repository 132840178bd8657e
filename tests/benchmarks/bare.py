"""A Python with nothing installed, an environment with nothing in it, and the calls that are measured."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
SYSTEM_PYTHON = "/usr/bin/python3"
CLEAN = ("PATH", "XDG_CACHE_HOME")


def bare_python(folder: Path) -> str:
    """The interpreter of a virtual environment without packages: a .pth file somewhere would triple the start."""
    base = SYSTEM_PYTHON if os.path.exists(SYSTEM_PYTHON) else sys.executable
    subprocess.run([base, "-m", "venv", "--without-pip", folder / "bare"], check=True)
    return str(folder / "bare" / "bin" / "python3")


def environment(folder: Path) -> dict[str, str]:
    """No PYTHONDONTWRITEBYTECODE and the like, which would measure something else."""
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONHASHSEED": "0"}


def example(name: str) -> str:
    """The text of an embedded example."""
    return (ROOT / "infrakit" / "examples" / f"{name}.yaml").read_text()


def drop_caches(folder: Path, pyz: str) -> None:
    """As before the first start ever of this build."""
    with zipfile.ZipFile(pyz) as archive:
        build = re.search(r'build = "(\w+)"', archive.read("infrakit_start.py").decode())[1]
    place = folder / ".cache" / "infrakit" if os.geteuid() else Path("/var/cache/infrakit")
    for path in place.glob(f"code-{build}-*"):
        path.unlink()
