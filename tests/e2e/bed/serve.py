"""Runs in the bed's own container: the package archives by plain HTTP at port 80, the registry by HTTPS at port 5000.

Below http://apt.bed/files/ lies what a test puts into PLACE/files; /ready answers with the word that this was started
with.
"""

import subprocess
import sys
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

BED = Path("/bed")
SETTINGS = """version: 0.1
log: {level: warn}
storage: {filesystem: {rootdirectory: /bed/registry}, delete: {enabled: true}}
http: {addr: ":5000", tls: {certificate: /bed/tls/server.crt, key: /bed/tls/server.key}}
"""


class Archives(SimpleHTTPRequestHandler):
    """One folder for each suite, served as if they were one."""

    protocol_version = "HTTP/1.1"

    def translate_path(self, path: str) -> str:
        inner = Path(super().translate_path(path)).relative_to(Path.cwd())
        places = sorted((BED / "archives").iterdir())
        if inner.parts[:1] == ("files",):
            places = [BED]
        return str(next((place / inner for place in places if (place / inner).is_file()), "/nothing"))

    def do_GET(self) -> None:
        if self.path == "/ready":
            self.send_response(200)
            self.send_header("Content-Length", str(len(sys.argv[1])))
            self.end_headers()
            self.wfile.write(sys.argv[1].encode())
        else:
            super().do_GET()


if __name__ == "__main__":
    settings = Path("/tmp/registry.yml")
    settings.write_text(SETTINGS)
    registry = subprocess.Popen([str(BED / "docker-registry"), "serve", str(settings)])
    try:
        ThreadingHTTPServer(("", 80), Archives).serve_forever()
    finally:
        registry.terminate()
        sys.exit(1)
