"""What a template wants minted: of the kind and length that it says, never the same twice, and tokens that verify."""

import base64
import hashlib
import hmac
import json
import re
import uuid

from infrakit.system.minted import YEARS_S, minted
from infrakit.templates.model import Mark

MARKS = {
    "letters": Mark("password", "letters", 24),
    "coded": Mark("encoded", "coded", 64),
    "digits": Mark("hex", "digits", 16),
    "id": Mark("uuid", "id"),
    "token": Mark("jwt", "token", of="letters", claims='{"role": "anon", "iat": 7}'),
    "other": Mark("jwt", "other", of="nobody", claims="["),
}


def test_each_is_of_its_kind():
    found = minted(MARKS, 1000)
    assert re.fullmatch(rb"[A-Za-z0-9]{24}", found["letters"])
    assert len(base64.b64decode(found["coded"], validate=True)) == 64 and re.fullmatch(
        rb"[0-9a-f]{32}", found["digits"]
    )
    assert uuid.UUID(found["id"].decode()).version == 4
    again = minted(MARKS, 1000)
    assert not [name for name in found if found[name] == again[name]]


def test_a_token_is_signed_with_the_secret_that_it_names():
    found = minted(MARKS, 1000)
    for name, key, said in (
        ("token", "letters", {"role": "anon", "iat": 7, "exp": 1000 + YEARS_S}),
        ("other", "nobody", {"iat": 1000, "exp": 1000 + YEARS_S}),
    ):
        head, body, sign = found[name].split(b".")
        assert json.loads(base64.urlsafe_b64decode(body + b"==")) == said
        assert json.loads(base64.urlsafe_b64decode(head + b"==")) == {"alg": "HS256", "typ": "JWT"}
        wanted = hmac.new(found[key], head + b"." + body, hashlib.sha256).digest()
        assert base64.urlsafe_b64decode(sign + b"==") == wanted
