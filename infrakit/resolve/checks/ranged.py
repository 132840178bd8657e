"""Problems of hosts -> the same, where what is said of every host of a range is said once, of the range."""

import re
from collections.abc import Mapping, Sequence

from infrakit.errors import Problem


def said_once(problems: Sequence[Problem], names: Mapping[str, str]) -> list[Problem]:
    """`names`: of each host of a range, that of the range as the file has it."""
    each = "|".join(sorted(map(re.escape, names), key=len, reverse=True))
    name = re.compile(rf"(?:(?<=\bhosts\.)|(?<![\w.-]))({each})(?![\w-])")
    keep: dict[tuple[object, ...], Problem] = {}
    for problem in problems:
        what = name.sub(lambda match: names[match[1]], problem.what)
        hint = name.sub(lambda match: names[match[1]], problem.hint)
        key = (problem.position, problem.code, what)
        first = keep.setdefault(key, problem)
        if first is not problem:
            keep[key] = first._replace(what=what, hint=hint)
    return list(keep.values())
