#!/usr/bin/python3 -IB
"""Apps that behave like the hard ones among real images, called by what is hard about them: hard.py NAME.

Each serves a page that tells who it is and what it found (stand_in.Page); what it needs and does not get ends it.
"""

import fcntl
import json
import os
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, "/usr/local/lib")
from stand_in import Page, must, serve  # beside this file in the image

SIOCSIFMTU, MTU = 0x8922, 1400
FOUND: dict[str, object] = {}


class Told(Page):
    """Any page: the request, and what this app found when it started."""

    def page(self) -> None:
        me = {"uid": os.getuid(), "gid": os.getgid(), "tz": os.environ.get("TZ", "")}
        self.answer(200, {"stand-in": self.name, "path": self.path, "headers": dict(self.headers), **me, **FOUND})


class Redirecting(Told):
    """Its first page is another one."""

    def page(self) -> None:
        self.answer(302, {}, Location="/login") if self.path == "/" else super().page()


def drops() -> None:
    """Starts as root, gives its data to somebody without a name, and becomes him: MariaDB, Redis."""
    data = Path("/var/lib/drops")
    os.chown(data, 999, 999)
    data.chmod(0o700)
    os.setgroups([])
    os.setgid(999)
    os.setuid(999)
    (data / "mine").write_text("written")
    serve(3000, Told, "drops")


def unpacks() -> None:
    """Unpacks a program into /tmp, and runs it there: Java's JNI, Bun, PyInstaller."""
    shutil.copy("/usr/bin/true", "/tmp/unpacked")
    os.chmod("/tmp/unpacked", 0o755)
    FOUND["unpacked"] = subprocess.run(["/tmp/unpacked"]).returncode
    serve(3000, Told, "unpacks")


def slow() -> None:
    """Listens after two minutes: Nextcloud's first start, GitLab."""
    time.sleep(120)
    serve(3000, Told, "slow")


def redirects() -> None:
    serve(3000, Redirecting, "redirects")


def echo() -> None:
    """UDP and TCP on port 53, as root, and UDP on 51820: Pi-hole, wg-easy. It says from where it was asked."""
    for port in (53, 51820):
        threading.Thread(target=answer_datagrams, args=(port,), daemon=True).start()
    with socket.create_server(("", 53)) as server:
        while True:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"tcp 53 " + connection.recv(99))


def answer_datagrams(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("", port))
        while True:
            words, sender = server.recvfrom(99)
            server.sendto(b"udp %d %s" % (port, words), sender)


def tls() -> None:
    """Speaks TLS only, with a certificate that is given to it, or that it makes itself: Portainer's, UniFi, Proxmox."""
    place = Path("/tls") if Path("/tls/key.pem").exists() else Path("/tmp")
    if place == Path("/tmp"):
        new = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=nobody"
        subprocess.run([*new.split(), "-keyout", "/tmp/key.pem", "-out", "/tmp/cert.pem"], check=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(place / "cert.pem", place / "key.pem")
    serve(8443, Told, "tls", context)


def lan() -> None:
    """Has the host's network: Home Assistant. It sees the host's own addresses."""
    FOUND["addresses"] = subprocess.run(["hostname", "-I"], capture_output=True, text=True).stdout.split()
    serve(8123, Told, "lan")


def stick() -> None:
    """Reads a device: Zigbee2MQTT, Frigate."""
    with open("/dev/bed-stick", "rb") as device:
        FOUND["read"] = device.read(4).hex()
    FOUND["groups"] = os.getgroups()
    serve(3000, Told, "stick")


def writes() -> None:
    """Of two that share a folder, the one that writes: downloads, for a player."""
    Path("/library/film").write_text("a film")
    serve(3000, Told, "writes")


def reads() -> None:
    """And the one that must not."""
    try:
        Path("/library/other").write_text("x")
        FOUND["writable"] = True
    except OSError:
        FOUND["writable"] = False
    FOUND["film"] = Path("/library/film").read_text()
    serve(3000, Told, "reads")


def shared() -> None:
    """Needs more shared memory than Docker gives: Chromium, PostgreSQL."""
    Path("/dev/shm/large").write_bytes(bytes(100 << 20))
    serve(3000, Told, "shared")


def client() -> None:
    """Signs in by itself: discovery at the issuer's public name, over TLS, as any library does it."""
    issuer = os.environ["ISSUER"]
    with urllib.request.urlopen(f"{issuer}.well-known/openid-configuration", timeout=30) as answer:
        FOUND["issuer"] = json.load(answer)["issuer"]
    must(FOUND["issuer"] == issuer, f"the issuer calls itself {FOUND['issuer']}")
    must(Path("/run/secrets/client_client_secret").read_text(), "no client secret")
    serve(3000, Told, "client")


def vpn() -> None:
    """Lends its network to others, and changes it: Gluetun."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFMTU, struct.pack("16si", b"eth0", MTU))
    serve(9999, Told, "vpn")


def inside() -> None:
    """Is in that network."""
    FOUND["mtu"] = int(Path("/sys/class/net/eth0/mtu").read_text())
    serve(3000, Told, "inside")


if __name__ == "__main__":
    globals()[sys.argv[1]]()
