"""On a host: ask a door fifty times a second, by a connection of its own each time, until a file is there.

load.py NAME FILE SECONDS prints one JSON object: `asked`, how many; `failed`, whatever was no page; `longest`, in
seconds; `late`, how many were no page after SECONDS only, which is as long as the door waits for who starts.
"""

import http.client
import json
import os
import socket
import ssl
import sys
import threading
import time

EVERY_S = 0.02
PATIENCE_S = 180
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE


def ask(name: str) -> str:
    """What was wrong."""
    try:
        connection = http.client.HTTPSConnection(name, timeout=PATIENCE_S)
        connection.sock = context.wrap_socket(
            socket.create_connection(("127.0.0.1", 443), PATIENCE_S), server_hostname=name
        )
        connection.request("GET", "/")
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return "" if answer.status == 200 else str(answer.status)
    except (OSError, http.client.HTTPException) as error:
        return f"{type(error).__name__} {error}"


def main(name: str, end: str, patience_s: str) -> None:
    took: list[tuple[float, str]] = []

    def visit() -> None:
        began = time.monotonic()
        wrong = ask(name)
        took.append((time.monotonic() - began, wrong))

    visitors = []
    while not os.path.exists(end):
        visitors.append(threading.Thread(target=visit))
        visitors[-1].start()
        time.sleep(EVERY_S)
    for visitor in visitors:
        visitor.join()
    late = sum(bool(wrong) and seconds >= float(patience_s) for seconds, wrong in took)
    failed = [wrong for seconds, wrong in took if wrong and seconds < float(patience_s)]
    longest = round(max(seconds for seconds, _ in took), 1)
    print(json.dumps({"asked": len(took), "failed": failed, "late": late, "longest": longest}))


main(*sys.argv[1:])
