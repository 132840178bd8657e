"""machine: storage, heat, memory and units of a host that has run for a while."""

import json
import re
from collections.abc import Iterator

from infrakit.host.checks.model import GIBIBYTE, listed, size
from infrakit.plan import Answers, Run, Step
from infrakit.stack.doctor import readings as read
from infrakit.stack.doctor.readings import Readings
from infrakit.stack.doctor.words import ERROR, Trouble, trouble

FILLED, CLEARANCE_BYTES = 0.9, 20 * GIBIBYTE
"""So full, and less than that left."""
TREND_S, SOON_DAYS = 86_400.0, 14
CACHE_BYTES, JOURNAL_BYTES = 2 * GIBIBYTE, GIBIBYTE
WORN, SPENT = 9, 11
"""Of EXT_CSD: tenths of the life that is used, 9 for 80 to 90 %, 11 for all of it (JEDEC JESD84-B51)."""
HOT_C, TOO_HOT_C = 80, 90
PRESSED_PERCENT = 10.0
RECENT_S = 7 * 86_400.0
BROKEN = re.compile(r"(?:EXT4|BTRFS|XFS|F2FS)\b.*(?:error|corrupt)|Remounting filesystem read-only", re.I)
FAULTY = re.compile(
    r"I/O error,? (?:on )?(?:dev|device) (?!loop|sr|fd)\w+|mmc(?:blk)?\d+: (?!.*SDIO).*(?:error|timeout|timed out)"
    r"|ata\d.*(?:failed command|exception Emask)|nvme\d.*(?:timeout|I/O.*error|reset controller)|under-?voltage",
    re.I,
)
KILLED = re.compile(r"Out of memory: Killed process \d+ \(([^)]*)\)")
"""What exceeded its limit comes as "Memory cgroup out of memory", and the engine knows of it (mm/oom_kill.c)."""
UNITS = re.compile(r"(?:infrakit[\w@.-]*|docker\.\w+|containerd\.service|systemd-timesyncd\.service)")
UNIT_BYTES = {"": 1, "B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def disk_filled(readings: Readings) -> Iterator[Trouble]:
    """Docker's disk, with what takes the room there."""
    found = readings.facts.file_system(readings.facts.data_root)
    if not found.size_bytes or found.free_bytes > min((1 - FILLED) * found.size_bytes, CLEARANCE_BYTES):
        return
    takers = ", ".join(f"{kind.lower()} {used}" for kind, used, _ in _usage(readings)) or "Docker does not say what"
    percent = 100 - 100 * found.free_bytes // found.size_bytes
    what = f"{found.path} is {percent} % full, {size(found.free_bytes)} are left"
    yield trouble("disk-filled", what, takers=f"of Docker's: {takers}")


def disk_filling(readings: Readings) -> Iterator[Trouble]:
    """At the pace since an earlier look."""
    now, free = readings.facts.now_s, readings.facts.file_system(readings.facts.data_root).free_bytes
    earlier = [(at, then) for at, then in readings.space if now - at >= TREND_S]
    if not earlier or not free:
        return
    at, then = earlier[0]
    pace = (then - free) / (now - at)
    days = int(free / pace / 86_400) if pace > 0 else SOON_DAYS + 1
    if days <= SOON_DAYS:
        gone, since = size(then - free), int((now - at) // 86_400)
        yield trouble("disk-filling", f"Docker's disk lost {gone} in {since} days, and is full in {days} at that pace")


def data_read_only(readings: Readings) -> Iterator[Trouble]:
    """Where Docker keeps all; the root file system has its own check."""
    found = readings.facts.file_system(readings.facts.data_root)
    if "ro" in found.options and found.path != "/":
        yield trouble("data-read-only", f"{found.path} can only be read")


def docker_left(readings: Readings) -> Iterator[Trouble]:
    """What builds and updates leave behind. What is not known to be ours is never taken away."""
    for kind, used, free in _usage(readings):
        if kind == "Build Cache" and _bytes(free) > CACHE_BYTES:
            yield trouble("build-cache", f"the cache of builds takes {used}, of which {free} can go")
    ours = {
        item.image.partition("@")[0].rpartition(":")[0]
        for service in readings.deployment.services
        for item in service.containers
    }
    rows = [line.split("\t") for line in readings.recording.said(*read.DANGLING).splitlines()]
    left = [row[0] for row in rows if len(row) == 3 and _whole(row[1]) in ours and row[0] not in readings.kept]
    if left:
        steps = tuple(_forget(image) for image in left)
        what = f"{len(left)} images of ours have no name any more: {listed([image[7:19] for image in left])}"
        yield trouble("images-left", what, ids=" ".join(image[7:19] for image in left), steps=steps)


def journal_large(readings: Readings) -> Iterator[Trouble]:
    """systemd's log."""
    found = re.search(r"take up ([\d.]+[BKMGT])", readings.recording.said(*read.JOURNAL))
    if found and _bytes(found[1]) > JOURNAL_BYTES:
        yield trouble("journal-large", f"the journal takes {found[1]}")


def storage_worn(readings: Readings) -> Iterator[Trouble]:
    """eMMC says how much of its life is used. A plain SD card does not."""
    for card in read.CARDS:
        tenths = [int(word, 16) for word in readings.recording.file(read.LIFE.format(card)).split() if _is_hex(word)]
        reserve = readings.recording.file(read.PRE_EOL.format(card)).strip()
        used = max(tenths, default=0)
        if used >= WORN or reserve in ("0x02", "0x03"):
            how = "all of its life" if used >= SPENT else f"up to {used * 10} % of its life" if used else "its reserve"
            bad = ERROR if used >= SPENT or reserve == "0x03" else ""
            yield trouble("storage-worn", f"/dev/{card} has used {how}", subject=card, severity=bad)


def storage_errors(readings: Readings) -> Iterator[Trouble]:
    """In the kernel's log since the machine started, the last week of it."""
    lines = [line for line in _kernel(readings) if FAULTY.search(line) and not BROKEN.search(line)]
    if lines:
        what = f"the kernel had {len(lines)} faults of storage or power in the last days"
        yield trouble("storage-errors", what, said=lines[-1][:200])
    broken = [line for line in _kernel(readings) if BROKEN.search(line)]
    if broken:
        yield trouble("file-system-broken", "a file system is damaged, or was shut", said=broken[-1][:200])


def hot(readings: Readings) -> Iterator[Trouble]:
    """The warmest sensor of the board."""
    warmest = max(
        (int(text) / 1000 for text in map(readings.recording.file, read.HEAT) if text.strip().isdecimal()), default=0
    )
    if warmest >= HOT_C:
        yield trouble("hot", f"the processor has {warmest:.0f} °C", severity=ERROR if warmest >= TOO_HOT_C else "")


def memory_pressure(readings: Readings) -> Iterator[Trouble]:
    """How long all waited for memory, of the last minute; what is left; and swap."""
    found = re.search(r"^full .*avg60=([\d.]+)", readings.recording.file(read.PRESSURE), re.MULTILINE)
    if found and float(found[1]) >= PRESSED_PERCENT:
        yield trouble("memory-pressure", f"everything stood still for {found[1]} % of the last minute")
    kib = dict(re.findall(r"^(\w+):\s+(\d+) kB", readings.recording.file("/proc/meminfo"), re.MULTILINE))
    total, left, swap, spare = (int(kib.get(key, 0)) for key in ("MemTotal", "MemAvailable", "SwapTotal", "SwapFree"))
    if "MemAvailable" in kib and left * 20 < total:
        yield trouble("memory-low", f"{size(left << 10)} of {size(total << 10)} memory are left")
    elif swap and spare * 10 < swap and left * 5 < total:
        yield trouble("swap-full", f"{size(spare << 10)} of {size(swap << 10)} swap are left")


def host_out_of_memory(readings: Readings) -> Iterator[Trouble]:
    """Not a container's limit: the machine's."""
    names = [found[1] for line in _kernel(readings) if (found := KILLED.match(line))]
    if names:
        what = f"the kernel ended {listed(list(dict.fromkeys(names)))} in the last days"
        yield trouble("host-out-of-memory", what)


def unit_failed(readings: Readings) -> Iterator[Trouble]:
    """Ours and Docker's; of others the system's own check tells."""
    for line in readings.recording.said(*read.FAILED).splitlines():
        name = line.split()[0] if line.split() else ""
        if UNITS.fullmatch(name):
            yield trouble("unit-failed", f"{name} has failed", subject=name, name=name)


def backup_sheet(readings: Readings) -> Iterator[Trouble]:
    """Nobody said that he has it."""
    if not readings.sheet:
        yield trouble("backup-sheet", "nobody said that he has the recovery sheet of the backups")


def _usage(readings: Readings) -> list[tuple[str, str, str]]:
    """(kind, size, reclaimable) of `docker system df`, the largest first."""
    rows = []
    for line in readings.recording.said(*read.DISK).splitlines():
        try:
            row = json.loads(line)
            rows.append((str(row["Type"]), str(row["Size"]), str(row["Reclaimable"]).partition(" ")[0]))
        except (ValueError, KeyError, TypeError):
            continue
    return sorted(rows, key=lambda row: -_bytes(row[1]))


def _bytes(text: str) -> float:
    """Of "1.5GB" (Docker) and "1.5G" (journalctl), near enough."""
    found = re.match(r"([\d.]+)\s*([kKMGT]?)", text)
    return float(found[1]) * UNIT_BYTES[found[2].upper()] if found else 0.0


def _whole(repository: str) -> str:
    """As our files have it: Docker leaves its own registry out."""
    first = repository.partition("/")[0]
    if "/" not in repository:
        return f"docker.io/library/{repository}"
    return repository if "." in first or ":" in first or first == "localhost" else f"docker.io/{repository}"


def _forget(image: str) -> Step:
    gone = Answers(("sh", "-c", f"! docker image inspect {image} >/dev/null 2>&1"))
    return Step(
        f"image {image[7:19]}", f"no image {image[7:19]}", (gone,), (Run(("docker", "image", "rm", image), 120),)
    )


def _kernel(readings: Readings) -> Iterator[str]:
    """Lines of the last week."""
    up = read.seconds_up(readings.recording)
    for line in readings.recording.said(*read.KERNEL).splitlines():
        found = re.match(r"\[\s*(\d+\.\d+)\]\s*(.*)", line)
        if found and up - float(found[1]) <= RECENT_S:
            yield found[2]


def _is_hex(word: str) -> bool:
    return re.fullmatch(r"0x[0-9a-fA-F]{1,2}", word) is not None


CHECKS = (
    disk_filled,
    disk_filling,
    data_read_only,
    docker_left,
    journal_large,
    storage_worn,
    storage_errors,
    hot,
    memory_pressure,
    host_out_of_memory,
    unit_failed,
    backup_sheet,
)
