"""One request at a door of this machine, as a stranger from outside would make it: by its name, over TLS, with no
cookie."""

import http.client
import socket
import ssl
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from infrakit.machine import Answer, Met
from infrakit.system.certificates import DOMAIN

AT_ONCE = 32
PATIENCE_S = 20
"""Longer than Caddy waits for a backend (emit/caddy_upstreams.py): then it says so."""


def knock(hostname: str, port: int, address: str, path: str = "/", timeout_s: float = PATIENCE_S) -> Answer:
    """What `meet` was answered."""
    return meet(hostname, port, address, path, timeout_s).answer


def meet_all(doors: Sequence[tuple[str, int, str, str]]) -> list[Met]:
    """`meet` with each of them, at once."""
    with ThreadPoolExecutor(max(1, min(len(doors), AT_ONCE))) as pool:
        return list(pool.map(lambda door: meet(*door), doors))


def meet(hostname: str, port: int, address: str, path: str = "/", timeout_s: float = PATIENCE_S) -> Met:
    """GET `path` at `address`:`port` as `hostname`. Who signed the certificate does not matter here: it is our own
    machine."""
    shown = ""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    connection = http.client.HTTPSConnection(hostname, port, timeout=timeout_s, context=context)
    try:
        plain = socket.create_connection((address, port), timeout_s)
        connection.sock = wrapped = context.wrap_socket(plain, server_hostname=hostname)
        shown = ssl.DER_cert_to_PEM_cert(wrapped.getpeercert(True) or b"")
        connection.request(
            "GET",
            path,
            headers={
                "Host": hostname if port == 443 else f"{hostname}:{port}",
                "User-Agent": "infrakit",
                "Accept": "text/html",
            },
        )
        answer = connection.getresponse()
        return Met(Answer(answer.status, answer.getheader("Location") or "", ""), shown)
    except (OSError, http.client.HTTPException) as error:
        return Met(Answer(0, "", str(error).lower() or type(error).__name__.lower()), shown)
    finally:
        connection.close()


def refuses(address: str, port: int, timeout_s: float = 3) -> bool:
    """Whether it is said that nobody listens there. Silence says nothing: a firewall may be between."""
    try:
        socket.create_connection((address, port), timeout_s).close()
    except TimeoutError:
        return False
    except OSError:
        return True
    return False


def knock_at_fleet(doors: Sequence[tuple[str, str]], folder: str) -> list[str]:
    """_met() for each of several (host, host:port), at once: those that are silent cost as long as one."""
    with ThreadPoolExecutor(max(1, min(len(doors), AT_ONCE))) as pool:
        return list(pool.map(lambda door: _met(door[0], door[1], folder), doors))


def _met(host: str, dial: str, folder: str, timeout_s: float = PATIENCE_S) -> str:
    """Meet another host's Caddy, `dial` as host:port, by the certificates in `folder`, as our own does; what is wrong,
    "" where each believes the other. No door is named, so it hangs up then."""
    address, _, port = dial.rpartition(":")
    try:
        context = ssl.create_default_context(cafile=f"{folder}/fleet_ca")
        context.load_cert_chain(f"{folder}/fleet_certificate", f"{folder}/fleet_key")
        name = f"{host}.{DOMAIN}"
        with (
            socket.create_connection((address.strip("[]"), int(port)), timeout_s) as plain,
            context.wrap_socket(plain, server_hostname=name) as wrapped,
        ):
            wrapped.sendall(f"HEAD / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
            with suppress(ConnectionResetError):
                wrapped.recv(16)  # TLS 1.3 says here, if at all, that it does not believe us
            return ""
    except ssl.SSLError:
        return f"is of another fleet; mend it: sudo infrakit secrets export --for {host}"
    except OSError as error:
        return f"does not answer at {dial}: {str(error).lower()}"
