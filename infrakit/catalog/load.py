"""Trees of blueprint files -> Catalog, and the precompiled catalogue that a zipapp carries.

`blueprint_from` is total on a tree that passed schema/blueprint.schema.json; a user's blueprint goes the same way as
ours. A checkout reads the YAML files, a zipapp one JSON file with the same trees: the result is equal.
"""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from infrakit import resources
from infrakit.catalog.model import (
    Backup,
    BackupDatabase,
    Blueprint,
    Catalog,
    ContainerBlueprint,
    DockerBlueprint,
    FileBlueprint,
    FileUse,
    HostPath,
    Lines,
    OidcBlueprint,
    OptionBlueprint,
    PortBlueprint,
    RouteBlueprint,
    SecretBlueprint,
    SecretUse,
    VolumeUse,
)
from infrakit.model import Health

Tree = Mapping[str, Any]

PASSWORD_LENGTH = 40
PIDS = 100
START_INTERVAL_S = 3
"""While it starts, a container is asked often, so that nobody waits for it longer than it takes. Needs Engine 25."""
SIGN_IN = ("openid", "email", "profile")


def load_catalog() -> Catalog:
    """The catalogue: from the precompiled file where there is one, else from the YAML files."""
    packed = resources.packed("catalog.json")
    return catalog_from(json.loads(_of_checkout() if packed is None else packed))


@cache
def _of_checkout() -> bytes:
    """What a build would carry; reading the YAML takes longer than all the rest of a compile."""
    return catalog_json(read_trees())


def read_trees() -> dict[str, Tree]:
    """The plain trees of all blueprint files of the checkout, by name."""
    from ruamel.yaml import YAML

    reader = YAML(typ="safe", pure=True)
    return {name: reader.load(resources.blueprint_source(name)) for name in resources.blueprint_names()}


def catalog_json(trees: Mapping[str, Tree]) -> bytes:
    """The bytes of catalog.json, made at build time: the trees by name, in the order of the names."""
    ordered = {name: trees[name] for name in sorted(trees)}
    return json.dumps(ordered, ensure_ascii=True, separators=(",", ":")).encode("ascii") + b"\n"


def catalog_from(trees: Mapping[str, Tree]) -> Catalog:
    return Catalog({name: blueprint_from(trees[name], document_name(name)) for name in sorted(trees)})


def document_name(name: str) -> str:
    """What positions and origins call the file of the catalogue service `name`."""
    return f"blueprints/{name}.yaml"


def blueprint_from(tree: Tree, document: str) -> Blueprint:
    """`tree` as a Blueprint, with every default filled in."""
    return Blueprint(
        document=document,
        name=tree["name"],
        title=tree.get("title", tree["name"]),
        summary=tree.get("summary", ""),
        section=tree.get("section", "Apps"),
        profiles=tuple(tree.get("profiles", ())),
        requires=tuple(tree.get("requires", ())),
        source=tree.get("source", ""),
        backup=_backup(tree.get("backup", {})),
        options=tuple(_option(name, value) for name, value in sorted(tree.get("options", {}).items())),
        secrets=tuple(_secret(name, value) for name, value in sorted(tree.get("secrets", {}).items())),
        containers=tuple(_container(name, value) for name, value in tree["containers"].items()),
        files=tuple(_file(name, value) for name, value in sorted(tree.get("files", {}).items())),
        routes=tuple(_route(item, tree["name"]) for item in _doors(tree)),
        oidc=_oidc(tree["oidc"]) if "oidc" in tree else None,
        placement=tree.get("placement", "host"),
    )


def _backup(tree: Tree) -> Backup:
    databases = tuple(BackupDatabase(item["container"], item["name"]) for item in tree.get("databases", ()))
    return Backup(tuple(tree.get("volumes", ())), databases, tree.get("note", ""), tree.get("live", False))


def _option(name: str, tree: Tree) -> OptionBlueprint:
    default = tree["default"]
    enum = tuple(tree.get("enum", ()))
    return OptionBlueprint(name, tree["type"], default, enum, tree["description"], tree.get("example", default))


def _secret(name: str, tree: Tree) -> SecretBlueprint:
    kind = tree.get("kind", "password")
    return SecretBlueprint(
        name,
        kind,
        tree.get("length", PASSWORD_LENGTH),
        tree.get("shared", False),
        tree["description"],
        tree.get("format", ""),
        tree.get("rotate", ""),
    )


def _file(name: str, tree: Tree) -> FileBlueprint:
    return FileBlueprint(name, tree["content"], tree.get("mode", "0644"))


def _doors(tree: Tree) -> Sequence[Tree]:
    """One of a blueprint file; several where an app says them."""
    return (tree["route"],) if "route" in tree else tree.get("routes", ())


def _route(tree: Tree, service: str) -> RouteBlueprint:
    return RouteBlueprint(
        container=tree["container"],
        port=tree["port"],
        subdomain=tree.get("subdomain", service),
        sign_in=tree.get("sign_in", "forward_auth"),
        health_path=tree.get("health_path", ""),
        identity_headers=tree.get("identity_headers", True),
        stream=tree.get("stream", False),
        allow=tuple(tree.get("allow", ("administrators",))),
        door=tree.get("door", ""),
        authority=tree.get("authority", ""),
        elsewhere=tree.get("elsewhere", False),
    )


def _oidc(tree: Tree) -> OidcBlueprint:
    return OidcBlueprint(
        secret=tree.get("secret", ""),
        grant_types=tuple(tree.get("grant_types", ("authorization_code", "refresh_token"))),
        redirects=tuple(tree["redirects"]),
        scopes=tuple(tree.get("scopes", SIGN_IN)),
        logout=tuple(tree.get("logout", ())),
        email_verified=tree.get("email_verified", False),
    )


def _container(name: str, tree: Tree) -> ContainerBlueprint:
    take = tree.get
    return ContainerBlueprint(
        name=name,
        image=tree["image"],
        architectures=tuple(tree["architectures"]),
        minimum_version=_floors(take("minimum_version", ())),
        advisory=take("advisory", ""),
        seen=take("seen", ""),
        lines=_lines(take("lines")),
        update=take("update", "never"),
        entrypoint=_words(take("entrypoint")),
        command=_words(take("command")),
        user=take("user", ""),
        working_dir=take("working_dir", ""),
        environment=_pairs(take("environment", {})),
        secrets=tuple(map(_secret_use, take("secrets", ()))),
        volumes=tuple(map(_volume_use, take("volumes", ()))),
        shared=tuple(map(_volume_use, take("shared", ()))),
        files=tuple(FileUse(f["file"], f["path"]) for f in take("files", ())),
        host_paths=tuple(HostPath(p["host"], p["path"], p.get("read_only", False)) for p in take("host_paths", ())),
        tmpfs=tuple(take("tmpfs", ())),
        writable_root=take("writable_root", False),
        capabilities=tuple(take("capabilities", ())),
        privileges=_pairs(take("privileges", {})),
        settings=_pairs(take("settings", {})),
        ports=tuple(
            PortBlueprint(p["port"], p.get("published", p["port"]), p.get("protocol", "tcp"), p.get("address", ""))
            for p in take("ports", ())
        ),
        memory=take("memory", ""),
        cpus=take("cpus", ""),
        pids=take("pids", PIDS),
        shm_size=take("shm_size", ""),
        health=_health(take("health")),
        one_shot=take("one_shot", False),
        needs=_pairs(take("needs", {})),
        internet=take("internet", False),
        reaches=tuple(take("reaches", ())),
        docker=_docker(take("docker")),
        stop_grace_period_s=take("stop_grace_period_s", 10),
        labels=_pairs(take("labels", {})),
    )


def _volume_use(tree: Tree) -> VolumeUse:
    return VolumeUse(tree["volume"], tree["path"], tree.get("read_only", False))


def _floors(floors: str | Sequence[str]) -> tuple[str, ...]:
    return (floors,) if isinstance(floors, str) else tuple(floors)


def _lines(tree: Tree | None) -> Lines | None:
    return Lines(tree["numbers"], tuple(tree.get("through", ())), tree.get("how", "")) if tree else None


def _words(words: list[str] | None) -> tuple[str, ...] | None:
    return None if words is None else tuple(words)


def _pairs(tree: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(tree.items()))


def _secret_use(item: Any) -> SecretUse:
    return SecretUse(item) if isinstance(item, str) else SecretUse(item["name"], item.get("target", ""))


def _health(tree: Tree | None) -> Health | None:
    return (
        None if tree is None else Health(**{**tree, "test": tuple(tree["test"]), "start_interval_s": START_INTERVAL_S})
    )


def _docker(tree: Tree | None) -> DockerBlueprint | None:
    if tree is None:
        return None
    transport = tree.get("transport", "tcp")
    return DockerBlueprint(transport, tree.get("socket_volume_path", "/var/run"), tuple(tree["allow"]))
