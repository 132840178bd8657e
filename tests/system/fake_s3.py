"""A stand-in for a server of S3, as far as restic asks one: buckets, objects, ranges, lists, and signatures of version
4, which it holds every request to (AWS, "Authenticating Requests (AWS Signature Version 4)")."""

import hashlib
import hmac
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from xml.sax.saxutils import escape

AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/s3/aws4_request, ?SignedHeaders=([^,]+), ?Signature=(\w{64})"
)
CHUNK = re.compile(rb"([0-9a-f]+);chunk-signature=\w{64}\r\n")


class Store(ThreadingHTTPServer):
    """`keys`: ID -> secret; `buckets`: name -> key -> content."""

    daemon_threads = True

    def __init__(self, keys: dict[str, str]) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.keys = keys
        self.buckets: dict[str, dict[str, bytes]] = {}
        self.refused = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_port}"


class Answers(BaseHTTPRequestHandler):
    server: Store
    protocol_version = "HTTP/1.1"

    def log_message(self, *words: object) -> None:
        pass

    def _answer(self, code: int, content: bytes = b"", **headers: str) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _error(self, status: int, code: str) -> None:
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{code}</Message></Error>"
        self._answer(status, body.encode(), Content_Type="application/xml")

    def _wrong(self) -> str:
        """Why it is not let in, "" where it is."""
        found = AUTHORIZATION.match(self.headers.get("Authorization", ""))
        if not found:
            return "AccessDenied"
        identity, day, region, names, signature = found.groups()
        if identity not in self.server.keys:
            return "InvalidAccessKeyId"
        parts = urlsplit(self.path)
        pairs = sorted(parse_qsl(parts.query, keep_blank_values=True))
        query = "&".join(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in pairs)
        lines = [f"{name}:{' '.join(self.headers.get(name, '').split())}" for name in names.split(";")]
        digest = self.headers.get("x-amz-content-sha256", "")
        request = "\n".join((self.command, parts.path, query, *lines, "", names, digest))
        scope = f"{day}/{region}/s3/aws4_request"
        hashed = hashlib.sha256(request.encode()).hexdigest()
        text = "\n".join(("AWS4-HMAC-SHA256", self.headers["x-amz-date"], scope, hashed))
        key = f"AWS4{self.server.keys[identity]}".encode()
        for word in (day, region, "s3", "aws4_request"):
            key = hmac.new(key, word.encode(), hashlib.sha256).digest()
        right = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        return "" if hmac.compare_digest(right, signature) else "SignatureDoesNotMatch"

    def _body(self) -> bytes:
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if "aws-chunked" not in self.headers.get("Content-Encoding", "") and not CHUNK.match(content):
            return content
        found, at = b"", 0
        while chunk := CHUNK.match(content, at):
            size = int(chunk[1], 16)
            found += content[chunk.end() : chunk.end() + size]
            at = chunk.end() + size + 2
        return found

    def _handled(self) -> None:
        body, wrong = self._body(), self._wrong()
        if wrong:
            self.server.refused += 1
            self._error(403, wrong)
            return
        parts = urlsplit(self.path)
        bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        there = self.server.buckets.get(bucket)
        if not key and self.command == "PUT":
            self.server.buckets.setdefault(bucket, {})
            self._answer(200)
        elif there is None:
            self._error(404, "NoSuchBucket")
        elif not key and "location" in query:
            self._answer(200, b"<?xml version='1.0'?><LocationConstraint></LocationConstraint>")
        elif not key and self.command == "GET":
            self._answer(200, _listed(bucket, there, query), Content_Type="application/xml")
        elif not key:
            self._answer(200)
        elif self.command == "PUT":
            there[key] = body
            self._answer(200, ETag=f'"{hashlib.md5(body).hexdigest()}"')
        elif self.command == "DELETE":
            there.pop(key, None)
            self._answer(204)
        elif key not in there:
            self._error(404, "NoSuchKey")
        else:
            self._object(there[key])

    def _object(self, content: bytes) -> None:
        about = {"ETag": f'"{hashlib.md5(content).hexdigest()}"', "Last_Modified": "Mon, 30 Nov 2026 00:00:00 GMT"}
        part = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if part:
            first, last = int(part[1]), min(int(part[2] or len(content)), len(content) - 1)
            about["Content_Range"] = f"bytes {first}-{last}/{len(content)}"
            content = content[first : last + 1]
        self._answer(206 if part else 200, content, Content_Length=str(len(content)), **about)

    do_GET = do_HEAD = do_PUT = do_DELETE = do_POST = _handled


def _listed(bucket: str, there: dict[str, bytes], query: dict[str, str]) -> bytes:
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    items, folders = [], set()
    for key, content in sorted(there.items()):
        rest = key.removeprefix(prefix)
        if not key.startswith(prefix):
            continue
        if delimiter and delimiter in rest:
            folders.add(prefix + rest.partition(delimiter)[0] + delimiter)
            continue
        items.append(
            f"<Contents><Key>{escape(key)}</Key><LastModified>2026-11-30T00:00:00.000Z</LastModified>"
            f'<ETag>"x"</ETag><Size>{len(content)}</Size><StorageClass>STANDARD</StorageClass></Contents>'
        )
    common = "".join(f"<CommonPrefixes><Prefix>{escape(item)}</Prefix></CommonPrefixes>" for item in sorted(folders))
    return (
        f"<?xml version='1.0'?><ListBucketResult><Name>{bucket}</Name><Prefix>{escape(prefix)}</Prefix>"
        f"<KeyCount>{len(items)}</KeyCount><MaxKeys>100000</MaxKeys><IsTruncated>false</IsTruncated>"
        f"{''.join(items)}{common}</ListBucketResult>"
    ).encode()


@contextmanager
def store(**keys: str) -> Iterator[Store]:
    """A server that knows these: ID -> secret."""
    made = Store(keys)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    try:
        yield made
    finally:
        made.shutdown()
        made.server_close()
