"""On a host: http://127.0.0.1:5001, which passes on what the bed's registry says, and fails as the file /run/fault
tells it.

/run/fault holds `kind times word`: that many answers, of those whose path holds the word, go wrong. A kind that is a
status may say after how many seconds to ask again: `429:30`.
"""

import http.client
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

BEHIND = "registry.bed:5000"
TLS = ssl.create_default_context(cafile=f"/etc/docker/certs.d/{BEHIND}/ca.crt")
FAULT = Path("/run/fault")
KEPT = {"content-type", "docker-content-digest", "docker-distribution-api-version", "etag"}
lock = threading.Lock()


def fault_of(path: str) -> str:
    """The kind of fault that this answer gets; each is counted."""
    with lock:
        if not FAULT.exists():
            return ""
        kind, times, word = FAULT.read_text().split()
        if word not in path or times == "0":
            return ""
        FAULT.write_text(f"{kind} {int(times) - 1} {word}")
        return kind


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        kind = fault_of(self.path) if self.command == "GET" else ""
        status, _, again_s = kind.partition(":")
        if status.isdigit():
            return self.send(
                int(status),
                b'{"errors": [{"code": "TOOMANYREQUESTS", "message": "toomanyrequests: told so"}]}'
                if status == "429"
                else b"",
                {"Retry-After": again_s or "1"},
            )
        behind = http.client.HTTPSConnection(BEHIND, context=TLS, timeout=60)
        asked = {name: ", ".join(self.headers.get_all(name, [])) for name in ("Accept", "Range")}
        behind.request(self.command, self.path, headers={name: text for name, text in asked.items() if text})
        answer = behind.getresponse()
        headers = {
            name: value
            for name, value in answer.getheaders()
            if name.lower() in KEPT | {"content-range", "content-length"}
        }
        content = answer.read()
        if kind == "forged":
            content = content[:-20] + bytes(20)
        if kind in ("stalled", "truncated"):
            self.begin(answer.status, headers)
            self.wfile.write(content[: len(content) // 2])
            self.wfile.flush()
            if kind == "stalled":
                threading.Event().wait()
            self.close_connection = True
            return None
        return self.send(answer.status, content, headers)

    do_HEAD = do_GET

    def begin(self, code: int, headers: dict[str, str]) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def send(self, code: int, content: bytes, headers: dict[str, str]) -> None:
        whole = {"Content-Length": str(len(content)), **headers} if self.command == "GET" else headers
        self.begin(code, whole)
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, *words: object) -> None:
        """Not needed."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", 5001), Answer).serve_forever()
