"""A headless Chromium with a profile of its own, driven by WebDriver's HTTP (w3.org/TR/webdriver2): what a person at a
desk would see.

It reaches the hosts that it is told of and nothing else: every other name is not found, and nothing leaves this
machine. It lives in the network of the bed's server: on this machine's own, other tests make and remove networks all
the time, and Chromium then gives up whatever page it loads (ERR_NETWORK_CHANGED).
"""

import base64
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.e2e.bed.engine import NETWORK, ROOT, docker, run
from tests.e2e.bed.registry import SERVER

needs_browser = pytest.mark.skipif(
    not all(map(shutil.which, ("chromium", "chromedriver", "certutil"))),
    reason="needs Chromium, its driver, and certutil",
)
ARTEFACTS = ROOT / ".build" / "artefacts"
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
"""The key of an element's reference, as WebDriver says."""
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-breakpad",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1000,700",
)


class BrowserError(Exception):
    """The browser says no: a page that cannot be had, an element that is not there."""


class Browser:
    """`with Browser(addresses, authority=...) as browser:`. `addresses`: pattern of names -> IP. `authority`: a root
    certificate to trust."""

    def __init__(self, addresses: dict[str, str], authority: bytes = b"") -> None:
        self.rules = ", ".join(
            [*(f"MAP {name} {address}" for name, address in addresses.items()), "MAP * ~NOTFOUND", "EXCLUDE 127.0.0.1"]
        )
        self.authority = authority
        self.session = ""

    def __enter__(self) -> "Browser":
        self.folder = tempfile.TemporaryDirectory(prefix="infrakit-browser-", ignore_cleanup_errors=True)
        home = Path(self.folder.name)
        try:
            self._trust(home / ".pki" / "nssdb")
            environment = {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"}
            where = f'{{{{.State.Pid}}}} {{{{(index .NetworkSettings.Networks "{NETWORK}").IPAddress}}}}'
            process, address = docker("inspect", "-f", where, SERVER).split()
            inside = ["nsenter", f"--net=/proc/{process}/ns/net"]
            self.driver = subprocess.Popen(
                [*inside, "chromedriver", "--port=0", "--allowed-ips=", "--allowed-origins=*"],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                start_new_session=True,
            )
            port = next(
                match[1]
                for match in (re.search(r"successfully on port (\d+)", line) for line in self.driver.stdout)
                if match
            )
            self.base = f"http://{address}:{port}"
            options = {"args": [*FLAGS, f"--user-data-dir={home / 'profile'}", f"--host-resolver-rules={self.rules}"]}
            wanted = {"browserName": "chrome", "pageLoadStrategy": "normal", "goog:chromeOptions": options}
            self.session = (
                "/session/" + self.call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]
            )
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        """Ends the browser, too where it was driven into a wall: chromedriver alone leaves it running."""
        try:
            if self.session:
                self.call("DELETE", self.session)
        except (BrowserError, OSError):
            pass
        finally:
            driver = getattr(self, "driver", None)
            if driver:
                driver.kill()
                driver.wait()
                driver.stdout.close()
            self._end_all()
            self.folder.cleanup()

    def visit(self, address: str) -> str:
        """The address that it ends at. Raises BrowserError where there is no page, with Chromium's word for why."""
        self.call("POST", f"{self.session}/url", {"url": address})
        return self.address

    @property
    def address(self) -> str:
        return self.call("GET", f"{self.session}/url")

    @property
    def title(self) -> str:
        return self.call("GET", f"{self.session}/title")

    @property
    def text(self) -> str:
        """What can be read on the page."""
        return self.call("GET", f"{self.session}/element/{self._find('body')}/text")

    def type(self, selector: str, words: str) -> None:
        self.call("POST", f"{self.session}/element/{self._find(selector)}/value", {"text": words})

    def click(self, selector: str, leads_to: str, limit_s: float = 20) -> None:
        """And wait until the address begins so."""
        self.call("POST", f"{self.session}/element/{self._find(selector)}/click", {})
        end = time.monotonic() + limit_s
        while not self.address.startswith(leads_to):
            assert time.monotonic() < end, f"{self.address} after {limit_s} s, not {leads_to}"
            time.sleep(0.1)

    def picture(self, name: str) -> None:
        """What it shows, as .build/artefacts/NAME.png."""
        ARTEFACTS.mkdir(parents=True, exist_ok=True)
        (ARTEFACTS / f"{name}.png").write_bytes(base64.b64decode(self.call("GET", f"{self.session}/screenshot")))

    def call(self, method: str, path: str, content: object = None) -> object:
        body = None if content is None else json.dumps(content).encode()
        request = urllib.request.Request(self.base + path, body, {"Content-Type": "application/json"}, method=method)
        try:
            # No proxy of the environment's.
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise BrowserError(json.load(error)["value"]["message"]) from None

    def _find(self, selector: str) -> str:
        return self.call("POST", f"{self.session}/element", {"using": "css selector", "value": selector})[ELEMENT]

    def _trust(self, database: Path) -> None:
        """The authority in the profile's own store (NSS, which Chromium on Linux reads below HOME)."""
        database.mkdir(parents=True)
        run("certutil", "-d", f"sql:{database}", "-N", "--empty-password")
        if self.authority:
            run("certutil", "-d", f"sql:{database}", "-A", "-t", "C,,", "-n", "authority", feed=self.authority)

    def _end_all(self) -> None:
        """Whatever still has our folder among its words: crash handlers outlive the browser."""
        for place in Path("/proc").glob("[0-9]*"):
            try:
                if self.folder.name.encode() in (place / "cmdline").read_bytes():
                    os.kill(int(place.name), signal.SIGKILL)
            except OSError:
                continue
