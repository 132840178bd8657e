"""hosts.*: distinct machines, and one core."""

from infrakit.catalog.model import Catalog
from infrakit.config.model import Config, HostConfig, Path
from infrakit.errors import Problem
from infrakit.resolve.addresses import canonical
from infrakit.resolve.checks.names import is_host
from infrakit.resolve.hosts import cores_of
from infrakit.resolve.world import Locate

MOST_HOSTS = 20_000
APART = "give it addresses, for instance '192.168.1.[31:50]'"


def hosts_distinct(config: Config, catalog: Catalog, locate: Locate) -> list[Problem]:
    """No two hosts have an address or a name in common, a range runs forward, and apps name hosts that exist."""
    found: list[Problem] = []
    addresses: dict[str, Path] = {}
    names: dict[str, Path] = {}
    total = 0
    for host in config.hosts:
        total += max(0, host.last - host.first + 1) if host.width else 1
        if total > MOST_HOSTS:
            what = f"hosts.{host.name}: more than {MOST_HOSTS} hosts in one file"
            return [
                *found,
                Problem(locate(host.path, key=True), what, "too-many-hosts", "split the fleet over several files"),
            ]
        if not host.width and "[" in host.address:
            what = f"hosts.{host.name}.address: {host.address} is a range of addresses, for one host"
            found.append(Problem(locate((*host.path, "address")), what, "range", "write one address"))
        address = canonical(host.address)
        if address and address in addresses:
            what = f"hosts.{host.name}.address: {host.address} is another host's"
            found.append(
                Problem(
                    locate((*host.path, "address")),
                    what,
                    "same-address",
                    "give each host its own",
                    related=locate(addresses[address]),
                )
            )
        addresses.setdefault(address, (*host.path, "address"))
        if host.width:
            found += _range(host, locate)
        for name in _span(host):
            if name in names:
                what = f"hosts.{host.name}: {name} is there already"
                found.append(
                    Problem(
                        locate(host.path, key=True),
                        what,
                        "same-host",
                        "names of ranges may not overlap",
                        related=locate(names[name], key=True),
                    )
                )
                break
            names[name] = host.path
    listed = {host.name: host for host in config.hosts}
    for app in config.apps:
        for name, path in app.hosts:
            if name not in listed:
                hint = f"one of: {', '.join(listed)}" if listed else "add hosts: to the file"
                among = next((host.name for host in config.hosts if host.width and is_host(name, host)), "")
                if among:
                    hint = f"it is one of {among}: name the range"
                found.append(
                    Problem(locate(path), f"apps.{app.name}.hosts: there is no host {name}", "unknown-host", hint)
                )
            elif listed[name].width and app.port:
                what = f"apps.{app.name}.hosts: {name} is a range, whose hosts have no address to lead to a page"
                found.append(
                    Problem(
                        locate(path),
                        what,
                        "range-app",
                        f"{APART}, or leave out port",
                        related=locate(listed[name].path, key=True),
                    )
                )
    return found


def _range(host: HostConfig, locate: Locate) -> list[Problem]:
    position = locate(host.path, key=True)
    if host.last < host.first:
        return [
            Problem(
                position, f"hosts.{host.name}: the range runs backwards", "range", f"write [{host.last}:{host.first}]"
            )
        ]
    if host.address:
        what, hint = _addresses(host)
        return [Problem(locate((*host.path, "address")), f"hosts.{host.name}.address: {what}", "range", hint)]
    return []


def _addresses(host: HostConfig) -> tuple[str, str]:
    """Why a range of hosts has no use for the address that is said of it, and what to write."""
    from infrakit.config.ranges import MOST, addresses_of, size

    there, wanted = addresses_of(host.address), size(host)
    example = f"{wanted} of them, for instance '192.168.1.[31:{30 + wanted}]'"
    if wanted > MOST:
        return (
            f"{wanted} hosts, and at most {MOST} of a range can have pages",
            "remove it, or make several ranges of it",
        )
    if "[" not in host.address:
        return "one address for a range of hosts", f"write {example}" if wanted < 200 else f"write {wanted} of them"
    if not there:
        return f"{host.address} is no range of addresses", "write the last number of the first and of the last one"
    return f"{len(there)} addresses for {wanted} hosts", "write as many as there are hosts"


def _span(host: HostConfig) -> list[str]:
    """Names of a host, or of a range (bounded, the range is at most 99999)."""
    if not host.width:
        return [host.name]
    return [f"{host.prefix}{number:0{host.width}d}{host.suffix}" for number in range(host.first, host.last + 1)]


def one_core(config: Config, catalog: Catalog, locate: Locate) -> list[Problem]:
    """At most one host has sign-in; every host says what it is for; a file without hosts says so itself."""
    found = []
    cores = cores_of(config.hosts)
    for host in cores[1:]:
        found.append(
            Problem(
                locate(host.path, key=True),
                f"hosts.{host.name}: a second host with sign-in",
                "two-cores",
                "give it the patterns edge and monitoring; the first one signs in for all",
                related=locate(cores[0].path, key=True),
            )
        )
    for host in cores:
        if host.width:
            found.append(
                Problem(
                    locate(host.path, key=True),
                    f"hosts.{host.name}: a range cannot be the core",
                    "two-cores",
                    "give the core an entry of its own",
                )
            )
    for host in config.hosts:
        if not host.patterns and not host.profiles:
            found.append(
                Problem(
                    locate(host.path, key=True),
                    f"hosts.{host.name}: pattern is missing",
                    "missing-key",
                    "add pattern: edge",
                )
            )
    top = ("pattern",) if config.patterns else ("profiles",)
    if config.hosts and (config.patterns or config.profiles):
        found.append(
            Problem(
                locate(top, key=True),
                f"{top[0]}: each host says its own",
                "pattern-and-hosts",
                "move it below the host",
                related=locate(("hosts",), key=True),
            )
        )
    if not config.hosts and not config.patterns and not config.profiles:
        found.append(Problem(locate(("version",), key=True), "pattern is missing", "missing-key", "add pattern: full"))
    return found
