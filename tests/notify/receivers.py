"""Receivers of messages on loopback: a server of HTTP that writes down what it is sent and answers as it is told, which
stands in for ntfy and webhooks, and aiosmtpd, a real one of SMTP."""

import json
import ssl
import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from tests.ports import free_port


class Http:
    """`taken`: (path, headers, body) of each request that was answered with 200; `asked`: of all. `answers`: codes for
    the next ones; "hang" hangs up without a word."""

    def __init__(self, context=None):
        self.taken, self.asked, self.answers, self.location = [], [], [], ""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                request = (self.path, dict(self.headers), body)
                outer.asked.append(request)
                code = outer.answers.pop(0) if outer.answers else 200
                if code == "hang":
                    self.close_connection = True
                    return
                if code == 200:
                    outer.taken.append(request)
                self.send_response(code)
                if outer.location:
                    self.send_header("Location", outer.location)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_POST

            def log_message(self, *words):
                pass

        self.port = free_port()
        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"{'https' if context else 'http'}://localhost:{self.port}"

    def bodies(self):
        return [json.loads(body) for _, _, body in self.taken]


@contextmanager
def http(context=None):
    made = Http(context)
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        made.server.server_close()
        thread.join()


class Letters:
    """`taken`: (sender, receivers, content) of each letter; `refused`: receivers that it knows nothing of."""

    def __init__(self):
        self.taken, self.refused = [], ()

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address in self.refused:
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.taken.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
        return "250 OK"


@contextmanager
def smtp(context=None, *, starttls=True, password=b""):
    """Letters, and its port."""
    letters = Letters()

    def authenticate(server, session, envelope, mechanism, data):
        return AuthResult(success=data.password == password, handled=False)

    more = {"authenticator": authenticate, "auth_required": True} if password else {}
    if context and starttls:
        more |= {"tls_context": context, "require_starttls": True}
    elif context:
        more |= {"ssl_context": context}
    if password and not starttls:
        more |= {"auth_require_tls": False}
    controller = Controller(letters, hostname="127.0.0.1", port=free_port(), server_hostname="localhost", **more)
    controller.start()
    try:
        yield letters, controller.port
    finally:
        controller.stop()


def authority(folder):
    """(a context of a server called localhost, the file of who signed its certificate)."""
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    words += ["-addext", "subjectAltName=DNS:localhost", "-keyout", folder / "key.pem", "-out", folder / "own.pem"]
    subprocess.run(words, check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "own.pem", folder / "key.pem")
    return context, folder / "own.pem"
