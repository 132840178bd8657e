"""relay.py ADDRESS PORT: what comes in at standard input goes there, and back. One connection of a virtual machine."""

import os
import socket
import sys
import threading


def pump(read, write, end) -> None:
    try:
        while part := read(1 << 16):
            write(part)
    except OSError:
        pass
    end()


def main(address: str, port: str) -> None:
    there = socket.create_connection((address, int(port)), 30)
    there.settimeout(None)
    here = socket.socket(fileno=os.dup(0))
    threading.Thread(
        target=pump, args=(here.recv, there.sendall, lambda: there.shutdown(socket.SHUT_WR)), daemon=True
    ).start()
    pump(there.recv, here.sendall, lambda: None)


main(*sys.argv[1:])
