"""Project -> `apps:` and `volumes:` of infrakit.yaml, and what became of every key, with its place.

Taken as it is, said differently, dropped because InfraKit does it, withheld until a person grants it, or refused with
the reason. Values that are secrets are in `secrets` alone: no line and no row holds one.
"""

import re

from infrakit.composed.doors import PROXY_VARIABLES, door, is_proxy_label, served
from infrakit.composed.model import Health, Mount, Project, Service
from infrakit.composed.scalars import written
from infrakit.composed.words import (
    BASE,
    CLOCK,
    DATA_FOLDERS,
    DIFFERENT,
    DOES_ITSELF,
    DROPPED,
    REFUSED,
    TAKEN,
    WAYS,
    WITHHELD,
    Converted,
    Row,
    app_names,
    inner,
    nested,
    secret_name,
    size,
    volume,
    written_port,
)
from infrakit.errors import Position
from infrakit.policy.secrets import what_is_secret


def converted(project: Project, folder: str) -> Converted:
    """What infrakit.yaml says of the active services of `project`, whose files are in `folder`."""
    names = app_names(each.name for each in project.services)
    work = _Conversion(project, names, folder)
    for service in project.services:
        work.convert(service)
    return Converted(
        work.apps,
        work.volumes,
        work.secrets,
        work.secret_files,
        {name: tuple(each) for name, each in work.withheld.items()},
        work.table(),
    )


class _Conversion:
    def __init__(self, project: Project, names: dict[str, str], folder: str) -> None:
        self.project = project
        self.names = names
        self.folder = folder.rstrip("/") + "/"
        self.apps: dict[str, dict[str, object]] = {}
        self.volumes: dict[str, dict[str, object]] = {}
        self.secrets: dict[str, str] = {}
        self.secret_files: dict[str, str] = {}
        self.withheld: dict[str, list[tuple[str, object, str]]] = {}
        self.rows: list[Row] = []
        self.service = project.services[0]
        self.app: dict[str, object] = {}

    def table(self) -> tuple[Row, ...]:
        return tuple(sorted(self.rows, key=lambda row: (row.service, row.at, row.key)))

    def say(self, key: str, outcome: str, said: str = "", at: Position | None = None) -> None:
        place = at or self.service.places.get(key.partition(".")[0]) or self.service.at
        self.rows.append(Row(self.service.name, key, place, outcome, said))

    def set(self, key: str, value: object, source: str, at: Position | None = None) -> None:
        """`source` is Compose's key: what has the same name and value there is taken as it is."""
        self.app[key] = value
        self.say(source, *((TAKEN, "") if key == source else (DIFFERENT, key)), at=at)

    def withhold(self, source: str, key: str, value: object, meaning: str, at: Position | None = None) -> None:
        """What is not taken before a person says so."""
        self.withheld.setdefault(self.names[self.service.name], []).append((key, value, meaning))
        self.say(source, WITHHELD, f"{key}: {meaning}", at)

    def convert(self, service: Service) -> None:
        self.service, self.app = service, {}
        if not service.active:
            self.say("profiles", DROPPED, f"nobody asked for {', '.join(service.profiles)}")
            return
        if not service.image:
            self.say("build" if "build" in service.places else "image", REFUSED, WAYS["build"])
            return
        self.set("image", service.image, "image")
        self._doors(service)
        self._words(service)
        self._environment(service)
        self._mounts(service)
        self._rights(service)
        self._network(service)
        self._limits(service)
        self._health(service)
        said = {row.key.partition(".")[0] for row in self.rows if row.service == service.name}
        for key in service.places:
            if key in DOES_ITSELF and key not in said:
                self.say(key, DROPPED, DOES_ITSELF[key])
            elif key not in said and not getattr(service, key, True):
                self.say(key, DROPPED, "it changes nothing")
            elif key not in said:
                self.say(key, REFUSED, WAYS.get(key, "there is no key for it"))
        self.apps[self.names[service.name]] = self.app

    def _doors(self, service: Service) -> None:
        found = door(service)
        if found is not None:
            self.app["port"] = found.port
            name = f" as {found.hostname}" if found.hostname else ""
            self.say(
                "ports" if service.ports else "labels", DIFFERENT, f"port {found.port}, behind sign-in{name}", found.at
            )
            if found.hostname.count(".") != 1 and found.hostname:
                self.app["subdomain"] = found.hostname.partition(".")[0]
        ports = []
        within = served(service)
        for port in service.ports:
            if found is not None and port.target == found.port and port.protocol == "tcp":
                continue
            if found is not None and port.target == 443 and port.protocol == "tcp":
                self.say("ports.443", DROPPED, "Caddy speaks TLS for it", port.at)
            elif port.target in within and port.protocol == "tcp" and port.target not in (22, 25, 53):
                self.say(f"ports.{port.target}", DIFFERENT, "serves: for apps that need it, no longer open", port.at)
            elif not port.published:
                self.say(f"ports.{port.target}", REFUSED, "name the host's port: 8080:80", port.at)
            else:
                ports.append(written_port(port))
                self.say(f"ports.{port.target}", TAKEN, ports[-1], port.at)
        if ports:
            self.app["ports"] = ports
        inside = [port for port in within if found is None or port != found.port]
        if inside and found is None:
            self.app["serves"] = inside
            if service.expose:
                self.say("expose", DIFFERENT, "serves")
        elif service.expose:
            self.say("expose", DROPPED, "apps that need it reach its door's port")

    def _words(self, service: Service) -> None:
        for key in ("command", "entrypoint"):
            words = getattr(service, key)
            if words:
                hidden = [word for word in words if what_is_secret(key, word)]
                if hidden:
                    self.say(key, REFUSED, "a secret stands in it: let the app read it from a file or its environment")
                else:
                    self.set(key, list(words), key)
        for key in ("working_dir", "init", "hostname"):
            if getattr(service, key):
                self.set(key, getattr(service, key), key)
        if re.fullmatch(r"[0-9]{1,10}(:[0-9]{1,10})?", service.user):
            self.set("user", service.user, "user")
        if not service.read_only:
            self.app["writable"] = True
        labels: dict[str, str] = {}
        for label in service.labels:
            if not is_proxy_label(label.name):
                if what_is_secret(label.name, label.value or "") or "${" in (label.value or ""):
                    self.say(f"labels.{label.name}", REFUSED, "a secret, or a ${, stands in it", label.at)
                else:
                    labels[label.name] = label.value or ""
            else:
                self.say(f"labels.{label.name}", DROPPED, "InfraKit's own proxy serves the app", label.at)
        if labels:
            self.set("labels", labels, "labels")

    def _environment(self, service: Service) -> None:
        values: dict[str, str] = {}
        for each in service.environment:
            key = f"environment.{each.name}"
            if each.name in PROXY_VARIABLES:
                self.say(key, DROPPED, "InfraKit's own proxy serves the app", each.at)
            elif each.value is None:
                self.say(key, REFUSED, "it has no value here: write it into .env", each.at)
            elif what_is_secret(each.name, each.value):
                name = self._secret(f"{self.names[service.name]}_{each.name}", each.value)
                values[each.name] = "${secret." + name + "}"
                self.say(key, DIFFERENT, f"the secret {name}", each.at)
            elif "${" in each.value:
                self.say(key, REFUSED, "a value with ${ in it means something else here", each.at)
            else:
                values[each.name] = each.value
                self.say(key, TAKEN, "", each.at)
        if values:
            self.app["environment"] = values
        if "environment" in service.places and not service.environment:
            self.say("environment", DROPPED, "it is empty")
        granted = []
        for grant in service.secrets:
            name = secret_name(grant.source)
            granted += [] if name in granted else [name]
            file = next((each.file for each in self.project.secrets if each.key == grant.source), "")
            if file:
                self.secret_files[name] = file
            moved = grant.target.rpartition("/")[2] != name
            said = f"/run/secrets/{name}" if moved else ""
            self.say(f"secrets.{grant.source}", DIFFERENT if moved else TAKEN, said, grant.at)
        if granted:
            self.app["secrets"] = granted

    def _secret(self, wanted: str, value: str) -> str:
        name = secret_name(wanted)
        self.secrets[name] = value
        return name

    def _mounts(self, service: Service) -> None:
        mounts: list[str] = []
        data: list[str] = []
        for mount in service.volumes:
            key = f"volumes.{mount.target}"
            more = nested(mount.others, mount.kind)
            if set(more) - {"create_host_path", "size"}:
                names = ", ".join(sorted(set(more) - {"create_host_path", "size"}))
                self.say(f"{key}.{mount.kind}", REFUSED, f"there is no key for {names}", mount.at)
            end = ":ro" if mount.read_only else ""
            if mount.kind == "tmpfs":
                self._tmp(mount.target, str(size(inner(mount, "size"))) if inner(mount, "size") else "", mount.at)
            elif mount.kind == "volume" and not mount.source:
                data.append(mount.target)
                self.say(key, DIFFERENT, "data: kept in a volume of its own", mount.at)
            elif mount.kind == "volume":
                name = self._volume(mount)
                if name:
                    mounts.append(f"{name}:{mount.target}{end}")
                    self.say(key, DIFFERENT, f"{mounts[-1]}, the volume that is there", mount.at)
            elif mount.kind == "bind":
                self._bind(key, mount, f"{mount.source}:{mount.target}{end}", mounts)
            else:
                self.say(key, REFUSED, f"there is no key for mounts of the kind {mount.kind}", mount.at)
        for grant in service.configs:
            source = next((each for each in self.project.configs if each.key == grant.source), None)
            if source is not None and source.file:
                mounts.append(f"{source.file}:{grant.target or '/' + grant.source}:ro")
                self.say(f"configs.{grant.source}", DIFFERENT, f"mounts: {mounts[-1]}", grant.at)
            else:
                self.say(f"configs.{grant.source}", REFUSED, "write it into a file, and mount that", grant.at)
        for entry in service.tmpfs:
            target, _, options = entry.partition(":")
            found = re.search(r"(?:^|,)size=([0-9]+[kmg]?)", options)
            self._tmp(target, found[1] if found else "", service.places.get("tmpfs"))
        if mounts:
            self.app["mounts"] = mounts
        if data:
            self.app["data"] = data

    def _tmp(self, target: str, wanted: str, at: Position | None) -> None:
        if target.rstrip("/") != "/tmp":
            self.say(f"tmpfs.{target}", REFUSED, WAYS["tmpfs"], at)
        elif wanted:
            self.app["tmp"] = wanted
            self.say("tmpfs./tmp", DIFFERENT, f"tmp: {wanted}", at)
        else:
            self.say("tmpfs./tmp", DROPPED, "every app has one", at)

    def _bind(self, key: str, mount: Mount, line: str, mounts: list[str]) -> None:
        source = mount.source
        if source in CLOCK:
            self.say(key, DROPPED, "every app is told the time zone", mount.at)
        elif source.endswith("/docker.sock"):
            self.withhold(key, "mounts", line, "whoever has Docker's socket is root on the host", mount.at)
        elif (source + "/").startswith((self.folder, *DATA_FOLDERS)) and source + "/" not in DATA_FOLDERS:
            mounts.append(line)
            self.say(key, DIFFERENT, f"mounts: {line}", mount.at)
        else:
            self.withhold(key, "mounts", line, "a folder of the host's own system", mount.at)

    def _volume(self, mount: Mount) -> str:
        found = next((each for each in self.project.volumes if each.key == mount.source), None)
        name = re.sub(r"[^a-z0-9]+", "-", mount.source.lower()).strip("-") or "volume"
        said = volume(found) if found is not None else None
        if said is None:
            self.say(f"volumes.{mount.target}", REFUSED, "no volume of Docker's own, and no NFS", mount.at)
            return ""
        self.volumes[name] = said
        return name

    def _rights(self, service: Service) -> None:
        devices = []
        for device in service.devices:
            target = f":{device.target}" if device.target != device.source or device.permissions != "rwm" else ""
            rights = f":{device.permissions}" if device.permissions != "rwm" else ""
            devices.append(f"{device.source}{target}{rights}")
        if devices:
            self.set("devices", devices, "devices")
        gpus = service.others.get("gpus") or nested(service.others, "deploy", "resources", "reservations").get(
            "devices"
        )
        if isinstance(gpus, list) and gpus:
            number = gpus[0].get("count", -1) if isinstance(gpus[0], dict) else -1
            self.set("gpus", "all" if number == -1 else number, "gpus" if "gpus" in service.places else "deploy")
        if service.group_add:
            self.set("groups", list(service.group_add), "group_add")
        if service.sysctls:
            self.set("sysctls", {each.name: each.value or "" for each in service.sysctls}, "sysctls")
        wanted = [name.removeprefix("CAP_") for name in service.cap_add]
        if wanted and set(wanted) <= BASE:
            self.say("cap_add", DROPPED, "every app has these")
        elif wanted:
            more = [name for name in wanted if name not in BASE]
            self.withhold("cap_add", "capabilities", more, "more rights than a container has")
        if service.privileged:
            self.withhold("privileged", "privileged", True, "root in it is root on the host")
        for key in ("pid", "ipc"):
            value = getattr(service, key)
            if value == "host":
                self.withhold(key, key, "host", "it sees what runs on the host")
        if service.security_opt:
            kept = [each for each in service.security_opt if not each.startswith("no-new-privileges")]
            said = (REFUSED, WAYS["security_opt"]) if kept else (DROPPED, "no app gains privileges")
            self.say("security_opt", *said)

    def _network(self, service: Service) -> None:
        mode = service.network_mode
        if mode == "host":
            self.withhold("network_mode", "network", "host", "it hears and opens every port of the host")
        elif mode.startswith("service:"):
            self.set("network", self.names.get(mode[8:], mode[8:]), "network_mode")
        elif mode in ("bridge", "default", "none"):
            self.say("network_mode", DROPPED, DOES_ITSELF["networks"])
        elif mode:
            self.say("network_mode", REFUSED, "no app may be in the network of a strange container")
        for network in service.networks:
            if network.aliases or network.others:
                said = "it is reached by its app's name, at an address that InfraKit gives"
                self.say(f"networks.{network.network}", REFUSED, said, network.at)
        needs = []
        for each in service.depends_on:
            if each.condition == "service_completed_successfully":
                self.say(f"depends_on.{each.service}", REFUSED, "no app runs once and ends", each.at)
            elif each.service in self.names and mode != f"service:{each.service}":
                needs.append(self.names[each.service])
                self.say(f"depends_on.{each.service}", DIFFERENT, "needs", each.at)
        if needs:
            self.app["needs"] = needs
        if service.links:
            self.say("links", DIFFERENT, "needs")
        if service.dns:
            self.set("dns", list(service.dns), "dns")
        if service.extra_hosts:
            self.set("extra_hosts", [f"{name}:{address}" for name, address in service.extra_hosts], "extra_hosts")

    def _limits(self, service: Service) -> None:
        limits = nested(service.others, "deploy", "resources", "limits")
        memory = service.mem_limit or limits.get("memory", 0)
        cpus = service.cpus or limits.get("cpus", 0)
        pids = service.pids_limit or limits.get("pids", 0)
        for key, value, source in (
            ("memory", size(memory) if isinstance(memory, int) and memory > 0 else "", "mem_limit"),
            ("cpus", written(cpus) if isinstance(cpus, (int, float)) and cpus > 0 else "", "cpus"),
            ("pids", pids if isinstance(pids, int) and pids > 0 else 0, "pids_limit"),
            ("shm", size(service.shm_size) if service.shm_size else "", "shm_size"),
        ):
            if value:
                self.set(key, value, source if source in service.places else "deploy")
        for key in nested(service.others, "deploy"):
            if key == "restart_policy":
                self.say(f"deploy.{key}", DROPPED, DOES_ITSELF["restart"])
            elif key != "resources":
                self.say(f"deploy.{key}", REFUSED, WAYS["deploy"])
        if service.ulimits:
            limits_ = {each.name: each.soft if each.single else [each.soft, each.hard] for each in service.ulimits}
            self.set("ulimits", limits_, "ulimits")
        if service.stop_grace_period_ns:
            self.set("stop_grace", f"{-(-service.stop_grace_period_ns // 10**9)}s", "stop_grace_period")

    def _health(self, service: Service) -> None:
        health = service.healthcheck
        if health is None:
            return
        if health.disabled or health.test[:1] == ("NONE",):
            self.set("health", "none", "healthcheck")
        elif any(what_is_secret("test", word) for word in health.test):
            self.say("healthcheck", REFUSED, "a secret stands in it: let it read a file")
        elif health.test:
            self.set("health", list(health.test), "healthcheck")
            if health._replace(test=(), at=service.at) != Health(False, (), service.at):
                self.say("healthcheck.interval", DROPPED, "how often it is asked is InfraKit's")
        else:
            self.say("healthcheck", DROPPED, "how often it is asked is InfraKit's")
