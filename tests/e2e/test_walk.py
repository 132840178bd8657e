"""A walk of random steps on one host: whatever comes after what, nothing foreign is touched, no old data meets a new
password, each failure names the next step, and at the end of all there is what there was before.

INFRAKIT_STEPS=200 for as many steps as that; INFRAKIT_SEED repeats a walk.
"""

import os
import random
import re
from collections.abc import Callable

import pytest

from tests.e2e.bed import Host, needs_bed, registry
from tests.e2e.fresh import SMALL, SNAPSHOT, Fresh
from tests.e2e.state import secrets

pytestmark = [pytest.mark.slow, pytest.mark.soak, needs_bed]

STEPS = int(os.environ.get("INFRAKIT_STEPS", "60"))
SEED = int(os.environ.get("INFRAKIT_SEED", "0"))
APP = (
    'apps: {{wiki: {{image: "ghcr.io/requarks/wiki:2.5", port: 3000, public: true, data: [/wiki/data], memory: {}}}}}\n'
)
FILES = {
    "plain": "",
    "app": APP.format("256m"),
    "changed": APP.format("300m"),
    "broken": APP.format("256m, command: [/no/such/program]"),
}
OF_THE_DATA = ("authentik_database_password",)
"""Each opens a volume, watch_authentik-database: a new one would not."""
VOLUME = "watch_authentik-database"
FOREIGN = ("somebodys", "somebodys-data")
INTERRUPTED = (137, 129, 4)
"""Killed; hung up before there was a plan; stopped at a safe point."""
TRACEBACK = re.compile(r"Traceback|Error: |Exception")


class Walk:
    """The host, and what must hold of it."""

    def __init__(self, fresh: Fresh, instants: random.Random) -> None:
        self.fresh, self.host, self.random = fresh, fresh.host, instants
        self.taken: list[str] = []
        self.opens: dict[str, str] = {}
        self.foreign = False
        for name, text in FILES.items():
            self.host.put(f"/root/{name}.yaml", SMALL.format(mirror=registry()).encode() + text.encode())

    def say(self, *more: str) -> str:
        return "\n".join([*self.taken[-12:], *more, self.host.log()])

    # The steps. Each says what it came to.

    def install(self) -> None:
        self.run(f"python3 infrakit.pyz install -f {self.one_of_the_files()} --accept file-edited {self.fresh.docker}")

    def up(self) -> None:
        self.run(f"infrakit up -f {self.one_of_the_files()} --accept file-edited")

    def up_as_it_is(self) -> None:
        self.run("infrakit up")

    def killed(self) -> None:
        self.run(self.something(), f"timeout -s KILL {self.random.uniform(0.5, 20):.1f}")

    def hung_up(self) -> None:
        self.run(self.something(), f"timeout -s HUP {self.random.uniform(0.5, 20):.1f}")

    def edited(self) -> None:
        self.host.run("sed -i 's/300m/310m/; t; s/310m/300m/' /etc/infrakit/infrakit.yaml")

    def engine_stopped(self) -> None:
        self.host.run("systemctl stop docker.socket docker", 300)

    def engine_killed(self) -> None:
        self.host.run("pkill -9 dockerd")

    def rebooted(self) -> None:
        self.host.restart()

    def disk_full(self) -> None:
        self.host.run("fallocate -l $(($(stat -f -c '%a * %S' /var/lib) - 4000000)) /var/lib/filler")
        self.run(self.something())
        self.host.run("rm -f /var/lib/filler")

    def uninstalled(self) -> None:
        self.run("python3 infrakit.pyz uninstall")

    def purged(self) -> None:
        done = self.run("python3 infrakit.pyz uninstall --purge --yes")
        if done.code == 0:
            self.opens = {}

    def somebody_comes(self) -> None:
        image = self.host.run("docker image ls --format '{{.Repository}}:{{.Tag}}' | grep /haproxy: | head -n 1").out
        if image and not self.foreign:
            name, volume = FOREIGN
            self.foreign = self.host.run(f"docker create --name {name} -v {volume}:/data {image}").code == 0

    def somebody_goes(self) -> None:
        if self.foreign and self.host.run("docker version").code == 0:
            assert self.host.run(f"docker rm {FOREIGN[0]} && docker volume rm {FOREIGN[1]}").code == 0
            self.foreign = False

    def one_of_the_files(self) -> str:
        return f"/root/{self.random.choice(list(FILES))}.yaml"

    def something(self) -> str:
        verb = self.random.choice(("install", "up", "uninstall"))
        if verb == "install":
            docker = self.fresh.docker
            return f"python3 infrakit.pyz install -f {self.one_of_the_files()} --accept file-edited {docker}"
        return "infrakit up" if verb == "up" else "python3 infrakit.pyz uninstall"

    def run(self, words: str, before: str = ""):
        done = self.host.run(f"cd /root && {before} {words} --yes", 1200)
        self.taken.append(f"  {before} {words}: {done.code} {done.err.strip().splitlines()[-1:]}")
        if done.code not in (0, 127, *INTERRUPTED) or done.code == 4 and not before:
            assert "hint: " in done.err, self.say(done.err[-3000:])
        assert not TRACEBACK.search(done.err), self.say(done.err[-3000:])
        return done

    # What must hold after each.

    def holds(self) -> None:
        kept = {path.rpartition("/")[2]: digest for path, digest in secrets(self.host).items()}
        if self.host.run(f"test -e /var/lib/docker/volumes/{VOLUME}").code == 0:
            for name in OF_THE_DATA:
                assert kept.get(name) == self.opens.setdefault(name, kept.get(name, "")), self.say(f"{name} is another")
        if self.foreign:
            assert self.host.run(f"test -e /var/lib/docker/volumes/{FOREIGN[1]}").code == 0, self.say("it is gone")
            found = self.host.run("cat /var/lib/docker/containers/*/config.v2.json").out
            assert f'"Name":"/{FOREIGN[0]}"' in found, self.say("somebody's container is gone")


def test_whatever_comes_after_what(pyz):
    registry()
    seed = SEED or random.SystemRandom().randrange(1 << 32)
    print("seed", seed)
    with Host.start("bookworm") as host:
        fresh = Fresh(host, pyz, "bookworm", SMALL)
        walk = Walk(fresh, random.Random(seed))
        steps: list[tuple[int, Callable[[], None]]] = [
            (4, walk.install),
            (4, walk.up),
            (2, walk.up_as_it_is),
            (4, walk.killed),
            (3, walk.hung_up),
            (2, walk.edited),
            (2, walk.engine_stopped),
            (1, walk.engine_killed),
            (1, walk.rebooted),
            (1, walk.disk_full),
            (1, walk.uninstalled),
            (1, walk.purged),
            (1, walk.somebody_comes),
            (1, walk.somebody_goes),
        ]
        for number in range(STEPS):
            (step,) = walk.random.choices([step for _, step in steps], [weight for weight, _ in steps])
            walk.taken.append(f"{number} {step.__name__}")
            step()
            walk.holds()
        # Wherever it ended, one call brings all of it up, and another takes all of it away.
        done = host.run(
            f"cd /root && python3 infrakit.pyz install -f app.yaml --accept file-edited {fresh.docker} --yes", 1200
        )
        assert done.code == 0, walk.say(done.err[-3000:])
        assert fresh.infrakit("status").code == 0, walk.say()
        walk.holds()
        walk.somebody_goes()
        done = host.run("cd /root && python3 infrakit.pyz uninstall --purge --yes --yes", 900)
        assert done.code == 0, walk.say(done.err[-3000:])
        host.run("cd /root && rm " + " ".join(f"{name}.yaml" for name in FILES))
        assert sorted(set(host.run(SNAPSHOT).out.splitlines()) ^ set(fresh.before)) == [], walk.say()
