"""infrakit backup and restore by way of real servers, of SSH and restic's own, from the built zipapp with a real
engine: what opens them is asked for as a secret, and stands in no call and in no file that others read."""

import base64
import hashlib
import os
import shutil
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from infrakit.stack.backup.places import OPEN
from infrakit.stack.backup.repository import KNOWN
from tests.emit.tree import needs_compose
from tests.ports import free_port
from tests.runtime.backed import SECRETS, Backed, backed, needs_restic
from tests.runtime.engine import needs_engine
from tests.runtime.test_update import ALONE, WELL, publish
from tests.system import fake_s3

REST_SERVER = "/usr/local/lib/infrakit-rest-server/usr/bin/restic-rest-server"
pytestmark = [
    needs_engine,
    needs_compose,
    needs_restic,
    pytest.mark.skipif(not os.path.exists("/usr/sbin/sshd"), reason="needs sshd (tests/tools/install.sh)"),
    pytest.mark.skipif(not os.path.exists(REST_SERVER), reason="needs restic's server (tests/tools/install.sh)"),
]
FILE = (
    ALONE
    + """\
backup: {{BACKUP}}
apps:
  wiki: {{image: "{at}/team/wiki:1", health: image, data: [/data]}}
"""
)
PASSWORD = "Blaue%Ente:4711"


@pytest.fixture(scope="module")
def host(tmp_path_factory, pyz):
    with backed(tmp_path_factory, pyz) as made:
        publish(made.registry, "wiki", WELL, tag="1")
        yield made


def filed(host: Backed, backup: str) -> str:
    """To be formatted with the registry's address."""
    return FILE.replace("BACKUP", backup)


@contextmanager
def running(words: "list[str]", port: int):
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        while subprocess.run(["sh", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{port}"], executable="/bin/bash").returncode:
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait()
        process.stderr.close()


@contextmanager
def ssh_server(folder: Path):
    """(its address, its key, the private key that it lets in)."""
    port, keys = free_port(), folder / "keys"
    keys.mkdir()
    for name in ("server", "client", "stranger"):
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", keys / name]
        subprocess.run(words, check=True)
    os.makedirs("/run/sshd", exist_ok=True)
    lines = (f"Port {port}", "ListenAddress 127.0.0.1", f"HostKey {keys}/server", "PidFile none", "UsePAM no")
    lines += (f"AuthorizedKeysFile {keys}/client.pub", "StrictModes no", "PasswordAuthentication no")
    lines += ("Subsystem sftp internal-sftp", "PermitRootLogin yes")
    (folder / "sshd_config").write_text("\n".join(lines) + "\n")
    with running(["/usr/sbin/sshd", "-D", "-e", "-f", str(folder / "sshd_config")], port):
        yield f"root@127.0.0.1:{port}", (keys / "server.pub").read_text().strip(), keys


def given(host: Backed, name: str, value: bytes, hint: str = "") -> None:
    """As the words of `hint` have it, before the file is in force."""
    words = next((line.split()[5:] for line in hint.splitlines() if "hint: sudo infrakit secrets set " in line), [name])
    words = ["secrets", "set", name, *words[1:]]
    done = subprocess.run(host.words(*words), cwd=host.folder, input=value, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr


def goes_round(host: Backed) -> None:
    """A backup, its list, a look at it, and back from it."""
    page = host.place("wiki-data") / "page"
    page.write_text("as it was")
    done = host.now()
    assert done.returncode == 0, done.stdout + done.stderr
    assert [sorted(item["parts"]) for item in host.sets()] == [["wiki"]]
    looked = host.infrakit("backup", "verify", "--all")
    assert looked.returncode == 0 and "nothing is damaged" in looked.stdout, looked.stderr
    page.write_text("spoilt")
    done = host.infrakit("restore", "--yes", "--without-backup")
    assert done.returncode == 0, done.stdout + done.stderr
    assert page.read_text() == "as it was" and host.is_well()
    itself = host.infrakit("backup", "restic", "snapshots", "--tag", "part=wiki")
    assert itself.returncode == 0 and "part=wiki" in itself.stdout, itself.stderr
    os.remove(KNOWN)


def is_nowhere(host: Backed, secret: bytes) -> None:
    """But in the secret, and in what only root reads."""
    places = ("/var/lib/infrakit", "/etc/infrakit", "/var/cache/infrakit")
    found = {
        path for place in places for path in Path(place).rglob("*") if path.is_file() and secret in path.read_bytes()
    }
    assert {path.parent for path in found} <= {Path(OPEN), Path(SECRETS)}
    assert all(path.stat().st_mode & 0o077 == 0 for path in found if path.parent == Path(OPEN))
    assert Path(OPEN).stat().st_mode & 0o077 == 0


def test_over_ssh_by_a_key_to_a_server_whose_key_is_known(host, tmp_path):
    with ssh_server(tmp_path) as (address, host_key, keys):
        to = f"to: 'sftp://{address}{tmp_path}/disk', host_key: {host_key}"
        (host.folder / "infrakit.yaml").write_text(filed(host, to).format(at=host.registry.address))
        before = host.infrakit("up", "--yes")
        assert before.returncode != 0 and "backup_ssh_key" in before.stderr, before.stderr
        private = (keys / "client").read_bytes()
        given(host, "backup_ssh_key", private, before.stderr)
        host.up(filed(host, to))
        goes_round(host)
        is_nowhere(host, private.splitlines()[2])

        given(host, "backup_ssh_key", (keys / "stranger").read_bytes())
        shut = host.now()
        assert shut.returncode != 0 and "lets nobody in" in shut.stderr and "Traceback" not in shut.stderr, shut.stderr
        given(host, "backup_ssh_key", private)
        other = (keys / "stranger.pub").read_text().strip()
        host.up(filed(host, to.replace(host_key, other)))
        another = host.now()
        assert another.returncode != 0 and "another key than backup.host_key says" in another.stderr, another.stderr
        host.up(filed(host, to))
    gone = host.now()
    assert gone.returncode != 0 and "cannot be reached: " in gone.stderr, gone.stderr
    assert host.is_well()


@contextmanager
def rest_server(folder: Path, *, secret: bool):
    """Its address; with a user, and a certificate of this machine's own authority, where it is `secret`."""
    port, words = free_port(), ["--path", str(folder / "store")]
    words += ["--listen", f"127.0.0.1:{port}"]
    if secret:
        subject = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
        files = ("-keyout", folder / "key.pem", "-out", folder / "own.pem")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject, *files],
            check=True,
            capture_output=True,
        )
        hashed = base64.b64encode(hashlib.sha1(PASSWORD.encode()).digest()).decode()
        (folder / "users").write_text(f"bob:{{SHA}}{hashed}\n")
        words += ["--htpasswd-file", str(folder / "users"), "--tls"]
        words += ["--tls-cert", str(folder / "own.pem"), "--tls-key", str(folder / "key.pem")]
    else:
        words += ["--no-auth"]
    with running([REST_SERVER, *words], port):
        yield f"https://bob@localhost:{port}" if secret else f"http://localhost:{port}"


def test_by_restics_own_server_that_asks_nobody(host, tmp_path):
    with rest_server(tmp_path, secret=False) as address:
        host.up(filed(host, f"to: 'rest:{address}/team'"))
        goes_round(host)


def test_by_restics_own_server_with_a_password_that_stands_in_no_call(host, tmp_path):
    with rest_server(tmp_path, secret=True) as address:
        certificates = host.folder / "certs"
        certificates.mkdir()
        shutil.copy(tmp_path / "own.pem", certificates / "ca-certificates.crt")
        given_to = filed(host, f"to: 'rest:{address}/team'")
        (host.folder / "infrakit.yaml").write_text(given_to.format(at=host.registry.address))
        missing = host.infrakit("up", "--yes").stderr
        given(host, "backup_rest_password", PASSWORD.encode(), missing)
        host.up(given_to)
        goes_round(host)
        is_nowhere(host, b"4711")
        given(host, "backup_rest_password", b"another one")
        shut = host.now()
        assert shut.returncode != 0 and "lets nobody in" in shut.stderr and PASSWORD not in shut.stderr, shut.stderr
        shutil.rmtree(certificates)


def test_by_an_s3_server_with_a_key_that_signs_each_call(host):
    identity, key = "AKIDENTIGEENTE", "geheim/Schluessel+4712"
    with fake_s3.store(**{identity: key}) as server:
        text = filed(host, f"to: 's3:http://{server.address}/bucket/homelab'")
        (host.folder / "infrakit.yaml").write_text(text.format(at=host.registry.address))
        missing = host.infrakit("up", "--yes").stderr
        assert "backup_s3_id" in missing and "backup_s3_key" in missing, missing
        given(host, "backup_s3_id", identity.encode(), missing)
        given(host, "backup_s3_key", key.encode(), missing)
        host.up(text)
        goes_round(host)
        is_nowhere(host, b"Schluessel+4712")
        assert {name.partition("/")[0] for name in server.buckets["bucket"]} == {"homelab"} and not server.refused
        given(host, "backup_s3_key", b"another one")
        shut = host.now()
        assert shut.returncode != 0 and "lets nobody in" in shut.stderr and key not in shut.stderr, shut.stderr
