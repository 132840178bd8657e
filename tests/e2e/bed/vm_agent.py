"""In a virtual machine: runs what comes over the wire, one command a connection. The bed alone reaches it.

There: a line of JSON {"command", "user", "feed"}, then as many bytes as `feed` says. Back: a line of JSON [code, out,
err].
"""

import json
import socketserver
import subprocess


class Agent(socketserver.StreamRequestHandler):
    """One command."""

    def handle(self) -> None:
        line = self.rfile.readline()
        if not line:
            return
        asked = json.loads(line)
        done = subprocess.run(
            ["/bin/sh", "-c", asked["command"]],
            input=self.rfile.read(asked["feed"]),
            capture_output=True,
            user=asked["user"],
            cwd="/",
        )
        self.wfile.write(
            json.dumps(
                [done.returncode, *(text.decode("utf-8", "replace") for text in (done.stdout, done.stderr))]
            ).encode()
            + b"\n"
        )


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


Server(("", 7007), Agent).serve_forever()
