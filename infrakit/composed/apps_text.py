"""Converted -> the lines of infrakit.yaml, and its table as text. What is withheld stands in comments."""

from collections.abc import Mapping, Sequence

from infrakit.composed.words import SOCKET, Converted
from infrakit.emit.yaml_text import to_yaml

LISTED = ("mounts", "devices", "groups")
"""Keys with a list, of which single values may be withheld."""


def lines(found: Converted) -> str:
    """`apps:` and `volumes:`, as they go into infrakit.yaml."""
    written = ["apps:", *app_lines(found)] if found.apps else ["apps: {}"]
    written += ["volumes:", *volume_lines(found)] if found.volumes else []
    return "\n".join(written) + "\n"


def app_lines(found: Converted, comments: Mapping[str, str] = {}) -> list[str]:
    """What stands below `apps:`; `comments`: beside a key."""
    written: list[str] = []
    for name, app in found.apps.items():
        written.append(_indented({name: None}, "  ")[0].removesuffix(" null"))
        withheld = found.withheld.get(name, ())
        for key, value in app.items():
            first, *rest = _indented({key: value}, "    ")
            written += [f"{first}  # {comments[key]}" if key in comments else first, *rest]
            if isinstance(value, list):
                written += [f"    #  - {_one(more)}  # {_why(meaning)}" for more, meaning in _of(withheld, key)]
        for key in dict.fromkeys(key for key, _, _ in withheld if key not in app):
            several = _of(withheld, key)
            if key in LISTED:
                written.append(f"    # {key}:")
                written += [f"    #  - {_one(value)}  # {_why(meaning)}" for value, meaning in several]
            else:
                value, meaning = several[0]
                written.append(f"    # {key}: {_one(value)}  # {_why(meaning)}")
    return written


def _why(meaning: str) -> str:
    """What a comment withholds: Docker's socket no key of an app gives (policy/sockets.py)."""
    return f"{'refused' if SOCKET in meaning else 'grants'}: {meaning}"


def volume_lines(found: Converted) -> list[str]:
    """What stands below `volumes:`."""
    return _indented(dict(found.volumes), "  ") if found.volumes else []


def _of(withheld: Sequence[tuple[str, object, str]], key: str) -> list[tuple[object, str]]:
    return [(value, meaning) for other, value, meaning in withheld if other == key]


def _indented(tree: object, indent: str) -> list[str]:
    return [indent + line for line in to_yaml(tree).splitlines()[1:]]


def _one(value: object) -> str:
    """A value in one line."""
    if isinstance(value, list):
        return f"[{', '.join(map(_one, value))}]"
    return to_yaml([value]).splitlines()[1].removeprefix("- ")


def table(found: Converted) -> str:
    """What became of each thing, one line each."""
    rows = [(str(row.at), f"{row.service}.{row.key}".removeprefix("."), row.outcome, row.said) for row in found.rows]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    return "".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths)), row[3]]).rstrip() + "\n" for row in rows
    )
