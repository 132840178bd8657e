"""A registry with all images that InfraKit's blueprints and examples name, and the container that serves it and the packages.

An image is written straight into the folder of a Docker registry (distribution 2, storage/paths.go): no build, no push.
"""

import gzip
import hashlib
import json
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from tests.e2e.bed.engine import HERE, NETWORK, PLACE, ROOT, answers, docker, kept, locked, own_text, run, start_engine, start_network
from tests.e2e.bed.images import base_layer, image_of, small_layer
from tests.e2e.bed.packages import Apt, packages
from tests.e2e.bed.roots import SUITES, host_image

REGISTRY = "registry.bed:5000"
SERVER = f"{NETWORK}-server"
NAMES = ("registry.bed", "apt.bed")
SMALL = "small"
STORE = PLACE / "registry"
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def references() -> list[str]:
    """The full name of every image that a blueprint or an example names."""
    files = [*ROOT.glob("blueprints/*.yaml"), *ROOT.glob("infrakit/examples/*.yaml"), *ROOT.glob("infrakit/examples/*/*.yaml")]
    found = {name for path in files for name in re.findall(r"\bimage: *\"?([^\s\"{},#]+)", path.read_text())}
    return sorted(name for name in found if ":" in name)


def publish(reference: str, *, broken: bool = False, architecture: str = "amd64", small: bool = False) -> str:
    """Put one image into the registry, by its real name and any tag; its digest. `broken`: it starts and ends at once with code 1.

    `architecture`: what the image says of itself. `small`: of the small root, below SMALL.
    """
    layer, config = image_of(reference, broken=broken)
    base = small_layer() if small else base_layer()
    plain = [_digest_of(base), _digest_of(layer)]
    content = {
        "architecture": architecture, "os": "linux", "created": "2026-01-01T00:00:00Z", "config": config,
        "rootfs": {"type": "layers", "diff_ids": plain},
    }
    text = json.dumps(content, sort_keys=True).encode()
    parts = [base, layer] if not small else [packed(base), gzip.compress(layer, 6, mtime=0)]
    layers = [(_blob(part), len(part) if isinstance(part, bytes) else part.stat().st_size) for part in parts]
    kind = "application/vnd.docker.image.rootfs.diff.tar" + (".gzip" if small else "")
    manifest = {
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": {"mediaType": "application/vnd.docker.container.image.v1+json", "size": len(text), "digest": _blob(text)},
        "layers": [{"mediaType": kind, "size": size, "digest": digest} for digest, size in layers],
    }
    name, _, tag = reference.rpartition(":")
    digest = _blob(json.dumps(manifest, sort_keys=True).encode())
    repository = STORE / "docker/registry/v2/repositories" / (f"{SMALL}/{name}" if small else name)
    for one in (*(digest for digest, _ in layers), manifest["config"]["digest"]):
        _link(repository / "_layers" / one.replace(":", "/"), one)
    _link(repository / "_manifests/revisions" / digest.replace(":", "/"), digest)
    _link(repository / "_manifests/tags" / tag / "index" / digest.replace(":", "/"), digest)
    _link(repository / "_manifests/tags" / tag / "current", digest)
    return digest


def registry() -> str:
    """Bring up the bed's server, with all images and packages; the prefix of the images' names, for `images.mirror`."""
    archives = [packages(suite) for suite in SUITES]
    _program()
    authority()
    wanted = references()
    recipe = own_text("registry.py", "images.py", "stand_in.py", "postgres.sh") + base_layer().with_suffix(".tar.recipe").read_text() + repr(wanted)

    def fill(path: Path) -> None:
        for reference in wanted:
            publish(reference)
        path.write_text("\n".join(wanted))

    kept("registry-content", recipe, fill)
    start_server()
    return f"{REGISTRY}/"


def small_registry(names: tuple[str, ...]) -> str:
    """The same server; the prefix of the images of these names, all of the small root."""
    registry()
    wanted = [reference for reference in references() if reference.rpartition(":")[0].rpartition("/")[2] in names]
    recipe = own_text("registry.py", "images.py", "stand_in.py", "postgres.sh") + small_layer().with_suffix(".tar.recipe").read_text() + repr(wanted)

    def fill(path: Path) -> None:
        for reference in wanted:
            publish(reference, small=True)
        path.write_text("\n".join(wanted))

    kept("registry-small", recipe, fill)
    return f"{REGISTRY}/{SMALL}/"


def start_server() -> None:
    """The container that is registry.bed and apt.bed on the bed's network."""
    start_engine()
    start_network()
    with locked(PLACE / "server"):
        mark = hashlib.sha256((HERE / "serve.py").read_bytes() + str(PLACE).encode()).hexdigest()[:12]
        words = ["docker", "inspect", "-f", '{{.State.Running}} {{index .Config.Labels "bed"}}', SERVER]
        if subprocess.run(words, capture_output=True, text=True).stdout.strip() != f"true {mark}":
            subprocess.run(["docker", "rm", "-f", SERVER], capture_output=True)
            aliases = [f"--network-alias={name}" for name in NAMES]
            mounts = [f"--volume={PLACE}:/bed", f"--volume={HERE / 'serve.py'}:/serve.py:ro"]
            image = host_image("bookworm")
            docker("run", "-d", "--name", SERVER, "--label", f"bed={mark}", "--network", NETWORK, *aliases, *mounts, "--entrypoint", "python3", image, "/serve.py")
        probe = "import urllib.request as r; r.urlopen('http://apt.bed/ready', timeout=5)"
        for _ in range(100):
            done = subprocess.run(["docker", "exec", SERVER, "python3", "-c", probe], capture_output=True, text=True)
            if done.returncode == 0:
                return
            time.sleep(0.2)
        raise RuntimeError(f"{SERVER} does not answer: {done.stderr}\n{docker('logs', SERVER)}")


def stop_server() -> None:
    if answers():
        subprocess.run(["docker", "rm", "-f", SERVER], capture_output=True)


def authority() -> bytes:
    """The certificate of the authority that signed the registry's; a host trusts it below /etc/docker/certs.d."""
    return (kept("tls", "\n".join(NAMES), _certificates) / "ca.crt").read_bytes()


def _certificates(folder: Path) -> None:
    folder.mkdir()
    new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "3650"]
    run(*new, "-keyout", folder / "ca.key", "-out", folder / "ca.crt", "-subj", "/CN=InfraKit test bed")
    names = ["-addext", "subjectAltName=" + ",".join(f"DNS:{name}" for name in NAMES), "-addext", "basicConstraints=critical,CA:FALSE"]
    signed = ["-CA", folder / "ca.crt", "-CAkey", folder / "ca.key"]
    run(*new, *signed, *names, "-keyout", folder / "server.key", "-out", folder / "server.crt", "-subj", f"/CN={NAMES[0]}")


def _program() -> None:
    """The registry's program, from Debian's package."""

    def make(path: Path) -> None:
        with tempfile.TemporaryDirectory(prefix="bed-") as temporary:
            work = Path(temporary)
            Apt(work / "apt", "bookworm", b"").download(work / "deb", ["docker-registry"])
            run("dpkg-deb", "-x", next((work / "deb").iterdir()), work / "tree")
            shutil.move(work / "tree/usr/bin/docker-registry", path)

    kept("docker-registry", "bookworm", make)


def packed(path: Path) -> Path:
    """The same, compressed."""
    return kept(f"{path.name}.gz", path.with_suffix(".tar.recipe").read_text(), lambda target: target.write_bytes(gzip.compress(path.read_bytes(), 6, mtime=0)))


def _blob(content: Path | bytes) -> str:
    """Put content into the store; its digest. A file is linked, not copied."""
    digest = _digest_of(content)
    data = STORE / f"docker/registry/v2/blobs/sha256/{digest[7:9]}/{digest[7:]}/data"
    if not data.exists():
        data.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            data.write_bytes(content)
        else:
            data.hardlink_to(content)
    return digest


def _digest_of(content: Path | bytes) -> str:
    digest = hashlib.sha256(content).hexdigest() if isinstance(content, bytes) else _file_digest(content, content.stat().st_mtime_ns)
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
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "link").write_text(digest)
