"""A registry (OCI distribution, version 2) on 127.0.0.1 that fails as told; Docker needs no TLS for a registry there,
others get it.

What it holds is made on the spot: layers of noise, so that the engine has none of them yet.
"""

import base64
import gzip
import hashlib
import io
import json
import os
import re
import ssl
import subprocess
import tarfile
import threading
from collections.abc import Callable
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, quote

from infrakit.system.certificates import NEW_KEY

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
LAYER_BYTES = 600_000
USER, PASSWORD, TOKEN = "bob", "hunter2-hunter2", "token-of-bob-and-nobody-else"

Fault = Callable[["Answer", bytes], None]


def status(code: int, message: str, **headers: str) -> Fault:
    """Answer an error, as registries do, with `message` in it."""

    def answer(answer: "Answer", content: bytes) -> None:
        answer.refuse(code, message, {name.replace("_", "-"): value for name, value in headers.items()})

    return answer


def truncated(answer: "Answer", content: bytes) -> None:
    """Promise all, send half, hang up."""
    answer.begin(200, {"Content-Length": str(len(content))})
    answer.wfile.write(content[: len(content) // 2])
    answer.close_connection = True


def stalled(answer: "Answer", content: bytes) -> None:
    """Send half, and then nothing, until the registry closes."""
    answer.begin(200, {"Content-Length": str(len(content))})
    answer.wfile.write(content[: len(content) // 2])
    answer.wfile.flush()
    answer.server.registry.closing.wait()
    answer.close_connection = True


def forged(answer: "Answer", content: bytes) -> None:
    """Other bytes, as many."""
    answer.send(200, content[:-20] + bytes(20), {})


def reset(answer: "Answer", content: bytes) -> None:
    """Hang up without a word."""
    answer.close_connection = True


class Registry:
    """Images by name and tag, blobs by digest, and for each kind of request ("manifest", "layer") the faults to
    come."""

    def __init__(self) -> None:
        self.manifests: dict[tuple[str, str], tuple[str, bytes]] = {}
        self.blobs: dict[str, bytes] = {}
        self.layers: set[str] = set()
        self.faults: dict[str, list[Fault]] = {}
        self.always: dict[str, Fault] = {}
        self.asked: list[str] = []
        self.closing = threading.Event()
        self.address = ""
        self.scheme = "http"
        self.auth = ""
        """"basic" or "token": who asks must be bob."""
        self.blobs_at = ""
        """Another registry, to which whoever asks for a blob is sent."""
        self.realm = ""
        self.ranges = True
        self.anybody = False
        """Whether everybody gets a token."""
        self.tags_at_once = 1000
        self.created = ""
        """In the configuration of what is published then."""
        self.heard: list[tuple[str, str, str]] = []
        """(method, path, Authorization) of every request."""

    def publish(
        self,
        name: str,
        *,
        layers: int = 1,
        architecture: str = "amd64",
        listed: bool = False,
        tag: str = "1",
        says: "dict[str, object] | None" = None,
        contents: "list[bytes] | None" = None,
    ) -> str:
        """Make an image; its full reference. `listed`: below a list of manifests, as images for several processors
        are; `says`: in its configuration; `contents`: layers, instead of noise."""
        content, kind = self._image(layers, architecture, says, contents)
        if listed:
            return self.publish_list(name, [(f"linux/{architecture}", content)], tag)
        self.manifests[name, tag] = self.manifests[name, digest_of(content)] = kind, content
        return f"{self.address}/{name}:{tag}"

    def publish_for(self, name: str, *platforms: str, tag: str = "1") -> str:
        """An image for each of these ("linux/arm/v7"), below one list that also holds what is no image; its full
        reference."""
        made = [(platform, self._image(1, platform.split("/")[1])[0]) for platform in platforms]
        return self.publish_list(name, [("unknown/unknown", self._image(1, "unknown")[0]), *made], tag)

    def publish_list(self, name: str, images: list[tuple[str, bytes]], tag: str = "1") -> str:
        entries = []
        for platform, content in images:
            self.manifests[name, digest_of(content)] = MANIFEST, content
            system, architecture, *variant = platform.split("/")
            named = {"os": system, "architecture": architecture, **({"variant": variant[0]} if variant else {})}
            entries.append(
                {"mediaType": MANIFEST, "digest": digest_of(content), "size": len(content), "platform": named}
            )
        content = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).encode()
        self.manifests[name, tag] = self.manifests[name, digest_of(content)] = INDEX, content
        return f"{self.address}/{name}:{tag}"

    def _image(
        self,
        layers: int,
        architecture: str,
        says: "dict[str, object] | None" = None,
        contents: "list[bytes] | None" = None,
    ) -> tuple[bytes, str]:
        """(its manifest, of what kind); its blobs are kept."""
        contents = contents or [noise(number) for number in range(layers)]
        config = {
            "architecture": architecture,
            "os": "linux",
            "config": {"Cmd": ["/none"], **(says or {})},
            **({"created": self.created} if self.created else {}),
            "rootfs": {"type": "layers", "diff_ids": [digest_of(gzip.decompress(content)) for content in contents]},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self._blob(json.dumps(config).encode(), CONFIG),
            "layers": [self._blob(content, LAYER) for content in contents],
        }
        self.layers.update(item["digest"] for item in manifest["layers"])
        return json.dumps(manifest).encode(), MANIFEST

    def tags(self, name: str) -> list[str]:
        return sorted(tag for known, tag in self.manifests if known == name and not tag.startswith("sha256:"))

    def digest(self, name: str, tag: str = "1") -> str:
        return digest_of(self.manifests[name, tag][1])

    def fault(self, kind: str, method: str) -> Fault | None:
        """What is to go wrong with this request. After an answer to HEAD the engine asks again by GET: only that uses a
        fault up."""
        self.asked.append(kind)
        waiting = self.faults.get(kind)
        if waiting:
            return waiting[0] if method == "HEAD" and waiting[0] is not reset else waiting.pop(0)
        return self.always.get(kind)

    def _blob(self, content: bytes, kind: str) -> dict[str, object]:
        self.blobs[digest_of(content)] = content
        return {"mediaType": kind, "digest": digest_of(content), "size": len(content)}


class Answer(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    server: "Server"

    def do_GET(self) -> None:
        registry, path = self.server.registry, self.path.partition("?")[0]
        registry.heard.append((self.command, self.path, self.headers.get("Authorization", "")))
        if path == "/token":
            return self.token()
        if (
            registry.auth
            and self.headers.get("Authorization")
            != {"basic": f"Basic {basic()}", "token": f"Bearer {TOKEN}"}[registry.auth]
        ):
            return self.challenge()
        found = re.fullmatch(r"/v2/(.+)/(manifests|blobs|tags)/([^/]+)", path)
        if path == "/v2/":
            kind, content, headers = "ping", b"{}", {}
        elif found and found[2] == "tags" and registry.tags(found[1]):
            kind, (content, headers) = "tags", self.page(found[1])
        elif found and found[2] == "manifests" and (found[1], found[3]) in registry.manifests:
            media, content = registry.manifests[found[1], found[3]]
            kind, headers = "manifest", {"Content-Type": media, "Docker-Content-Digest": digest_of(content)}
        elif found and found[3] in registry.blobs:
            kind, content, headers = "layer" if found[3] in registry.layers else "config", registry.blobs[found[3]], {}
        else:
            return self.refuse(404, "manifest unknown", {}, code="MANIFEST_UNKNOWN")
        fault = registry.fault(kind, self.command)
        if fault is not None:
            return fault(self, content)
        if registry.blobs_at and found and found[2] == "blobs":
            return self.send(307, b"elsewhere", {"Location": f"{registry.blobs_at}{path}?Signature=s3cret"})
        beginning = re.fullmatch(r"bytes=(\d+)-.*", self.headers.get("Range", ""))
        if beginning and kind == "layer" and registry.ranges:
            start = int(beginning[1])
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            return self.send(206, content[start:], headers)
        return self.send(200, content, headers)

    do_HEAD = do_POST = do_GET

    def page(self, name: str) -> tuple[bytes, dict[str, str]]:
        """Some tags, and where there are more; no more at once than the registry wants to say."""
        registry, query = self.server.registry, parse_qs(self.path.partition("?")[2])
        last, count = query.get("last", [""])[0], min(int(query["n"][0]), registry.tags_at_once)
        left = [tag for tag in registry.tags(name) if tag > last]
        link = f'</v2/{name}/tags/list?n={count}&last={quote(left[count - 1])}>; rel="next"' if left[count:] else ""
        return json.dumps({"name": name, "tags": left[:count]}).encode(), {"Link": link} if link else {}

    def begin(self, code: int, headers: dict[str, str]) -> None:
        self.send_response(code)
        for name, value in {
            "Docker-Distribution-Api-Version": "registry/2.0",
            "Content-Type": "application/octet-stream",
            **headers,
        }.items():
            self.send_header(name, value)
        self.end_headers()

    def send(self, code: int, content: bytes, headers: dict[str, str]) -> None:
        self.begin(code, {"Content-Length": str(len(content)), **headers})
        if self.command != "HEAD":
            self.wfile.write(content)

    def challenge(self) -> None:
        """Say what to do first."""
        registry = self.server.registry
        realm = registry.realm or f"{registry.scheme}://{registry.address}/token"
        ways = {
            "basic": 'Basic realm="here"',
            "token": f'Bearer realm="{realm}",service="here",scope="repository:a/b:pull"',
        }
        self.refuse(401, "authentication required", {"WWW-Authenticate": ways[registry.auth]})

    def token(self) -> None:
        """What the place for tokens says to bob, and to others."""
        if (
            self.command == "GET"
            and not self.server.registry.anybody
            and self.headers.get("Authorization") != f"Basic {basic()}"
        ):
            sent = base64.b64decode(self.headers.get("Authorization", "").removeprefix("Basic ")).decode()
            return self.refuse(401, f"nobody may with {sent}", {})
        return self.send(
            200, json.dumps({"token": TOKEN, "expires_in": 300}).encode(), {"Content-Type": "application/json"}
        )

    def refuse(self, status: int, message: str, headers: dict[str, str], code: str = "") -> None:
        names = {401: "UNAUTHORIZED", 403: "DENIED", 429: "TOOMANYREQUESTS"}
        body = {"errors": [{"code": code or names.get(status, "UNKNOWN"), "message": message}]}
        self.send(status, json.dumps(body).encode(), {"Content-Type": "application/json", **headers})

    def log_message(self, *words: object) -> None:
        """Nothing: pytest's output is for results."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    registry: Registry

    def handle_error(self, request: object, client_address: object) -> None:
        """The engine hangs up where it has seen enough."""


@contextmanager
def registry(tls: Path | None = None):
    """A registry that runs. `tls`: a folder as `certificates` makes it."""
    made = Registry()
    server = Server(("127.0.0.1", 0), Answer)
    server.registry = made
    made.address = f"127.0.0.1:{server.server_address[1]}"
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls / "server.pem", tls / "server.key")
        server.socket = context.wrap_socket(server.socket, server_side=True)
        made.scheme = "https"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


def certificates(folder: Path) -> Path:
    """A private authority (ca.crt), and what it signed for 127.0.0.1, in this folder."""
    new = ["openssl", "req", "-x509", *NEW_KEY, "-days", "2"]
    run = {"cwd": folder, "check": True, "capture_output": True}
    subprocess.run([*new, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=a private authority"], **run)
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"]
    subprocess.run(
        [
            *new,
            *names,
            "-CA",
            "ca.crt",
            "-CAkey",
            "ca.key",
            "-keyout",
            "server.key",
            "-out",
            "server.pem",
            "-subj",
            "/CN=here",
        ],
        **run,
    )
    return folder


def basic() -> str:
    return base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


def noise(number: int) -> bytes:
    """A layer with one file that does not compress, so nobody tries, and that no engine has seen."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        entry = tarfile.TarInfo(f"noise-{number}")
        entry.size = LAYER_BYTES
        archive.addfile(entry, io.BytesIO(os.urandom(LAYER_BYTES)))
    return gzip.compress(packed.getvalue(), 0)


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
