"""What the plan of an uninstall says that goes, against what went: neither may have what the other has not."""

import re
from typing import NamedTuple

from tests.e2e.bed import Host
from tests.e2e.fresh import SNAPSHOT

HELD = """
for package in {packages}; do dpkg -L $package 2>/dev/null; done | sort -u | sed 's/^/owned /'
docker ps -a --format 'container {{{{.Names}}}}'
docker network ls --format 'network {{{{.Name}}}}'
find /var/lib/docker/volumes -mindepth 1 -maxdepth 1 -type d -printf 'volume %f\n' 2>/dev/null
docker image ls --format 'image {{{{.Repository}}}}:{{{{.Tag}}}}'
"""
OF_A_NETWORK = re.compile(r"\b(br-[0-9a-f]{12}|172\.30\.[0-9.]+/\d+)\b")
"""Rules that go with a network: they name its bridge, or its addresses."""
OF_DOCKER = re.compile(rf":FORWARD DROP|DOCKER|\bdocker0\b|{OF_A_NETWORK.pattern}")
OF_THE_UNITS = re.compile(r"/etc/(rc\d\.d|systemd/system/\w+(-\w+)*\.target\.wants)/")
"""What a package's script makes when it enables its service."""
AT_BOOT = "/etc/systemd/system/multi-user.target.wants"
WRITTEN_ANEW = ("/etc/group", "/etc/gshadow", "/var/lib/infrakit/undo.jsonl")
OF_NO_PROJECT = {"network bridge", "network host", "network none"}
"""They go with the engine."""
NOBODY_TO_ASK = "+ Docker runs, until its containers are gone"
"""The engine is down: what it has of us has no names yet."""
MOUNTED = "/var/lib/docker"
"""In the bed a file system of its own: it stays, empty."""


class Named(NamedTuple):
    """What goes: single paths and whole folders; packages; `container NAME`, `volume NAME` and the like; a user group;
    and the packet filters, by name; whether the kernel forwards no more; and whether nobody could say what is there."""

    paths: set[str]
    folders: set[str]
    packages: set[str]
    things: set[str]
    groups: set[str]
    filters: set[str]
    forwarding: bool
    unasked: bool


def named(planned: str) -> Named:
    """From the words of a dry run."""

    def all_of(pattern: str) -> set[str]:
        return set(re.findall(rf"^(?:\+ |    ){pattern}", planned, re.MULTILINE))

    listed = re.search(r"^\+ purge ([^,\n]+)", planned, re.MULTILINE)
    enabled = {f"{AT_BOOT}/{unit}" for unit in all_of(r"run systemctl disable (\S+)$")}
    return Named(
        enabled | all_of(r"(?:run rm -f|remove) (/\S+)$"),
        all_of(r"remove (/\S+) and all in it$"),
        set(listed[1].split()) if listed else set(),
        all_of(r"remove the ((?:container|network|volume|link) \S+|image [^\s,]+)(?:, unless a container.*)?$"),
        all_of(r"remove the user group (\S+)$"),
        all_of(r"take Docker's rules out of (\w+)$"),
        bool(all_of("no forwarding of packets")),
        NOBODY_TO_ASK in planned,
    )


class Before(NamedTuple):
    """A host, its snapshot and what its engine held, before what `planned` says was done."""

    host: Host
    goes: Named
    lines: set[str]
    owned: set[str]

    @classmethod
    def of(cls, host: Host, planned: str) -> "Before":
        goes = named(planned)
        lines = _lines(host, goes)
        owned = {line.removeprefix("owned ") for line in lines if line.startswith("owned ")}
        return cls(host, goes, {line for line in lines if not line.startswith("owned ")}, owned)

    def differences(self, *kept_for_others: str) -> list[str]:
        """What went and was not named, and what was named and is still there, or is not and should."""
        after = _lines(self.host, self.goes)
        kept = {line.rpartition("/")[0] if line.endswith("/") else line for line in map(_first, after)} | after
        named_ones = (self.goes.paths | self.goes.folders | self.goes.things) - {MOUNTED, *kept_for_others}
        return [
            *(f"not named: {line}" for line in sorted(self.lines - after) if not self._explains(line)),
            *(f"not gone: {name}" for name in sorted(named_ones & kept)),
            *(f"not kept: {name}" for name in sorted(set(kept_for_others) - kept)),
            *(f"not gone: {name}" for name in sorted(self.goes.packages) if f"{name} install ok installed" in after),
        ]

    def _explains(self, line: str) -> bool:
        path, goes = _first(line).rstrip("/"), self.goes
        if path.startswith("/"):
            return (
                path in goes.paths | self.owned | set(WRITTEN_ANEW)
                or any(f"{path}/".startswith(f"{folder}/") for folder in goes.folders)
                or bool(goes.packages and OF_THE_UNITS.match(line))
            )
        if _first(line) in ("iptables", "ip6tables"):
            if _first(line) in goes.filters:
                return bool(OF_DOCKER.search(line))
            return self._has_networks() and bool(OF_A_NETWORK.search(line))
        if _first(line) in ("container", "network", "volume", "image"):
            return line in goes.things or bool(goes.packages) and line in OF_NO_PROJECT or self._goes_with_all(line)
        if line.startswith(" "):  # a link of the network
            return f"link {line.strip()}" in goes.things or line.startswith(" br-") and self._has_networks()
        if ".service " in line or ".socket " in line:
            return any(path.endswith(f"/{_first(line)}") for path in self.owned | goes.paths)
        if line == "forwarding 1":
            return goes.forwarding
        return _first(line) in goes.packages or line.partition(":")[0] in goes.groups

    def _goes_with_all(self, line: str) -> bool:
        """An image, where all that the engine holds goes."""
        return line.startswith("image ") and "/var/lib/docker" in self.goes.folders

    def _has_networks(self) -> bool:
        return self.goes.unasked or any(thing.startswith("network ") for thing in self.goes.things)


def _first(line: str) -> str:
    return line.split(" ", 1)[0] if not line.startswith(" ") else line.strip()


def _lines(host: Host, goes: Named) -> set[str]:
    held = host.run(HELD.format(packages=" ".join(sorted(goes.packages)))).out
    return {*host.run(SNAPSHOT, 300).out.splitlines(), *held.splitlines()}
