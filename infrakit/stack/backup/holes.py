"""Files of volumes that take less of a disk than they are long. restic fills what is empty in them, so a list of them
goes along, and they get their holes back where they are restored.
"""

import os
from collections.abc import Iterable

from infrakit.machine import Machine
from infrakit.stack.backup.repository import FOLDER, LONGEST_S

DUMPS = f"{FOLDER}/dumps"
"""What goes along with the files of a part."""
MOST_BYTES = 1 << 26


def listed(machine: Machine, folders: Iterable[str], part: str) -> tuple[str, ...]:
    """The path of the list, () where no file has any."""
    names = [os.fsencode(name) for folder in folders for name in machine.sparse_in(folder)]
    if not names:
        return ()
    machine.make_folder(DUMPS, 0o700)
    machine.write(_list(part), b"\0".join(names)[:MOST_BYTES], 0o600)
    return (_list(part),)


def dig(machine: Machine, folder: str, part: str) -> None:
    """Of what was brought to a folder. A disk that knows no holes keeps them filled."""
    content = machine.read(f"{folder}{_list(part)}", MOST_BYTES)
    for name in content.split(b"\0") if content else ():
        machine.dig_holes(f"{folder}{os.fsdecode(name)}", LONGEST_S)


def _list(part: str) -> str:
    return f"{DUMPS}/{part.replace('/', '.')}.holes"
