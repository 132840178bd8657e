"""Paths of Compose files: relative to the file that names them, `~` for the home folder, absolute in the result."""

import posixpath
import re

REMOTE = re.compile(r"[a-z+]+://|git@|github\.com/|docker-image:|service:|target:", re.IGNORECASE)


def absolute(path: str, base: str, home: str) -> str:
    """`path` as a file in `base` means it; an address of another machine stays as it is."""
    if REMOTE.match(path):
        return path
    if path == "~" or path.startswith("~/"):
        path = home + path[1:]
    return posixpath.normpath(posixpath.join(base, path))


def clean(path: str) -> str:
    """A path of the container, without what it could be written without."""
    return "/" + posixpath.normpath(path).lstrip("/") if path.startswith("/") else posixpath.normpath(path)


def within(path: str, folder: str) -> str:
    """The absolute `path` as a person in `folder` writes it."""
    start = folder.rstrip("/") + "/"
    return path[len(start) :] if path.startswith(start) else path


def is_of_the_host(source: str) -> bool:
    """Whether a mount's source is a path of the host, and not the name of a volume."""
    return source.startswith((".", "/", "~"))
