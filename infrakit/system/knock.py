"""One request at a door of this machine, as a stranger from outside would make it: by its name, over TLS, with no
cookie."""

import http.client
import socket
import ssl
from typing import NamedTuple


class Answer(NamedTuple):
    """status 0 where there was none; then `problem` says why. `location` is where it sends the stranger."""

    status: int
    location: str
    problem: str


def knock(hostname: str, port: int, address: str, path: str = "/", timeout_s: float = 10) -> Answer:
    """GET `path` at `address`:`port` as `hostname`. Who signed the certificate does not matter here: it is our own
    machine."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    connection = http.client.HTTPSConnection(hostname, port, timeout=timeout_s, context=context)
    try:
        plain = socket.create_connection((address, port), timeout_s)
        connection.sock = context.wrap_socket(plain, server_hostname=hostname)
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
        return Answer(answer.status, answer.getheader("Location") or "", "")
    except (OSError, http.client.HTTPException) as error:
        return Answer(0, "", str(error).lower() or type(error).__name__.lower())
    finally:
        connection.close()
