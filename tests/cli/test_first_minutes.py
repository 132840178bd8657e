"""What is said of doors: the words for a person, from values; and the questions of a first install, on a terminal."""

import json
import os
import pty
import sys

import pytest

from infrakit.cli import doors
from infrakit.cli.doors import TRUST, authority_line, authority_lines, name_lines
from infrakit.cli.questions import QUESTIONS, about_secret
from infrakit.cli.status import object_of
from infrakit.stack.doors import Authority, Doors, Names
from infrakit.system.machine import Machine
from tests.emit.examples import hosts

AUTHORITY = Authority(("http://192.168.1.5/infrakit-ca.crt", "http://192.168.1.6/infrakit-ca.crt"), "AB:CD")
NAMES = Names(
    ("wiki.home.example.org",),
    (("auth.home.example.org", ("192.168.1.9",)),),
    (("site.home.example.org", ("9.9.9.9",)),),
    ("192.168.1.5 auth.home.example.org wiki.home.example.org",),
    ("address=/auth.home.example.org/192.168.1.5", "address=/wiki.home.example.org/192.168.1.5"),
)
FULL = hosts()["full-homelab"]
ALL = Doors("internal", (), ("192.168.1.5", "192.168.1.6"), AUTHORITY, NAMES)
NOTHING = Doors("acme", (), (), Authority((), ""), Names())


def test_where_all_is_well_nothing_is_said():
    assert list(authority_lines(NOTHING, how_to_trust=True)) == list(name_lines(NOTHING, forwarded=True)) == []
    assert authority_line(NOTHING) == ""


def test_the_authority_is_said_with_its_fingerprint_and_how_each_platform_trusts_it():
    text = "\n".join(authority_lines(ALL, how_to_trust=True))
    for said in (*AUTHORITY.urls, "AB:CD", "compare its SHA-256 before you trust it", *(what for _, what in TRUST)):
        assert said in text
    assert {name for name, _ in TRUST} == {"Windows", "macOS", "Linux", "Firefox", "Android", "iOS"}
    short = "\n".join(authority_lines(ALL, how_to_trust=False))
    assert "AB:CD" in short and "infrakit status --doors" in short and "Firefox" not in short
    assert AUTHORITY.urls[0] in authority_line(ALL) and "AB:CD" in authority_line(ALL)


def test_a_caddy_that_says_nothing_is_no_fingerprint():
    silent = ALL._replace(authority=Authority(AUTHORITY.urls, ""))
    text = "\n".join(authority_lines(silent, how_to_trust=True))
    assert "did not say" in text and "compare" not in text and "does not say" in authority_line(silent)


def test_lines_for_a_hosts_file_and_a_router_stand_as_they_have_to_be_typed():
    lines = [line.strip() for line in name_lines(ALL, forwarded=False)]
    assert {*NAMES.hosts_file, *NAMES.dnsmasq} <= set(lines)
    assert "wiki.home.example.org: nobody knows it" in lines
    assert "auth.home.example.org: leads to 192.168.1.9" in lines
    assert not any("site.home" in line or "public DNS" in line for line in lines)
    assert any("site.home.example.org: 9.9.9.9" in line for line in name_lines(ALL, forwarded=True))
    assert any("public DNS" in line for line in name_lines(ALL._replace(tls="acme"), forwarded=False))


def test_for_a_program_it_is_the_last_event(capsys):
    doors.tell(FULL, Machine(), as_json=True, whole=True, ask_names=False)
    (line,) = capsys.readouterr().out.splitlines()
    said = json.loads(line)
    assert (said["kind"], said["version"], said["tls"]) == ("doors", 1, FULL.tls.mode)
    assert said["authority"] == {"urls": [], "sha256": ""} and said["names"]["unknown"] == []
    assert "https://wiki.home.example.org" in [page["url"] for page in said["pages"]]


def test_where_no_caddy_runs_its_authority_is_not_known(capsys):
    """The names of such a project are nobody's on this machine."""
    nobodys = FULL._replace(name="nobodys", tls=FULL.tls._replace(mode="internal"))
    doors.tell(nobodys, Machine(), as_json=True, whole=True, ask_names=False)
    assert json.loads(capsys.readouterr().out)["authority"]["sha256"] == ""


def test_status_for_a_program_is_an_object_with_services_and_doors():
    said = object_of([("caddy", "infrakit-caddy-1", "healthy", True, "caddy:2")], ALL)
    assert set(said) == {"version", "services", "doors"} and said["version"] == 1
    assert said["services"] == [
        {"service": "caddy", "container": "infrakit-caddy-1", "state": "healthy", "well": True, "image": "caddy:2"}
    ]
    assert said["doors"]["authority"]["sha256"] == "AB:CD"


def test_status_says_in_its_help_what_doors_is(infrakit):
    assert "--doors" in infrakit("status", "--help").stdout


def on_a_terminal(words: list[str], folder, answers: bytes) -> str:
    """What a program says to somebody who types these answers."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        os.execve(sys.executable, [sys.executable, *words], {"PATH": os.environ["PATH"], "HOME": str(folder)})
    os.write(terminal, answers)
    said = b""
    while True:
        try:
            more = os.read(terminal, 65536)
        except OSError:
            more = b""
        if not more:
            break
        said += more
    os.close(terminal)
    os.waitpid(child, 0)
    return said.decode()


@pytest.mark.parametrize("verb", [["install", "--dry-run"], ["init"]])
def test_each_question_says_what_it_is_for_with_an_example_and_what_enter_does(pyz, tmp_path, verb):
    said = on_a_terminal([str(pyz), *verb], tmp_path, b"no domain\n\n\n\n")
    place = 0
    for what, default, about in QUESTIONS.values():
        assert said.index(f"{about}\r\n", place) < said.index(f"{what} [{default}]: ", place)
        place = said.index(f"{what} [", place)
    assert "is not a domain" in said, "an answer that cannot stand in the file is refused"


def test_every_question_has_its_three_parts():
    for _, default, about in QUESTIONS.values():
        assert f"Enter takes {default}" in about and "for instance" in about and "\n" not in about
    assert about_secret("Token of a tunnel.").startswith("Token of a tunnel; ")
