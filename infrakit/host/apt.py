"""Packages, by apt: fetched, or from files that somebody brought. Waits for whoever works on packages, and finishes
what was broken off."""

from collections.abc import Sequence
from typing import NamedTuple

from infrakit.errors import MachineUnfit
from infrakit.machine import Done, Machine
from infrakit.plan import Action, Event, Remove, RemoveTree, Run
from infrakit.plan.model import Tell, inverse_of
from infrakit.plan.unflushed import begin, broken_off, finish

APT = ("apt-get", "-q", "-y", "-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold")
PATIENT = ("-o", "DPkg::Lock::Timeout=300")
"""Where it runs by itself. In `patiently`, the wait for a lock is ours: apt is not broken off, and a signal would be
heard after it only."""
NO_SOURCES = ("-o", "Dir::Etc::SourceList=/dev/null", "-o", "Dir::Etc::SourceParts=/dev/null")
LISTS = "/var/lib/apt/lists"
NO_LISTS = ("auxfiles", "lock", "partial")
REFRESHING = "/var/lib/infrakit/refreshing"
"""There while apt reads its lists (plan/unflushed.py)."""
INSTALLING = "/var/lib/infrakit/installing"
"""There while apt installs; says which packages are new."""
WRITTEN = ("/etc", "/usr", "/var/lib")
"""Where packages, and the scripts that they bring, write to."""
UPDATE_S, INSTALL_S = 600, 3600
LONGEST_WAIT_S, PAUSE_S = 300.0, 2.0
BUSY = ("could not get lock", "locked by", "unable to lock", "unable to acquire")
"""What apt and dpkg say where another holds a lock."""


def patiently(machine: Machine, tell: Tell, words: Sequence[str], timeout_s: int, remedy: str) -> None:
    """Run apt or dpkg, again while somebody else is at it; MachineUnfit where it fails."""
    until = machine.monotonic() + LONGEST_WAIT_S
    while True:
        done = machine.run(tuple(words), timeout_s=timeout_s)
        busy = done.code != 0 and any(text in (done.err + done.out).lower() for text in BUSY)
        if not busy or machine.monotonic() > until:
            break
        tell(Event("progress", "", "another program works on packages, waiting"))
        machine.sleep(PAUSE_S)
    if busy:
        raise MachineUnfit(
            f"another program has worked on packages for {LONGEST_WAIT_S / 60:.0f} minutes",
            "see who it is: fuser -v /var/lib/dpkg/lock-frontend /var/lib/apt/lists/lock; then run again",
        )
    if done.code:
        raise MachineUnfit(f"{' '.join(words[:1])}: {problem_of(done)}", remedy)


def problem_of(done: Done) -> str:
    """The line that says what went wrong: apt's and dpkg's errors begin with a word for it; warnings come after."""
    said = [line.strip() for line in (done.err + "\n" + done.out).splitlines() if line.strip()]
    errors = [line for line in said if line.startswith(("E: ", "dpkg: error", "Err:"))]
    return str((errors or said[-1:] or [f"exit code {done.code}"])[0]).removeprefix("E: ")


class Finish(NamedTuple):
    """End what dpkg began with, and a power cut or a kill broke off.

    New packages that a power cut came into go, to be installed afresh. dpkg flushes its own files, and not what the
    scripts of packages write: it calls apparmor configured, and a file of its tunables has nothing but zeros, with
    which no container starts (apparmor 3.0.8, seen in four cuts of four). `in_use`: a folder with anything in it only
    where they have been used since; then they stay.
    """

    in_use: str

    def do(self, machine: Machine, tell: Tell) -> None:
        new = [] if machine.listing(self.in_use) else torn(machine)
        if new:
            done = machine.run(("dpkg", "--force-remove-reinstreq", "--purge", *new), timeout_s=INSTALL_S)
            if done.code:  # apt, which comes later, says what is wrong with them
                tell(Event("note", "", problem_of(done)))
        patiently(machine, tell, ("dpkg", "--configure", "-a"), INSTALL_S, "see what dpkg says: dpkg --configure -a")
        finish(machine, INSTALLING, *WRITTEN)

    def text(self) -> str:
        return "remove new packages that a power cut came into, and run dpkg --configure -a"


def torn(machine: Machine) -> list[str]:
    """New packages that were being installed when the machine went off."""
    return [name for names in broken_off(machine, INSTALLING) for name in names.split()]


class Refresh(NamedTuple):
    """Read the lists of packages. Sources of other people's may fail; `source`, a file below sources.list.d, must
    not."""

    source: str = ""

    def do(self, machine: Machine, tell: Tell) -> None:
        remedy = "is the network up, and does DNS work? see: apt-get update"
        _drop_torn_lists(machine)
        begin(machine, REFRESHING, "lists")
        try:
            patiently(machine, tell, (*APT, "update"), UPDATE_S, remedy)
        except MachineUnfit as error:
            if not self.source:
                raise
            tell(Event("note", "", error.message))
        if self.source:
            alone = (
                "-o",
                f"Dir::Etc::SourceList={self.source}",
                "-o",
                "Dir::Etc::SourceParts=/dev/null",
                "-o",
                "APT::Get::List-Cleanup=0",
            )
            patiently(machine, tell, (*APT, *alone, "-o", "APT::Update::Error-Mode=any", "update"), UPDATE_S, remedy)
        finish(machine, REFRESHING, LISTS)

    def text(self) -> str:
        return "run apt-get update"


def _drop_torn_lists(machine: Machine) -> None:
    """Remove lists that a power cut may have torn. apt does not flush them, and believes what is there: an empty
    InRelease stops it, with an empty Packages it finds no package, and as long as the archive does not change it
    fetches neither again (apt 2.6, 3.0: tried).
    """
    all_of_them = bool(broken_off(machine, REFRESHING))
    for name in machine.listing(LISTS):
        if name not in NO_LISTS and (all_of_them or machine.read(f"{LISTS}/{name}", 1) == b""):
            machine.remove(f"{LISTS}/{name}")


class Index(NamedTuple):
    """Let apt read the index of a folder of .deb files, with lists of its own beside it: it then takes from there what
    is needed, no more.

    apt is to trust it: each file in it was verified when it was put there.
    """

    folder: str

    def do(self, machine: Machine, tell: Tell) -> None:
        machine.make_folder(f"{self.folder}/lists/partial")
        machine.write(f"{self.folder}/sources.list", f"deb [trusted=yes] file:{self.folder} ./\n".encode())
        patiently(
            machine, tell, (*APT, *alone(self.folder), "update"), UPDATE_S, f"see what apt says about {self.folder}"
        )

    def text(self) -> str:
        return f"read the index of {self.folder}"


def alone(folder: str) -> tuple[str, ...]:
    """Words for apt that make such a folder its only source."""
    settings = {
        "Dir::Etc::SourceList": f"{folder}/sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State::Lists": f"{folder}/lists",
        "Dir::Cache::pkgcache": "",
        "Dir::Cache::srcpkgcache": "",
    }
    return tuple(word for name, value in settings.items() for word in ("-o", f"{name}={value}"))


# Asked one by one, since only what others need stays: what needs that in turn is among what apt would take along.
PURGE = """\
apt="$*"; shift $#; go=
for one in $apt; do
  others=$(apt-get -s purge "$one" | sed -n 's/^\\(Remv\\|Purg\\) \\([^ ]*\\).*/\\2/p' | grep -vxF "$(printf '%s\\n' $apt)" | paste -sd' ')
  if [ "$others" ]; then echo "note: $one stays: needed by $others"; else go="$go $one"; fi
done
[ -z "$go" ] || {words} $go
"""  # noqa: E501 -- verbatim text


def purge(names: Sequence[str]) -> Run:
    """Take packages away that came with ours; not those that something else needs by now."""
    script = PURGE.replace("{words}", " ".join((*APT, *PATIENT, "purge")))
    title = f"purge {' '.join(names)}, but for what others need by now"
    return Run(("sh", "-c", script, "purge", *names), INSTALL_S, title=title)


class Install(NamedTuple):
    """Packages. Taken back is what came with them, `groups` and empty `folders` too, and nothing that was there before.

    `files`: a folder of .deb files that they come from, and all they need; "" where apt fetches them. Where it has an
    index, apt chooses among them; else all that are not there are installed.
    `data`: folders that their programs fill, taken back whole where nothing was in them before.
    `effects`: what their programs do to the machine as they run; it is taken back before the packages go.
    """

    packages: tuple[str, ...]
    groups: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    files: str = ""
    data: tuple[str, ...] = ()
    effects: tuple[Action, ...] = ()

    def do(self, machine: Machine, tell: Tell) -> None:
        patiently(machine, tell, ("dpkg", "--configure", "-a"), INSTALL_S, "see what dpkg says: dpkg --configure -a")
        remedy = "see what apt says: apt-get install " + " ".join(self.packages[:3])
        if self.files:
            remedy = (
                f"has {self.files} all packages that are needed, for this release and processor? see: apt-get "
                f"install {self.files}/*.deb"
            )
        new, removed = self._simulated(machine)
        if removed:
            what = f"apt would remove {', '.join(removed)} for it, which may be what something else needs"
            raise MachineUnfit(what, f"where nobody needs them: apt-get remove {' '.join(removed)}; then run again")
        if new:
            begin(machine, INSTALLING, " ".join(new))
        try:
            patiently(machine, tell, self._words(machine, "install"), INSTALL_S, remedy)
        finally:
            finish(machine, INSTALLING, *WRITTEN)

    def inverse(self, machine: Machine) -> tuple[Action, ...]:
        new, _ = self._simulated(machine)
        groups = [
            Run(
                ("sh", "-c", f"! getent group {name} >/dev/null || groupdel {name}"),
                title=f"remove the user group {name}",
            )
            for name in self.groups
            if machine.run(("getent", "group", name)).code
        ]
        folders = [Remove(path) for path in self.folders if not machine.exists(path)]
        if not new:
            return ()
        data = [RemoveTree(path) for path in self.data if not machine.listing(path)]
        effects = [inverse for action in self.effects for inverse in inverse_of(action, machine)]
        # The last is taken back first.
        return (*data, *folders, *groups, purge(new), *effects)

    def _simulated(self, machine: Machine) -> tuple[list[str], list[str]]:
        """Packages that would come, and are not there in another version; and those that would go."""
        lines = machine.run(self._words(machine, "--simulate", "install"), timeout_s=120).out.splitlines()
        new = {line.split()[1] for line in lines if line.startswith("Inst ") and "[" not in line.partition("(")[0]}
        removed = {line.split()[1] for line in lines if line.startswith(("Remv ", "Purg "))}
        return sorted(new), sorted(removed - new)

    def _words(self, machine: Machine, *verb: str) -> tuple[str, ...]:
        if not self.files:
            return (*APT, *verb, "--no-install-recommends", *self.packages)
        if machine.exists(f"{self.files}/Packages"):
            return (*APT, *alone(self.files), *verb, "--no-install-recommends", *self.packages)
        return (
            *APT,
            *NO_SOURCES,
            *verb,
            "--no-install-recommends",
            *(f"{self.files}/{name}" for name in newer_files(machine, self.files, self.packages)),
        )

    def text(self) -> str:
        return f"install {' '.join(self.packages)}" + (f" from {self.files}" if self.files else "")

    def foretold(self, machine: Machine) -> tuple[str, ...]:
        _, removed = self._simulated(machine)
        return (self.text(), *([f"which apt would remove {', '.join(removed)} for: refused"] if removed else []))


class Installed(NamedTuple):
    """dpkg has all of these, configured."""

    packages: tuple[str, ...]

    def holds(self, machine: Machine) -> bool:
        done = machine.run(("dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *self.packages))
        found = dict(line.split(" ", 1) for line in done.out.splitlines() if " " in line)
        return all(found.get(name) == "installed" for name in self.packages)

    def text(self) -> str:
        return f"{', '.join(self.packages)} are installed"


class NothingHalf(NamedTuple):
    """dpkg has nothing to finish, and every installation of ours came to its end."""

    def holds(self, machine: Machine) -> bool:
        done = machine.run(("dpkg", "--audit"))
        return done.code == 0 and not done.out.strip() and not machine.exists(INSTALLING)

    def text(self) -> str:
        return "dpkg has nothing to finish"


def newer_files(machine: Machine, folder: str, wanted: Sequence[str]) -> list[str]:
    """The .deb files of a folder that are for this processor, and not installed in that version or a later one.

    MachineUnfit where there is none at all, or one cannot be read.
    """
    names = [name for name in machine.listing(folder) if name.endswith(".deb")]
    if not names:
        raise MachineUnfit(f"there are no .deb files in {folder}", f"bring {', '.join(wanted)}, and all that they need")
    own = machine.run(("dpkg", "--print-architecture")).out.strip()
    found = []
    for name in names:
        done = machine.run(("dpkg-deb", "-f", f"{folder}/{name}", "Package", "Version", "Architecture"))
        fields = dict(line.split(": ", 1) for line in done.out.splitlines() if ": " in line)
        if done.code or len(fields) != 3:
            raise MachineUnfit(f"{folder}/{name} is not a whole package: {problem_of(done)}", "copy it again")
        if fields["Architecture"] in (own, "all") and not _has(machine, fields["Package"], fields["Version"]):
            found.append(name)
    return found


def _has(machine: Machine, package: str, version: str) -> bool:
    done = machine.run(("dpkg-query", "-W", "-f", "${db:Status-Status} ${Version}", package))
    state, _, installed = done.out.partition(" ")
    return bool(
        done.code == 0
        and state == "installed"
        and machine.run(("dpkg", "--compare-versions", installed, "ge", version)).code == 0
    )
