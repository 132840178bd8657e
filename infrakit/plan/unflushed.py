"""Work of other programs that is not on the disk when they say so: marked while it is under way, and until it is
flushed.

    begin(machine, mark, what) ... finish(machine, mark, folder, ...)
    broken_off(machine, mark)  -> what a power cut came into: half of it may be there, with names, sizes and no content

A kill breaks nothing off: the kernel goes on to write. So only marks of an earlier start of the machine count.
"""

from infrakit.machine import Machine

THIS_START = "/proc/sys/kernel/random/boot_id"


def begin(machine: Machine, mark: str, what: str) -> None:
    """From here on, a power cut breaks off `what`."""
    machine.append(mark, f"{_this_start(machine)} {what}".encode())


def finish(machine: Machine, mark: str, *folders: str) -> None:
    """Have what lies in these folders on the disk; then the mark goes."""
    machine.flush(*folders)
    machine.remove(mark)


def broken_off(machine: Machine, mark: str) -> list[str]:
    """What was begun before this start of the machine, and never finished."""
    lines = (machine.read(mark) or b"").decode("utf-8", "replace").splitlines()
    begun = [line.partition(" ") for line in lines]
    return list(dict.fromkeys(what for start, _, what in begun if what and start != _this_start(machine)))


def _this_start(machine: Machine) -> str:
    return (machine.read(THIS_START) or b"").decode().strip()
