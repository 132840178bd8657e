"""updates.window -> which days and minutes of the host's clock it stands for."""

import re
from typing import NamedTuple

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
DAY_MINUTES = 24 * 60


class Window(NamedTuple):
    """When services may be begun with: days of the week (0: Monday), minutes of the day; `end` None: none."""

    days: tuple[int, ...]
    begin: int
    end: int | None

    @property
    def named(self) -> tuple[str, ...]:
        """Its days as systemd reads them; () for every day."""
        return (",".join(DAYS[day] for day in self.days),) if len(self.days) < len(DAYS) else ()

    @property
    def lasts(self) -> int:
        """Minutes."""
        return DAY_MINUTES if self.end is None else (self.end - self.begin) % DAY_MINUTES or DAY_MINUTES

    def is_open(self, weekday: int, minute: int) -> bool:
        """At that minute of that day. A window that ends after midnight is of the day that it began on."""
        day = weekday if minute >= self.begin else (weekday - 1) % len(DAYS)
        return self.end is None or (minute - self.begin) % DAY_MINUTES < self.lasts and day in self.days


def window_of(text: str) -> Window:
    """As the schema lets it through: "Sat,Sun 23:00-01:30"."""
    named = {DAYS.index(day) for day in re.findall("[A-Z][a-z]{2}", text)}
    times = [int(hour) * 60 + int(minute) for hour, minute in re.findall("([0-9]{2}):([0-9]{2})", text)]
    return Window(tuple(sorted(named or range(len(DAYS)))), times[0], times[1] if times[1:] else None)
