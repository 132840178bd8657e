"""What is known of faults -> rows for who looks at them."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from infrakit.stack.monitor.alerts import Alert, Silence
from infrakit.stack.monitor.memory import Memory


def there(alerts: Mapping[str, Alert]) -> list[Alert]:
    """What is wrong, the oldest first."""
    return sorted((item for item in alerts.values() if item.is_there), key=lambda item: (item.began_s, item.key))


def rows(memory: Memory, now_s: float) -> list[dict[str, Any]]:
    """What is wrong, the oldest first."""
    return [row(item, memory.silences, now_s) for item in there(memory.alerts)]


def row(item: Alert, silences: Sequence[Silence], now_s: float) -> dict[str, Any]:
    """One fault; `since` and `silent_until` as in RFC 3339, the latter "" where it is not silent."""
    ends = max((found.until_s for found in silences if found.covers(item.key, now_s)), default=0.0)
    return {
        "key": item.key,
        "code": item.sight.code,
        "severity": item.sight.severity,
        "what": item.sight.what,
        "why": item.sight.why,
        "remedy": item.sight.remedy,
        "since": iso(item.began_s),
        "told": bool(item.told),
        "restless": item.restless,
        "acknowledged": item.acknowledged,
        "silent_until": iso(ends) if ends else "",
    }


def silent(memory: Memory, now_s: float) -> list[dict[str, str]]:
    """Silences that hold."""
    return [
        {"pattern": item.pattern, "until": iso(item.until_s), "why": item.why}
        for item in memory.silences
        if now_s < item.until_s
    ]


def iso(seconds: float) -> str:
    """Seconds since 1970, as in RFC 3339."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(max(0.0, seconds)))
