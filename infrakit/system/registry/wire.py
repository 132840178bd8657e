"""HTTP to one registry and to where it sends us: kept open, over TLS as /etc/docker/certs.d says it, each wait with an
end.

A credential goes to the host that it was meant for, and nowhere that a redirect leads. What goes wrong is raised as
Failed, in words.
"""

import base64
import email.utils
import http.client
import ipaddress
import json
import os
import socket
import ssl
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from infrakit.errors import MachineUnfit
from infrakit.system.patience import one_line

CERTIFICATES = "/etc/docker/certs.d"
DAEMON = "/etc/docker/daemon.json"
SILENCE_S = 60.0
MOST_REDIRECTS = 5
PART_BYTES = 256 << 10
LARGEST_REST = 64 << 10
REDIRECTS = (301, 302, 303, 307, 308)
CUT = (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError, http.client.CannotSendRequest)


class Failed(Exception):
    """One request, or one answer, in the words that patience.CAUSES judges."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.said = said


class Answer:
    """The beginning of an answer; its body can be read once. Used with `with`: the connection is kept where it was read
    whole."""

    def __init__(
        self, response: http.client.HTTPResponse, method: str, close: Callable[[], None], silence_s: float
    ) -> None:
        self.status, self.headers = response.status, response.headers
        self._response, self._close, self._silence_s = response, close, silence_s
        promised = response.headers.get("Content-Length", "")
        chunked = response.headers.get("Transfer-Encoding", "").lower() == "chunked"
        bodiless = method == "HEAD" or response.status in (204, 304)
        self._promised = (
            0 if bodiless else int(promised) if promised.isascii() and promised.isdecimal() and not chunked else None
        )
        self._whole = False

    def __enter__(self) -> "Answer":
        return self

    def __exit__(self, *error: object) -> None:
        self._response.close()
        if not self._whole:
            self._close()

    def content(self, most: int) -> bytes:
        """The whole body. Failed where it is larger, or takes longer than a silence may."""
        found, end = b"", time.monotonic() + self._silence_s
        for part in self.parts():
            found += part
            if len(found) > most:
                raise Failed(f"not a manifest: more than {most} bytes")
            if time.monotonic() > end:
                raise Failed(f"nothing came for {self._silence_s:.0f} s")
        return found

    def rest(self) -> bytes:
        """A short body that nobody needs, or as far as it came; the connection can be used again then."""
        try:
            return self.content(LARGEST_REST)
        except Failed:
            return b""

    def parts(self) -> Iterator[bytes]:
        """The body as it comes. Failed where it is cut off."""
        came = 0
        try:
            # read1 by itself neither stops at the end of a connection that is kept (Python 3.10), nor says that one
            # came too early.
            while came != self._promised:
                part = self._response.read1(
                    PART_BYTES if self._promised is None else min(PART_BYTES, self._promised - came)
                )
                if not part:
                    break
                came += len(part)
                yield part
        except (OSError, http.client.HTTPException) as error:
            raise Failed(words_of(error, self._silence_s)) from None
        if self._promised not in (None, came):
            raise Failed(f"unexpected EOF after {came} of {self._promised} bytes")
        self._whole = True


class Wire:
    """For one registry, and for one thread. `host` is who answers for it, `names` are the folders below certs.d that
    speak of it."""

    def __init__(
        self,
        host: str,
        names: tuple[str, ...],
        *,
        certificates: str = CERTIFICATES,
        daemon: str = DAEMON,
        silence_s: float = SILENCE_S,
    ) -> None:
        self._silence_s = silence_s
        self._open: dict[tuple[str, str], http.client.HTTPConnection] = {}
        self._host = host
        folders = [os.path.join(certificates, name) for name in names]
        self._insecure = is_insecure(host, daemon) and not any(os.path.isdir(folder) for folder in folders)
        self._context = context_of(folders)
        self.scheme = "https"
        self._spoke = False

    def ask(self, method: str, path: str, headers: dict[str, str], body: bytes | None = None) -> Answer:
        """What the registry, or who it sends us to, answers."""
        if self._insecure and not self._spoke and self.scheme == "https":
            # As Docker does it: a registry that may be insecure is asked over TLS first (moby, registry/registry.go).
            try:
                return self.follow(method, f"https://{self._host}{path}", headers, body)
            except Failed as failed:
                if self._spoke or any(word in failed.said for word in ("refused", "no such host", "nothing came")):
                    raise
            self.scheme = "http"
        return self.follow(method, f"{self.scheme}://{self._host}{path}", headers, body)

    def follow(self, method: str, url: str, headers: dict[str, str], body: bytes | None = None) -> Answer:
        """The same for a whole URL."""
        for _ in range(MOST_REDIRECTS + 1):
            answer = self._once(method, url, headers, body)
            target = answer.headers.get("Location", "") if answer.status in REDIRECTS else ""
            if not target:
                return answer
            with answer:
                answer.rest()
            before, after = split(url), split(target, url)
            url = after.geturl()
            if after.scheme != "https" and before.scheme != after.scheme:
                raise Failed(f"answers {answer.status}: it leads from https to {after.scheme}")
            if (before.scheme, before.netloc) != (after.scheme, after.netloc):
                headers = {name: value for name, value in headers.items() if name != "Authorization"}
        raise Failed(f"answers {answer.status}: more than {MOST_REDIRECTS} redirects")

    def close(self) -> None:
        """Hang up everywhere."""
        for connection in self._open.values():
            connection.close()
        self._open.clear()

    def _once(self, method: str, url: str, headers: dict[str, str], body: bytes | None) -> Answer:
        """One request. A connection that was kept and has been closed meanwhile is opened again."""
        parts = split(url)
        place = (parts.scheme, parts.netloc)
        path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        kept = place in self._open
        try:
            try:
                return self._request(place, method, path, headers, body)
            except CUT:
                if not kept:
                    raise
                self._drop(place)
                return self._request(place, method, path, headers, body)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._drop(place)
            who = "" if parts.netloc == self._host else f"{parts.hostname}: "
            raise Failed(f"{who}{words_of(error, self._silence_s)}") from None

    def _request(
        self, place: tuple[str, str], method: str, path: str, headers: dict[str, str], body: bytes | None
    ) -> Answer:
        if place not in self._open:
            self._open[place] = self._connection(*place)
        connection = self._open[place]
        if connection.sock is None:
            connection.connect()
        # A time-out of the socket starts anew with every byte: an answer whose head never ends is cut off by this.
        watch = threading.Timer(2 * self._silence_s, _hang_up, (connection.sock,))
        watch.daemon = True
        watch.start()
        try:
            connection.request(method, path, body, {"User-Agent": "infrakit", **headers})
            response = connection.getresponse()
        finally:
            watch.cancel()
        self._spoke = True
        return Answer(response, method, lambda: self._drop(place), self._silence_s)

    def _connection(self, scheme: str, netloc: str) -> http.client.HTTPConnection:
        """To this host, or through the proxy that the environment names (HTTPS_PROXY, NO_PROXY)."""
        host = netloc.rpartition("@")[2]
        context = self._context
        if self._insecure and host == self._host:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if scheme == "http":
            return http.client.HTTPConnection(host, timeout=self._silence_s)
        proxy = "" if urllib.request.proxy_bypass(host) else urllib.request.getproxies().get("https", "")
        if not proxy:
            return http.client.HTTPSConnection(host, timeout=self._silence_s, context=context)
        way = urlsplit(proxy if "//" in proxy else f"http://{proxy}")
        made = http.client.HTTPSConnection(way.netloc.rpartition("@")[2], timeout=self._silence_s, context=context)
        login = base64.b64encode(f"{unquote(way.username or '')}:{unquote(way.password or '')}".encode()).decode()
        made.set_tunnel(host, headers={"Proxy-Authorization": f"Basic {login}"} if way.username else {})
        return made

    def _drop(self, place: tuple[str, str]) -> None:
        connection = self._open.pop(place, None)
        if connection is not None:
            connection.close()


def split(url: str, base: str = "") -> SplitResult:
    """The parts of an address that a registry told, seen from `base`. Failed where nobody could go there."""
    try:
        parts = urlsplit(urljoin(base, url))
        if parts.port != 0:
            return parts
    except ValueError:
        pass
    raise Failed("leads to what is no address")


def _hang_up(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


def context_of(folders: list[str]) -> ssl.SSLContext:
    """The system's authorities, and those of `folders`: NAME.crt is one, NAME.cert and NAME.key are who we are
    (Docker's certs.d)."""
    context = ssl.create_default_context()
    # Python 3.13 asks of every authority what RFC 5280 does, key usage for one; Docker does not, and small authorities
    # of people's own have none.
    context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
    for folder in folders:
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
            path, (stem, suffix) = os.path.join(folder, name), os.path.splitext(name)
            try:
                if suffix == ".crt":
                    context.load_verify_locations(path)
                elif suffix == ".cert":
                    context.load_cert_chain(path, os.path.join(folder, f"{stem}.key"))
            except OSError as error:
                raise MachineUnfit(
                    f"{path} cannot be used: {one_line(str(error))}",
                    "is it a certificate in PEM, and is its key beside it?",
                ) from None
    return context


def is_insecure(host: str, daemon: str = DAEMON) -> bool:
    """Whether Docker would also take this registry's word without a certificate it believes, or speak plain HTTP to
    it."""
    name = (host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]).lower()
    try:
        with open(daemon, "rb") as file:
            listed = json.loads(file.read(1 << 20)).get("insecure-registries") or []
    except (OSError, ValueError, AttributeError):
        listed = []
    if name == "localhost" or host in listed or name in listed:
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or any(_holds(block, address) for block in listed)


def _holds(block: Any, address: Any) -> bool:
    try:
        return address in ipaddress.ip_network(str(block), strict=False)
    except ValueError:
        return False


def refusal_of(answer: Answer) -> str:
    """What an answer that is no success says, with its number, and the pause that it asks for."""
    with answer:
        body = answer.rest()
    status, text = answer.status, " ".join(body.decode("utf-8", "replace").split())
    try:
        first = json.loads(body)["errors"][0]
        text = f"{str(first.get('code') or '').lower()}: {first.get('message') or first.get('detail') or ''}"
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        text = "" if text.startswith("<") else text
    kinds = {401: "unauthorized", 403: "denied", 404: "not found", 429: "toomanyrequests"}
    what = kinds.get(status, f"answers {status}" if 300 <= status < 500 and status != 408 else f"{status} response")
    return f"{what}: {text}{_retry_after(answer.headers.get('Retry-After', ''))}".rstrip(": ")


def _retry_after(value: str) -> str:
    """Seconds, or a date (RFC 9110, 10.2.3)."""
    if not (value.isascii() and value.isdecimal()):
        try:
            value = str(max(0, round(email.utils.parsedate_to_datetime(value).timestamp() - time.time())))
        except (ValueError, TypeError, OverflowError):
            return ""
    return f", retry-after: {value}"


def words_of(error: Exception, silence_s: float) -> str:
    """What the system, or the libraries, say, in the words that an engine would use."""
    if isinstance(error, TimeoutError):
        return f"nothing came for {silence_s:.0f} s"
    if isinstance(error, socket.gaierror):
        return f"no such host: {error.strerror or error}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate: {error.verify_message or error}"
    if isinstance(error, ssl.SSLError):
        plain = error.reason in (
            "WRONG_VERSION_NUMBER",
            "RECORD_LAYER_FAILURE",
            "HTTP_REQUEST",
            "UNKNOWN_PROTOCOL",
            "PACKET_LENGTH_TOO_LONG",
        )
        return "server gave HTTP response to HTTPS client" if plain else f"TLS: {error.reason or error}"
    return str(getattr(error, "strerror", "") or error or type(error).__name__).lower()
