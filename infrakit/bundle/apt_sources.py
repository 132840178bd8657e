"""What apt is told on this machine -> where a distribution's own packages come from: sources.list(5), both of its
formats."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

ONE_LINE = re.compile(r"^deb[ \t]+(?:\[([^\]]*)\][ \t]+)?(\S+)[ \t]+(\S+)[ \t]+([^#\n]+)", re.MULTILINE)
FIELD = re.compile(r"^([A-Za-z-]+):[ \t]*(.*(?:\n[ \t].*)*)", re.MULTILINE)
COMMENT = re.compile(r"^#.*\n?", re.MULTILINE)


class Entry(NamedTuple):
    """One source: `key` is what Signed-By says, "" for nothing."""

    url: str
    suite: str
    components: tuple[str, ...]
    key: str


def entries(texts: Iterable[str]) -> Iterator[Entry]:
    """`texts`: of sources.list and of files below sources.list.d, in apt's order. What is switched off is left out."""
    for text in texts:
        for options, url, suite, components in ONE_LINE.findall(text):
            said = dict(option.partition("=")[::2] for option in options.split())
            yield Entry(url, suite, tuple(components.split()), said.get("signed-by", ""))
        for paragraph in re.split(r"\n[ \t]*\n", COMMENT.sub("", text)):
            fields = {name.lower(): value.strip() for name, value in FIELD.findall(paragraph)}
            if "deb" in fields.get("types", "").split() and fields.get("enabled", "yes").lower() != "no":
                for url in fields.get("uris", "").split():
                    for suite in fields.get("suites", "").split():
                        yield Entry(
                            url, suite, tuple(fields.get("components", "").split()), fields.get("signed-by", "")
                        )


def places(texts: Iterable[str], codename: str, keyring: str) -> Mapping[str, str]:
    """Suite ("{codename}", "{codename}-updates", ...) -> where it lies, of what the distribution itself signs.
    `codename`: of this machine."""
    found: dict[str, str] = {}
    for entry in entries(texts):
        if (
            codename
            and (entry.suite == codename or entry.suite.startswith(f"{codename}-"))
            and "main" in entry.components
            and entry.key in ("", keyring)
        ):
            found.setdefault("{codename}" + entry.suite.removeprefix(codename), entry.url)
    return found
