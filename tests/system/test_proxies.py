"""A network that is left through a proxy only: what a stand-in for one is asked by apt and by us."""

import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from infrakit.errors import MachineUnfit
from infrakit.system import proxies
from infrakit.system.machine import Machine

NOWHERE = "http://packages.invalid"
"""A name that no name server has (RFC 2606): only a proxy could know it."""


class Proxy(BaseHTTPRequestHandler):
    """Answers for every host, and keeps what it was asked."""

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Proxy-Authorization", "")))
        self.send_response(200 if self.path.endswith("/key") else 404)
        self.end_headers()
        self.wfile.write(b"key")

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def proxy():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    server.asked = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch, tmp_path):
    for name in (*proxies.NAMES, *(name.upper() for name in proxies.NAMES)):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(proxies, "SYSTEM", str(tmp_path / "environment"))
    monkeypatch.setattr(proxies, "APT", ("apt-config", "-o", "Acquire::http::Proxy=", *proxies.APT[1:]))
    return tmp_path / "environment"


def address(proxy) -> str:
    return f"http://me:word@127.0.0.1:{proxy.server_port}"


def test_what_we_fetch_comes_through_it(proxy, nothing_said):
    nothing_said.write_text(f'PATH="/usr/bin"\nhttp_proxy="{address(proxy)}/"\nno_proxy=localhost,.lan\n')
    assert Machine().fetch(f"{NOWHERE}/key") == b"key"
    ((path, authorization),) = proxy.asked
    assert path == f"{NOWHERE}/key" and authorization.startswith("Basic ")


def test_what_no_proxy_names_does_not(proxy, monkeypatch):
    monkeypatch.setenv("http_proxy", address(proxy))
    monkeypatch.setenv("no_proxy", "packages.invalid")
    with pytest.raises(MachineUnfit):
        monkeypatch.setattr("infrakit.system.fetch.FIRST_PAUSE_S", 0.01)
        Machine().fetch(f"{NOWHERE}/key")
    assert proxy.asked == []


@pytest.mark.skipif(not shutil.which("apt-get"), reason="needs apt-get")
def test_apt_asks_it_too(proxy, monkeypatch, tmp_path: Path):
    monkeypatch.setenv("HTTP_PROXY", address(proxy))
    (tmp_path / "lists/partial").mkdir(parents=True)
    (tmp_path / "sources.list").write_text(f"deb [trusted=yes] {NOWHERE} trixie main\n")
    settings = {
        "Dir::Etc::SourceList": tmp_path / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State::Lists": tmp_path / "lists",
        "APT::Sandbox::User": "root",
    }
    words = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
    Machine().run(("apt-get", *words, "update"))
    assert {path for path, _ in proxy.asked} >= {f"{NOWHERE}/dists/trixie/InRelease"}


@pytest.mark.skipif(not shutil.which("apt-config"), reason="needs apt")
def test_the_first_place_that_names_one_counts(proxy, monkeypatch, nothing_said):
    assert proxies.proxies() == {}
    monkeypatch.setattr(
        proxies, "APT", ("apt-config", "-o", "Acquire::http::Proxy=http://apt.lan:3142", *proxies.APT[3:])
    )
    assert proxies.proxies() == {"http_proxy": "http://apt.lan:3142"}
    nothing_said.write_text("export HTTPS_PROXY=http://file.lan:3128\n# http_proxy=http://old.lan\n")
    assert proxies.proxies() == {"https_proxy": "http://file.lan:3128"}
    monkeypatch.setenv("no_proxy", "example.org")
    assert proxies.proxies() == {"https_proxy": "http://file.lan:3128"}, "which names none"
    monkeypatch.setenv("http_proxy", "http://here.lan:3128")
    assert proxies.proxies() == {"http_proxy": "http://here.lan:3128", "no_proxy": "example.org"}
    assert proxies.of_daemon(proxies.proxies()) == {"http-proxy": "http://here.lan:3128", "no-proxy": "example.org"}
