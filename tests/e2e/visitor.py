"""Somebody at another machine of the network, who asks the doors of a host."""

import json
import subprocess

from tests.e2e.bed.registry import SERVER
from tests.e2e.fresh import ROOT_CERTIFICATE


class Visitor:
    """Somebody at another machine of the network."""

    def __init__(self, host) -> None:
        self.address = host.run("hostname -i").out.strip()
        self.root = host.run(f"docker exec homelab-caddy-1 cat {ROOT_CERTIFICATE}").out

    def run(self, *words: str, feed: str = "") -> str:
        words = ("docker", "exec", "-i", SERVER, *words)
        return subprocess.run(words, input=feed, capture_output=True, text=True, timeout=60).stdout

    def open(self, name: str, *more: str) -> str:
        """What curl gets at a door."""
        address = f"{name}.home.example.org:443:{self.address}"
        where = f"https://{name}.home.example.org/"
        return self.run(
            "curl", "-sS", "-m", "20", "--cacert", "/dev/stdin", "--resolve", address, *more, where, feed=self.root
        )

    def signed_in(self, name: str) -> dict:
        said = self.open(name, "-b", "stand_in_user=alice")
        assert said.startswith("{"), f"{name}: {said}"
        return json.loads(said)
