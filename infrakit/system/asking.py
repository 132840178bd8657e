"""What this machine asks others, and its own doors, by network: a part of system/machine.py."""

from collections.abc import Mapping, Sequence
from functools import cached_property

from infrakit.machine import Answer, Mail, Met
from infrakit.system.stop import Stop


class Asking:
    """Of a machine; each asks once, and says in words what came of it."""

    stop: Stop

    def fetch(self, url: str, most_bytes: int = 1 << 20, timeout_s: float = 60) -> bytes:
        """What a URL answers. MachineUnfit, in words, where it does not."""
        from infrakit.system.aside import aside
        from infrakit.system.fetch import fetch

        with self.stop.breaks():
            return aside(lambda: fetch(url, most_bytes, timeout_s, self.proxies))

    def knock(self, hostname: str, port: int, address: str) -> Answer:
        """What a door of this machine answers a stranger (system/knock.py)."""
        from infrakit.system.knock import knock

        with self.stop.breaks():
            return knock(hostname, port, address)

    def meet(self, doors: Sequence[tuple[str, int, str, str]]) -> list[Met]:
        """The same of several doors at once, (hostname, port, address, path) each, and their certificates."""
        from infrakit.system.knock import meet_all

        return meet_all(doors)

    def refuses(self, address: str, port: int) -> bool:
        """Whether nobody listens there, as far as this machine is told (system/knock.py)."""
        from infrakit.system.knock import refuses

        with self.stop.breaks():
            return refuses(address, port)

    def knock_at_fleet(self, doors: Sequence[tuple[str, str]], folder: str) -> list[str]:
        """What is wrong with the way to each of other hosts' Caddys (system/knock.py)."""
        from infrakit.system.knock import knock_at_fleet

        with self.stop.breaks():
            return knock_at_fleet(doors, folder)

    @cached_property
    def proxies(self) -> dict[str, str]:
        """The way to other networks (system/proxies.py)."""
        from infrakit.system.proxies import proxies

        return proxies()

    def post(
        self, url: str, body: bytes | None, headers: Mapping[str, str], timeout_s: float, authorities: str = ""
    ) -> Answer:
        """What came of one request (system/send.py). `authorities`: a file with those that the server is held to."""
        from infrakit.system.send import post

        return post(url, body, headers, timeout_s, self.proxies, authorities)

    def mail(self, letter: Mail, timeout_s: float) -> str:
        """Why a server did not take a letter, "" where it did (system/send.py)."""
        from infrakit.system.send import mail

        return mail(letter, timeout_s)
