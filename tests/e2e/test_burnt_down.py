"""A machine burns down: its backups' disk and a sheet of paper bring all of it back on another one, of another release,
that never had anything."""

import base64
import re
import time

import pytest

from infrakit.stack.backup.dump import USER
from tests.e2e.bed import NETWORK, Host, needs_bed, packages
from tests.e2e.conftest import LIKE_A_MACHINE
from tests.e2e.fresh import FILE, NAMES, Fresh

pytestmark = [pytest.mark.soak, pytest.mark.slow, needs_bed]
BACKED = FILE + "backup: {{to: /mnt/usb/backups}}\n"
PSQL = f"""{USER}exec psql -XAtqw -U "${{POSTGRES_USER:-postgres}}" -d "${{POSTGRES_DB:-postgres}}" """
DATABASE = "homelab-authentik-database-1"
PAGE = "/wiki/data/page"


def asked(host, statement: str) -> str:
    """What Authentik's database says."""
    done = host.run(f"docker exec -i {DATABASE} sh -c '{PSQL}'", feed=statement.encode())
    assert done.code == 0, done.err
    return done.out.strip()


@pytest.fixture(scope="module")
def burnt(pyz):
    """(the folder of the backups as an archive, the groups of the sheet, digests of the secrets), of a host that is
    gone."""
    with Host.start("trixie", NETWORK, *LIKE_A_MACHINE) as host:
        first = Fresh(host, pyz, "trixie", BACKED)
        host.run("mkdir -p /mnt/usb/backups")
        done = first.install("--yes")
        assert done.code == 0, done.out[-2000:] + done.err[-3000:] + host.log()
        assert "recovery sheet" in done.err and "sudo infrakit backup sheet" in done.err
        assert host.run(f"docker exec homelab-wiki-1 sh -c 'echo welcome >{PAGE}'").code == 0
        asked(host, "CREATE TABLE burnt AS SELECT 'tea' AS goods")
        done = first.infrakit("backup", "now")
        assert done.code == 0, done.out + done.err
        assert first.infrakit("backup", "sheet", "--out", "/root/sheet.html").code == 0
        page = host.run("cat /root/sheet.html").out
        groups = re.findall(r"<li>([a-z]{5}\d\d)</li>", page)
        assert len(groups) == 8 and "restore --from /mnt/usb/backups --host homelab" in page
        secrets = host.run("cd /var/lib/infrakit/hosts/homelab/secrets && sha256sum *").out
        disk = base64.b64decode(host.run("tar -C /mnt/usb -cf - backups | base64 -w0", 300).out)
    return disk, groups, secrets


def test_on_another_machine_all_of_it_is_back_by_the_sheet_and_the_disk(burnt, pyz):
    disk, groups, secrets = burnt
    with Host.start("bookworm", NETWORK, *LIKE_A_MACHINE) as host:
        host.put("/root/infrakit.pyz", pyz.read_bytes())
        host.put("/root/disk.tar", disk)
        host.run("mkdir -p /media/stick && tar -C /media/stick -xf /root/disk.tar && rm /root/disk.tar")
        host.run(f"echo $(hostname -i) {' '.join(f'{name}.home.example.org' for name in NAMES)} >>/etc/hosts")
        docker = (
            f"--docker-repository {packages('bookworm').repository} --docker-key {packages('bookworm').fingerprint}"
        )
        line = f"python3 /root/infrakit.pyz restore --from /media/stick/backups {docker}"
        typed = "\n".join([" ".join(groups[:4]).upper(), " ".join(groups[4:]), "y", "y", ""])
        began = time.monotonic()
        done = host.run(f"script -qec '{line}' /dev/null", 1800, feed=typed.encode())
        print(f"\nback after {time.monotonic() - began:.0f} s")
        assert done.code == 0, done.out[-5000:] + done.err[-3000:] + host.log()
        assert "backups go on to /mnt/usb/backups" in done.out
        assert host.run("infrakit status").code == 0
        assert host.run(f"docker exec homelab-wiki-1 cat {PAGE}").out == "welcome\n"
        assert asked(host, "SELECT goods FROM burnt") == "tea"
        assert host.run("cd /var/lib/infrakit/hosts/homelab/secrets && sha256sum *").out == secrets
        nothing = host.run("infrakit up --yes", 900)
        assert nothing.code == 0 and "nothing to change" in nothing.out, nothing.out + nothing.err
        refused = host.run("infrakit restore --from /media/stick/backups --yes")
        assert refused.code == 2 and "set up already" in refused.err, refused.err
        said = host.run("infrakit doctor").out
        assert "[backup-sheet]" not in said, "who typed it has it"
