"""Where Docker comes from: a row per machine, a pinned key, and steps that say what they change."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from types import MappingProxyType

import pytest

from infrakit.errors import MachineUnfit
from infrakit.host.apt import Installed
from infrakit.host.docker import KEY, KEYRING, MATRIX, FetchKey, KeyIs, engine_steps, row_for, source_file
from infrakit.host.facts import facts_of
from infrakit.host.forwarding import OPEN, SWEEP
from infrakit.host.openpgp import fingerprints
from infrakit.lock.entries import LockedPackage
from infrakit.plan import Plan, Write, preview
from infrakit.system.machine import Machine
from tests.host.machines import DPKG_QUERY, changed, load, without_docker

CELLS = [(row, architecture) for row in MATRIX for architecture in row.architectures]


@pytest.mark.parametrize(
    ("row", "architecture"),
    CELLS,
    ids=lambda value: value if isinstance(value, str) else f"{value.distribution}-{value.codename}",
)
def test_every_cell_has_a_source(row, architecture):
    assert row_for(row.distribution, row.codename, architecture) == row
    text = source_file(row, architecture, "https://download.docker.com").decode()
    assert f"URIs: https://download.docker.com/linux/{row.origin}\nSuites: {row.codename}\n" in text
    assert f"Architectures: {architecture}\nSigned-By: {KEYRING}\n" in text


def test_raspbian_trixie_goes_to_debians_packages():
    assert row_for("raspbian", "trixie", "armhf").origin == "debian"
    assert row_for("raspbian", "bookworm", "armhf").origin == "raspbian"


@pytest.mark.parametrize(
    ("machine", "words"),
    [
        (("raspbian", "bookworm", "armv6"), "ARMv6"),
        (("debian", "buster", "amd64"), "not one that InfraKit can install Docker on"),
        (("raspbian", "trixie", "arm64"), "no packages of raspbian trixie for arm64"),
        (("", "", "amd64"), "this system"),
    ],
)
def test_what_has_no_packages_is_refused_in_words(machine, words):
    with pytest.raises(MachineUnfit, match=words):
        row_for(*machine)


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    """(an armoured public key, its fingerprint as GnuPG says it), in both packet formats' lengths."""
    if shutil.which("gpg") is None:
        pytest.skip("gpg is not installed")
    home = tmp_path_factory.mktemp("gnupg")
    home.chmod(0o700)
    gpg = ["gpg", "--batch", "--quiet", "--homedir", str(home), "--pinentry-mode", "loopback", "--passphrase", ""]
    subprocess.run(
        [*gpg, "--quick-generate-key", "test <test@example.org>", "rsa4096", "sign", "never"],
        check=True,
        capture_output=True,
    )
    listed = subprocess.run([*gpg, "--with-colons", "--fingerprint"], check=True, capture_output=True, text=True).stdout
    fingerprint = next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr"))
    armoured = subprocess.run([*gpg, "--armor", "--export"], check=True, capture_output=True).stdout
    subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], capture_output=True)
    return armoured, fingerprint


def test_a_fingerprint_is_what_gnupg_says(key):
    armoured, fingerprint = key
    assert fingerprints(armoured) == [fingerprint]
    assert fingerprints(armoured + b"\n" + armoured) == [fingerprint, fingerprint]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>404</html>",
        b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n%%%\n-----END PGP PUBLIC KEY BLOCK-----\n",
        bytes(range(192, 256)),
    ],
)
def test_what_is_no_key_has_no_fingerprint(content):
    assert fingerprints(content) == []


def test_only_the_pinned_key_is_put_in_place(key, tmp_path):
    armoured, fingerprint = key
    (tmp_path / "gpg").write_bytes(armoured)
    place = str(tmp_path / "keyring.asc")
    with pytest.raises(MachineUnfit, match="not " + KEY):
        FetchKey((tmp_path / "gpg").as_uri(), KEY, place).do(Machine(), lambda event: None)
    assert not os.path.exists(place)
    FetchKey((tmp_path / "gpg").as_uri(), fingerprint, place).do(Machine(), lambda event: None)
    assert KeyIs(place, fingerprint).holds(Machine()) and not KeyIs(place, KEY).holds(Machine())


def test_packages_are_looked_for_in_dpkgs_own_words():
    if shutil.which("dpkg-query") is None:
        pytest.skip("not a Debian")
    assert Installed(("dpkg", "base-files")).holds(Machine())
    assert not Installed(("dpkg", "no-such-package")).holds(Machine())


def test_the_plan_names_every_change():
    fresh = without_docker(load("debian13-vps"))
    steps = engine_steps(facts_of(changed(fresh, says={"dpkg --print-architecture": "arm64\n"})))
    said = [action.text() for step in steps for action in step.actions]
    assert said[0] == f"fetch https://download.docker.com/linux/debian/gpg, refuse any key but {KEY}"
    assert "write /etc/apt/sources.list.d/docker.sources" in said and "write /etc/docker/daemon.json" in said
    assert any(text.startswith("install docker-ce ") and text.endswith("apparmor") for text in said)
    assert len(preview(Plan("docker", steps), Machine())) == len(steps)


def test_a_locked_version_is_the_one_that_is_installed():
    facts = facts_of(without_docker(load("debian13-vps")))
    said = [
        action.text()
        for step in engine_steps(facts, locked={"docker-ce": LockedPackage("5:29.1.4-1~debian.13~trixie", "", 0)})
        for action in step.actions
    ]
    assert any(text.startswith("install docker-ce=5:29.1.4-1~debian.13~trixie docker-ce-cli ") for text in said)
    assert Installed(("docker-ce", "docker-ce-cli")) in [
        probe._replace(packages=probe.packages[:2])
        for step in engine_steps(facts, locked={"docker-ce": LockedPackage("1", "", 0)})
        for probe in step.done_when
        if isinstance(probe, Installed)
    ]


def steps_on(name: str, files: str = "", **changes) -> list[str]:
    """Names of the steps to an engine, on a recorded machine that says something else."""
    facts = facts_of(changed(load(name), says=dict(changes.pop("says", {}).items())))._replace(**changes)
    return [step.name for step in engine_steps(facts, files=files)]


def test_an_engine_that_is_new_enough_is_left_alone():
    assert steps_on("debian13-vps") == ["docker unit"]


def test_an_engine_that_is_installed_is_running_by_the_same_step():
    """Its package starts it or does not: a plan that had a step for that could not say beforehand whether it is
    taken."""
    steps = engine_steps(facts_of(without_docker(load("debian13-vps"))))
    assert [step.name for step in steps][-1] == "docker packages"
    assert {"docker.service runs, and starts at boot", "docker version --format {{.Server.Version}} answers"} < {
        probe.text() for probe in steps[-1].done_when
    }
    assert [action.text() for action in steps[-1].actions][-2:] == [
        "start docker.service, now and at boot",
        "restart docker.service, unless docker version --format {{.Server.Version}} answers",
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"docker_origin": "half"},
        {"half_installed": ("docker-ce",)},
        {"half_installed": ("apparmor",)},
        {"docker_version": "24.0.7"},
    ],
)
def test_half_an_engine_is_made_whole(changes):
    steps = steps_on("debian13-vps", **changes)
    assert "docker packages" in steps and ("packages" in steps) == ("half_installed" in changes)


def test_of_packages_that_dpkg_began_with_half_is_known():
    names = "docker-ce-cli 5:29.1.4 unpacked\ncontainerd.io 2.1.5-1 installed\n"
    half = facts_of(changed(load("debian13-vps"), says={DPKG_QUERY: (1, names)}))
    assert half.docker_origin == "half"


@pytest.mark.parametrize(
    ("origin", "distribution", "package"),
    [
        ("docker-ce", "debian", "docker-compose-plugin"),
        ("distribution", "ubuntu", "docker-compose-v2"),
        ("distribution", "debian", "docker-compose"),
    ],
)
def test_an_engine_without_compose_gets_it_from_where_it_came(origin, distribution, package):
    facts = facts_of(load("debian13-vps"))._replace(docker_origin=origin, distribution=distribution, compose_version="")
    assert engine_steps(facts)[0].actions[-1].packages == (package,)


def test_an_engine_put_in_by_hand_without_compose_is_refused():
    with pytest.raises(MachineUnfit, match="without Compose"):
        engine_steps(facts_of(load("debian13-vps"))._replace(docker_origin="unknown", compose_version=""))


def test_another_source_of_dockers_makes_room():
    steps = engine_steps(
        facts_of(without_docker(load("debian13-vps")))._replace(docker_sources=("/etc/apt/sources.list.d/docker.list",))
    )
    assert steps[0].actions[0].text() == "remove /etc/apt/sources.list.d/docker.list"


def test_from_files_nothing_is_fetched():
    steps = engine_steps(facts_of(without_docker(load("debian13-vps"))), files="/media/usb/packages")
    said = [action.text() for step in steps for action in step.actions]
    assert not [text for text in said if "fetch" in text or "update" in text] and any(
        text.endswith("from /media/usb/packages") for text in said
    )


def test_the_distributions_own_packages_are_taken_where_they_are_new_enough():
    steps = engine_steps(facts_of(without_docker(load("debian13-vps"))), own=True)
    said = [action.text() for step in steps for action in step.actions]
    assert "install docker.io docker-cli docker-compose ca-certificates iptables apparmor" in said
    assert not [text for text in said if "fetch" in text or "docker.sources" in text]


def test_the_distributions_own_engine_is_refused_where_it_is_too_old():
    old = facts_of(without_docker(load("debian13-vps")))._replace(codename="bookworm")
    with pytest.raises(MachineUnfit, match="older than 25"):
        engine_steps(old, own=True)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", {"log-driver": "local"}),
        ('{"dns": ["9.9.9.9"]}', {"dns": ["9.9.9.9"], "log-driver": "local"}),
        ('{"log-driver": "journald", "live-restore": true}', {"log-driver": "journald", "live-restore": True}),
    ],
)
def test_settings_of_an_engine_before_us_stay(before, after):
    written = settings_of(before).content
    assert json.loads(written) == after
    assert settings_of(written.decode()).content == written


def settings_of(daemon_json: str, proxies: Mapping[str, str] = MappingProxyType({})) -> Write:
    """The file that a new engine gets where there was this one."""
    facts = facts_of(without_docker(load("debian13-vps")))._replace(daemon_json=daemon_json)
    (step,) = [step for step in engine_steps(facts, proxies=proxies) if step.name == "docker settings"]
    return step.actions[0]


def test_a_new_engine_fetches_through_the_proxy_of_the_machine_unless_it_has_one():
    plain = {"http-proxy": "http://proxy.lan:3128", "no-proxy": "registry.lan"}
    written = settings_of("", plain)
    assert json.loads(written.content)["proxies"] == plain and written.mode == 0o644
    assert dict(written.keys)["proxies"] == json.dumps(plain, sort_keys=True), "uninstall knows that it is ours"
    assert settings_of("", {"http-proxy": "http://me:word@proxy.lan:3128"}).mode == 0o600
    own = '{"proxies": {"http-proxy": "http://other.lan"}}'
    assert json.loads(settings_of(own, plain).content)["proxies"] == {"http-proxy": "http://other.lan"}


RULES = """*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:DOCKER - [0:0]
:DOCKER-ISOLATION-STAGE-1 - [0:0]
:DOCKER-USER - [0:0]
:DOCKER_OF_MINE - [0:0]
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-ISOLATION-STAGE-1
-A FORWARD -o docker0 -j DOCKER
-A FORWARD -i docker0 ! -o docker0 -j ACCEPT
-A FORWARD -i wg0 -j ACCEPT
-A DOCKER-ISOLATION-STAGE-1 -j RETURN
-A DOCKER-USER -j RETURN
-A DOCKER_OF_MINE -j RETURN
COMMIT
"""


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("iptables-restore"), reason="needs root and iptables")
@pytest.mark.parametrize(
    ("more", "policy"), [(OPEN, "ACCEPT"), ("", "DROP")], ids=["it let all through before", "it dropped before"]
)
def test_dockers_rules_go_and_those_of_others_stay(more, policy):
    """In a network of its own."""
    script = f"iptables-restore && {SWEEP.format(family='iptables', more=more)} iptables-save"
    done = subprocess.run(["unshare", "--net", "sh", "-c", script], input=RULES, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    left = [line.partition(" [")[0] for line in done.stdout.splitlines() if line.startswith((":", "-A"))]
    assert left == [
        ":INPUT ACCEPT",
        f":FORWARD {policy}",
        ":OUTPUT ACCEPT",
        ":DOCKER_OF_MINE -",
        "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT",
        "-A FORWARD -i wg0 -j ACCEPT",
        "-A DOCKER_OF_MINE -j RETURN",
    ]
