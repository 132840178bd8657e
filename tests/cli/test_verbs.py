"""The other verbs, from the built zipapp."""

import base64
import json
import os
import subprocess
import sys

import pytest

from tests.tokens import TUNNEL_TOKEN as TOKEN

FILE = "version: 1\ndomain: home.example.org\npattern: full\ntls: {mode: tunnel}\n"


def test_version(infrakit):
    done = infrakit("--version")
    assert done.returncode == 0 and done.stdout.startswith("infrakit 0.")


def test_help_names_every_verb(infrakit):
    text = infrakit("--help").stdout
    assert all(
        verb in text
        for verb in ("init", "validate", "compile", "explain", "schema", "catalog", "secrets", "completion")
    )


def test_the_help_that_was_written_down_is_what_click_says(infrakit):
    from click.testing import CliRunner

    from infrakit.cli.program import program

    said = CliRunner(env={"COLUMNS": "80"}).invoke(program, ["--help"], prog_name="infrakit").output
    assert infrakit("--help").stdout == infrakit("-h").stdout == said


def test_a_mistyped_verb_is_guessed(infrakit):
    done = infrakit("compil")
    assert done.returncode == 2 and "did you mean compile?" in done.stderr


def test_init_writes_a_file_that_compiles_and_overwrites_nothing(infrakit, tmp_path):
    words = ("init", "--domain", "lab.example.org", "--pattern", "full", "--tls", "internal", "--admin", "alice")
    assert infrakit(*words).returncode == 0
    text = (tmp_path / "infrakit.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=./.infrakit/infrakit.schema.json\n")
    json.loads((tmp_path / ".infrakit/infrakit.schema.json").read_text())
    assert infrakit("validate").stdout == "infrakit.yaml is right: 1 host\n"
    again = infrakit(*words)
    assert again.returncode == 2 and "is there already" in again.stderr
    assert (tmp_path / "infrakit.yaml").read_text() == text


def test_init_says_at_once_what_would_not_compile(infrakit):
    done = infrakit("init", "--domain", "home.lan", "--pattern", "full", "--tls", "acme", "--admin", "alice")
    assert done.returncode == 0 and "[tls-domain]" in done.stderr and "mend that" in done.stdout


def test_init_without_a_terminal_wants_flags(infrakit):
    done = infrakit("init", feed="")
    assert done.returncode == 2 and "--domain is not said" in done.stderr


def test_explain_a_key(infrakit):
    assert "Most memory" in infrakit("explain", "services.glances.memory").stdout
    wrong = infrakit("explain", "services.glances.memroy")
    assert wrong.returncode == 2 and "did you mean memory?" in wrong.stderr
    deeper = infrakit("explain", "port")
    close = "did you mean apps.NAME.port or apps.NAME.doors.NAME.port or notify.port?"
    assert deeper.returncode == 2 and close in deeper.stderr


@pytest.mark.parametrize(
    "what,cause",
    [
        ("compose.yaml:services.glances.image", "blueprints/glances.yaml:"),
        ("compose.yaml:services.wiki.image", "full.yaml:"),
        ("compose.yaml:name", "full.yaml:"),
        ("compose.yaml:services.caddy.ports.0", "full.yaml:"),
        ("caddy/Caddyfile:3", "full.yaml:"),
    ],
)
def test_explain_a_value(infrakit, what, cause):
    done = infrakit("explain", what, "--example", "full")
    assert done.returncode == 0 and f"because of {cause}" in done.stdout and "decided by" in done.stdout, done


def test_a_value_of_the_users_leads_to_its_line(infrakit, tmp_path):
    (tmp_path / "infrakit.yaml").write_text(
        "version: 1\ndomain: home.example.org\npattern: full\nservices:\n  glances:\n    environment:\n      TZ: here\n"
    )
    found = json.loads(infrakit("explain", "services/glances.yaml:services.glances.environment.TZ", "--json").stdout)
    assert found["cause"] == "infrakit.yaml:7:11" and found["decided_by"]


def test_schema_is_json(infrakit):
    for name in ("infrakit", "blueprint"):
        assert json.loads(infrakit("schema", name).stdout)["type"] == "object"


def test_catalog(infrakit):
    assert "glances" in infrakit("catalog", "list").stdout
    assert json.loads(infrakit("catalog", "show", "glances", "--json").stdout)["architectures"] == ["amd64", "arm64"]
    assert "did you mean glances?" in infrakit("catalog", "show", "glance").stderr


def test_outdated_pins_are_told_against_a_file_and_by_the_exit_code(infrakit, tmp_path):
    plain = infrakit("catalog", "outdated")
    assert plain.returncode == 0
    assert "docker.io/library/caddy" in plain.stdout and "CVE-2026-134804" in plain.stdout
    pinned = {pin["image"]: pin for pin in json.loads(infrakit("catalog", "outdated", "--json").stdout)}
    caddy = pinned["docker.io/library/caddy"]
    assert caddy["floors"] and caddy["seen"] and not caddy["is_below"] and not caddy["newer"]
    assert caddy["containers"] == ["caddy", "portainer-sign-in"]
    newest = {name: pin["tag"] for name, pin in pinned.items()}
    (tmp_path / "newest.json").write_text(json.dumps(newest))
    assert infrakit("catalog", "outdated", "--against", "newest.json").returncode == 0
    (tmp_path / "newest.yaml").write_text("docker.io/library/caddy: [2.9, 99.10]\n")
    found = infrakit("catalog", "outdated", "--against", "newest.yaml", "--json")
    assert found.returncode == 6
    assert {pin["image"]: pin["newer"] for pin in json.loads(found.stdout) if pin["newer"]} == {
        "docker.io/library/caddy": ["99.10"]
    }


@pytest.mark.parametrize(
    "text,what",
    [
        ("docker.io/library/cady: 2.12\n", "1:1: error: docker.io/library/cady: no service has such an image"),
        ("docker.io/library/caddy: latest\n", "1:26: error: docker.io/library/caddy: no version"),
        ("docker.io/library/caddy: [2.12, {}]\n", "1:33: error: docker.io/library/caddy[1]: a mapping where text"),
        ("- 2.12\n", "1:1: error: a list where a mapping is wanted"),
    ],
)
def test_a_wrong_file_of_newest_versions_is_refused_with_its_place(infrakit, tmp_path, text, what):
    (tmp_path / "newest.yaml").write_text(text)
    done = infrakit("catalog", "outdated", "--against", "newest.yaml")
    assert done.returncode == 2 and f"newest.yaml:{what}" in done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(infrakit, shell):
    done = infrakit("completion", shell)
    assert done.returncode == 0 and "_INFRAKIT_COMPLETE" in done.stdout


def test_bash_accepts_the_completion(infrakit):
    script = infrakit("completion", "bash").stdout
    assert subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True).returncode == 0


def test_a_secret_of_the_users_is_missing_until_it_is_set(infrakit, tmp_path):
    (tmp_path / "infrakit.yaml").write_text(FILE)
    assert "missing secret for infrakit: tunnel_token" in infrakit("compile").stderr
    assert "missing secret" in infrakit("compile").stderr, "also where nothing changed"
    assert infrakit("secrets", "set", "tunnel_token", feed=f"{TOKEN}\n").returncode == 0
    assert (tmp_path / "build/infrakit/secrets/tunnel_token").read_text() == TOKEN
    assert "missing secret" not in infrakit("compile").stderr
    listed = infrakit("secrets", "list").stdout
    assert "infrakit: tunnel_token: set; read by cloudflared" in listed and TOKEN not in listed


def test_an_unknown_secret_is_guessed(infrakit, tmp_path):
    (tmp_path / "infrakit.yaml").write_text(FILE)
    done = infrakit("secrets", "set", "tunel_token", feed="abc")
    assert done.returncode == 2 and "did you mean tunnel_token?" in done.stderr


@pytest.mark.parametrize(
    "text",
    [
        "hunter2",
        '{"AccountTag": "hunter2", "TunnelID": "b"}',
        '{"AccountTag": "hunter2", "TunnelSecret": 7, "TunnelID": "b"}',
        "-----BEGIN ARGO TUNNEL TOKEN-----\nhunter2",
        base64.b64encode(b'{"a": "hunter2"}').decode(),
        "[" * 9999,
    ],
)
def test_what_is_no_token_of_a_tunnel_is_refused(infrakit, tmp_path, text):
    (tmp_path / "infrakit.yaml").write_text(FILE)
    done = infrakit("secrets", "set", "tunnel_token", feed=text)
    assert done.returncode == 2 and "neither the token of a tunnel nor its credentials file" in done.stderr
    assert "hint: cloudflared tunnel token NAME | " in done.stderr and "hunter2" not in done.stderr
    assert not (tmp_path / "build/infrakit/secrets/tunnel_token").exists()


def test_a_credentials_file_becomes_the_token_that_says_the_same(infrakit, tmp_path):
    """As `cloudflared tunnel create` writes it; the token as `cloudflared tunnel token` prints it."""
    (tmp_path / "infrakit.yaml").write_text(FILE)
    feed = '{"AccountTag":"a1","TunnelSecret":"c2VjcmV0","TunnelID":"4c1f","Endpoint":""}\n'
    done = infrakit("secrets", "set", "tunnel_token", feed=feed)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "build/infrakit/secrets/tunnel_token").read_text() == TOKEN


def test_a_closed_pipe_is_no_traceback(pyz, tmp_path):
    import sys

    done = subprocess.run(
        f"{sys.executable} {pyz} schema | head -c 10", shell=True, cwd=tmp_path, capture_output=True, text=True
    )
    assert done.stderr == ""


def test_a_blueprint_of_the_users_is_refused_until_it_is_granted(infrakit, tmp_path):
    digest = "a" * 64
    (tmp_path / "own.yaml").write_text(
        "name: own\nsource: me\ncontainers:\n  own:\n"
        f"    image: ghcr.io/me/own@sha256:{digest}\n    architectures: [amd64]\n    memory: 64m\n    user: "
        "'1000:1000'\n"
        "    privileges: {pid: host}\n    health: {test: [CMD, 'true']}\n"
    )
    base = "version: 1\ndomain: home.example.org\npattern: full\napps:\n  own:\n    blueprint: ./own.yaml\n"
    (tmp_path / "infrakit.yaml").write_text(base)
    refused = infrakit("compile")
    assert refused.returncode == 2 and "own.yaml:9:23: error: own asks for pid: host" in refused.stderr, refused.stderr
    (tmp_path / "infrakit.yaml").write_text(base + "    grants: [pid]\n")
    assert infrakit("compile").returncode == 0
    assert "pid" in (tmp_path / "build/infrakit/REVIEW.md").read_text()


@pytest.mark.parametrize("which", ["file", "blueprint", "lock"])
@pytest.mark.parametrize("kind", ["endless", "sparse", "pipe", "folder"])
def test_what_is_no_file_of_a_sane_size_is_refused_without_waiting_or_reading_it_all(infrakit, tmp_path, kind, which):
    lines = "version: 1\ndomain: home.example.org\npattern: full\n"
    (tmp_path / "infrakit.yaml").write_text(lines + "apps: {own: {blueprint: ./own.yaml}}\n")
    place = tmp_path / {"file": "infrakit.yaml", "blueprint": "own.yaml", "lock": "infrakit.lock"}[which]
    place.unlink(missing_ok=True)
    if which != "blueprint":
        (tmp_path / "infrakit.yaml").write_text(lines)
        assert infrakit("compile").returncode == 0
        place.unlink(missing_ok=True)
    if kind == "endless":
        place.symlink_to("/dev/zero")
    elif kind == "sparse":
        place.touch()
        os.truncate(place, 20 << 30)
    elif kind == "pipe":
        os.mkfifo(place)
    else:
        place.mkdir()
    for verb in ("validate", "compile", "compile"):
        done = infrakit(verb, timeout=20)
        assert done.returncode == 2, done.stderr
        reason = {"sparse": ": more than ", "folder": ": is a directory"}.get(kind, ": not a regular file")
        assert place.name + reason in done.stderr and "Traceback" not in done.stderr


def test_a_pipe_where_the_stamp_was_is_not_waited_for(infrakit, tmp_path):
    (tmp_path / "infrakit.yaml").write_text(FILE)
    (tmp_path / "build").mkdir()
    os.mkfifo(tmp_path / "build/.infrakit.stamp")
    for _ in range(2):
        assert infrakit("compile", timeout=20).returncode == 0
    assert (tmp_path / "build/.infrakit.stamp").is_file()


def test_every_verb_below_another_says_what_it_does(infrakit):
    for words in (("catalog",), ("bundle",), ("secrets",)):
        listed = infrakit(*words, "--help").stdout.partition("Commands:\n")[2].splitlines()
        assert listed and all(len(line.split()) > 3 for line in listed), listed
        for line in (line for line in listed if line[2] != " "):
            said = infrakit(*words, line.split()[0], "--help").stdout.splitlines()
            assert said[2].strip() not in ("", "Options:"), said


LONG = "x" * 100_000


@pytest.mark.parametrize(
    "words", [(LONG,), (f"--{LONG}",), ("catalog", LONG), ("validate", LONG), ("catalog", "show", f"--{LONG}")]
)
def test_a_word_of_the_call_that_is_wrong_is_cut(infrakit, words):
    done = infrakit(*words)
    assert done.returncode == 2 and len(done.stdout + done.stderr) < 3000


@pytest.mark.parametrize("words", [(), ("bundle",), ("catalog",), ("secrets",)])
def test_a_call_without_a_verb_prints_the_help_as_lines(infrakit, words):
    done = infrakit(*words)
    assert done.returncode == 2 and not done.stdout
    assert done.stderr.startswith("Usage: infrakit") and len(done.stderr.splitlines()) > 5 and "\\n" not in done.stderr


def test_a_reader_that_has_gone_is_no_fault_of_the_machine(pyz, tmp_path):
    command = f"{sys.executable} {pyz} compile --example full --diff | head -1"
    done = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.startswith("--- /dev/null") and done.stderr == ""


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_names_reach_the_terminal_as_text(pyz, tmp_path, encoding):
    folder = tmp_path / os.fsdecode("aü\x1b[31m\n".encode() + b"\xff")
    folder.mkdir()
    (folder / "infrakit.yaml").write_text(FILE)
    file = os.path.join(folder, "infrakit.yaml")
    output = os.path.join(folder, "out")
    for words in (
        ("validate", "-f", file),
        ("compile", "-f", file, "-o", output, "--diff"),
        ("compile", "-f", file, "-o", output, "--check"),
        ("compile", "-f", file, "-o", output),
        ("compile", "-f", file, "-o", output),
        ("secrets", "list", "-f", file, "-o", output),
    ):
        environment = {"PATH": os.environ["PATH"], "PYTHONIOENCODING": encoding}
        done = subprocess.run([sys.executable, str(pyz), *words], cwd=tmp_path, capture_output=True, env=environment)
        assert done.returncode in (0, 6), done.stderr
        said = (done.stdout + done.stderr).decode("utf-8")
        assert "Traceback" not in said and all(c.isprintable() or c in "\n\t" for c in said), words
        assert not any(line.startswith(("\\xff", "\\udcff", "/out")) for line in said.splitlines()), words


def test_messages_are_cut_where_a_file_makes_them_long(infrakit, tmp_path):
    names = "".join(f"a{number}: 1\n" for number in range(2000))
    (tmp_path / "infrakit.yaml").write_text(FILE + names)
    done = infrakit("validate")
    assert done.returncode == 2 and "and 1900 more\n" in done.stderr and done.stderr.count("error: a") == 100
    assert "hint: infrakit schema prints all\n" in done.stderr
    assert len(json.loads(infrakit("validate", "--json").stdout)["problems"]) == 100
    (tmp_path / "infrakit.yaml").write_text(f"{FILE}contact: !{'x' * 200_000} y\n")
    for words in ((), ("--json",)):
        done = infrakit("validate", *words)
        assert done.returncode == 2 and len(done.stdout + done.stderr) < 3000
