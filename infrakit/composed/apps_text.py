"""Converted -> the lines of infrakit.yaml, and its table as text. What is withheld stands in comments."""

from infrakit.composed.words import Converted
from infrakit.emit.yaml_text import to_yaml


def lines(found: Converted) -> str:
    """`apps:` and `volumes:`, as they go into infrakit.yaml."""
    written = ["apps:" if found.apps else "apps: {}"]
    for name, app in found.apps.items():
        written.append(_indented({name: None}, "  ")[0].removesuffix(" null"))
        withheld = found.withheld.get(name, ())
        for key, value in app.items():
            written += _indented({key: value}, "    ")
            if isinstance(value, list):
                written += [
                    f"    #  - {_one(more)}  # grants: {meaning}" for other, more, meaning in withheld if other == key
                ]
        for key in dict.fromkeys(key for key, _, _ in withheld if key not in app):
            several = [(value, meaning) for other, value, meaning in withheld if other == key]
            if key == "mounts":
                written.append("    # mounts:")
                written += [f"    #  - {_one(value)}  # grants: {meaning}" for value, meaning in several]
            else:
                value, meaning = several[0]
                written += [f"    # {key}: {_one(value)}  # grants: {meaning}"]
    if found.volumes:
        written += _indented({"volumes": found.volumes}, "")
    return "\n".join(written) + "\n"


def _indented(tree: object, indent: str) -> list[str]:
    return [indent + line for line in to_yaml(tree).splitlines()[1:]]


def _one(value: object) -> str:
    """A value in one line."""
    if isinstance(value, list):
        return f"[{', '.join(map(_one, value))}]"
    return to_yaml([value]).splitlines()[1].removeprefix("- ")


def table(found: Converted) -> str:
    """What became of each thing, one line each."""
    rows = [(str(row.at), f"{row.service}.{row.key}", row.outcome, row.said) for row in found.rows]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    return "".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths)), row[3]]).rstrip() + "\n" for row in rows
    )
