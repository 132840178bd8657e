"""On a host, while install runs: what others could see, over and over; and afterwards whether a secret was among it.

watch.py files RECORD ROOT...  as somebody without rights: every file below ROOT... that can be read
watch.py processes RECORD      as root: words and environment of every process of the host, not of containers
watch.py search RECORD...      as root: prints `NAME in RECORD` for each secret that a record holds
"""

import glob
import itertools
import os
import sys
import time

PAUSE_S = 0.02
SHORT_S = 0.005
MOST_BYTES = 1 << 16
STATE = "/var/lib/infrakit"
SECRETS = f"{STATE}/hosts/*/secrets/*"


class Record:
    """Everything once, on the disk at once: whoever watches is killed in the end."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.file = open(path, "ab", buffering=0)  # noqa: SIM115 -- open until it is killed
        self.known: set[int] = set()

    def add(self, name: str, content: bytes) -> None:
        line = b"\n# %s\n%s\n" % (name.encode("utf-8", "surrogateescape"), content)
        if hash(line) not in self.known:
            self.known.add(hash(line))
            self.file.write(line)


def watch_files(record: Record, roots: list[str]) -> None:
    """Ours every few milliseconds, the others now and then."""
    for turn in itertools.count():
        for root in roots if turn % 10 == 0 else [STATE]:
            for folder, _, names in os.walk(root):
                for name in names:
                    path = os.path.join(folder, name)
                    if path != record.path:
                        read(record, path)
        time.sleep(SHORT_S)


def read(record: Record, path: str) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError:
        return
    try:
        record.add(path, os.read(descriptor, MOST_BYTES))
    except OSError:
        pass
    finally:
        os.close(descriptor)


def watch_processes(record: Record) -> None:
    own = os.readlink("/proc/self/ns/pid")
    while True:
        for name in os.listdir("/proc"):
            if not name.isdigit():
                continue
            try:
                if os.readlink(f"/proc/{name}/ns/pid") != own:
                    continue
                for part in ("cmdline", "environ"):
                    with open(f"/proc/{name}/{part}", "rb") as file:
                        record.add(part, file.read().replace(b"\0", b" "))
            except OSError:
                continue
        time.sleep(PAUSE_S)


def search(records: list[str]) -> None:
    for path in records:
        with open(path, "rb") as file:
            content = file.read()
        for secret in glob.glob(SECRETS):
            with open(secret, "rb") as file:
                lines = [line for line in file.read().splitlines() if line and not line.startswith(b"-----")]
            if "certificate" not in secret and lines[0] in content:
                print(f"{secret} in {path}")


if __name__ == "__main__":
    what, *words = sys.argv[1:]
    if what == "files":
        watch_files(Record(words[0]), words[1:])
    elif what == "processes":
        watch_processes(Record(words[0]))
    else:
        search(words)
