"""The real programs as judges of many files: what one process can be asked often, is; what is equal is asked once.

HAProxy reads every distinct file. Caddy, one process, adapts every distinct Caddyfile (POST /adapt), and validates the
first SHAPES that differ in more than names, numbers and addresses. Compose reads the first SHAPES trees, byte for byte;
and every container that differs from others in more than words and lengths of lists, with every network, volume and
secret, many in one project and without `depends_on`.
"""

import http.client
import json
import os
import re
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

from infrakit.system.certificates import NEW_KEY
from tests.emit.tree import compose
from tests.fuzz.bytes_of import Host
from tests.fuzz.caddy_of import Reading, reading
from tests.runtime.caddy import CADDY
from tests.runtime.engine import HAPROXY

SHAPES = 20
BATCH = 400
KEPT = 300
PROVIDER = re.compile(rb"\ttls \{\n\t\tdns cloudflare [^\n]+\n\t\}\n")
"""Caddy's stock build has no provider of DNS: it reads the file without these lines."""
NAMES = re.compile(rb"[A-Za-z0-9*_-]+(\.[a-z0-9-]+)+|[a-z0-9-]+:\d+|\b\d+\b")
WORDS, LISTS = re.compile(r"\w+"), re.compile(r'(?:"[^"]*", )+')


class Judges:
    """One of each, with what it was asked already. `asked` counts what each program really read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.caddy = _Caddy(folder / "caddy")
        self.known: dict[Any, Any] = {}
        self.adaptions: dict[bytes, Reading] = {}
        self.bodies: dict[str, dict[str, Any]] = {}
        self.asked = dict.fromkeys(("adapted", "validated", "haproxy", "projects", "containers"), 0)

    def adapted(self, caddyfile: bytes) -> Reading:
        """What Caddy reads in it; ValueError with Caddy's words."""
        if caddyfile not in self.adaptions:
            self.adaptions = {} if len(self.adaptions) > KEPT else self.adaptions
            self.adaptions[caddyfile] = reading(self.caddy.adapt(PROVIDER.sub(b"", caddyfile)))
            self.asked["adapted"] += 1
            if self._new("caddy", frozenset(NAMES.sub(b"", caddyfile).splitlines())):
                self.caddy.validate(PROVIDER.sub(b"", caddyfile))
                self.asked["validated"] += 1
        return self.adaptions[caddyfile]

    def haproxy(self, configuration: bytes) -> None:
        """ValueError with HAProxy's words."""
        if configuration in self.known:
            return
        self.known[configuration] = True
        self.asked["haproxy"] += 1
        file = self.folder / "haproxy.cfg"
        file.write_bytes(configuration.replace(b"/run/proxy", str(self.folder).encode()))
        done = subprocess.run([HAPROXY, "-c", "-f", str(file)], capture_output=True, text=True, timeout=60)
        if done.returncode or "WARNING" in done.stdout + done.stderr:
            raise ValueError(done.stdout + done.stderr)

    def compose(self, host: Host) -> None:
        """Keep what is new for the next project; ValueError with Compose's words about one that is full."""
        for service in host.services.values():
            body = {key: value for key, value in service.items() if key != "depends_on"}
            if body.get("network_mode", "").startswith("service:"):
                body["network_mode"] = "none"  # the other one is in no batch with it
            body = {**body, "labels": {**body["labels"], "io.infrakit.config": ""}}
            self.bodies.setdefault(LISTS.sub("", WORDS.sub("w", json.dumps(body, sort_keys=True))), body)
        for kind in ("networks", "volumes", "secrets"):
            for name, tree in host.project.get(kind, {}).items():
                self.known.setdefault((kind, name), tree)
        keys = {kind: sorted(host.project.get(kind, ())) for kind in ("networks", "volumes", "secrets")}
        shape = json.dumps([sorted(host.services), keys, sorted(map(sorted, host.services.values()))])
        if self._new("compose", shape):
            self._exactly(host)

    def finish(self) -> None:
        """Ask what is left."""
        bodies = list(self.bodies.values())
        for first in range(0, len(bodies), BATCH):
            part = bodies[first : first + BATCH]
            tree: dict[str, Any] = {"name": "batch", "services": {f"b{n}": body for n, body in enumerate(part)}}
            for kind in ("networks", "volumes", "secrets"):
                used = {item for item in self.known if isinstance(item, tuple) and item[0] == kind}
                tree[kind] = {name: self.known[kind, name] for _, name in sorted(used)}
            folder = self.folder / "batch"
            folder.mkdir(exist_ok=True)
            (folder / "compose.yaml").write_text(json.dumps(tree))
            self._read(folder)
            self.asked["containers"] += len(part)

    def _exactly(self, host: Host) -> None:
        folder = self.folder / f"tree{self.asked['projects']}"
        for path, content in host.files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        (folder / "secrets").mkdir(exist_ok=True)
        for name in host.secrets:
            (folder / "secrets" / name).touch()
        self._read(folder)
        self.asked["projects"] += 1

    def _read(self, folder: Path) -> None:
        done = compose(folder, "--profile", "*", "config", "-q")
        if (done.returncode, done.stdout, done.stderr) != (0, "", ""):
            raise ValueError(f"compose: {done.stderr}")

    def _new(self, kind: str, shape: Any) -> bool:
        shapes = self.known.setdefault(kind, set())
        if shape in shapes or len(shapes) >= SHAPES:
            return False
        shapes.add(shape)
        return True


class _Caddy:
    """One running process that adapts, by its admin socket."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder, self.socket = folder, folder / "admin.sock"
        # Garbage is a quarter of what adapting costs; there is memory for four times as much of it.
        collect = {"GOGC": "400"}
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_DATA_HOME": str(folder), **collect}
        (folder / "idle.json").write_text(json.dumps({"admin": {"listen": f"unix/{self.socket}"}}))
        self.process = subprocess.Popen(
            [CADDY, "run", "--config", "idle.json"],
            cwd=folder,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while not self.socket.exists():
            assert self.process.poll() is None, "Caddy does not start"
            time.sleep(0.02)
        subprocess.run(
            [
                *("openssl", "req", "-x509", *NEW_KEY, "-subj", "/CN=x"),
                *("-keyout", f"{folder}/key", "-out", f"{folder}/certificate"),
            ],
            check=True,
            capture_output=True,
        )

    def adapt(self, text: bytes) -> dict[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", timeout=60)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(str(self.socket))
        connection.request("POST", "/adapt", text, {"Content-Type": "text/caddyfile"})
        response = connection.getresponse()
        answer = json.loads(response.read())
        connection.close()
        if response.status != 200 or answer.get("warnings"):
            raise ValueError(f"caddy adapt: {answer.get('error') or answer['warnings']}")
        result: dict[str, Any] = answer["result"]
        return result

    def validate(self, text: bytes) -> None:
        for name in (b"key", b"certificate"):
            text = re.sub(rb"/run/secrets/\w+_%b" % name, str(self.folder / name.decode()).encode(), text)
        text = text.replace(b"/run/secrets/fleet_ca", f"{self.folder}/certificate".encode())
        text = text.replace(b"/run/caddy/", f"{self.folder}/v-".encode())
        (self.folder / "Caddyfile").write_bytes(text)
        done = subprocess.run(
            [CADDY, "validate", "--config", "Caddyfile", "--adapter", "caddyfile"],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        if done.returncode:
            raise ValueError(f"caddy validate: {done.stderr}")
