"""Bytes of Compose files -> Project: merged, interpolated, normalized, every value with its place; and every problem.

found = read(asked, read_file)      asked.files in order, and whatever they name, by the rules of the specification
found.project                       None where a problem is an error
found.problems                      all of them, warnings too, in the order of the files

No effects: the caller's `read_file(path)` gives bytes, or None where there is no such file.
Nothing imports this package at a start: `import` alone needs it.
"""

from infrakit.composed.model import Project
from infrakit.composed.project import Asked, Found, read

__all__ = ["Asked", "Found", "Project", "read"]
