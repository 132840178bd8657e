"""A compile that changed nothing -> the same answer, without parsing anything.

The stamp, written after a whole compile, names every input and output with its SHA-256, and every secret that was
missing.
`unchanged` believes it only where all of that still holds. Imported by __main__ before anything else: it must stay
light.
"""

import os
from stat import S_ISREG

from infrakit.system.digest import hex_digest

MYPY = False
if MYPY:
    from typing import Any  # nothing that a start would pay for

NAME = ".infrakit.stamp"
MOST_FILES = 300
MOST_BYTES = 16 << 20

__loader__: object  # of a zipapp, our own (packaging/zip_start.py)


def write(output: str, found: "Any", example: str | None, report: "Any") -> None:
    """Remember this compile (a Source and a Report), where it is small, of a file, and whole."""
    from infrakit.errors import printable
    from infrakit.system.files import remove, replace

    path = os.path.join(output, NAME)
    if example or report.edited or report.warnings or report.files > MOST_FILES or found.blueprints:
        remove(path)
        return
    lines = [
        build(),
        f"{hex_digest(found.content)} {found.path}",
        f"{hex_digest(found.lock.content) if found.lock else '-'} {lock_beside(found.path)}",
    ]
    for host in report.hosts:
        folder = os.path.join(output, host)
        for name in _files(folder):
            with open(os.path.join(folder, name), "rb") as file:
                lines.append(f"{hex_digest(file.read(MOST_BYTES))} {host}/{name}")
    for state in report.secrets:
        sign = "-" if state.state in ("missing", "not minted") else "+"
        lines.append(f"{sign} {state.host}/secrets/{state.name}")
    lines.append("= " + report.summary().partition(": ")[2].rpartition(", ")[0] + ", nothing changed")
    lines += [f"! {printable(line)}" for line in report.talk()]
    content = "\n".join(lines).encode("utf-8", "surrogateescape")
    before = None
    try:
        before = _content(path)
    except (OSError, ValueError):
        pass
    if before != content:
        replace(path, content)


def _files(folder: str) -> list[str]:
    """manifest.json, and what it lists."""
    import json

    with open(os.path.join(folder, "manifest.json"), "rb") as file:
        return ["manifest.json", *json.load(file)["files"]]


def lock_beside(file: str) -> str:
    """infrakit.yaml -> infrakit.lock: a file of another name has a lock of its own."""
    return f"{os.path.splitext(file)[0]}.lock"


def build() -> str:
    """What made the stamp: another InfraKit must not believe it. "" in a checkout, whose code may change at any
    time."""
    return str(getattr(__loader__, "build", ""))


def unchanged(file: str, output: str) -> tuple[str, list[str]] | None:
    """(the summary, lines of talk) of the last compile where it would come out the same, else None."""
    try:
        lines = _content(os.path.join(output, NAME)).decode("utf-8", "surrogateescape").split("\n")
        made = build()
        if not (output.isascii() and output.isprintable()):  # the long way knows how to print it
            return None
        if os.path.lexists(
            os.path.join(output, ".infrakit.new")
        ):  # of a run that was killed: there is something to clear up
            return None
        if not made or lines[0] != made or lines[1] != f"{_digest(file)} {file}":
            return None
        lock = lock_beside(file)
        if lines[2] != f"{_digest(lock) if os.path.lexists(lock) else '-'} {lock}":
            return None
        summary, talk = "", []
        for line in lines[3:]:
            sign, _, rest = line.partition(" ")
            if sign == "=":
                summary = f"{output}: {rest}"
            elif sign == "!":
                talk.append(rest)
            elif sign in "+-":
                if os.path.lexists(os.path.join(output, rest)) != (sign == "+"):
                    return None
            elif _digest(os.path.join(output, rest)) != sign:
                return None
        return summary, talk
    except (OSError, IndexError, ValueError):
        return None


def _digest(path: str) -> str:
    return hex_digest(_content(path))


def _content(path: str) -> bytes:
    """Of a regular file that is no larger than ours are. ValueError of another one; never waits."""
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb", 0) as file:
        status = os.fstat(file.fileno())
        if not S_ISREG(status.st_mode) or status.st_size > MOST_BYTES:
            raise ValueError(path)
        return file.read(MOST_BYTES)
