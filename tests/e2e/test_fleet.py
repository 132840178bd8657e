"""Two machines of one file become a fleet by a file that is carried from the one to the other."""

import re

import pytest

from tests.e2e.bed import NETWORK, Host, needs_bed, registry
from tests.e2e.conftest import LIKE_A_MACHINE
from tests.e2e.fresh import Fresh
from tests.e2e.visitor import Visitor

pytestmark = [pytest.mark.slow, pytest.mark.soak, needs_bed]

FILE = """\
version: 1
name: homelab
domain: home.example.org
timezone: Europe/Berlin
tls: {{{{mode: internal}}}}
images: {{{{mirror: "{{mirror}}"}}}}
access: {{{{administrators: [alice]}}}}
hosts:
  core: {{{{pattern: monitoring, profiles: [identity], architecture: amd64, address: {core}}}}}
  shed: {{{{pattern: monitoring, architecture: amd64, address: {shed}}}}}
"""
FINGERPRINT = re.compile(r"\b[0-9A-F]{2}(?::[0-9A-F]{2}){31}\b")
PAGE = "glances-shed"


def test_what_is_exported_on_the_core_makes_the_other_machine_one_of_the_fleet(pyz):
    registry()
    with Host.start("bookworm", NETWORK, *LIKE_A_MACHINE) as first, Host.start("trixie", NETWORK) as second:
        addresses = {name: host.run("hostname -i").out.strip() for name, host in (("core", first), ("shed", second))}
        file = FILE.format(**addresses)
        core, shed = Fresh(first, pyz, "bookworm", file), Fresh(second, pyz, "trixie", file)

        # The other machine alone would be a fleet of its own, and says where to go first.
        refused = shed.install("--host", "shed", "--yes")
        assert refused.code != 0 and "on core: sudo infrakit secrets export --for shed" in refused.err, refused.err
        assert second.run("command -v dockerd").code == 1

        done = core.install("--host", "core", "--yes")
        assert done.code == 0, done.out[-2000:] + done.err[-3000:]
        exported = core.infrakit("secrets", "export", "--for", "shed", "--to", "/root/shed.secrets")
        assert exported.code == 0, exported.err
        second.put("/root/shed.secrets", first.run("cat /root/shed.secrets").out.encode(), 0o600)
        imported = second.run("cd /root && python3 infrakit.pyz secrets import shed.secrets --yes")
        assert imported.code == 0, imported.out + imported.err
        said = [set(FINGERPRINT.findall(one.out + one.err)) for one in (exported, imported)]
        assert said[0] and said[0] == said[1], exported.err + imported.err
        done = shed.install("--host", "shed", "--yes")
        assert done.code == 0, done.out[-2000:] + done.err[-3000:]

        # The core's door leads to the other machine, for who signed in.
        visitor = Visitor(first)
        code, _, location = visitor.open(PAGE, "-o", "/dev/null", "-w", "%{http_code} %{redirect_url}").partition(" ")
        assert code == "302" and f"{PAGE}.home.example.org/outpost.goauthentik.io/start" in location
        assert visitor.signed_in(PAGE)["stand-in"] == "glances"
        for host in (core, shed):
            assert host.infrakit("status").code == 0
            assert "nothing to change" in host.infrakit("up", "--yes").out
        # Nobody else comes in there.
        stranger = visitor.run("curl", "-sk", "-m", "10", "-w", "%{http_code}", f"https://{addresses['shed']}:8443/")
        assert stranger == "000"
