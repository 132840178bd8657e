"""What a template wants minted -> values: letters and digits, random bytes as text, signed tokens."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping

from infrakit.system.secrets import fresh, password
from infrakit.templates.model import Mark

YEARS_S = 10 * 365 * 86_400


def minted(marks: Mapping[str, Mark], now_s: int, given: Mapping[str, bytes] = {}) -> dict[str, bytes]:
    """Secret -> value; a token is signed with the secret that it names, which is minted too where nobody else asks for
    it. `given`: values of those that a person has."""
    found = dict(given)
    for name, mark in marks.items():
        if not mark.of and name not in found:
            found[name] = _plain(mark)
    for name, mark in marks.items():
        if mark.of:
            found[name] = _token(found.setdefault(mark.of, password(40)), mark.claims, now_s)
    return found


def _plain(mark: Mark) -> bytes:
    return fresh({"encoded": "base64"}.get(mark.kind, mark.kind), max(mark.length, 1))


def _token(key: bytes, claims: str, now_s: int) -> bytes:
    """A JSON Web Token, HMAC with SHA-256 (RFC 7519, RFC 7515 section 3)."""
    try:
        said = json.loads(claims or "{}")
    except (ValueError, RecursionError):
        said = {}
    body = {"iat": now_s, "exp": now_s + YEARS_S, **(said if isinstance(said, dict) else {})}
    parts = [
        _encoded(json.dumps(part, separators=(",", ":")).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, body)
    ]
    signed = b".".join(parts)
    return signed + b"." + _encoded(hmac.new(key, signed, hashlib.sha256).digest())


def _encoded(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")
