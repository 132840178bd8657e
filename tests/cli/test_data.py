"""A second file after a first: what a machine goes on with is opened by the password that it was made with, and what
happens to data is said."""

import re
from collections.abc import Iterator

import pytest

from infrakit.compiler import load
from infrakit.model import OF_THE_HOST, Deployment

HEAD = "version: 1\ndomain: home.example.org\n"
ACCESS = "access: {groups: {family: [bob]}}\n"
WIKI = "{image: 'docker.io/library/nginx:1.27.0', port: 80, data: [/data], secrets: [wiki_db], memory: 64m"
ONE = f"{HEAD}pattern: full\nprofiles: [remote_access]\n{ACCESS}apps:\n  wiki: {WIKI}}}\n"
BARE = ONE.partition("apps:")[0]
CORE = "{pattern: full, profiles: [remote_access], address: 192.0.2.10}"
NAS = "{pattern: edge, address: 192.0.2.11}"
BASE = {"blog": ONE.replace("  wiki:", "  blog:").replace("wiki_db", "blog_db")}


def several(hosts: str, app: str = "", *, head: str = HEAD, more: str = "") -> str:
    text = f"{head}{ACCESS}hosts:\n" + "".join(f"  {line}\n" for line in hosts.split("; "))
    return text + (f"apps:\n  wiki: {WIKI}, hosts: [{app}]}}\n" if app else "") + more


TWO = several(f"pi: {CORE}; nas: {NAS}", "pi")
WIKI_ON_NAS = several(f"pi: {CORE}; nas: {NAS}", "nas")

MOVES = {
    # name: (before, after, {machine as it is called now: as it was called}, lines that are said)
    "nothing": (ONE, ONE, {"infrakit": "infrakit"}, []),
    "one machine gets a name": (
        ONE,
        several(f"pi: {CORE}", "pi"),
        {"pi": "infrakit"},
        ["pi: ~ host pi: has the secrets of infrakit", "infrakit: - host infrakit"],
    ),
    "one machine becomes two": (ONE, TWO, {"pi": "infrakit"}, ["pi: ~ host pi: has the secrets of infrakit"]),
    "one machine becomes two, and an app goes": (
        ONE,
        WIKI_ON_NAS,
        {"pi": "infrakit"},
        [
            "pi: - volume wiki-data: its data stays, as infrakit_wiki-data, until you remove it",
            "nas: ! volume wiki-data: the data of pi is here only where it is the same machine; else copy "
            "infrakit_wiki-data over",
        ],
    ),
    "the core is renamed": (
        TWO,
        several(f"rock: {CORE}; nas: {NAS}", "rock"),
        {"rock": "pi", "nas": "nas"},
        ["rock: ~ host rock: has the secrets of pi"],
    ),
    "the other is renamed, whose secret is called like ours of the fleet": (
        WIKI_ON_NAS.replace("wiki_db", "fleet_wiki"),
        several(f"pi: {CORE}; shed: {NAS}", "shed").replace("wiki_db", "fleet_wiki"),
        {"pi": "pi", "shed": "nas"},
        ["shed: ~ host shed: has the secrets of nas"],
    ),
    "such a secret is renamed": (
        ONE.replace("wiki_db", "fleet_wiki"),
        ONE.replace("wiki_db", "fleet_notes"),
        {"infrakit": "infrakit"},
        ["! secret fleet_notes: new, and nobody reads fleet_wiki any more, with which data may have been made"],
    ),
    "the other is renamed": (
        WIKI_ON_NAS,
        several(f"pi: {CORE}; shed: {NAS}", "shed"),
        {"pi": "pi", "shed": "nas"},
        ["shed: ~ host shed: has the secrets of nas"],
    ),
    "both are renamed": (
        WIKI_ON_NAS,
        several(f"rock: {CORE}; shed: {NAS}", "shed"),
        {"rock": "pi", "shed": "nas"},
        ["rock: ~ host rock: has the secrets of pi", "shed: ~ host shed: has the secrets of nas"],
    ),
    "a renamed machine takes its app back from nobody": (
        TWO,
        several(f"rock: {CORE}; nas: {NAS}"),
        {"rock": "pi", "nas": "nas"},
        ["rock: - volume wiki-data: its data stays, as infrakit_wiki-data"],
    ),
    "an app moves": (
        TWO,
        WIKI_ON_NAS,
        {"pi": "pi", "nas": "nas"},
        ["pi: - volume wiki-data: its data stays", "nas: ! volume wiki-data: the data of pi is here only"],
    ),
    "an app moves back": (
        WIKI_ON_NAS,
        TWO,
        {"pi": "pi", "nas": "nas"},
        ["nas: - volume wiki-data: its data stays", "pi: ! volume wiki-data: the data of nas is here only"],
    ),
    "an app leaves": (
        ONE,
        BARE,
        {"infrakit": "infrakit"},
        ["- volume wiki-data: its data stays, as infrakit_wiki-data, until you remove it"],
    ),
    "an app comes": (
        BARE,
        ONE,
        {"infrakit": "infrakit"},
        ["+ volume wiki-data: empty, or what infrakit_wiki-data holds from before"],
    ),
    "an app is renamed": (
        ONE,
        BASE["blog"],
        {"infrakit": "infrakit"},
        ["- volume wiki-data: its data stays", "+ volume blog-data: empty, or what infrakit_blog-data holds"],
    ),
    "a service of the catalogue leaves": (
        ONE,
        ONE.replace("profiles: [remote_access]\n", "services: {guacamole: {enabled: false}}\n"),
        {"infrakit": "infrakit"},
        ["- volume guacamole-database: its data stays, as infrakit_guacamole-database"],
    ),
    "the domain changes": (
        ONE,
        ONE.replace("home.example.org", "new.example.org"),
        {"infrakit": "infrakit"},
        ["+ door auth.new.example.org"],
    ),
    "where certificates come from changes": (ONE, ONE + "tls: {mode: internal}\n", {"infrakit": "infrakit"}, []),
    "the project is renamed": (
        ONE.replace("version: 1\n", "version: 1\nname: first\n"),
        ONE.replace("version: 1\n", "version: 1\nname: second\n"),
        {},
        ["build/first: of project first, and stays; `name: first` goes on with its secrets and volumes"],
    ),
    "the project gets a name": (
        ONE,
        ONE.replace("version: 1\n", "version: 1\nname: second\n"),
        {},
        ["build/infrakit: of project infrakit, and stays"],
    ),
    "the project of a named host is renamed, and its app": (
        several(f"pi: {CORE}", "pi"),
        several(f"pi: {CORE}", "pi", head=f"{HEAD}name: second\n").replace("  wiki:", "  blog:"),
        {},
        ["- volume wiki-data: its data stays, as infrakit_wiki-data"],
    ),
    "a secret is renamed": (
        ONE,
        ONE.replace("wiki_db", "notes_db"),
        {"infrakit": "infrakit"},
        ["! secret notes_db: new, and nobody reads wiki_db any more, with which data may have been made"],
    ),
    "what happens to data is said among much else": (
        ONE,
        HEAD + "pattern: full\napps:\n" + "".join(f"  a{n}: {{image: x/y:1, port: 80}}\n" for n in range(60)),
        {},
        ["- volume wiki-data: its data stays", "more"],
    ),
    "the project of named hosts is renamed": (
        TWO,
        TWO.replace("version: 1\n", "version: 1\nname: second\n"),
        {},
        ["pi: ! project second: was infrakit, whose volumes stay unread; `name: infrakit` goes on"],
    ),
    "a machine leaves": (
        WIKI_ON_NAS,
        several(f"pi: {CORE}"),
        {"pi": "pi"},
        ["nas: - volume wiki-data: its data stays, as infrakit_wiki-data"],
    ),
    "a machine comes": (several(f"pi: {CORE}", "pi"), TWO, {"pi": "pi"}, []),
    "a machine leaves, and another takes its app": (
        several(f"pi: {CORE}; nas: {NAS}; shed: {NAS.replace('11', '12')}", "nas"),
        several(f"pi: {CORE}; shed: {NAS.replace('11', '12')}", "shed"),
        {"pi": "pi", "shed": "shed"},
        ["shed: ~ secret wiki_db: the one of nas, which has left", "shed: ! volume wiki-data: the data of nas"],
    ),
    "an app goes, and a client that signs in comes": (
        ONE,
        BARE + "apps:\n  blog: {image: 'x/y:1', port: 80, oidc: {redirects: [/callback]}}\n",
        {"infrakit": "infrakit"},
        ["- volume wiki-data: its data stays"],
    ),
    "an app goes, and another brings a door to the other machine": (
        several(f"pi: {CORE}; nas: {NAS}", "pi").replace(", profiles: [remote_access]", ""),
        several(f"pi: {CORE}; nas: {NAS}", more="apps: {blog: {image: 'x/y:1', port: 80, hosts: [nas]}}\n").replace(
            ", profiles: [remote_access]", ""
        ),
        {"pi": "pi"},
        ["pi: - volume wiki-data: its data stays"],
    ),
    "two machines become one": (
        WIKI_ON_NAS,
        ONE,
        {"infrakit": "pi"},
        [
            "~ host infrakit: has the secrets of pi, which has left the file",
            "~ secret wiki_db: the one of nas, which has left the file",
            "! volume wiki-data: the data of nas is here only where it is the same machine",
        ],
    ),
}
UNTOUCHED = {"the domain changes", "where certificates come from changes"}
"""Nothing happens to data there, and nothing is said of it."""
UNSAID = {
    "an app goes, and a client that signs in comes",
    "an app goes, and another brings a door to the other machine",
}
"""What is new there opens no data: nothing that is left can be the same by another name."""


def opened(deployment: Deployment) -> Iterator[tuple[str, str]]:
    """(volume as Docker calls it, secret) for each container that has both."""
    for service in deployment.services:
        for container in service.containers:
            for mount in container.mounts:
                if mount.kind == "volume":
                    yield from ((f"{deployment.name}_{mount.source}", secret.name) for secret in container.secrets)


def hosts_of(text: str) -> dict[str, Deployment]:
    return {host.host: host for host in load(text.encode(), "infrakit.yaml", lambda _: b"").fleet.deployments}


@pytest.mark.parametrize("case", MOVES)
def test_volumes_keep_the_secrets_that_they_were_made_with(case, infrakit, tmp_path):
    before, after, same_machine, said = MOVES[case]
    build = tmp_path / "build"
    (tmp_path / "infrakit.yaml").write_text(before)
    first, second = hosts_of(before), hosts_of(after)
    assert infrakit("compile").returncode == 0
    for name in {spec.name for host in first.values() for spec in host.secrets if spec.kind == "user"}:
        assert infrakit("secrets", "set", name, feed=f"first {name}").returncode == 0
    old = {path.relative_to(build): path.read_bytes() for path in build.glob("*/secrets/*")}
    (tmp_path / "infrakit.yaml").write_text(after)
    done = infrakit("compile")
    assert done.returncode == 0, done.stderr

    pairs = 0
    for now, then in same_machine.items():
        for volume, secret in set(opened(second[now])) & set(opened(first[then])):
            if secret in OF_THE_HOST:
                continue
            made_with = old[build.joinpath(then, "secrets", secret).relative_to(build)]
            assert (build / now / "secrets" / secret).read_bytes() == made_with, (now, volume, secret)
            pairs += 1
    assert pairs or not same_machine
    for line in said:
        assert line in done.stdout, done.stdout
    assert case not in UNSAID or "! secret" not in done.stdout, done.stdout
    assert case not in UNTOUCHED or not re.search(r"volume|secret|data", done.stdout), done.stdout
    # Nothing that was ever minted is lost: it may open a volume that is still there.
    kept = {path.read_bytes() for path in build.glob("*/secrets/*")}
    assert not {path for path, value in old.items() if value not in kept and path.name not in OF_THE_HOST}


def test_what_comes_back_finds_its_secrets(infrakit, tmp_path):
    for text in (ONE, BARE, ONE):
        (tmp_path / "infrakit.yaml").write_text(text)
        done = infrakit("compile")
        assert done.returncode == 0, done.stderr
        secret = (tmp_path / "build/infrakit/secrets/wiki_db").read_bytes()
        if text == ONE and "minted" in done.stdout:
            first = secret
    assert secret == first and "minted" not in done.stdout


def test_who_of_two_it_was_is_asked(infrakit, tmp_path):
    """Nothing is minted, and the answer, given as the hint says, goes on."""
    text = several(f"pi: {CORE}; nas: {NAS}; shed: {NAS.replace('11', '12')}", "nas")
    both = text.replace("nas:", "rack:").replace("shed:", "barn:").replace("hosts: [nas]", "hosts: [rack, barn]")
    (tmp_path / "infrakit.yaml").write_text(text)
    infrakit("compile")
    made = (tmp_path / "build/nas/secrets/wiki_db").read_bytes()
    (tmp_path / "infrakit.yaml").write_text(both)
    for _ in range(2):
        done = infrakit("compile")
        assert done.returncode != 0 and "Traceback" not in done.stderr
        assert "nas has left the file, and its secret wiki_db may be the one of " in done.stderr, done.stderr
        assert (
            not list(tmp_path.glob("build/*/secrets/wiki_db"))
            or len(list(tmp_path.glob("build/*/secrets/wiki_db"))) == 1
        ), "one was minted"
    for former, now in (("nas", "rack"), ("shed", "barn")):
        if (tmp_path / f"build/{former}/secrets").exists():
            (tmp_path / f"build/{former}/secrets").rename(tmp_path / f"build/{now}/secrets")
    assert infrakit("compile").returncode == 0
    assert (tmp_path / "build/rack/secrets/wiki_db").read_bytes() == made


def test_one_host_alone_mints_nothing_that_may_be_anothers(infrakit, tmp_path):
    (tmp_path / "infrakit.yaml").write_text(TWO)
    infrakit("compile")
    (tmp_path / "infrakit.yaml").write_text(TWO.replace("pi", "rock"))
    done = infrakit("compile", "--host", "rock")
    assert done.returncode != 0 and "pi has left the file" in done.stderr, done.stderr
    assert not (tmp_path / "build/rock/secrets").exists()
