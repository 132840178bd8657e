"""A volume of an NFS server, on a whole machine: the kernels of the other hosts have no NFS. The server is the
machine's own, Debian's."""

import tempfile
from pathlib import Path

import pytest

from tests.e2e.bed import VirtualMachine, needs_machine, small_registry
from tests.e2e.bed.engine import kept, run
from tests.e2e.bed.packages import Apt
from tests.e2e.bed.roots import host_tar
from tests.e2e.bed.vm_disk import SUITE
from tests.e2e.fresh import Fresh

pytestmark = [pytest.mark.slow, pytest.mark.soak, needs_machine]
ADDRESS = "10.0.2.15"
FILE = f"""\
version: 1
name: small
domain: small.example.org
timezone: Europe/Berlin
profiles: [identity]
tls: {{{{mode: internal}}}}
images: {{{{mirror: "MIRROR"}}}}
access: {{{{administrators: [alice]}}}}
volumes: {{{{films: {{{{nfs: "{ADDRESS}:/export/films"}}}}}}}}
apps:
  wiki: {{{{image: "ghcr.io/requarks/wiki:2.5", port: 3000, mounts: ["films:/films"], memory: 128m}}}}
"""
SERVED = """
mkdir -p /export/films && echo 'a film' >/export/films/film && chown -R 1000:1000 /export/films &&
echo '/export/films *(rw,no_subtree_check,insecure)' >/etc/exports && dpkg -i /run/nfs/*.deb &&
systemctl restart nfs-server && showmount -e localhost | grep -q /export/films
"""


def nfs_packages() -> Path:
    """A folder with Debian's NFS server and all that it needs on a fresh host, as a tar."""

    def make(path: Path) -> None:
        with tempfile.TemporaryDirectory(prefix="bed-") as temporary:
            work = Path(temporary)
            (work / "nfs").mkdir()
            status = run("tar", "-xOf", host_tar(SUITE), "./var/lib/dpkg/status").stdout
            Apt(work / "apt", SUITE, status).closure(work / "nfs", ("nfs-kernel-server",))
            run("tar", "-C", work, "-cf", path, "nfs")

    return kept("nfs.tar", SUITE, make)


def test_an_app_reads_and_writes_what_an_nfs_server_has(pyz):
    file = FILE.replace("MIRROR", small_registry(("caddy", "postgres", "server", "wiki")))
    with VirtualMachine.start() as host:
        assert host.run("tar -x -C /run", feed=nfs_packages().read_bytes()).code == 0
        done = host.run(SERVED, 600)
        assert done.code == 0, done.out + done.err + host.log()
        fresh = Fresh(host, pyz, host.suite, file)
        done = fresh.install("--yes")
        assert done.code == 0, done.out[-2000:] + done.err[-3000:] + host.log()
        assert host.run("docker exec small-wiki-1 cat /films/film").out == "a film\n"
        assert host.run("docker exec small-wiki-1 sh -c 'echo another >/films/other'").code == 0
        assert host.run("cat /export/films/other").out == "another\n"
        assert ":/export/films" in host.run("grep nfs4 /proc/mounts").out
        done = fresh.infrakit("uninstall", "--purge", "--yes", "--yes")
        assert done.code == 0, done.out[-2000:] + done.err
        assert host.run("cat /export/films/film").out == "a film\n", "what is on the server is somebody else's"
