"""A host that looks at itself, by systemd's real timer: a fault is told once, and once that it is over."""

import json
import time

import pytest

from tests.e2e.bed import needs_bed

pytestmark = [pytest.mark.slow, needs_bed, pytest.mark.on("bookworm")]

FILE, TOLD = "/etc/infrakit/infrakit.yaml", "/root/told.jsonl"
UNIT = "infrakit-monitor"
RECEIVER = f"""
import http.server

class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with open("{TOLD}", "ab") as file:
            file.write(body + b"\\n")
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *words):
        pass

http.server.HTTPServer(("127.0.0.1", 9911), Handler).serve_forever()
"""
CHANNEL = 'notify: [{webhook: "http://127.0.0.1:9911/hook"}]\n'
PATIENCE_S = 900
"""A machine that has just started is given ten minutes before anything is said of what it runs."""


@pytest.fixture
def watched(installed):
    """It tells a receiver on itself."""
    host = installed.host
    host.put("/root/receiver.py", RECEIVER.encode())
    host.run(f"cp {FILE} /root/before.yaml; systemd-run --unit=receiver python3 /root/receiver.py")
    host.run(f"cat >>{FILE}", feed=CHANNEL.encode())
    done = installed.infrakit("up", "--yes")
    assert done.code == 0, done.out + done.err
    yield installed
    host.run(f"cp /root/before.yaml {FILE}")
    done = installed.infrakit("up", "--yes")
    assert done.code == 0, done.out + done.err
    host.run(f"systemctl stop receiver; rm -f {TOLD} /root/receiver.py /root/before.yaml")
    assert host.run(f"systemctl is-active {UNIT}.timer; ls /etc/systemd/system/{UNIT}*").out.split() == ["inactive"]


def told(host) -> list[tuple[str, str]]:
    """(state, key) of all that came, in order."""
    lines = host.run(f"cat {TOLD} 2>/dev/null").out.splitlines()
    return [(item["state"], item["key"]) for item in map(json.loads, lines)]


def look_until(host, wanted: tuple[str, str]) -> None:
    """As often as it takes, beside the timer's own looks."""
    end_s = time.monotonic() + PATIENCE_S
    while wanted not in told(host):
        assert time.monotonic() < end_s, (told(host), host.run(f"journalctl -u {UNIT} -n 60 --no-pager").out)
        host.run(f"systemctl start {UNIT}.service", 300)


def test_a_fault_is_told_once_and_once_that_it_is_over(watched):
    host = watched.host
    assert host.run(f"systemctl is-active {UNIT}.timer").out.strip() == "active"
    assert watched.infrakit("notify", "test").out == "= webhook at 127.0.0.1: taken\n"
    assert told(host) == [("test", "test")]
    host.run("docker kill homelab-glances-1")
    look_until(host, ("alert", "container glances"))
    for _ in range(2):
        host.run(f"systemctl start {UNIT}.service", 300)
    said = watched.infrakit("monitor", "list", "--json")
    (found,) = (item for item in json.loads(said.out)["alerts"] if item["key"] == "container glances")
    assert found["told"] and found["remedy"] and found["severity"] == "error"
    assert "[container glances], since " in watched.infrakit("status").out
    host.run("docker start homelab-glances-1")
    look_until(host, ("over", "container glances"))
    for _ in range(2):
        host.run(f"systemctl start {UNIT}.service", 300)
    assert [item for item in told(host) if "glances" in item[1]] == [
        ("alert", "container glances"),
        ("over", "container glances"),
    ]
    assert host.run("journalctl -u infrakit-monitor --no-pager | grep -c Traceback").out.strip() == "0"
    print(told(host), host.run(f"systemctl status {UNIT}.service --no-pager; cat /var/lib/infrakit/monitor.json").out)
