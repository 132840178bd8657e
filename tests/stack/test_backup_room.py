"""A drill is refused before anything where memory or disk would not do, with numbers; what one left goes by the names
that were written down, and nothing else does."""

import json
from types import SimpleNamespace

import pytest

from infrakit.compiler import load
from infrakit.emit.compose import emit
from infrakit.errors import InfraKitError, MachineUnfit
from infrakit.machine import Done
from infrakit.stack.backup.drill import drill_of, need_room, plan_project, remains_of
from infrakit.stack.backup.outcome import Outcome, keep, last
from infrakit.stack.backup.remains import NOTE, NoteRemains, Remains, TakeAway, remains
from infrakit.stack.backup.repository import Repository
from tests.resolve.test_backups import TEXT

(HOST,) = load(TEXT.encode(), "infrakit.yaml", lambda _: b"").fleet.deployments
MIB = 1 << 20


class Standing(SimpleNamespace):
    """Stands for a machine with an engine: files by path, and names of what the engine has."""

    def read(self, path, most_bytes=0):
        return self.files.get(path)

    def write(self, path, content, mode=0):
        self.files[path] = content

    def remove(self, path):
        self.files.pop(path, None)

    def make_folder(self, path, mode=0):
        self.folders.add(path)

    def remove_tree(self, path):
        self.folders.discard(path)

    def run(self, words, timeout_s=60, **_):
        if words[0] == "df":
            return Done(0, f"Avail\n{self.free}\n", "")
        _, kind, verb, *rest = words
        if verb == "rm":
            self.names[kind] -= set(rest)
            return Done(0, "", "")
        return Done(0, "\n".join(sorted(self.names[kind])), "")


def machine(memory=64 << 30, free=1 << 40):
    names = {"container": {"infrakit-shop-1"}, "volume": {"infrakit_shop-data"}, "network": {"bridge"}}
    engine = SimpleNamespace(folder=lambda: "/var/lib/docker")
    files = {"/proc/meminfo": f"MemTotal: 1 kB\nMemAvailable:   {memory >> 10} kB\n".encode()}
    return Standing(files=files, folders=set(), names=names, free=free, engine=engine)


def drill(here, size=10 * MIB):
    parts = {part.name: {"snapshot": "a", "bytes": size, "volumes": {}, "dumps": {}} for part in HOST.backup.parts}
    content = {"host": HOST.host, "parts": parts}
    return drill_of(here, HOST, Repository("/mnt/x", HOST.host), "2026", "b", content, emit(HOST))


def test_it_goes_on_where_there_is_room_and_says_how_much_it_wants_where_not():
    need_room(machine(), drill(machine()))
    services = drill(machine()).alone.deployment.services
    wanted = sum(item.memory_bytes for service in services for item in service.containers)
    with pytest.raises(MachineUnfit) as little:
        need_room(machine(memory=wanted - MIB), drill(machine()))
    assert f"may use {wanted >> 20} MiB of memory, and {(wanted >> 20) - 1} are free" in little.value.message
    taken = 10 * MIB * (len(HOST.backup.parts) + sum(bool(part.dumps) for part in HOST.backup.parts))
    need_room(machine(free=taken + (512 << 20)), drill(machine()))
    with pytest.raises(MachineUnfit) as full:
        need_room(machine(free=taken + (512 << 20) - 1), drill(machine()))
    assert f"takes {taken / 1e6:.0f} MB of disk" in full.value.message


def test_all_that_it_makes_is_written_down_before_and_taken_away_by_name():
    here, meant = machine(), drill(machine())
    found = remains_of(meant)
    assert plan_project(meant).steps[0].actions == (NoteRemains(found),)
    NoteRemains(found).do(here, lambda event: None)
    assert remains(here) == found
    assert all(name.startswith(f"{HOST.name}_drill_") for name in (*found.volume, *found.network))
    assert found.volume and found.network and f"{HOST.name}_drill-authentik-1" in found.container
    for kind in ("container", "volume", "network"):
        here.names[kind] |= set(getattr(found, kind))
    TakeAway().do(here, lambda event: None)
    assert here.names == machine().names and NOTE not in here.files and found.folder not in here.folders
    assert remains(here) == Remains()


@pytest.mark.parametrize("kind", ["container", "volume", "network"])
def test_what_bears_one_of_its_names_is_somebody_elses_and_nothing_is_written_down(kind):
    here, found = machine(), remains_of(drill(machine()))
    here.names[kind].add(getattr(found, kind)[0])
    with pytest.raises(InfraKitError, match=f"there is a {kind} "):
        NoteRemains(found).do(here, lambda event: None)
    assert NOTE not in here.files


def test_how_it_ended_is_kept_and_what_cannot_be_read_is_none():
    here = machine()
    assert last(here) is None
    keep(here, Outcome("2026-09-01T05:00:00Z", "2026-09-01T02:00:00Z", {"wiki": "as recorded"}, failed=("x",)))
    kept = last(here)
    assert kept is not None and kept.failed == ("x",) and kept.at_s() == 1788238800.0
    for path in here.files:
        here.files[path] = b"[" if path != "/proc/meminfo" else here.files[path]
    assert last(here) is None
    here.files[NOTE] = json.dumps({"folder": 3}).encode()
    with pytest.raises(InfraKitError, match="is damaged"):
        remains(here)
