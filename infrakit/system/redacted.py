"""Text that is to be shown -> the same without the secrets of this machine, however they are written in it.

The values are read here and stay here. What looks like a secret of somebody else's goes, too.
"""

import json
import os
import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from urllib.parse import quote, quote_plus

SHORTEST = 4
"""A shorter value would take half of the text with it, and is none that protects anything."""
GONE = "[secret]"
PUBLIC = "certificate|authorities|_ca$"
LOOKS_LIKE_ONE = re.compile(
    r"((?:pass(?:word|wd|phrase)?|secret|token|api[_-]?key|authorization|cookie)[\w-]*[\"']?\s*[:=/]\s*[\"']?"
    r"(?:bearer |basic )?)(?!\[secret\])[^\s\"',;&/]{4,}|(://[^/@\s:\"]*:)[^/@\s\"]+(?=@)",
    re.I,
)


def cleaner(hosts: str) -> Callable[[str], str]:
    """For the secrets of all hosts below a folder, as system/secrets.py keeps them."""
    forms = sorted({form for value in _values(hosts) for form in _forms(value)}, key=len, reverse=True)
    ours = re.compile("|".join(map(re.escape, forms))) if forms else None

    def clean(text: str) -> str:
        text = ours.sub(GONE, text) if ours else text
        return LOOKS_LIKE_ONE.sub(lambda found: f"{found[1] or found[2]}{GONE}", text)

    return clean


def _values(hosts: str) -> Iterator[bytes]:
    for folder, _, names in os.walk(hosts):
        for name in names:
            # What has a dot before it is put together from the others.
            if os.path.basename(folder) != "secrets" or name.startswith(".") or re.search(PUBLIC, name):
                continue
            try:
                with open(os.path.join(folder, name), "rb") as file:
                    content = file.read(1 << 16)
            except OSError:
                continue
            yield content
            yield from (line for line in content.splitlines() if len(line) >= 2 * SHORTEST)


def _forms(value: bytes) -> Iterator[str]:
    """A value as it is, and as URLs, JSON and base64 have it."""
    text = value.decode("utf-8", "replace").strip()
    if len(text) < SHORTEST or "-----" in text and "\n" not in text:
        return
    whole, plain = json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]
    yield from (text, quote(text, safe=""), quote_plus(text), quote(text), whole, plain)
    yield from (text.replace("'", "''"), text.replace("$", "$$"), plain.replace("$", "$$"))
    for shift in range(3):
        # The first and the last letters depend on what stands around.
        coded = b64encode(b"\0" * shift + text.encode()).decode().rstrip("=")
        inner = coded[(0, 2, 3)[shift] : -1]
        if len(inner) >= 8:
            yield inner
