"""Fetching one image: by the engine, which keeps what it has; again where that may help; in bounded time; in words where it cannot.

Knows no Docker but its words: the engine's stream comes in as values (system/engine.py), and what went wrong in it as a line too.
"""

import random
import re
import time
from contextlib import closing
from typing import Any, Callable, Iterator, Mapping, NamedTuple

from infrakit.errors import InfraKitError, MachineUnfit, printable

ATTEMPTS = 6
FIRST_PAUSE_S = 2.0
LONGEST_PAUSE_S = 90.0
LONGEST_ASKED_S = 300.0
"""A registry that asks for more patience than this gets none: someone has to know."""
STALL_S = 120.0
LONGEST_S = 6 * 3600.0
"""One image, all attempts: a stream that never falls silent, and never ends, ends here."""
PLATFORMS = {"amd64": "linux/amd64", "arm64": "linux/arm64", "armhf": "linux/arm/v7", "armv6": "linux/arm/v6"}
PROCESSORS = {"amd64": "amd64", "arm64": "arm64", "armhf": "arm", "armv6": "arm"}
"""dpkg's word -> the platform to ask for, and the architecture that an image then has."""
ALWAYS = 1_000_000

Progress = Callable[[int, int, str], None]
Lines = Callable[[str, str, float], Iterator[Mapping[str, Any]]]


class Order(NamedTuple):
    """What to fetch, for which processor (dpkg's word, or ""), how often to try, and how long a silence may be."""

    reference: str
    architecture: str = ""
    attempts: int = ATTEMPTS
    stall_s: float = STALL_S


class Cause(NamedTuple):
    """A failure by its words: how often an order may meet it before that is the end, what it means, and what to do."""

    pattern: str
    meetings: int
    what: str
    remedy: str


# Ordered: the first that fits. What the registry may say in passing (an HTML page, a rate limit) stands before what it says for good.
CAUSES = (
    Cause(
        r"toomanyrequests|too many requests|pull rate limit", ALWAYS,
        "the registry lets us fetch no more for now", "wait, or where an account raises the limit: {login}",
    ),
    Cause(
        r"\b5\d\d (response|internal|not impl|bad|service|gateway|http|web|connection|a timeout)|http status: 5\d\d", ALWAYS,
        "the registry is in trouble", "run again later",
    ),
    Cause(r"no space left|disk quota exceeded", 1, "the disk is full", "free some space, for instance: sudo docker image prune"),
    Cause(r"read-only file system", 1, "the disk is read-only", "is it damaged? see: dmesg; then mount it for writing"),
    Cause(
        r"no matching manifest|no match for platform|(does not match|does not provide) the specified platform|cannot be used on this platform", 1,
        "it is not made for this processor", "name another image, or another tag: services.NAME.image",
    ),
    Cause(
        r"server gave http response to https client", 1, "the registry speaks plain HTTP",
        'where the way to it is safe, add {registry} to "insecure-registries" in /etc/docker/daemon.json',
    ),
    Cause(
        r"x509:|certificate", 1, "the registry's certificate is not believed",
        "is the clock right? see: timedatectl; an authority of your own goes to /etc/docker/certs.d/{registry}/ca.crt",
    ),
    Cause(
        r"credentials store error", 1, "Docker's store of passwords does not answer",
        'see "credsStore" in the config.json that docker login wrote',
    ),
    Cause(
        r"filesystem layer verification failed|digest mismatch|unexpected (commit )?digest|failed size validation|not match digest|manifest verification failed", 2,
        "what came is not what its digest says", "is a proxy in between? else the registry holds a damaged copy: try again later",
    ),
    Cause(r"manifest unknown|manifest for .*not found", 1, "there is no such image", "is its name right, and its tag?"),
    Cause(
        r"unauthorized|unauthenticated|authentication required|no basic auth|(?<!permission )denied|forbidden|insufficient_scope", 1,
        "the registry has no such image, or wants to know who asks", "is its name right? then log in and run again: {login}",
    ),
    Cause(
        r"no such host|server misbehaving|name resolution|lookup .*(timeout|refused)", ALWAYS,
        "its registry's name is not resolved", "does DNS work here? try: getent hosts {registry}",
    ),
    Cause(
        r"not found|does not exist|name unknown|name invalid|invalid reference|repository name|reference format", 1,
        "there is no such image", "is its name right, and its tag?",
    ),
    Cause(r"schema ?1|schema version 1|manifest\.v1", 1, "it is of a format that Docker no longer reads", "name a newer tag: services.NAME.image"),
    Cause(r"nothing came for", ALWAYS, "it stalls", "is the network up, and the registry? run again to go on where it stopped"),
    Cause(r"", ALWAYS, "it breaks off", "is the network up, and the registry? run again to go on where it stopped"),
)
# ghcr.io: "toomanyrequests: retry-after: 1m2.5s, allowed: 44000/minute"; a plain number is seconds (RFC 9110, 10.2.3).
RETRY_AFTER = re.compile(r"retry[- ]after\W*((?:\d+(?:\.\d+)?(?:h|ms|m|s|µs|us|ns)?)+)", re.IGNORECASE)
UNITS_S = {"h": 3600.0, "m": 60.0, "s": 1.0, "": 1.0, "ms": 1e-3, "µs": 1e-6, "us": 1e-6, "ns": 1e-9}


class Layer(NamedTuple):
    """Bytes that are there, bytes in all (0: not known), and whether it is unpacked."""

    part: int = 0
    whole: int = 0
    ready: bool = False


class Fetcher:
    """One image's way onto the machine.

    `lines(reference, platform, silence_s)` is what the engine says while it pulls; `found(reference)` the architecture of what it has.
    """

    def __init__(
        self, order: Order, lines: Lines, found: Callable[[str], str], progress: Progress, wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._order, self._lines, self._found, self._progress, self._wait = order, lines, found, progress, wait
        self._layers: dict[str, Layer] = {}
        self._met: dict[str, int] = {}
        self._end = time.monotonic() + LONGEST_S

    def fetch(self) -> None:
        """Raises MachineUnfit, naming the image, what happened, and what to do; DockerUnreachable where the engine itself went away."""
        for attempt in range(1, self._order.attempts + 1):
            try:
                said = self._attempt()
                if not said:
                    return
                pause = self._pause_s(said, attempt)
                reason = self._cause(said).what
            except MachineUnfit:
                raise
            except InfraKitError as error:  # it may be starting again: an update of its own, or a crash
                if attempt == self._order.attempts:
                    raise
                pause, reason = _backoff_s(attempt), error.message
            self._tell(f"{reason}; again in {pause:.0f} s")
            self._wait(pause)

    def _attempt(self) -> str:
        """What went wrong, "" where nothing did."""
        order = self._order
        platform = PLATFORMS.get(order.architecture, f"linux/{order.architecture}") if order.architecture else ""
        with closing(self._lines(order.reference, platform, order.stall_s)) as lines:  # type: ignore[type-var]
            for line in lines:
                if "error" in line:
                    return str(line["error"]) or "no reason given"
                if time.monotonic() > self._end:
                    raise MachineUnfit(f"{order.reference}: not there after {LONGEST_S / 3600:.0f} hours", "run again to go on where it stopped")
                self._count(line)
        # An image for one processor alone comes as it is, whatever was asked for; and a stream may end without a word.
        found = self._found(order.reference)
        wanted = platform.split("/")[1] if platform else found
        if found and found != wanted:
            return f"no match for platform: it is made for {found}, not for {wanted}"
        return "" if found else "the engine's answer broke off"

    def _cause(self, said: str) -> Cause:
        """Judged without names and addresses, which may hold any word."""
        text = re.sub(r'https?://[^\s"]+', "", said)
        for name in (self._order.reference, self._order.reference.partition("@")[0].rpartition(":")[0]):
            text = text.replace(name, "") if name else text
        return next(cause for cause in CAUSES if re.search(cause.pattern, text, re.IGNORECASE))

    def _pause_s(self, said: str, attempt: int) -> float:
        """How long to wait before the next attempt. Raises MachineUnfit where there is to be none."""
        order, cause, asked_s = self._order, self._cause(said), asked_pause_s(said)
        met = self._met[cause.pattern] = self._met.get(cause.pattern, 0) + 1
        pause = asked_s + random.random() if asked_s >= 1 else _backoff_s(attempt)
        if met < cause.meetings and attempt < order.attempts and asked_s <= LONGEST_ASKED_S and time.monotonic() + pause < self._end:
            return pause
        registry = registry_of(order.reference)
        remedy = cause.remedy.format(registry=registry, login="sudo docker login" if registry == "docker.io" else f"sudo docker login {registry}")
        if asked_s > LONGEST_ASKED_S:
            remedy = f"{remedy}; it asks for {asked_s / 60:.0f} minutes"
        tried = f" after {attempt} attempts" if attempt > 1 else ""
        raise MachineUnfit(f"{order.reference}: {cause.what}{tried}: {one_line(said)}", remedy)

    def _count(self, line: Mapping[str, Any]) -> None:
        """Keep what a line says of a layer, and tell it on."""
        name, status, detail = str(line.get("id", "")), str(line.get("status", "")), line.get("progressDetail") or {}
        layer = self._layers.get(name, Layer())
        if status == "Downloading" and detail.get("total"):
            layer = Layer(int(detail.get("current", 0)), int(detail["total"]))
        elif status in ("Pulling fs layer", "Waiting", "Verifying Checksum", "Download complete", "Extracting", "Pull complete", "Already exists"):
            there = status not in ("Pulling fs layer", "Waiting")
            layer = Layer(layer.whole if there else layer.part, layer.whole, status in ("Pull complete", "Already exists"))
        elif status.startswith("Retrying in") and name in self._layers:
            return self._tell(f"{status[0].lower()}{status[1:]}")
        else:
            return None
        self._layers[name] = layer
        ready = sum(1 for item in self._layers.values() if item.ready)
        self._tell(f"{ready} of {len(self._layers)} layers")

    def _tell(self, text: str) -> None:
        layers = self._layers.values()
        self._progress(sum(item.part for item in layers), sum(item.whole for item in layers), text)


def registry_of(reference: str) -> str:
    """The host in an image's name, docker.io where it names none (distribution's reference grammar)."""
    first, slash, _ = reference.partition("/")
    return first if slash and ("." in first or ":" in first or first == "localhost") else "docker.io"


def asked_pause_s(said: str) -> float:
    """The Retry-After that an error's text carries, as seconds or as Go writes durations; 0 where it carries none."""
    asked = RETRY_AFTER.search(said)
    if not asked:
        return 0.0
    return sum(float(number) * UNITS_S[unit.lower()] for number, unit in re.findall(r"(\d+(?:\.\d+)?)(h|ms|m|s|µs|us|ns|)", asked[1], re.IGNORECASE))


def one_line(said: str, most: int = 200) -> str:
    """An engine's words for a person: one line, printable, and no secret: no query of a signed URL, no user in a URL, no token."""
    text = " ".join(said.split())
    text = re.sub(r"\?[^\s\"'<>]+=[^\s\"'<>]*", "", text)
    text = re.sub(r"//[^/\s@\"']+@", "//", text)
    text = re.sub(r"\b(bearer|basic|token|password|secret|identitytoken)([\"':= ]+)[A-Za-z0-9._~+/=-]{16,}", r"\1\2***", text, flags=re.IGNORECASE)
    text = printable(text)
    return text if len(text) <= most else f"{text[: most - 3]}..."


def _backoff_s(attempt: int) -> float:
    """Twice as long each time, and never for all machines at the same moment."""
    return min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** (attempt - 1)) * (0.75 + random.random() / 2)
