"""secrets export and import: two machines of one file become one fleet, by a file that is carried."""

import json
import os
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from infrakit.compiler import load
from infrakit.model import LOGS_PAIR
from infrakit.stack.layout import CURRENT, HOSTS
from infrakit.system import exported
from infrakit.system.certificates import fingerprint, unfit

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has a place for it")

TEXT = """\
version: 1
domain: home.example.org
hosts:
  core: {pattern: full, address: 192.0.2.10}
  shed: {pattern: monitoring, address: 192.0.2.11}
  cabin: {pattern: edge}
"""
ALONE = "version: 1\ndomain: home.example.org\npattern: monitoring\n"
PAIR = ["fleet_ca", "fleet_certificate", "fleet_key"]
CARRIED = "shed.secrets"


@pytest.fixture(autouse=True)
def file(tmp_path) -> Path:
    path = tmp_path / "infrakit.yaml"
    path.write_text(TEXT)
    for folder in (HOSTS, CURRENT):
        shutil.rmtree(folder, ignore_errors=True)
    yield path
    for folder in (HOSTS, CURRENT):
        shutil.rmtree(folder, ignore_errors=True)


def is_in_force(host: str | None) -> None:
    """The machine is this host of the file; None: another machine, on which nothing runs yet."""
    shutil.rmtree(CURRENT, ignore_errors=True)
    if host is None:
        shutil.rmtree(HOSTS)
        return
    Path(CURRENT).mkdir()
    Path(CURRENT, "compose.yaml").write_text("name: infrakit\n")
    os.symlink(f"{HOSTS}/{host}/secrets", f"{CURRENT}/secrets")


@pytest.fixture
def core(infrakit, file):
    """The machine `core`: its file is the installed one, and it has minted its secrets."""
    assert infrakit("compile", "-o", HOSTS, "--host", "core").returncode == 0
    is_in_force("core")
    return infrakit


def export(infrakit, host="shed", *words) -> dict:
    done = infrakit("secrets", "export", "--for", host, "-o", HOSTS, "--json", *words)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_what_the_core_exports_makes_the_other_one_of_its_fleet(core, tmp_path):
    said = export(core)
    authority = fingerprint(Path(HOSTS, "core/secrets/fleet_ca").read_bytes())
    assert (said["secrets"], said["fingerprint"], said["file"]) == (PAIR, authority, CARRIED)
    assert (tmp_path / CARRIED).stat().st_mode & 0o777 == 0o600
    assert not Path(HOSTS, "shed").exists(), "the core keeps no key of another host"

    is_in_force(None)  # and now this is the machine `shed`
    planned = core("secrets", "import", CARRIED, "--dry-run")
    assert planned.returncode == 6 and f"the secret fleet_ca: SHA-256 {authority}" in planned.stdout
    assert not os.path.exists(HOSTS)
    assert core("secrets", "import", CARRIED, "--yes").returncode == 0
    kept = {name: Path(HOSTS, "shed/secrets", name).read_bytes() for name in PAIR}
    assert unfit(kept, "shed") == "" and fingerprint(kept["fleet_ca"]) == authority
    assert core("secrets", "import", CARRIED, "--yes").stdout.endswith("nothing to change\n")


def test_a_machine_that_has_nothing_of_the_fleet_is_told_so_before_it_is_brought_up(core):
    export(core)
    is_in_force(None)
    for host, apart in (("shed", True), ("core", False)):
        said = core("up", "--dry-run", "--host", host).stderr
        assert ("[fleet-apart]" in said) == apart, said
        assert ("on core: sudo infrakit secrets export --for shed" in said) == apart
    assert core("secrets", "import", CARRIED, "--yes").returncode == 0
    assert "[fleet-apart]" not in core("up", "--dry-run", "--host", "shed").stderr


def test_of_a_workstation_that_compiles_all_each_host_gets_what_is_there(infrakit, tmp_path):
    assert infrakit("compile").returncode == 0
    done = infrakit("secrets", "export", "--for", "shed", "--to", "stick.secrets")
    assert done.returncode == 0 and "who has this file can pass for shed" in done.stdout
    found = exported.read((tmp_path / "stick.secrets").read_bytes(), "stick.secrets")
    there = {path.name: path.read_bytes() for path in (tmp_path / "build/shed/secrets").iterdir()}
    assert found.secrets == {name: value for name, value in there.items() if name not in LOGS_PAIR}
    assert there.keys() >= set(LOGS_PAIR), "which a host makes for itself, and no other needs"


@pytest.mark.parametrize("host", ["core", "cabin", "barn"])
def test_what_makes_no_sense_is_refused(core, file, host):
    expected = {"core": "this machine is core", "cabin": "shares nothing", "barn": "there is no host barn"}[host]
    done = core("secrets", "export", "--for", host, "-o", HOSTS)
    assert done.returncode == 2 and expected in done.stderr, done.stderr


def test_a_file_of_something_else_is_refused_and_nothing_changes(core, tmp_path, file):
    export(core)
    whole = (tmp_path / CARRIED).read_bytes()
    tree = json.loads(whole)
    is_in_force(None)
    other = json.loads(whole)
    other["secrets"]["fleet_key"] = tree["secrets"]["fleet_ca"]
    cases = {
        b"": "is not what",
        b"[]": "is not what",
        whole[:-40]: "is not what",
        json.dumps({**tree, "infrakit_secrets": 2}).encode(): "another version",
        json.dumps({**tree, "host": "cabin"}).encode(): "not one of this fleet for cabin",
        json.dumps(other).encode(): "the key is not the certificate's",
        json.dumps({**tree, "secrets": {"fleet_ca": tree["secrets"]["fleet_ca"]}}).encode(): "is missing",
        json.dumps({**tree, "fleet": "elsewhere"}).encode(): "is of elsewhere",
    }
    for content, words in cases.items():
        (tmp_path / CARRIED).write_bytes(content)
        done = core("secrets", "import", CARRIED, "--yes")
        assert done.returncode == 2 and words in done.stderr, (words, done.stderr)
        assert "PRIVATE" not in done.stderr + done.stdout
    (tmp_path / CARRIED).write_bytes(whole)
    (tmp_path / CARRIED).chmod(0o666)
    assert "can be changed by others" in core("secrets", "import", CARRIED, "--yes").stderr
    assert not os.path.exists(HOSTS)


def test_secrets_that_are_the_same_on_all_hosts_are_the_same_for_each_that_is_exported(tmp_path):
    fleet = load(TEXT.encode(), "infrakit.yaml", lambda name: b"").fleet
    shed = next(host for host in fleet.deployments if host.host == "shed")
    spec = shed.secrets[0]._replace(name="agent_secret", kind="password", shared=True, length=40)
    first, second = (exported.export("x", str(tmp_path), host, [spec], ["core"]) for host in ("shed", "cabin"))
    assert first.secrets == second.secrets and len(first.secrets["agent_secret"]) == 40


def test_the_pair_of_a_hosts_logs_is_its_own_and_is_made_once(infrakit, tmp_path):
    assert infrakit("compile").returncode == 0
    pairs = [{name: tmp_path / "build" / host / "secrets" / name for name in LOGS_PAIR} for host in ("core", "shed")]
    before = [{name: path.read_bytes() for name, path in pair.items()} for pair in pairs]
    for pair in pairs:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*pair.values())
        # It is its own authority: an agent believes whom this certificate signs, and Caddy shows it where it is asked.
        verified = subprocess.run(["openssl", "verify", "-CAfile", *[pair[LOGS_PAIR[0]]] * 2], capture_output=True)
        assert verified.returncode == 0, verified.stderr
    assert before[0][LOGS_PAIR[1]] != before[1][LOGS_PAIR[1]]
    assert infrakit("compile", "--force").returncode == 0
    assert [{name: path.read_bytes() for name, path in pair.items()} for pair in pairs] == before
    pairs[1][LOGS_PAIR[0]].unlink()
    assert infrakit("compile", "--force").returncode == 0
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*pairs[1].values())
