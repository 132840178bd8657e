"""volumes, and the mounts that name them -> Problems: each is there once, and somebody mounts it."""

from posixpath import normpath

from infrakit.catalog.model import Catalog
from infrakit.config.model import Config, VolumeConfig
from infrakit.config.nearest import nearest
from infrakit.errors import Problem
from infrakit.resolve.addresses import address_of, canonical, is_host, no_machine
from infrakit.resolve.volumes import mounted_on
from infrakit.resolve.world import HostDraft, Locate, World


def volumes_known(config: Config, catalog: Catalog, locate: Locate) -> list[Problem]:
    """What an app mounts by name is declared, in one way; what nobody mounts is worth a word."""
    known = {volume.name for volume in config.volumes}
    found, mounted = [], set()
    for app in config.apps:
        for place, item in enumerate(app.mounts):
            if not item.is_volume:
                continue
            mounted.add(item.host)
            if item.host not in known:
                close = nearest(item.host, sorted(known))
                hint = f"did you mean {close}?" if close else f"add volumes: {{{item.host}: {{}}}} beside apps:"
                what = f"apps.{app.name}.mounts: there is no volume {item.host}"
                found.append(Problem(locate((*app.path, "mounts", place)), what, "unknown-volume", hint))
    for volume in config.volumes:
        server = volume.nfs.rpartition(":")[0].strip("[]")
        if volume.nfs and not _is_server(server):
            what, path = f"volumes.{volume.name}.nfs: {server} is not the address of a server", (*volume.path, "nfs")
            found.append(Problem(locate(path), what, "nfs", "for instance 192.168.1.5:/export/films"))
        if volume.nfs and volume.external:
            what = f"volumes.{volume.name}.external: the volume is of an NFS server already"
            here, other = (locate((*volume.path, key), key=True) for key in ("external", "nfs"))
            found.append(Problem(here, what, "two-kinds", "keep one of the two", related=other))
        if volume.external in ("true", "false"):
            what, path = f"volumes.{volume.name}.external: {volume.external} is no name", (*volume.path, "external")
            hint = "write what Docker calls the volume: docker volume ls; or leave external out"
            found.append(Problem(locate(path), what, "external", hint))
        if volume.name not in mounted:
            what, hint = f"volumes.{volume.name}: no app mounts it", f"add mounts: [{volume.name}:/data] to one"
            found.append(Problem(locate(volume.path, key=True), what, "no-effect", hint, "warning"))
    return found + _one_place(config, locate)


def _one_place(config: Config, locate: Locate) -> list[Problem]:
    """A folder of an NFS server that is two volumes, however its address and path are written."""
    found, taken = [], dict[tuple[str, str], VolumeConfig]()
    for volume in config.volumes:
        server, _, folder = volume.nfs.rpartition(":")
        other = taken.setdefault((canonical(server.lower().strip("[]")), normpath(folder)), volume)
        if volume.nfs and other is not volume:
            places = [locate((*item.path, "nfs")) for item in (volume, other)]
            what = f"volumes.{volume.name}.nfs: it is volumes.{other.name}"
            found.append(Problem(places[0], what, "same-volume", "mount that one in both", related=places[1]))
    return found


def _is_server(text: str) -> bool:
    found = address_of(text)
    return is_host(text) if found is None else not (found.is_unspecified or no_machine(text))


def volumes_apart(world: World, locate: Locate) -> list[Problem]:
    """A volume is no other one by another name, and the same one for all who mount it."""
    found: dict[str, Problem] = {}
    hosts: dict[str, list[str]] = {}
    for host in world.hosts:
        mounted = mounted_on(host)
        for volume in world.config.volumes:
            if volume.name in mounted:
                hosts.setdefault(volume.name, []).append(host.shown)
        found |= _owned(world, host, mounted, locate)
    for volume in world.config.volumes:
        where = hosts.get(volume.name, ())
        ranged = [host.shown for host in world.hosts if host.shown in where and host.config and host.config.width]
        if (len(where) > 1 or ranged) and not (volume.nfs or volume.external):
            what = f"volumes.{volume.name}: it would be another one on each of {', '.join(where)}"
            hint = "keep the apps that mount it on one host, or write nfs"
            found[volume.name] = Problem(locate(volume.path, key=True), what, "volume-apart", hint)
    return list(found.values())


def _owned(world: World, host: HostDraft, mounted: set[str], locate: Locate) -> dict[str, Problem]:
    """By name: those of a host that are a service's as well, or another one's. Compose has one of each name in a file,
    and Docker one of each name."""
    prefix, found = f"{world.config.name}_", {}
    keys = {volume: service.name for service in host.services for volume in service.volumes}
    taken = {f"{prefix}{name}": owner for name, owner in keys.items()}
    plain = [item for item in world.config.volumes if not item.external and not item.nfs]
    taken |= {f"{prefix}{item.name}": f"volumes.{item.name}" for item in plain if item.name not in keys}
    for volume in world.config.volumes:
        if volume.name not in mounted:
            continue
        path, other = volume.path, keys.get(volume.name, "")
        name = volume.name if volume.external or volume.nfs else f"{prefix}{volume.name}"
        if volume.external and taken.setdefault(volume.external, f"volumes.{volume.name}") != f"volumes.{volume.name}":
            path, name, other = (*volume.path, "external"), volume.external, taken[volume.external]
        if other:
            what = f"volumes.{volume.name}: {name} is a volume of {other}"
            hint = "mount that one in both" if other.startswith("volumes.") else "choose another name"
            found[volume.name] = Problem(locate(path, key=True), what, "same-volume", hint)
    return found
