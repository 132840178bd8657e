"""Events of a plan -> lines for a person (with a live bar on a terminal), or JSON lines for a program."""

import json
import os
import sys
import time

from infrakit.cli.talk import talk
from infrakit.errors import printable
from infrakit.plan import Event

SIGNS = {"kept": "=", "done": "+", "failed": "!"}
COLOURS = {"kept": "2", "done": "32", "failed": "31"}
BAR = 24
SLOW_S = 0.95
DRAWN_S = 0.1


class Progress:
    """Call it with each event. One line per step, when it ends; what changes meanwhile is drawn over, on a terminal
    only."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.live = not as_json and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self.coloured = self.live and "NO_COLOR" not in os.environ
        self.title = ""
        self.notes: list[str] = []
        self.started = 0.0
        self.taken = 0
        self.kept = 0

    def __call__(self, event: Event) -> None:
        if self.as_json:
            sys.stdout.write(json.dumps(event._asdict(), sort_keys=True) + "\n")
            sys.stdout.flush()
        if event.kind == "begin":
            self.title, self.notes, self.started = event.text, [], time.monotonic()
            self._draw(f"  {event.text} ...")
        elif event.kind == "progress":
            self._draw(f"  {self.title} {bar(event, time.monotonic() - self.started)}")
        elif event.kind == "note":
            self.notes.append(event.text)
        else:
            self._ended(event)

    def _ended(self, event: Event) -> None:
        self.taken += event.kind == "done"
        self.kept += event.kind == "kept"
        if self.as_json:
            return
        text = self.title if event.kind == "failed" else event.text
        notes = f" ({', '.join(self.notes)})" if self.notes and event.kind == "done" else ""
        time = f" {event.seconds:.1f} s" if event.seconds >= SLOW_S else ""
        sign = SIGNS[event.kind]
        if self.coloured:
            sign = f"\033[{COLOURS[event.kind]}m{sign}\033[0m"
        self._draw("")
        talk(f"{sign} {printable(text + notes)}{time}\n")

    def _draw(self, text: str) -> None:
        """Over the last line that may be drawn over."""
        if self.live:
            width = os.get_terminal_size(2).columns if sys.stderr.isatty() else 80
            talk(f"\r\033[K{printable(text)[: max(10, width - 1)]}")


class Counter:
    """A bar for what is no step of a plan: call it with bytes done, bytes in all, and words; then `end`."""

    def __init__(self, title: str, *, quiet: bool = False) -> None:
        self._progress = Progress(as_json=False)
        self._progress.live = self._progress.live and not quiet
        self._progress.title, self._progress.started = title, time.monotonic()
        self._drawn_s = 0.0

    def __call__(self, part: int, whole: int, text: str = "") -> None:
        now = time.monotonic()
        if self._progress.live and now - self._drawn_s > DRAWN_S:
            self._drawn_s = now
            self._progress(Event("progress", "", text, 0.0, part, whole))

    def end(self) -> None:
        """Take the bar away."""
        self._progress._draw("")


def bar(event: Event, seconds: float) -> str:
    """How far a step is after so many seconds: a bar, bytes there and in all, bytes per second, and what it does."""
    if not event.whole:
        return event.text
    full = min(BAR, BAR * event.part // event.whole)
    rate = f", {event.part / seconds / 1e6:.1f} MB/s" if seconds >= SLOW_S else ""
    return f"[{'#' * full}{'.' * (BAR - full)}] {event.part / 1e6:.1f} of {event.whole / 1e6:.1f} MB{rate} {event.text}"
