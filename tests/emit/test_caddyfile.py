"""The compiled Caddyfile as Caddy reads it, in every example and TLS mode. What it lets through in earnest:
tests/runtime/test_doors.py."""

import re

import pytest

from infrakit import compiler
from infrakit.emit import caddyfile
from infrakit.emit.caddy_text import Live, directive, lines, token
from infrakit.model import Artifact, Deployment, Origin
from infrakit.system.certificates import mint_certificates, mint_pair
from tests.emit.examples import FOLDER, TLS
from tests.ports import free_port
from tests.runtime.caddy import adapt, needs_caddy, run, running

pytestmark = needs_caddy


def cases() -> dict[str, tuple[Deployment, Artifact]]:
    """Every host with a Caddyfile: three examples, five TLS modes."""
    found = {}
    for name in ("full", "monitoring", "hybrid"):
        text = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
        if name == "hybrid":
            # They could not connect in the modes internal and tunnel, and Caddy knows nothing of them.
            text.append("services: {portainer-edge-agent: {enabled: false}}")
        for mode, tls in TLS.items():
            # The mode dns wants an image of the user's own, and says so; that does not concern the Caddyfile.
            line = TLS["acme"] if mode == "dns" else tls
            source = "\n".join([each for each in text if not each.startswith("tls:")] + [f"tls: {line}"]).encode()
            for host in compiler.load(source, f"{name}.yaml", lambda path: b"").fleet.deployments:
                if mode == "dns":
                    host = host._replace(tls=host.tls._replace(mode="dns", provider="cloudflare"))
                found |= {f"{name}-{host.host}-{mode}": (host, artifact) for artifact in caddyfile.emit(host)}
    return found


CASES = cases()
every_case = pytest.mark.parametrize("name", CASES)
PROVIDER = re.compile(rb"\ttls \{\n\t\tdns cloudflare [^\n]+\n\t\}\n")
# Who may set a DNS record is a module that Caddy's own build has not; all else of such a file must be fine.
MISSING = "module not registered: dns.providers.cloudflare"


@pytest.fixture(scope="module")
def secrets(tmp_path_factory):
    """A folder with the files that a Caddyfile names, made once."""
    home = tmp_path_factory.mktemp("fleet") / "host"
    home.mkdir()
    mint_certificates(str(home), "host")
    mint_pair(str(home), "fleet_logs")
    for name, source in (("tls_certificate", "fleet_certificate"), ("tls_key", "fleet_key")):
        (home / "secrets" / name).write_bytes((home / "secrets" / source).read_bytes())
    return home / "secrets"


def in_place(text: bytes, secrets) -> bytes:
    return text.replace(b"/run/secrets/", f"{secrets}/".encode())


def test_every_example_and_mode_is_here():
    assert {name.partition("-")[0] for name in CASES} == {"full", "monitoring", "hybrid"}
    assert {name.rpartition("-")[2] for name in CASES} == set(TLS)


@every_case
def test_caddy_reads_it_in_silence(tmp_path, secrets, name):
    text = in_place(CASES[name][1].content, secrets)
    if PROVIDER.search(text):
        (tmp_path / "Caddyfile").write_bytes(text)
        done = run("adapt", "--config", "Caddyfile", "--adapter", "caddyfile", folder=tmp_path)
        assert (done.returncode, MISSING in done.stderr) == (1, True), done.stderr
        text = PROVIDER.sub(b"", text)
    (tmp_path / "Caddyfile").write_bytes(text)

    done = run("adapt", "--config", "Caddyfile", "--adapter", "caddyfile", "--validate", folder=tmp_path)

    assert done.returncode == 0, done.stderr
    assert [line for line in done.stderr.splitlines() if '"level":"error"' in line or "not formatted" in line] == []


@every_case
def test_caddy_finds_it_valid(tmp_path, secrets, name):
    (tmp_path / "Caddyfile").write_bytes(PROVIDER.sub(b"", in_place(CASES[name][1].content, secrets)))

    done = run("validate", "--config", "Caddyfile", "--adapter", "caddyfile", folder=tmp_path)

    assert (done.returncode, "Valid configuration" in done.stdout + done.stderr) == (0, True), done.stderr


@every_case
def test_caddy_would_format_it_the_same(tmp_path, name):
    (tmp_path / "Caddyfile").write_bytes(CASES[name][1].content)

    done = run("fmt", "--diff", "Caddyfile", folder=tmp_path)

    assert [line for line in done.stdout.splitlines() if line.startswith(("+", "-"))] == []


@every_case
def test_every_line_has_a_cause(name):
    host, artifact = CASES[name]
    causes = caddyfile.trace(host, artifact.path)

    assert list(causes) == [str(number) for number, _ in enumerate(artifact.content.decode().splitlines(), 1)]
    assert all(origin.document and origin.decided_by == "emit.caddyfile" for origin in causes.values())


@every_case
def test_every_door_but_the_fleets_strips_what_the_client_says(name):
    host, artifact = CASES[name]
    doors = [route for route in host.routes if route.sign_in != "fleet"]

    assert artifact.content.decode().count("\t\timport no_forged_identity\n") == len(doors)


NAUGHTY = (
    "",
    " ",
    "plain",
    "two words",
    "tab\there",
    "line\nbreak",
    "\n",
    '"',
    '""',
    "'",
    "`",
    "``",
    '`"',
    "\\",
    "\\\\",
    '\\"',
    "a\\`b",
    "ends with \\",
    "#",
    "# comment",
    "a #b",
    "a#b",
    "<<EOF",
    "<<EOF\nx\nEOF",
    "{",
    "}",
    "{}",
    "{ }",
    "{host}",
    "{http.request.host}",
    "{env.HOME}",
    "{file./etc/passwd}",
    "\\{host\\}",
    "{{host}}",
    "a{b",
    "a}b",
    "{$",
    "$HOME",
    "${HOME}",
    "{%HOME%}",
    "%s",
    "import x",
    "(snippet)",
    "@matcher",
    "&(x)",
    "*",
    "/",
    "*/x",
    ",",
    "a, b",
    "grüße",
    "日本",
    "\u202e",
    "\u00a0",
    "\u2028",
    "\ufeff",
    "😀",
    "\x01",
    "\x7f",
    "\x1b[31m",
    "é",
    "`{host}`",
    '"{host}"',
    "\\`{x}",
    "\t",
    "x ",
    " x",
    "\v",
    "\f",
    "\x85",
    "{args[0]}",
    "{block}",
    "{vars.x}",
    "}\n}\nevil.example {\n\tabort",
    "`\n}\nabort\n`",
    "a\\\nb",
    "a\\ b",
    "{\n",
    "{host",
    "host}",
    "}{",
    "\\{",
    "\\}",
    "\\\\{x\\\\}",
)
UNSAYABLE = ("{$HOME}", "x{$}", "{$X:y}", "a\rb", "\r\n", "a\nb", "own\n", "`\\", "`x\\\\")


def sayable() -> list[str]:
    return [value for value in NAUGHTY if "{$" not in value and "\n" not in value]


@pytest.mark.parametrize("value", [*UNSAYABLE, "{$", Live("{host}\n")])
def test_what_no_token_can_say_is_refused(value):
    with pytest.raises(ValueError, match="cannot say"):
        token(value)


def test_caddy_says_every_other_value_exactly(tmp_path):
    """Asked while it runs: placeholders are replaced only then."""
    values = sayable()
    answers = tuple(directive("respond", f"/{number}", f"<{value}>") for number, value in enumerate(values))
    health = directive("respond", "/healthz", "200")
    site = directive("http://:8085", block=(directive("bind", "127.0.0.1"), *answers, health))
    options = directive(block=(directive("admin", "off"), directive("persist_config", "off")))
    said = lines((options, site), Origin("x", (), "x"))
    config = adapt("\n".join(line for line, _ in said).encode() + b"\n", tmp_path)
    ports = {"127.0.0.1:8085": free_port()}
    (server,) = config["apps"]["http"]["servers"].values()
    assert server["listen"] == list(ports)
    server["listen"] = [f"127.0.0.1:{port}" for port in ports.values()]

    with running(config, ports, tmp_path) as door:
        heard = [
            door.say_plainly(f"GET /{number} HTTP/1.0\r\n\r\n".encode(), "127.0.0.1:8085")
            for number, _ in enumerate(values)
        ]

    found = [answer.partition(b"\r\n\r\n")[2].decode() for answer in heard]
    assert [(value, text) for value, text in zip(values, found) if text != f"<{value}>"] == []


@pytest.mark.parametrize("value", NAUGHTY)
def test_a_value_stays_one_token(tmp_path, value):
    """Bare, without anything around it: the adapted JSON has it as it is, but for the braces, which run time
    unescapes."""
    try:
        text = f":80 {{\n\theader X-Value {token(value)}\n}}\n"
    except ValueError:
        assert "{$" in value or "\n" in value or (value.endswith("\\") and "`" in value)
        return
    config = adapt(text.encode(), tmp_path)

    ((route,),) = [server["routes"] for server in config["apps"]["http"]["servers"].values()]
    (handler,) = route["handle"]
    (header,) = handler["response"]["set"]["X-Value"]
    assert header == value.replace("{", "\\{").replace("}", "\\}")


def test_a_placeholder_that_we_mean_stays_one():
    assert token(Live("{host}")) == "{host}"


def test_the_proof_of_mode_dns_is_asked_for_as_the_file_says():
    text = "version: 1\ndomain: home.example.org\npattern: full\nservices: {caddy: {image: 'x/caddy:2.11.7'}}\n"
    keys = "resolvers: [9.9.9.9, '[2620:fe::fe]:53'], propagation_delay: 600s, propagation_timeout: -1"
    source = f"{text}tls: {{mode: dns, provider: cloudflare, {keys}}}\n".encode()
    (host,) = compiler.load(source, "infrakit.yaml", lambda path: b"").fleet.deployments
    sites = caddyfile.emit(host)[0].content.decode()
    block = "\t\tresolvers 9.9.9.9 [2620:fe::fe]:53\n\t\tpropagation_delay 600s\n\t\tpropagation_timeout -1\n\t}\n"
    assert sites.count(block) == sites.count("dns cloudflare") > 4


@pytest.mark.parametrize(("provider", "name"), [("desec", "token"), ("godaddy", "api_token"), ("civo", "api_token")])
def test_a_provider_that_takes_its_token_by_name_alone_gets_it_so(provider, name):
    text = "version: 1\ndomain: home.example.org\npattern: full\nservices: {caddy: {image: 'x/caddy:2.11.7'}}\n"
    source = f"{text}tls: {{mode: dns, provider: {provider}}}\n".encode()
    (host,) = compiler.load(source, "infrakit.yaml", lambda path: b"").fleet.deployments
    sites = caddyfile.emit(host)[0].content.decode()
    assert sites.count(f"\t\tdns {provider} {{\n\t\t\t{name} {{file./run/secrets/dns_token}}\n\t\t}}\n") > 4


def test_caddy_knows_how_to_ask_for_the_proof(tmp_path):
    """Its own build has no provider: the keys stand before the line that it stops at."""
    text = "a.example.org {\n\ttls {\n\t\tresolvers 9.9.9.9\n\t\tpropagation_delay 2m\n\t\tpropagation_timeout -1\n"
    (tmp_path / "Caddyfile").write_text(f"{text}\t\tdns cloudflare x\n\t}}\n}}\n")
    done = run("adapt", "--config", "Caddyfile", "--adapter", "caddyfile", folder=tmp_path)
    assert MISSING in done.stderr


DOORS = b"""version: 1
domain: home.example.org
tls: {mode: internal}
access: {administrators: [alice]}
apps:
  nas: {image: "x/y:1", port: 443, scheme: https, certificate: any, health: /ok, hosts: [core, shed]}
  router: {address: "https://router.example.org", certificate_name: gate.example.org, hosts: [shed]}
  photos:
    image: "x/y:1"
    doors:
      page: {port: 80, domain: [example.org, www.example.com], identity: {X-WebAuth-User: username, My-Groups: groups}}
      api: {port: 81, pass: [{path: [/a/*, "/b/*/c.d"], from: [10.0.0.0/8], method: [GET, HEAD], why: x}]}
      own: {port: 82, sign_in: own, headers: {X-Frame-Options: "", Content-Security-Policy: "frame-ancestors 'self'"}}
hosts: {core: {pattern: full, address: 192.168.1.10}, shed: {pattern: monitoring, address: 192.168.1.31}}
services: {portainer-edge-agent: {enabled: false}}
"""


@pytest.mark.parametrize("name", ["core", "shed"])
def test_caddy_reads_every_word_of_doors_in_silence_and_would_format_it_the_same(tmp_path, secrets, name):
    fleet = compiler.load(DOORS, "infrakit.yaml", lambda path: b"").fleet
    host = next(host for host in fleet.deployments if host.host == name)
    (artifact,) = caddyfile.emit(host)
    (tmp_path / "Caddyfile").write_bytes(in_place(artifact.content, secrets))

    valid = run("validate", "--config", "Caddyfile", "--adapter", "caddyfile", folder=tmp_path)
    formatted = run("fmt", "--diff", "Caddyfile", folder=tmp_path)

    assert (valid.returncode, "Valid configuration" in valid.stdout + valid.stderr) == (0, True), valid.stderr
    assert [line for line in formatted.stdout.splitlines() if line.startswith(("+", "-"))] == []
    assert len(caddyfile.trace(host, artifact.path)) == len(artifact.content.splitlines())


def test_a_backend_over_tls_beside_one_on_another_host_is_reached_by_a_hop():
    fleet = compiler.load(DOORS, "infrakit.yaml", lambda path: b"").fleet
    core = next(host for host in fleet.deployments if host.host == "core")
    text = caddyfile.emit(core)[0].content.decode()
    door = text.partition("\nnas.home.example.org {")[2].partition("\n}\n")[0]
    assert "reverse_proxy 127.0.0.1:8101 127.0.0.1:8102 {" in door and "https://" not in door
    assert "reverse_proxy https://nas:443 {" in text.partition("\nhttp://:8101 {")[2].partition("\n}\n")[0]
