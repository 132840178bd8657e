"""A registry with all images that InfraKit's blueprints and examples name, and the container that serves it and the
packages.

An image is written straight into the folder of a Docker registry (distribution 2, storage/paths.go): no build, no push.
"""

import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from tests.e2e.bed.engine import (
    HERE,
    NETWORK,
    PLACE,
    ROOT,
    digest_of,
    docker,
    kept,
    locked,
    own_text,
    run,
    start_engine,
    start_network,
)
from tests.e2e.bed.images import Recipe, base_layer, caddy, image_of, small_layer
from tests.e2e.bed.packages import Apt, packages
from tests.e2e.bed.roots import SUITES, host_image

REGISTRY = "registry.bed:5000"
SERVER = f"{NETWORK}-server"
NAMES = ("registry.bed", "apt.bed")
SMALL = "small"
STORE = PLACE / "registry"
"""Of this run: what is kept, linked, and what tests publish."""
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def references() -> list[str]:
    """The full name of every image that a blueprint or an example names."""
    files = [
        *ROOT.glob("blueprints/*.yaml"),
        *ROOT.glob("infrakit/examples/*.yaml"),
        *ROOT.glob("infrakit/examples/*/*.yaml"),
    ]
    found = {name for path in files for name in re.findall(r"\bimage: *\"?([^\s\"{},#]+)", path.read_text())}
    return sorted(name for name in found if ":" in name)


def publish(
    reference: str,
    *,
    broken: bool = False,
    architecture: str = "amd64",
    small: bool = False,
    store: Path = STORE,
    made: Recipe | None = None,
) -> str:
    """Put one image into a registry, by its real name and any tag; its digest. `broken`: it starts and ends at once
    with code 1.

    `made`: from a recipe of a test's own. `architecture`: what the image says of itself. `small`: of the small root,
    below SMALL.
    """
    layer, config = image_of(reference, broken=broken, made=made)
    base = small_layer() if small else base_layer()
    below = [] if made is not None and made.bare else [base]
    plain = [_digest_of(part) for part in (*below, layer)]
    content = {
        "architecture": architecture,
        "os": "linux",
        "created": "2026-01-01T00:00:00Z",
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": plain},
    }
    text = json.dumps(content, sort_keys=True).encode()
    parts = [*below, layer] if not small else [packed(base), gzip.compress(layer, 6, mtime=0)]
    layers = [(_blob(store, part), len(part) if isinstance(part, bytes) else part.stat().st_size) for part in parts]
    kind = "application/vnd.docker.image.rootfs.diff.tar" + (".gzip" if small else "")
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {
            "mediaType": "application/vnd.docker.container.image.v1+json",
            "size": len(text),
            "digest": _blob(store, text),
        },
        "layers": [{"mediaType": kind, "size": size, "digest": digest} for digest, size in layers],
    }
    name, _, tag = reference.rpartition(":")
    digest = _blob(store, json.dumps(manifest, sort_keys=True).encode())
    repository = store / "docker/registry/v2/repositories" / (f"{SMALL}/{name}" if small else name)
    for one in (*(digest for digest, _ in layers), manifest["config"]["digest"]):
        _link(repository / "_layers" / one.replace(":", "/"), one)
    _link(repository / "_manifests/revisions" / digest.replace(":", "/"), digest)
    _link(repository / "_manifests/tags" / tag / "index" / digest.replace(":", "/"), digest)
    _link(repository / "_manifests/tags" / tag / "current", digest)
    return digest


def registry() -> str:
    """Bring up the bed's server, with all images and packages; the prefix of the images' names, for `images.mirror`."""
    _provide(_content("registry", base_layer(), references()))
    start_server()
    return f"{REGISTRY}/"


def small_registry(names: tuple[str, ...]) -> str:
    """The same server; the prefix of the images of these names, all of the small root."""
    registry()
    wanted = [reference for reference in references() if reference.rpartition(":")[0].rpartition("/")[2] in names]
    _provide(_content("registry-small", small_layer(), wanted, small=True))
    return f"{REGISTRY}/{SMALL}/"


def _content(name: str, base: Path, wanted: list[str], *, small: bool = False) -> Path:
    recipe = (
        own_text("registry.py", "images.py", "stand_in.py", "postgres.sh")
        + digest_of(base)
        + hashlib.sha256(caddy()).hexdigest()
        + repr(wanted)
    )

    def fill(path: Path) -> None:
        for reference in wanted:
            publish(reference, small=small, store=path)

    return kept(name, recipe, fill)


def _provide(content: Path) -> None:
    """Have it in this run's registry, where whatever is there already stays."""

    def link(source: str, target: str) -> None:
        if not os.path.exists(target):
            os.link(source, target)

    with locked(PLACE / "registry"):
        if not (STORE / content.parent.name).exists():
            shutil.copytree(content, STORE, copy_function=link, dirs_exist_ok=True)
            (STORE / content.parent.name).touch()


def start_server() -> None:
    """The container that is registry.bed and apt.bed on the bed's network."""
    mounts = {packages(suite).folder: f"archives/{suite}" for suite in SUITES}
    mounts |= {
        authority_folder(): "tls",
        _program(): "docker-registry",
        STORE: "registry",
        PLACE / "files": "files",
        HERE / "serve.py": "serve.py",
    }
    start_engine()
    start_network()
    with locked(PLACE / "server"):
        (PLACE / "files").mkdir(exist_ok=True)
        running = subprocess.run(
            ["docker", "inspect", "-f", "{{.State.Running}}", SERVER], capture_output=True, text=True
        )
        if running.stdout.strip() != "true":
            subprocess.run(["docker", "rm", "-f", SERVER], capture_output=True)
            aliases = [f"--network-alias={name}" for name in NAMES]
            volumes = [f"--volume={source}:/bed/{target}" for source, target in mounts.items()]
            docker(
                "run",
                "-d",
                "--name",
                SERVER,
                "--network",
                NETWORK,
                *aliases,
                *volumes,
                "--entrypoint",
                "python3",
                host_image("bookworm"),
                "/bed/serve.py",
                SERVER,
            )
        probe = (
            "import urllib.request as r; assert r.urlopen('http://apt.bed/ready', timeout=30).read() == "
            f"{SERVER.encode()}"
        )
        for _ in range(300):
            done = subprocess.run(["docker", "exec", SERVER, "python3", "-c", probe], capture_output=True, text=True)
            if done.returncode == 0:
                return
            time.sleep(0.2)
        raise RuntimeError(f"{SERVER} does not answer: {done.stderr}\n{docker('logs', SERVER)}")


def authority_folder() -> Path:
    return kept("tls", "\n".join(NAMES), _certificates)


def authority() -> bytes:
    """The certificate of the authority that signed the registry's; a host trusts it below /etc/docker/certs.d."""
    return (authority_folder() / "ca.crt").read_bytes()


def _certificates(folder: Path) -> None:
    folder.mkdir()
    new = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "3650",
    ]
    run(*new, "-keyout", folder / "ca.key", "-out", folder / "ca.crt", "-subj", "/CN=InfraKit test bed")
    names = [
        "-addext",
        "subjectAltName=" + ",".join(f"DNS:{name}" for name in NAMES),
        "-addext",
        "basicConstraints=critical,CA:FALSE",
    ]
    signed = ["-CA", folder / "ca.crt", "-CAkey", folder / "ca.key"]
    run(
        *new,
        *signed,
        *names,
        "-keyout",
        folder / "server.key",
        "-out",
        folder / "server.crt",
        "-subj",
        f"/CN={NAMES[0]}",
    )


def _program() -> Path:
    """The registry's program, from Debian's package."""

    def make(path: Path) -> None:
        with tempfile.TemporaryDirectory(prefix="bed-") as temporary:
            work = Path(temporary)
            Apt(work / "apt", "bookworm", b"").download(work / "deb", ["docker-registry"])
            run("dpkg-deb", "-x", next((work / "deb").iterdir()), work / "tree")
            shutil.move(work / "tree/usr/bin/docker-registry", path)

    return kept("docker-registry", "bookworm", make)


def packed(path: Path) -> Path:
    """The same, compressed."""
    return kept(
        f"{path.name}.gz",
        digest_of(path),
        lambda target: target.write_bytes(gzip.compress(path.read_bytes(), 6, mtime=0)),
    )


def _blob(store: Path, content: Path | bytes) -> str:
    """Put content into a store; its digest. A file is linked, not copied."""
    digest = _digest_of(content)
    data = store / f"docker/registry/v2/blobs/sha256/{digest[7:9]}/{digest[7:]}/data"
    if not data.exists():
        data.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            data.write_bytes(content)
        else:
            data.hardlink_to(content)
    return digest


def _digest_of(content: Path | bytes) -> str:
    digest = (
        hashlib.sha256(content).hexdigest()
        if isinstance(content, bytes)
        else _file_digest(content, content.stat().st_mtime_ns)
    )
    return f"sha256:{digest}"


_digests: dict[tuple[Path, int], str] = {}


def _file_digest(path: Path, changed_ns: int) -> str:
    if (path, changed_ns) not in _digests:
        total = hashlib.sha256()
        with open(path, "rb") as file:
            while part := file.read(1 << 20):
                total.update(part)
        _digests[path, changed_ns] = total.hexdigest()
    return _digests[path, changed_ns]


def _link(folder: Path, digest: str) -> None:
    """By another file in its place: the one before may be a link to what is kept."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "link.new").write_text(digest)
    (folder / "link.new").rename(folder / "link")
