"""A small file from the network, by the standard library alone: bounded in size and time, tried again where that may
help."""

import time
import urllib.error
import urllib.request
from collections.abc import Mapping

from infrakit.errors import MachineUnfit
from infrakit.system.proxies import handler

ATTEMPTS = 4
FIRST_PAUSE_S = 1.0


def fetch(url: str, most_bytes: int, timeout_s: float, said: Mapping[str, str]) -> bytes:
    """The body of the answer. MachineUnfit where it does not come, is not 200, or is larger. `said`: of proxies.py."""
    opener = urllib.request.build_opener(handler(said, url))
    problem = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(FIRST_PAUSE_S * 2**attempt)
        try:
            request = urllib.request.Request(url, headers={"User-Agent": "infrakit"})
            with opener.open(request, timeout=timeout_s) as answer:
                content = answer.read(most_bytes + 1)
            if len(content) > most_bytes:
                raise MachineUnfit(f"{url}: more than {most_bytes} bytes", "is this the right address?")
            return bytes(content)
        except urllib.error.HTTPError as error:
            problem = f"answers {error.code}"
            if error.code < 500 and error.code != 429:
                break
        except (OSError, ValueError) as error:
            problem = str(getattr(error, "reason", error)).lower()
    raise MachineUnfit(f"{url}: {problem}", "is the network up? (no DNS, no route, a proxy?)")
