"""A bundle that another machine serves (serve.py) -> its files. Nothing that comes is believed here: who asks checks
signature and hashes.

Whom we speak to is known by the fingerprint of his certificate, or by an authority that this machine believes.
"""

import hashlib
import http.client
import ssl
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

from infrakit.bundle.fault import refused
from infrakit.errors import MachineUnfit, UsageProblem

SILENCE_S, ATTEMPTS, FIRST_PAUSE_S = 60.0, 5, 1.0
PART_BYTES = 1 << 20
SCHEME = "https://"
TROUBLE = (OSError, http.client.HTTPException)


class Remote:
    """`with Remote(url, fingerprint) as remote:`, instead of a Folder. MachineUnfit where nobody answers, or another
    one than he should be."""

    def __init__(self, url: str, fingerprint: str = "") -> None:
        try:
            parts = urlsplit(url)
            self._place = str(parts.hostname), parts.port or 443
        except ValueError:
            parts = urlsplit("")
        if parts.scheme != "https" or not parts.hostname or parts.username or parts.query:
            raise UsageProblem(
                f"{url} is no address of a bundle",
                "write it as infrakit bundle serve prints it, like https://192.168.1.10:5000",
            )
        self.path = url.rstrip("/")
        self._above = parts.path.rstrip("/")
        self._wanted = fingerprint.replace(":", "").strip().lower()
        self._connection: http.client.HTTPSConnection | None = None

    def __enter__(self) -> "Remote":
        return self

    def __exit__(self, *error: object) -> None:
        self._hang_up()

    def small(self, path: str, most: int) -> bytes:
        """All of a small file. Raises Refused where it is not there, or larger than `most`."""
        found = b""
        for piece in self._patiently(path, 0, None):
            found += piece
            if len(found) > most:
                raise refused("too-much", path, f"it has more than {most} bytes")
        return found

    def stream(self, path: str, size: int, offset: int) -> Iterator[bytes]:
        """The bytes from `offset` on, gone on with where the connection broke."""
        return self._patiently(path, offset, size)

    def _patiently(self, path: str, at: int, size: int | None) -> Iterator[bytes]:
        attempt = 0
        while size is None or at < size:
            try:
                for piece in self._asked(path, at):
                    at, attempt = at + len(piece), 0
                    yield piece
                if size is None or at >= size:
                    return
                said = "it ends early"
            except ssl.SSLCertVerificationError as error:
                raise MachineUnfit(
                    f"{self.path}: its certificate is not believed: {error.verify_message}", self._remedy()
                ) from None
            except TROUBLE as error:
                said = (getattr(error, "strerror", "") or str(error) or type(error).__name__).lower()
            self._hang_up()
            attempt += 1
            if attempt == ATTEMPTS or size is None and at:
                raise MachineUnfit(
                    f"{self.path}/{path}: {said}",
                    "is the other machine up, and does it serve still? run again to go on where it stopped",
                )
            time.sleep(FIRST_PAUSE_S * 2 ** (attempt - 1))

    def _asked(self, path: str, at: int) -> Iterator[bytes]:
        connection = self._connected()
        connection.request(
            "GET",
            quote(f"{self._above}/{path}"),
            headers={"User-Agent": "infrakit", **({"Range": f"bytes={at}-"} if at else {})},
        )
        answer = connection.getresponse()
        if answer.status == 404:
            answer.read(PART_BYTES)
            raise refused("missing", path, "it is not there")
        if (
            answer.status != (206 if at else 200)
            or at
            and not answer.headers.get("Content-Range", "").startswith(f"bytes {at}-")
        ):
            raise http.client.HTTPException(f"it answers {answer.status}")
        while piece := answer.read(PART_BYTES):
            yield piece
        if answer.length:
            raise http.client.HTTPException("it ends early")

    def _connected(self) -> http.client.HTTPSConnection:
        if self._connection is None:
            context = ssl.create_default_context()
            if self._wanted:
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            connection = http.client.HTTPSConnection(*self._place, timeout=SILENCE_S, context=context)
            connection.connect()
            found = fingerprint_of(connection.sock)
            if self._wanted and found.replace(":", "").lower() != self._wanted:
                connection.close()
                raise MachineUnfit(
                    f"{self.path}: the fingerprint of its certificate is {found}",
                    "that is not the one you gave: is the address right? else somebody stands in between: do not go on",
                )
            self._connection = connection
        return self._connection

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _remedy(self) -> str:
        """With what the other side shows, for comparing it by eye."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection(*self._place, timeout=SILENCE_S, context=context)
        try:
            connection.connect()
            return (
                "compare with what the other machine prints; if it is the same: --fingerprint "
                f"{fingerprint_of(connection.sock)}"
            )
        except TROUBLE:
            return "see what the other machine prints: --fingerprint"
        finally:
            connection.close()


def fingerprint_of(connection: Any) -> str:
    """SHA-256 of the certificate at the other end, as openssl prints it."""
    return fingerprint(connection.getpeercert(binary_form=True))


def fingerprint(certificate: bytes) -> str:
    """Of one in DER."""
    return hashlib.sha256(certificate).digest().hex(":").upper()
