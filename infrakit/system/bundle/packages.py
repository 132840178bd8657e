"""The packages of a bundle for one system -> a folder of root's own, each verified while it is copied."""

import os

from infrakit.system.bundle.content import Content
from infrakit.system.files import plain_errors
from infrakit.system.tree import remove_tree

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def unpack(content: Content, system: str, target: str) -> None:
    """`target` is made anew, and holds nothing else."""
    with plain_errors("write"):
        remove_tree(target)
        os.makedirs(os.path.dirname(target), mode=0o755, exist_ok=True)
        os.mkdir(target, 0o755)
        for path in content.packages(system):
            descriptor = os.open(os.path.join(target, path.rpartition("/")[2]), _NEW, 0o644)
            try:
                for piece in content.stream(path):
                    view = memoryview(piece)
                    while view:
                        view = view[os.write(descriptor, view) :]
            finally:
                os.close(descriptor)
