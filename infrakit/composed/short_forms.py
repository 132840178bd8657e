"""Ports, mounts, devices, hosts: what Compose lets a person write in one text, taken apart into the long form."""

import re
from ipaddress import ip_address

from infrakit.composed.paths import absolute, clean, is_of_the_host
from infrakit.composed.shapes import Place, choice, fields, filled_pairs, flag, mode, named, size, text, word
from infrakit.composed.tree import Item

PORTS = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")
PROTOCOLS = ("tcp", "udp", "sctp")
HIGHEST_PORT = 65535
MOST_PORTS = 10_000
"""Of one range."""
PROPAGATION = ("private", "rprivate", "shared", "rshared", "slave", "rslave")
PORT_HINT = "write 8080:80, 127.0.0.1:8080:80/tcp, or 5000-5010:5000-5010/udp"


def ports(item: Item, place: Place) -> Item:
    """A list of single ports, ranges opened; `published` is a text, and a range where Docker may choose in it."""
    if not isinstance(item.value, list):
        place.refuse(item, f"{named(item)} where a list is wanted", "write each port on a line that begins with -")
        return item.of([])
    found: list[Item] = []
    for index, each in enumerate(item.value):
        under = place.under(str(index))
        if isinstance(each.value, dict):
            found.append(_long_port(each, under))
        else:
            found.extend(_short_ports(each, str(word(each, under).value), under))
    return item.of(list(found))


def _long_port(item: Item, place: Place) -> Item:
    port = _PORT(item, place).entries()
    defaults: dict[str, Item] = {"mode": item.of("ingress"), "protocol": item.of("tcp")}
    return item.of({**defaults, **port})


def _target(item: Item, place: Place) -> Item:
    """The port in the container: one."""
    found = _range(str(word(item, place).value))
    if found is None or len(found) > 1:
        place.refuse(item, "no port", "write a number from 1 to 65535", "compose-port")
        return item.of(1)
    return item.of(found[0])


def _published(item: Item, place: Place) -> Item:
    written = word(item, place)
    if written.value != "" and _range(str(written.value), least=0) is None:
        place.refuse(item, "no port, and no range of ports", "write 8080 or 8080-8090", "compose-port")
    return written


def _address(item: Item, place: Place) -> Item:
    address = str(text(item, place).value).removeprefix("[").removesuffix("]")
    if not _is_address(address):
        place.refuse(item, "no IP address", "write 127.0.0.1, or ::1", "compose-port")
    return item.of(address)


_PORT = fields(
    {
        "name": text,
        "mode": text,
        "host_ip": _address,
        "target": _target,
        "published": _published,
        "protocol": choice(*PROTOCOLS),
        "app_protocol": text,
    },
    needed=("target",),
)


def _range(written: str, least: int = 1) -> range | None:
    """The ports of `80` or `80-90`; None if it is neither."""
    found = PORTS.fullmatch(written)
    if found is None:
        return None
    first, last = int(found[1]), int(found[2] or found[1])
    return range(first, last + 1) if least <= first <= last <= HIGHEST_PORT else None


def _is_address(written: str) -> bool:
    try:
        ip_address(written)
    except ValueError:
        return False
    return True


def _short_ports(item: Item, written: str, place: Place) -> list[Item]:
    rest, slash, protocol = written.partition("/")
    front, _, target = rest.rpartition(":")
    address, _, published = front.rpartition(":")
    address = address.removeprefix("[").removesuffix("]")
    inner = _range(target)
    outer = _range(published, least=0) if published else None
    wrong = ""
    if inner is None:
        wrong = "the port in the container is no port"
    elif published and outer is None:
        wrong = "the port on the host is no port"
    elif address and not _is_address(address):
        wrong = "what stands before the ports is no IP address"
    elif slash and protocol.lower() not in PROTOCOLS:
        wrong = f"the protocol is none of {', '.join(PROTOCOLS)}"
    elif outer is not None and inner is not None and len(outer) != len(inner) and len(inner) > 1:
        wrong = f"{len(outer)} ports on the host for {len(inner)} in the container"
    elif inner is not None and len(inner) > MOST_PORTS:
        wrong = f"more than {MOST_PORTS} ports"
    if wrong or inner is None:
        place.refuse(item, wrong, PORT_HINT, "compose-port")
        return []
    place.reading.count(5 * len(inner), item.at)
    found = []
    for index, port in enumerate(inner):
        values: dict[str, int | str] = {"mode": "ingress"}
        if address:
            values["host_ip"] = address
        values["target"] = port
        if outer is not None:
            values["published"] = str(outer[index]) if len(outer) == len(inner) else published
        values["protocol"] = protocol.lower() or "tcp"
        found.append(item.of({name: item.of(value) for name, value in values.items()}))
    return found


def mount(item: Item, place: Place) -> Item:
    """A mount in its long form; the source of a bind mount is absolute."""
    if isinstance(item.value, dict):
        found = _MOUNT(item, place)
        source, kind = found.get("source"), found.get("type")
        if kind is not None and kind.value == "bind":
            if source is None:
                place.refuse(item, "source is missing", "add the path of the host", "compose-missing")
            else:
                path = item.of(absolute(str(source.value), place.base, place.home))
                return item.of({**found.entries(), "source": path})
        return found
    written = str(text(item, place).value)
    parts = written.split(":")
    if not all(parts) or len(parts) > 3:
        place.refuse(item, "no mount", "write NAME:/path, ./folder:/path, or /path:/path:ro", "compose-volume")
        return item.of({"type": item.of("volume"), "target": item.of("/")})
    if len(parts) > 1 and len(parts[0]) == 1 and parts[0].isalpha():
        what = f"Compose takes the one letter {parts[0]} for a drive of Windows"
        place.refuse(item, what, "give the volume a longer name", "compose-volume")
    return _short_mount(item, parts, place)


def _short_mount(item: Item, parts: list[str], place: Place) -> Item:
    found: dict[str, Item] = {}
    bind: dict[str, Item] = {}
    volume: dict[str, Item] = {}
    if len(parts) == 1:
        return item.of({"type": item.of("volume"), "target": item.of(clean(parts[0])), "volume": item.of({})})
    source = parts[0]
    of_host = is_of_the_host(source)
    found["type"] = item.of("bind" if of_host else "volume")
    found["source"] = item.of(absolute(source, place.base, place.home) if of_host else source)
    found["target"] = item.of(clean(parts[1]))
    for option in parts[2].split(",") if len(parts) == 3 else []:
        if option == "ro":
            found["read_only"] = item.of(True)
        elif option in ("z", "Z"):
            bind["selinux"] = item.of(option)
        elif option in PROPAGATION:
            bind["propagation"] = item.of(option)
        elif option == "nocopy":
            volume["nocopy"] = item.of(True)
        elif option not in ("rw", "cached", "delegated", "consistent"):
            place.reading.warn(
                item.at, f"{place.path}: the option {option} has no meaning", "compose-volume", "delete it"
            )
    if of_host:
        bind["create_host_path"] = item.of(True)
    if bind:
        found["bind"] = item.of(dict(bind))
    if volume or not of_host:
        found["volume"] = item.of(dict(volume))
    return item.of(dict(found))


def _inside(item: Item, place: Place) -> Item:
    return item.of(clean(str(text(item, place).value)))


_MOUNT = fields(
    {
        "type": choice("bind", "volume", "tmpfs", "cluster", "npipe", "image"),
        "source": text,
        "target": _inside,
        "read_only": flag,
        "consistency": text,
        "bind": fields({"propagation": text, "create_host_path": flag, "recursive": text, "selinux": choice("z", "Z")}),
        "volume": fields({"labels": filled_pairs, "nocopy": flag, "subpath": text}),
        "tmpfs": fields({"size": size, "mode": mode}),
        "image": fields({"subpath": text}),
    },
    needed=("type", "target"),
)


def device(item: Item, place: Place) -> Item:
    """source, target, permissions."""
    if isinstance(item.value, dict):
        found = _DEVICE(item, place).entries()
        source = found.get("source", item.of(""))
        return item.of({"source": source, "target": found.get("target", source), **_permissions(item), **found})
    parts = str(text(item, place).value).split(":")
    if len(parts) > 3 or not all(parts):
        place.refuse(item, "no device", "write /dev/name, or /dev/name:/dev/inside:rw", "compose-device")
        return item.of({"source": item.of(""), "target": item.of(""), **_permissions(item)})
    long = {"source": item.of(parts[0]), "target": item.of(parts[1] if len(parts) > 1 else parts[0])}
    return item.of({**long, **(_permissions(item) if len(parts) < 3 else {"permissions": item.of(parts[2])})})


def _permissions(item: Item) -> dict[str, Item]:
    return {"permissions": item.of("rwm")}


_DEVICE = fields({"source": text, "target": text, "permissions": text}, needed=("source",))


def hosts(item: Item, place: Place) -> Item:
    """A list of `name=address`; `name:address` and a map of names are other ways to write it."""
    found: list[Item] = []
    if isinstance(item.value, dict):
        for name, value in item.value.items():
            for each in value.value if isinstance(value.value, list) else [value]:
                found.append(each.of(f"{name}={_bare(str(text(each, place.under(name)).value))}"))
    elif isinstance(item.value, list):
        for index, each in enumerate(item.value):
            written = str(text(each, place.under(str(index))).value)
            sign = "=" if "=" in written else ":"
            name, there, address = written.partition(sign)
            if not there or not name or not address:
                place.refuse(each, "no name with its address", "write name=192.168.1.2", "compose-host")
            found.append(each.of(f"{name}={_bare(address)}"))
    else:
        place.refuse(item, f"{named(item)} where names with addresses are wanted", "write - name=192.168.1.2")
    return item.of(list(found))


def _bare(address: str) -> str:
    return address.removeprefix("[").removesuffix("]")
