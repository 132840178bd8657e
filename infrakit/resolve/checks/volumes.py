"""volumes, and the mounts that name them -> Problems: each is there once, and somebody mounts it."""

from infrakit.catalog.model import Catalog
from infrakit.config.model import Config
from infrakit.config.nearest import nearest
from infrakit.errors import Problem
from infrakit.resolve.addresses import is_host
from infrakit.resolve.volumes import mounted_on
from infrakit.resolve.world import Locate, World


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
        if volume.nfs and not is_host(server):
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
    return found


def volumes_apart(world: World, locate: Locate) -> list[Problem]:
    """A volume is no other one by another name, and the same one for all who mount it."""
    found = {}
    hosts: dict[str, list[str]] = {}
    for host in world.hosts:
        own = {volume: service.name for service in host.services for volume in service.volumes}
        mounted = mounted_on(host)
        for volume in world.config.volumes:
            if volume.name not in mounted:
                continue
            hosts.setdefault(volume.name, []).append(host.shown)
            prefix = f"{world.config.name}_"
            external = volume.external.removeprefix(prefix) if volume.external.startswith(prefix) else ""
            name = external or volume.name if external or not volume.external else ""
            others = {item.name: f"volumes.{item.name}" for item in world.config.volumes if not item.external}
            other = own.get(name) or (others.get(external, "") if external else "")
            if other:
                what = f"volumes.{volume.name}: {prefix}{name} is a volume of {other}"
                place = locate((*volume.path, "external") if external else volume.path, key=True)
                found[volume.name] = Problem(place, what, "same-volume", "choose another name")
    for volume in world.config.volumes:
        where = hosts.get(volume.name, ())
        ranged = [host.shown for host in world.hosts if host.shown in where and host.config and host.config.width]
        if (len(where) > 1 or ranged) and not (volume.nfs or volume.external):
            what = f"volumes.{volume.name}: it would be another one on each of {', '.join(where)}"
            hint = "keep the apps that mount it on one host, or write nfs"
            found[volume.name] = Problem(locate(volume.path, key=True), what, "volume-apart", hint)
    return list(found.values())
