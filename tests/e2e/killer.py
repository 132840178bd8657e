"""On a host: run a command that prints JSON events, and kill it without warning at an event, or after a time.

killer.py done 1 WORD...      at the first event of that kind
killer.py seconds 2.5 WORD... that long after it began
killer.py asked 2.5 WORD...   the same, but asked to stop by SIGTERM

Exit code 137 where it was killed, 143 where SIGTERM killed it, else its own; its standard error is ours.
"""

import json
import subprocess
import sys
import threading


def main(kind: str, count: str, words: list[str]) -> int:
    child = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    timer = (
        threading.Timer(float(count), child.kill if kind == "seconds" else child.terminate)
        if kind in ("seconds", "asked")
        else None
    )
    if timer:
        timer.start()
    seen = 0
    for line in child.stdout:
        event = json.loads(line)
        if event["kind"] in ("error", "failed"):
            print(line.strip())
        seen += event["kind"] == kind
        if timer is None and seen == int(count):
            child.kill()
            print(f"{event['kind']} {event['step']}")
            break
    if timer:
        child.wait()
        timer.cancel()
    code = child.wait()
    return 128 - code if code < 0 else code


sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
