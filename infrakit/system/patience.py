"""A failure's words -> what it means, whether to try again, and when: for everything that is fetched from a registry of
images.

Knows neither Docker nor HTTP: what went wrong comes in as a line of text, and nothing here waits.
"""

import random
import re
import time
from typing import NamedTuple

from infrakit.errors import MachineUnfit, printable

ATTEMPTS = 6
FIRST_PAUSE_S = 2.0
LONGEST_PAUSE_S = 90.0
LONGEST_ASKED_S = 300.0
"""A registry that asks for more patience than this gets none: someone has to know."""
STALL_S = 120.0
LONGEST_S = 6 * 3600.0
"""One image, all attempts: a stream that never falls silent, and never ends, ends here."""
ALWAYS = 1_000_000


class NoSuchImage(MachineUnfit):
    """The registry answers, and has not this image for us: asking it for another one is not in vain."""


class Cause(NamedTuple):
    """A failure by its words: how often an order may meet it before that is the end, what it means, and what to do."""

    pattern: str
    meetings: int
    what: str
    remedy: str
    error: type[MachineUnfit] = MachineUnfit


# Ordered: the first that fits. What the registry may say in passing (an HTML page, a rate limit) stands before what it
# says for good.
CAUSES = (
    Cause(
        r"toomanyrequests|too many requests|pull rate limit",
        ALWAYS,
        "the registry lets us fetch no more for now",
        "wait, or where an account raises the limit: {login}",
    ),
    Cause(
        r"\b5\d\d (response|internal|not impl|bad|service|gateway|http|web|connection|a timeout)|http status: 5\d\d",
        ALWAYS,
        "the registry is in trouble",
        "run again later",
    ),
    Cause(
        r"no space left|disk quota exceeded",
        1,
        "the disk is full",
        "free some space, for instance: sudo docker image prune",
    ),
    Cause(r"read-only file system", 1, "the disk is read-only", "is it damaged? see: dmesg; then mount it for writing"),
    Cause(
        (
            r"no matching manifest|no match for platform|(does not match|does not provide) the specified "
            r"platform|cannot be used on this platform"
        ),
        1,
        "it is not made for this processor",
        "name another image, or another tag: services.NAME.image",
    ),
    Cause(
        r"server gave http response to https client",
        1,
        "the registry speaks plain HTTP",
        'where the way to it is safe, add {registry} to "insecure-registries" in /etc/docker/daemon.json',
    ),
    Cause(
        r"x509:|certificate",
        1,
        "the registry's certificate is not believed",
        "is the clock right? see: timedatectl; an authority of your own goes to /etc/docker/certs.d/{registry}/ca.crt",
    ),
    Cause(
        r"credentials store error",
        1,
        "Docker's store of passwords does not answer",
        'see "credsStore" in the config.json that docker login wrote',
    ),
    Cause(
        (
            r"(layer|config|manifest) verification failed|digest mismatch|unexpected (commit )?digest|failed size "
            r"validation|not match digest"
        ),
        2,
        "what came is not what its digest says",
        "is a proxy in between? else the registry holds a damaged copy: try again later",
    ),
    Cause(
        r"manifest unknown|manifest for .*not found",
        1,
        "there is no such image",
        "is its name right, and its tag?",
        NoSuchImage,
    ),
    Cause(
        r"docker-credential-\S+, which is not run",
        1,
        "the registry wants to know who asks",
        'take "credsStore" and "credHelpers" out of that file, then log in: {login}',
    ),
    Cause(
        (
            r"unauthorized|unauthenticated|authentication required|no basic auth|(?<!permission "
            r")denied|forbidden|insufficient_scope"
        ),
        1,
        "the registry has no such image, or wants to know who asks",
        "is its name right? then log in and run again: {login}",
        NoSuchImage,
    ),
    Cause(
        r"no such host|server misbehaving|name resolution|lookup .*(timeout|refused)",
        ALWAYS,
        "its registry's name is not resolved",
        "does DNS work here? try: getent hosts {registry}",
    ),
    Cause(
        r"not found|does not exist|name unknown|name invalid|invalid reference|repository name|reference format",
        1,
        "there is no such image",
        "is its name right, and its tag?",
        NoSuchImage,
    ),
    Cause(r"not a manifest", 2, "what answers there is no registry", "is a proxy or a login page in between?"),
    Cause(r"answers \d\d\d", 1, "the registry refuses", "is its name right, and is it a registry?"),
    Cause(
        r"schema ?1|schema version 1|manifest\.v1",
        1,
        "it is of a format that Docker no longer reads",
        "name a newer tag: services.NAME.image",
    ),
    Cause(
        r"nothing came for",
        ALWAYS,
        "it stalls",
        "is the network up, and the registry? run again to go on where it stopped",
    ),
    Cause(r"", ALWAYS, "it breaks off", "is the network up, and the registry? run again to go on where it stopped"),
)
# ghcr.io: "toomanyrequests: retry-after: 1m2.5s, allowed: 44000/minute"; a plain number is seconds (RFC 9110, 10.2.3).
RETRY_AFTER = re.compile(r"retry[- ]after\W*((?:\d+(?:\.\d+)?(?:h|ms|m|s|µs|us|ns)?)+)", re.IGNORECASE)
UNITS_S = {"h": 3600.0, "m": 60.0, "s": 1.0, "": 1.0, "ms": 1e-3, "µs": 1e-6, "us": 1e-6, "ns": 1e-9}


class Patience:
    """How often, how long, and for what one image is tried again. `end` as time.monotonic() counts; `login`: whose
    login counts."""

    def __init__(self, reference: str, attempts: int, end: float, login: str = "sudo docker login") -> None:
        self.reference, self.attempts, self.end, self._login = reference, attempts, end, login
        self._tried = 0
        self._met: dict[str, int] = {}

    def cause(self, said: str) -> Cause:
        """Judged without names and addresses, which may hold any word."""
        text = re.sub(r'https?://[^\s"]+', "", said)
        for name in (self.reference, self.reference.partition("@")[0].rpartition(":")[0]):
            text = text.replace(name, "") if name else text
        return next(cause for cause in CAUSES if re.search(cause.pattern, text, re.IGNORECASE))

    def pause_s(self, said: str) -> float:
        """How long to wait after this failure. Raises MachineUnfit where that was the last attempt."""
        cause, asked_s = self.cause(said), asked_pause_s(said)
        self._tried += 1
        met = self._met[cause.pattern] = self._met.get(cause.pattern, 0) + 1
        pause = asked_s + random.random() if asked_s >= 1 else backoff_s(self._tried)
        if (
            met < cause.meetings
            and self._tried < self.attempts
            and asked_s <= LONGEST_ASKED_S
            and time.monotonic() + pause < self.end
        ):
            return pause
        registry = registry_of(self.reference)
        remedy = cause.remedy.format(
            registry=registry, login=self._login if registry == "docker.io" else f"{self._login} {registry}"
        )
        if asked_s > LONGEST_ASKED_S:
            remedy = f"{remedy}; it asks for {asked_s / 60:.0f} minutes"
        tried = f" after {self._tried} attempts" if self._tried > 1 else ""
        raise cause.error(f"{cause.what}{tried}: {one_line(said)}", remedy)

    def unreachable_pause_s(self) -> float | None:
        """The same for a failure that has no words of a registry's; None where that was the last attempt."""
        self._tried += 1
        return backoff_s(self._tried) if self._tried < self.attempts else None

    def renew(self) -> None:
        """It went on in the meantime: attempts count from here."""
        self._tried = 0
        self._met.clear()


def registry_of(reference: str) -> str:
    """The host in an image's name, docker.io where it names none (distribution's reference grammar)."""
    first, slash, _ = reference.partition("/")
    return first if slash and ("." in first or ":" in first or first == "localhost") else "docker.io"


def asked_pause_s(said: str) -> float:
    """The Retry-After that an error's text carries, as seconds or as Go writes durations; 0 where it carries none."""
    asked = RETRY_AFTER.search(said)
    if not asked:
        return 0.0
    return sum(
        float(number) * UNITS_S[unit.lower()]
        for number, unit in re.findall(r"(\d+(?:\.\d+)?)(h|ms|m|s|µs|us|ns|)", asked[1], re.IGNORECASE)
    )


def one_line(said: str, most: int = 200) -> str:
    """An engine's words for a person: one line, printable, and no secret: no query of a signed URL, no user in a URL,
    no token."""
    text = " ".join(said.split())
    text = re.sub(r"\?[^\s\"'<>]+=[^\s\"'<>]*", "", text)
    text = re.sub(r"//[^/\s@\"']+@", "//", text)
    text = re.sub(
        r"\b(bearer|basic|token|password|secret|identitytoken)([\"':= ]+)[A-Za-z0-9._~+/=-]{16,}",
        r"\1\2***",
        text,
        flags=re.IGNORECASE,
    )
    text = printable(text)
    if len(text) <= most:
        return text
    half = (most - 5) // 2  # the cause stands last in what programs in Go say
    return f"{text[:half]} ... {text[-half:]}"


def backoff_s(attempt: int) -> float:
    """Twice as long each time, and never for all machines at the same moment."""
    return min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** (attempt - 1)) * (0.75 + random.random() / 2)
