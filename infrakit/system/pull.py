"""Fetching one image: by the engine, which keeps what it has; again where that may help; in bounded time; in words
where it cannot.

Knows no Docker but its words: the engine's stream comes in as values (system/engine.py), and what went wrong in it as a
line too.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import Any, NamedTuple

from infrakit.errors import InfraKitError, MachineUnfit
from infrakit.system.patience import ATTEMPTS, LONGEST_S, STALL_S, Patience

PLATFORMS = {"amd64": "linux/amd64", "arm64": "linux/arm64", "armhf": "linux/arm/v7", "armv6": "linux/arm/v6"}
"""dpkg's word -> the platform to ask for."""

Progress = Callable[[int, int, str], None]
Lines = Callable[[str, str, float], Iterator[Mapping[str, Any]]]


class Order(NamedTuple):
    """What to fetch, for which processor (dpkg's word, or ""), how often to try, and how long a silence may be."""

    reference: str
    architecture: str = ""
    attempts: int = ATTEMPTS
    stall_s: float = STALL_S


class Layer(NamedTuple):
    """Bytes that are there, bytes in all (0: not known), and whether it is unpacked."""

    part: int = 0
    whole: int = 0
    ready: bool = False


class Fetcher:
    """One image's way onto the machine.

    `lines(reference, platform, silence_s)` is what the engine says while it pulls; `found(reference)` the architecture
    of what it has.
    """

    def __init__(
        self,
        order: Order,
        lines: Lines,
        found: Callable[[str], str],
        progress: Progress,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._order, self._lines, self._found, self._progress, self._wait = order, lines, found, progress, wait
        self._layers: dict[str, Layer] = {}
        self._end = time.monotonic() + LONGEST_S
        self._patience = Patience(order.reference, order.attempts, self._end)

    def fetch(self) -> None:
        """Raises MachineUnfit, saying what happened and what to do; DockerUnreachable where the engine itself went
        away."""
        while True:
            try:
                said = self._attempt()
                if not said:
                    return
                pause, reason = self._patience.pause_s(said), self._patience.cause(said).what
            except MachineUnfit:
                raise
            except InfraKitError as error:  # it may be starting again: an update of its own, or a crash
                waited = self._patience.unreachable_pause_s()
                if waited is None:
                    raise
                pause, reason = waited, error.message
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
                    raise MachineUnfit(
                        f"not there after {LONGEST_S / 3600:.0f} hours", "run again to go on where it stopped"
                    )
                self._count(line)
        # An image for one processor alone comes as it is, whatever was asked for; and a stream may end without a word.
        found = self._found(order.reference)
        wanted = platform.split("/")[1] if platform else found
        if found and found != wanted:
            return f"no match for platform: it is made for {found}, not for {wanted}"
        return "" if found else "the engine's answer broke off"

    def _count(self, line: Mapping[str, Any]) -> None:
        """Keep what a line says of a layer, and tell it on."""
        name, status, detail = str(line.get("id", "")), str(line.get("status", "")), line.get("progressDetail") or {}
        layer = self._layers.get(name, Layer())
        if status == "Downloading" and detail.get("total"):
            layer = Layer(int(detail.get("current", 0)), int(detail["total"]))
        elif status in (
            "Pulling fs layer",
            "Waiting",
            "Verifying Checksum",
            "Download complete",
            "Extracting",
            "Pull complete",
            "Already exists",
        ):
            there = status not in ("Pulling fs layer", "Waiting")
            layer = Layer(
                layer.whole if there else layer.part, layer.whole, status in ("Pull complete", "Already exists")
            )
        elif status.startswith("Retrying in") and name in self._layers:
            return self._tell(f"{status[0].lower()}{status[1:]}")
        else:
            return None
        self._layers[name] = layer
        ready = sum(1 for item in self._layers.values() if item.ready)
        self._tell(f"{ready} of {len(self._layers)} layers")
        return None

    def _tell(self, text: str) -> None:
        layers = self._layers.values()
        self._progress(sum(item.part for item in layers), sum(item.whole for item in layers), text)
