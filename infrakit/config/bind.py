"""A checked Document -> Config: every default filled in, every list a tuple, nothing left to interpret."""

from typing import TYPE_CHECKING, Any

from infrakit.config.document import Document, Path, leaves
from infrakit.config.doors import doors_of
from infrakit.config.model import (
    AccessConfig,
    AppConfig,
    Config,
    GroupConfig,
    HostConfig,
    IgnoreConfig,
    MountConfig,
    NetworkConfig,
    OidcConfig,
    PortConfig,
    Said,
    SamlConfig,
    SecretForm,
    ServiceConfig,
    TlsConfig,
    UserConfig,
    VolumeConfig,
)
from infrakit.model import Origin, Updates

if TYPE_CHECKING:
    from infrakit.config.backup import AppBackup, BackupConfig
    from infrakit.config.notify import ChannelConfig

UNITS = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
PRIVILEGES = ("devices", "extra_hosts", "gpus", "ipc", "pid", "privileged", "sysctls")
SETTINGS = ("dns", "groups", "hostname", "init", "ulimits")
"""Keys of an app that are keys of `privileges` and of `settings` of a blueprint's container."""
APP_PIDS = 1000
DEFAULT_SCOPES = ("openid", "email", "profile")


def bind(document: Document) -> Config:
    """The whole file, typed. Only for a document that `check_schema` found no problem in."""
    values = document.values
    images = values.get("images", {})
    config = Config(
        document=document.name,
        name=values.get("name", "infrakit"),
        domain=values["domain"],
        timezone=values.get("timezone", "UTC"),
        contact=values.get("contact", ""),
        patterns=_several(values.get("pattern", [])),
        profiles=tuple(values.get("profiles", ())),
        tls=_tls(values.get("tls", {})),
        access=_access(values.get("access", {})),
        services=tuple(_service(name, item) for name, item in sorted(values.get("services", {}).items())),
        apps=tuple(_app(name, item) for name, item in sorted(values.get("apps", {}).items())),
        volumes=tuple(_volume(name, item) for name, item in sorted(values.get("volumes", {}).items())),
        hosts=tuple(_host(name, item) for name, item in values.get("hosts", {}).items()),
        network=_network(values.get("network", {})),
        mirror=images.get("mirror", ""),
        ignored=tuple(_ignored(index, item) for index, item in enumerate(values.get("doctor", {}).get("ignore", ()))),
        updates=_updates(document.name, values.get("updates", {})),
        backup=_backup(values.get("backup", {})),
        monitor_s=_monitor_s(values),
        notify=_notify(values.get("notify", []), values["domain"]),
        said=Said(path for path, _ in leaves(document.root)),
    )
    if any("[" in host.address for host in config.hosts):
        from infrakit.config.ranges import unfolded

        return unfolded(config)
    return config


def size_bytes(text: str) -> int:
    """ "256m" -> 268435456; 0 where nothing is said."""
    return int(text[:-1]) * UNITS[text[-1].lower()] if text else 0


def seconds(text: str) -> int:
    """ "2m" -> 120."""
    return int(text[:-1]) * SECONDS[text[-1]]


def _several(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _named(values: list[str], path: Path) -> tuple[tuple[str, Path], ...]:
    return tuple((value, (*path, index)) for index, value in enumerate(values))


def _pairs(values: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(values.items()))


def _tls(values: dict[str, Any]) -> TlsConfig:
    return TlsConfig(
        mode=values.get("mode", "acme"),
        provider=values.get("provider", ""),
        staging=values.get("staging", False),
        path=("tls",),
        resolvers=tuple(values.get("resolvers", ())),
        propagation_delay=values.get("propagation_delay", ""),
        propagation_timeout=values.get("propagation_timeout", ""),
    )


def _access(values: dict[str, Any]) -> AccessConfig:
    path = ("access",)
    groups = tuple(
        GroupConfig(name, _named(members, (*path, "groups", name)), (*path, "groups", name))
        for name, members in sorted(values.get("groups", {}).items())
    )
    users = tuple(
        UserConfig(name, item.get("name", ""), item.get("email", ""), (*path, "users", name))
        for name, item in sorted(values.get("users", {}).items())
    )
    administrators = _named(values.get("administrators", []), (*path, "administrators"))
    return AccessConfig(administrators, groups, users, "users" in values, path)


def _service(name: str, values: dict[str, Any]) -> ServiceConfig:
    path = ("services", name)
    return ServiceConfig(
        name=name,
        enabled=values.get("enabled"),
        allow=_named(values["allow"], (*path, "allow")) if "allow" in values else None,
        public=values.get("public", False),
        subdomain=values.get("subdomain", ""),
        image=values.get("image", ""),
        memory_bytes=size_bytes(values.get("memory", "")),
        cpus=values.get("cpus", ""),
        environment=_pairs(values.get("environment", {})),
        not_secret=tuple(values.get("not_secret", ())),
        secrets=tuple(values.get("secrets", ())),
        user_secrets=tuple(values.get("user_secrets", ())),
        internet=values.get("internet", False),
        options=tuple(sorted((key, _option(value)) for key, value in values.get("options", {}).items())),
        path=path,
    )


def _option(value: Any) -> str:
    return ",".join(value) if isinstance(value, list) else value


def _app(name: str, values: dict[str, Any]) -> AppConfig:
    path = ("apps", name)
    health = values.get("health", "")
    return AppConfig(
        name=name,
        title=values.get("title", ""),
        image=values.get("image", ""),
        address=values.get("address", ""),
        doors=doors_of(values, path),
        data=tuple(values.get("data", ())),
        mounts=tuple(map(_mount, values.get("mounts", ()))),
        files=_pairs(values.get("files", {})),
        environment=_pairs(values.get("environment", {})),
        not_secret=tuple(values.get("not_secret", ())),
        secrets=tuple(values.get("secrets", ())),
        forms=_forms(values.get("secrets"), path),
        user_secrets=tuple(values.get("user_secrets", ())),
        command=_words(values, "command"),
        entrypoint=_words(values, "entrypoint"),
        working_dir=values.get("working_dir", ""),
        user=values.get("user", ""),
        capabilities=tuple(values.get("capabilities", ())),
        privileges=tuple((key, values[key]) for key in PRIVILEGES if values.get(key)),
        settings=tuple((key, values[key]) for key in SETTINGS if values.get(key)),
        writable=values.get("writable", True),
        tmp_bytes=size_bytes(values.get("tmp", "")),
        internet=values.get("internet", False),
        network=values.get("network", ""),
        ports=tuple(map(_port, values.get("ports", ()))),
        serves=tuple(values.get("serves", ())),
        health=tuple(health) if isinstance(health, list) else health,
        memory_bytes=size_bytes(values.get("memory", "")),
        shm_bytes=size_bytes(values.get("shm", "")),
        cpus=values.get("cpus", ""),
        pids=values.get("pids", APP_PIDS),
        once=values.get("once", False),
        stop_grace_s=seconds(values.get("stop_grace", "10s")),
        labels=_pairs(values.get("labels", {})),
        update=values.get("update", "never"),
        architectures=tuple(values.get("architectures", ())),
        needs=_named(values.get("needs", []), (*path, "needs")),
        oidc=_oidc(values["oidc"], path) if "oidc" in values else None,
        saml=_saml(values["saml"], path) if "saml" in values else None,
        hosts=_named(values.get("hosts", []), (*path, "hosts")),
        blueprint=values.get("blueprint", ""),
        grants=_named(values.get("grants", []), (*path, "grants")),
        backup=_app_backup(values.get("backup", {}), (*path, "backup")),
        path=path,
    )


def _words(values: dict[str, Any], key: str) -> tuple[str, ...] | None:
    return tuple(values[key]) if key in values else None


def _forms(secrets: Any, path: Path) -> tuple[SecretForm, ...]:
    """Of a list, nothing is said."""
    if not isinstance(secrets, dict):
        return ()
    found = []
    for name, said in secrets.items():
        form = said.get("format", "text")
        length = said.get("length", 40 if form == "text" else 32)
        found.append(SecretForm(name, "" if form == "text" else form, length, bool(said), (*path, "secrets", name)))
    return tuple(found)


def _mount(text: str) -> MountConfig:
    host, path, *mode = text.split(":")
    return MountConfig(_whole(host) if host.startswith("/") else host, _whole(path), mode == ["ro"])


def _volume(name: str, values: dict[str, Any]) -> VolumeConfig:
    return VolumeConfig(name, values.get("nfs", ""), values.get("external", ""), ("volumes", name))


def _whole(path: str) -> str:
    """The one way to write a path, but for what leads upwards, which is refused later."""
    return "/" + "/".join(part for part in path.split("/") if part not in ("", "."))


def _port(text: str) -> PortConfig:
    rest, _, protocol = text.partition("/")
    head, bracket, rest = rest.rpartition("]:")
    *before, inside = rest.split(":")
    outside = before.pop() if before else inside
    address = head.strip("[") if bracket else "".join(before)
    return PortConfig(text, address, _ends(outside), _ends(inside), protocol or "tcp")


def _ends(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    return int(first), int(last or first)


def _oidc(values: dict[str, Any], path: Path) -> OidcConfig:
    return OidcConfig(
        tuple(values["redirects"]),
        tuple(values.get("scopes", DEFAULT_SCOPES)),
        tuple(values.get("logout", ())),
        values.get("email_verified", False),
        (*path, "oidc"),
    )


def _saml(values: dict[str, Any], path: Path) -> SamlConfig:
    return SamlConfig(values["acs"], values.get("audience", ""), (*path, "saml"))


def _host(name: str, values: dict[str, Any]) -> HostConfig:
    prefix, bracket, rest = name.partition("[")
    numbers, _, suffix = rest.partition("]")
    first, _, last = numbers.partition(":")
    return HostConfig(
        name=name,
        prefix=prefix,
        suffix=suffix,
        first=int(first or 0),
        last=int(last or 0),
        width=len(first) if bracket else 0,
        patterns=_several(values.get("pattern", [])),
        profiles=tuple(values.get("profiles", ())),
        architecture=values.get("architecture", "amd64"),
        address=values.get("address", ""),
        memory_bytes=size_bytes(values.get("memory", "")),
        path=("hosts", name),
    )


def _ignored(index: int, values: dict[str, Any]) -> IgnoreConfig:
    return IgnoreConfig(values["code"], values["until"], values["why"], ("doctor", "ignore", index))


def _updates(document: str, values: dict[str, Any]) -> Updates | None:
    automatic = values.get("automatic", "none")
    age_s = seconds(values.get("minimum_age", "3d"))
    origin = Origin(document, ("updates",), "updates")
    excepted = tuple(values.get("except", ()))
    return None if automatic == "none" else Updates(automatic, values.get("window", "03:00"), age_s, origin, excepted)


def _backup(values: dict[str, Any]) -> "BackupConfig | None":
    if not values:
        return None
    from infrakit.config.backup import backup_of

    return backup_of(values)


def _monitor_s(values: dict[str, Any]) -> int:
    if "monitor" not in values and not values.get("notify"):
        return 0
    return seconds(values.get("monitor", {}).get("every", "1m"))


def _notify(items: list[dict[str, Any]], domain: str) -> "tuple[ChannelConfig, ...]":
    if not items:
        return ()
    from infrakit.config.notify import channels_of

    return channels_of(items, domain)


def _app_backup(values: dict[str, Any], path: Path) -> "AppBackup | None":
    if not values:
        return None
    from infrakit.config.backup import app_backup_of

    return app_backup_of(values, path)


def _network(values: dict[str, Any]) -> NetworkConfig:
    return NetworkConfig(
        pool=values.get("pool", "172.30.0.0/16"),
        bind=tuple(values.get("bind", ())),
        http_port=values.get("http_port", 80),
        https_port=values.get("https_port", 443),
        tunnel_port=values.get("tunnel_port", 8000),
        fleet_port=values.get("fleet_port", 8443),
        trusted_proxies=tuple(values.get("trusted_proxies", ())),
        path=("network",),
    )
