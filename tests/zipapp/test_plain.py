"""Libraries in the zipapp: without comments and docstrings, and else word for word what their wheels have."""

import ast
import json
import lzma
import re
import zipfile

import pytest

from infrakit.packaging.plain import NOTICE, plain
from tests.conftest import ROOT

LISTED = (ROOT / "infrakit/packaging/runtime.txt").read_text()
SHIPPED = {name.replace(".", "-") for name in re.findall(r"^([a-z.-]+)==", LISTED, re.MULTILINE)}
TOOLS = pytest.mark.soak
"""No library of the zipapp's: they build it, and are more code than all that is in it."""
WHEELS = [
    pytest.param(wheel, marks=() if re.sub("[_.]", "-", wheel.name.partition("-")[0]) in SHIPPED else TOOLS)
    for wheel in sorted((ROOT / ".build/wheels").glob("*.whl"))
]


def test_every_library_is_looked_at():
    assert SHIPPED and len(SHIPPED) == sum(not item.marks for item in WHEELS)


def meaning(source: str) -> str:
    """Its tree, with "" for each text that does nothing."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and type(node.value.value) is str:
            node.value.value = ""
    return ast.dump(tree)


@pytest.mark.parametrize("wheel", WHEELS, ids=lambda path: path.name.partition("-")[0])
def test_a_library_means_what_it_meant(wheel):
    with zipfile.ZipFile(wheel) as archive:
        sources = [archive.read(name).decode() for name in archive.namelist() if name.endswith(".py")]
    for source in sources:
        short = plain(source)
        assert meaning(short) == meaning(source)
        notices = [line for line in source.splitlines() if line.lstrip().startswith("#") and NOTICE.search(line)]
        assert all(line.strip() in short for line in notices)


@pytest.mark.parametrize(
    "source, short",
    [
        ("# a\nx = 1  # b\n", "x = 1\n"),
        ('def f():\n    """é"""; y = "# no"  # ö\n', 'def f():\n    ""; y = "# no"\n'),
        (
            'class A:\n    """one\n    two"""\n    # three\n\n    b = """\n# four\n"""\n',
            'class A:\n    ""\n\n    b = """\n# four\n"""\n',
        ),
        ("# Copyright (c) somebody\nz = 3", "# Copyright (c) somebody\nz = 3"),
        ("z = 3  # at the end", "z = 3\n"),
    ],
)
def test_what_goes_and_what_stays(source, short):
    assert plain(source) == short and meaning(short) == meaning(source)


def test_the_zipapp_says_so_and_what_few_starts_load_has_no_docstring(pyz):
    with zipfile.ZipFile(pyz) as archive:
        assert "docstrings of these libraries are left out" in archive.read("site-packages/LICENSES.txt").decode()
        nested = json.loads(lzma.decompress(archive.read("site-packages/nested.json.xz")))
    comments = re.findall(r"^ *#.*", nested["docker/client.py"], re.MULTILINE)
    assert comments == [] and '"""' not in nested["docker/client.py"]
    ours = {name: text for name, text in nested.items() if name.startswith("infrakit/")}
    assert len(ours) > 200
    for name, text in ours.items():
        assert meaning(text) == meaning((ROOT / name).read_text()), name
