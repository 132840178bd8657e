"""The stick as it is: a FAT32 medium that a whole machine, which never had a network, can only read. All that it sends
is recorded."""

import time

import pytest

from tests.e2e.bed import needs_machine, needs_stick, small_registry
from tests.e2e.bed.trace import spoken
from tests.e2e.bed.vm import AGENT
from tests.e2e.fresh import SNAPSHOT
from tests.e2e.stick import STICK, Connected, fat32, key_in, mounting, plugged

pytestmark = [pytest.mark.slow, pytest.mark.soak, needs_machine, needs_stick]

FILE = """\
version: 1
name: stick
domain: stick.example.org
timezone: Europe/Berlin
profiles: [auto_update]
tls: {{mode: internal}}
images: {{mirror: "{mirror}"}}
access: {{administrators: [alice]}}
services: {{watchtower: {{enabled: false}}}}
apps:
  wiki: {{image: "ghcr.io/requarks/wiki:2.5", port: 3000, public: true, data: [/wiki/data], memory: 128m}}
"""
IMAGES = ("caddy", "wiki")
INSTALL = f"python3 {STICK}/infrakit.pyz install --yes"
OURS = "10.0.2.15"
ASKS = "timeout 3 getent ahosts asks.example.org; timeout 3 curl -s http://192.0.2.1/"


@pytest.fixture(scope="module")
def machine(pyz, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stick")
    mirror = small_registry(IMAGES)
    (folder / "made").mkdir()
    with Connected(mounting("bookworm", folder / "made"), pyz, key_in(folder)) as maker:
        maker.create(FILE.format(mirror=mirror))
    image = fat32(folder / "made", folder / "stick.img")
    with plugged(image) as host:
        yield host
    image.unlink()


def test_a_clock_of_1970_is_refused_before_anything_changes(machine):
    """As a Raspberry Pi without a network wakes up: no clock of its own, and nobody who tells it the time."""
    machine.run("date -s '1970-01-02 00:00'")
    before = machine.run(SNAPSHOT).out
    done = machine.run(INSTALL, 600)
    after = machine.run(SNAPSHOT).out
    machine.run(f"date -s @{time.time():.0f}")
    assert done.code == 3 and "[clock-behind]" in done.err and "1970-01-02" in done.err, done.out + done.err
    assert after == before


def test_a_machine_is_installed_from_a_stick_that_it_can_only_read(machine):
    done = machine.run(INSTALL, 1500)
    assert done.code == 0, done.out[-2000:] + done.err[-3000:] + machine.log()
    status = machine.run("infrakit status")
    assert status.code == 0, status.out


def test_it_spoke_to_nobody_and_asked_for_no_name(machine):
    assert spoken(machine.trace.read_bytes(), (OURS, AGENT)) == []
    machine.run(ASKS)
    assert {*spoken(machine.trace.read_bytes(), (OURS, AGENT))} >= {
        f"tcp {OURS} > 192.0.2.1:80",
        f"udp {OURS} > 10.0.2.3:53",
    }, "the recording is blind"
