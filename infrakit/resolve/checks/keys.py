"""Keys of an app's container -> Problems: what has the right form, and what Docker would refuse, ignore, or do
otherwise."""

from collections.abc import Callable, Iterator

from infrakit.catalog.model import Catalog, ContainerBlueprint
from infrakit.config.model import AppConfig, Config, Path
from infrakit.config.nearest import nearest
from infrakit.errors import Problem
from infrakit.policy.grants import STEERING
from infrakit.policy.red import parts_of
from infrakit.resolve.addresses import no_addresses, no_machine
from infrakit.resolve.apps import MOST_PORTS
from infrakit.resolve.world import Locate

Wrong = tuple[Path, str, str, str]
"""(path below the app, what is wrong, code, what to do)."""

LONGEST_STOP_S = 86_400
IN_NAMESPACE = ("net.", "fs.mqueue.", "kernel.msg", "kernel.sem", "kernel.shm")
"""moby, opts and runc's validator: other settings are the host's."""
OURS = ("dev", "proc", "sys", "tmp")
KERNELS = frozenset(
    "ALL AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE CHOWN DAC_OVERRIDE DAC_READ_SEARCH "
    "FOWNER FSETID IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD NET_ADMIN "
    "NET_BIND_SERVICE NET_BROADCAST NET_RAW PERFMON SETFCAP SETGID SETPCAP SETUID SYSLOG SYS_ADMIN SYS_BOOT SYS_CHROOT "
    "SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG WAKE_ALARM".split()
)
"""capabilities(7), of Linux 5.9 and newer, and all of them; Docker refuses others."""


def keys_of_apps(config: Config, catalog: Catalog, locate: Locate) -> list[Problem]:
    """Every key of a container has the effect that it says."""
    return [
        Problem(locate((*app.path, *path)), f"apps.{app.name}.{what}", code, hint)
        for app in config.apps
        for check in CHECKS
        for path, what, code, hint in check(app)
        if config.said.has((*app.path, path[0]))
    ]


def ports_past_doors(config: Config, catalog: Catalog, locate: Locate) -> list[Problem]:
    """Where a port that is published is a door's, it leads past sign-in. With headers that say who comes, whoever takes
    that way says it himself."""
    found = []
    for app in config.apps:
        inside = [app, *(other for other in config.apps if other.network == app.name)] if app.ports else []
        doors = [(other, door) for other in inside for door in other.doors if door.port and door.sign_in == "portal"]
        for place, item in enumerate(app.ports):
            first, last = item.inside
            for other, door in doors:
                if door.public or other.oidc or other.saml or item.protocol != "tcp" or not first <= door.port <= last:
                    continue
                what = f"apps.{app.name}.ports: {item.text} leads to the page of {other.name}, past sign-in"
                hint = "remove it: its door leads there; or write public: true, where everybody may"
                severity = "error" if door.identity else "warning"
                where = locate((*app.path, "ports", place))
                found.append(Problem(where, what, "past-door", hint, severity))
    return found


def _mounts(app: AppConfig) -> Iterator[Wrong]:
    taken = {"/" + "/".join(parts_of(path)): "data keeps" for path in app.data}
    for place, item in enumerate(app.mounts):
        inside, path = parts_of(item.path), ("mounts", place)
        if ".." in inside or not item.is_volume and ".." in parts_of(item.host):
            yield path, f"mounts: {item.host}:{item.path} leads upwards", "mount", "write both paths without .."
        elif not inside or is_secrets(inside) or inside[0] == "proc" or len(inside) == 1 and inside[0] in OURS:
            hint = "choose a folder of the app's own, for instance /data"
            yield path, f"mounts: {item.path} is no place of the app's", "mount", hint
        elif item.path in taken:
            what = f"mounts: {item.path} is what {taken[item.path]} already"
            yield path, what, "same-path", "keep one of the two"
        taken.setdefault(item.path, f"{item.host} is mounted at")


def of_the_kernel(container: AppConfig | ContainerBlueprint) -> Iterator[Wrong]:
    """What Linux, or the engine, would not have; of an app's keys, and of a blueprint's container."""
    for check in (_devices, _capabilities, _sysctls, _ulimits):
        yield from check(container)


def _devices(app: AppConfig | ContainerBlueprint) -> Iterator[Wrong]:
    for place, text in enumerate(dict(app.privileges).get("devices", ())):
        if ".." in (part for path in text.split(":") for part in parts_of(path)):
            yield ("devices", place), f"devices: {text} leads upwards", "device", "write the paths without .."


def _capabilities(app: AppConfig | ContainerBlueprint) -> Iterator[Wrong]:
    for place, name in enumerate(app.capabilities):
        if name not in KERNELS:
            meant = name.removeprefix("CAP_")
            close = meant if meant in KERNELS else nearest(meant, map(str.lower, KERNELS)).upper()
            hint = f"write {close}" if close else "ping needs NET_RAW, an SSH server SYS_CHROOT; man 7 capabilities"
            yield ("capabilities", place), f"capabilities: {name} is none of Linux's", "capability", hint


def _files(app: AppConfig) -> Iterator[Wrong]:
    taken = {"/" + "/".join(parts_of(path)): "data keeps" for path in app.data}
    taken.update((item.path, f"{item.host} is mounted at") for item in app.mounts)
    paths = {path for path, _ in app.files}
    for file, _ in app.files:
        inside, path = parts_of(file), ("files", file)
        above = next((other for other in paths if file.startswith(f"{other}/")), "")
        below = next((other for other in taken if other.startswith(f"{file}/")), "")
        if {".", ".."} & set(file.split("/")):
            yield path, f"files.{file} leads elsewhere", "path", "write the path without . and .."
        elif inside[0] in ("dev", "proc", "sys") or is_secrets(inside) or file == "/tmp":
            hint = "choose a path of the app's own, for instance /etc/app.ini"
            yield path, f"files.{file} is no place of the app's", "path", hint
        elif file in taken or above:
            what = (
                f"files.{file} is what {taken[file]} already" if file in taken else f"files.{file}: {above} is a file"
            )
            yield path, what, "same-path", "keep one of the two"
        elif below:
            what = f"files.{file} is a file, and {below}, which {taken[below]}, lies in it"
            yield path, what, "same-path", "choose another path for one of the two"


def is_secrets(inside: list[str]) -> bool:
    """Whether a path of a container is where its secrets lie, or below."""
    return inside[:2] == ["run", "secrets"]


def _ports(app: AppConfig) -> Iterator[Wrong]:
    for place, item in enumerate(app.ports):
        path = ("ports", place)
        if any(not 1 <= first <= last <= 65535 for first, last in (item.published, item.inside)):
            what = f"ports: {item.text} is no port, or no range, between 1 and 65535"
            yield path, what, "port", "for instance 2222:22, or 3000-3005:3000-3005"
        elif _length(item.published) != _length(item.inside):
            what = f"ports: the two ranges of {item.text} are not equally long"
            yield path, what, "port", "for instance 3000-3005:3000-3005"
        elif _length(item.published) > MOST_PORTS:
            hint = "publish fewer: each costs the engine a process, and a start of minutes"
            yield path, f"ports: {item.text} is more than {MOST_PORTS} ports", "port", hint
        elif item.address and no_machine(item.address):
            what = f"ports: {item.address} {no_machine(item.address)}"
            yield path, what, "address", "for instance 192.168.1.5:53:53/udp"


def _serves(app: AppConfig) -> Iterator[Wrong]:
    if app.serves and app.port:
        hint = "remove serves: apps that need it reach every port; or port, where it shall have no door"
        yield ("serves",), f"serves: the app has a door to {app.port}", "two-ways-in", hint


def _length(ends: tuple[int, int]) -> int:
    return ends[1] - ends[0] + 1


def _health(app: AppConfig) -> Iterator[Wrong]:
    if not isinstance(app.health, tuple) or not app.health:  # empty, where its words were wrong
        return
    if app.health[0] not in ("CMD", "CMD-SHELL"):
        hint = f"write [CMD, {', '.join(app.health)}]"
        yield ("health",), f"health: {app.health[0]} is neither CMD nor CMD-SHELL", "health", hint
    elif app.health[0] == "CMD-SHELL" and len(app.health) > 2:
        yield ("health",), "health: CMD-SHELL takes one line", "health", "write it as one text, or write CMD"


def _stops(app: AppConfig) -> Iterator[Wrong]:
    if app.stop_grace_s > LONGEST_STOP_S:
        yield ("stop_grace",), "stop_grace: it would be waited for longer than a day", "duration", "write 30s or 2m"


def _once(app: AppConfig) -> Iterator[Wrong]:
    said = (("port", app.port), ("ports", app.ports), ("health", app.health), ("update", app.update == "automatic"))
    for key, value in said if app.once else ():
        if value:
            yield (key,), f"{key}: it has ended when somebody could ask it", "once", f"remove {key}, or once"


def _update(app: AppConfig) -> Iterator[Wrong]:
    keeps = [*app.data, *(item.path for item in app.mounts if not item.read_only)]
    if app.update == "automatic" and keeps:
        what = f"update: it keeps {keeps[0]}, and a newer version may change that for good"
        hint = "remove it; updates: {automatic: all} moves it, too, and knows a way back"
        yield ("update",), what, "automatic-update", hint


def _sizes(app: AppConfig) -> Iterator[Wrong]:
    for key, size in (("tmp", app.tmp_bytes), ("shm", app.shm_bytes)):
        if not size:
            yield (key,), f"{key}: 0 would be no limit", "limit-low", "write 64m, or leave the key out"


def _addresses(app: AppConfig) -> Iterator[Wrong]:
    for key, place, text in no_addresses(app.settings, app.privileges):
        yield (key, place), f"{key}: {text}", "address", "for instance 192.168.1.1"


def _sysctls(app: AppConfig | ContainerBlueprint) -> Iterator[Wrong]:
    privileges = dict(app.privileges)
    for name in privileges.get("sysctls", ()):
        path = ("sysctls", name)
        if not name.startswith(IN_NAMESPACE):
            hint = f"set it on the host: /etc/sysctl.d/{app.name}.conf"
            yield path, f"sysctls.{name}: it is the whole host's, and no container's", "sysctl", hint
        elif "ipc" in privileges and not name.startswith("net."):
            what = f"sysctls.{name}: with ipc: host it is the host's"
            yield path, what, "sysctl", "remove it, or ipc"


def _ulimits(app: AppConfig | ContainerBlueprint) -> Iterator[Wrong]:
    for name, limit in dict(app.settings).get("ulimits", {}).items():
        soft, _, hard = str(limit).partition(":")
        if hard and -1 < int(hard) < int(soft):
            what = f"ulimits.{name}: {soft} is above {hard}, which is the most that it may become"
            yield ("ulimits", name), what, "ulimit", f'write "{hard}:{soft}"'


def _powers(app: AppConfig) -> Iterator[Wrong]:
    if not dict(app.privileges).get("privileged"):
        return
    for key, said in (("capabilities", app.capabilities), ("devices", dict(app.privileges).get("devices"))):
        if said:
            hint = f"remove {key}, or, which is better, privileged"
            yield (key,), f"{key}: privileged gives it all already", "privileged", hint


def _labels(app: AppConfig) -> Iterator[Wrong]:
    for name, _ in app.labels:
        if name.startswith(STEERING):
            hint = "write update: automatic" if "watchtower" in name else "remove it; doors are port, subdomain, allow"
            yield ("labels", name), f"labels.{name}: it would steer what InfraKit steers", "label", hint


CHECKS: tuple[Callable[[AppConfig], Iterator[Wrong]], ...] = (
    _mounts,
    of_the_kernel,
    _files,
    _ports,
    _stops,
    _serves,
    _health,
    _once,
    _update,
    _sizes,
    _addresses,
    _powers,
    _labels,
)
