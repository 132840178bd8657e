#!/usr/bin/python3 -IB
"""Stands in for images that this machine cannot get. What it is, the name says that it is called by.

It does what InfraKit relies on: it listens where the real one does, reads the secrets it is given, reaches what it
needs (database, socket proxy), answers its health check, and ends with code 1 where something of that is missing.
Any page tells, as JSON, what the request was: path and headers, as they came through Caddy.
"""

import os
import socket
import sys

if __name__ == "__main__" and [os.path.basename(sys.argv[0]), *sys.argv[1:]] == ["ak", "healthcheck"]:
    # Asked all the time; and on an emulated machine importing what follows takes seconds.
    with open("/tmp/stand-in-mode") as mode:
        if mode.read() == "server":
            with socket.create_connection(("127.0.0.1", 9000), 5) as there:
                there.sendall(b"GET /-/health/ready/ HTTP/1.0\r\nHost: 127.0.0.1:9000\r\n\r\n")
                sys.exit(there.recv(64).split()[1:2] != [b"200"])
    sys.exit(0)

import base64
import fcntl
import hashlib
import html
import http.client
import json
import re
import secrets
import signal
import ssl
import subprocess
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

PSQL = "/usr/lib/postgresql/17/bin/psql"
SIGN_IN = "/outpost.goauthentik.io"
COOKIE = "stand_in_user"
LOGIN = """<!doctype html><title>Sign in (stand-in)</title><h1>Sign in</h1><form><input type=hidden name=rd value="%s">
<label>Name <input name=user autofocus></label> <button>Sign in</button></form>"""
SCHEMA = """
CREATE TYPE guacamole_entity_type AS ENUM('USER', 'USER_GROUP');
CREATE TYPE guacamole_system_permission_type AS ENUM(
  'CREATE_CONNECTION', 'CREATE_CONNECTION_GROUP', 'CREATE_SHARING_PROFILE', 'CREATE_USER', 'CREATE_USER_GROUP', 'AUDIT', 'ADMINISTER');
CREATE TABLE guacamole_entity (entity_id serial PRIMARY KEY, name varchar(128) NOT NULL, type guacamole_entity_type NOT NULL, UNIQUE (type, name));
CREATE TABLE guacamole_user (
  user_id serial PRIMARY KEY, entity_id integer UNIQUE NOT NULL REFERENCES guacamole_entity, password_hash bytea NOT NULL, password_salt bytea,
  password_date timestamptz NOT NULL, disabled boolean NOT NULL DEFAULT FALSE);
CREATE TABLE guacamole_user_group (user_group_id serial PRIMARY KEY, entity_id integer UNIQUE NOT NULL REFERENCES guacamole_entity, disabled boolean NOT NULL DEFAULT FALSE);
CREATE TABLE guacamole_system_permission (
  entity_id integer NOT NULL REFERENCES guacamole_entity, permission guacamole_system_permission_type NOT NULL, PRIMARY KEY (entity_id, permission));
INSERT INTO guacamole_entity (name, type) VALUES ('guacadmin', 'USER');
INSERT INTO guacamole_user (entity_id, password_hash, password_salt, password_date)
SELECT entity_id, sha256(convert_to('guacadmin' || upper(encode('\\x00'::bytea, 'hex')), 'UTF8')), '\\x00'::bytea, now() FROM guacamole_entity;
"""  # noqa: E501 -- SQL


class Page(BaseHTTPRequestHandler):
    """Answers any request with what it was."""

    name = "app"

    def answer(self, status: int, content: object, **headers: str) -> None:
        # Compact, as the programs in Go write it: shell scripts read it by sed.
        body = content.encode() if "Content_Type" in headers else json.dumps(content, separators=(",", ":")).encode()
        self.send_response(status)
        for name, value in {"Content_Type": "application/json", "Content_Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def body(self) -> dict:
        return json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")

    def page(self) -> None:
        self.answer(
            200, {"stand-in": self.name, "method": self.command, "path": self.path, "headers": dict(self.headers)}
        )

    def do_GET(self) -> None:
        self.page()

    do_HEAD = do_POST = do_PUT = do_GET

    def log_message(self, format: str, *words: object) -> None:
        pass


class Authentik(Page):
    """Sign-in by a cookie that names the user: GET /stand-in/login?user=NAME&rd=URL sets it for the whole domain;
    without a user it asks."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        user = next(
            (
                part.partition("=")[2]
                for part in self.headers.get("Cookie", "").split("; ")
                if part.startswith(f"{COOKIE}=")
            ),
            "",
        )
        base = os.environ.get("AUTHENTIK_WEB__BASE_URL", "")
        if parts.path.startswith(("/api/v3/", "/recovery/")):
            directory(self, parts.path, query)
        elif parts.path == f"{SIGN_IN}/auth/caddy" and user:
            names = ("Username", "Name", "Uid")
            self.answer(
                200,
                {},
                **{f"X-Authentik-{name}": user for name in names},
                **{"X-Authentik-Email": f"{user}@example.org", "X-Authentik-Groups": "administrators"},
            )
        elif parts.path == f"{SIGN_IN}/auth/caddy":
            site = f"https://{self.headers.get('X-Forwarded-Host', '')}"
            self.answer(
                302,
                {},
                Location=f"{site}{SIGN_IN}/start?" + urlencode({"rd": site + self.headers.get("X-Forwarded-Uri", "/")}),
            )
        elif parts.path == f"{SIGN_IN}/start":
            self.answer(302, {}, Location=f"{base}/stand-in/login?" + urlencode(query))
        elif parts.path == "/stand-in/login" and "user" in query:
            domain = urlsplit(base).hostname.partition(".")[2]
            self.answer(
                302,
                {},
                Location=query.get("rd", "/"),
                Set_Cookie=f"{COOKIE}={query['user']}; Domain={domain}; Path=/; Secure; HttpOnly",
            )
        elif parts.path == "/stand-in/login":
            self.answer(200, LOGIN % html.escape(query.get("rd", "/")), Content_Type="text/html; charset=utf-8")
        elif parts.path.endswith("/.well-known/openid-configuration"):
            # As the real one builds it: from the address that it was asked at (providers/oauth2/views/provider.py).
            asked = f"{self.headers.get('X-Forwarded-Proto', 'http')}://{self.headers['Host']}{parts.path}"
            self.answer(200, {"issuer": asked.removesuffix(".well-known/openid-configuration")})
        elif parts.path in ("/-/health/ready/", "/-/health/live/"):
            self.answer(200, {})
        else:
            self.page()

    do_HEAD = do_POST = do_DELETE = do_GET


BLUEPRINT = Path("/blueprints/infrakit/infrakit.yaml")


@contextmanager
def accounts(place: Path = Path("/data/stand-in-accounts.json")):
    """What Authentik keeps in its database, for server, worker and commands, one at a time: users, members, our
    blueprint, recovery keys."""
    with open(place.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        first = {
            "users": {"akadmin": None},
            "groups": {},
            "blueprint": {},
            "queue": 0,
            "keys": {},
            "slugs": [],
            "clients": {},
        }
        before = place.read_text() if place.exists() else json.dumps(first)
        state = json.loads(before)
        yield state
        if json.dumps(state) != before:
            fresh = place.with_suffix(".new")
            fresh.write_text(json.dumps(state))
            fresh.rename(place)


def apply_users(state: dict) -> None:
    """Of our blueprint: users are made once, members of a group follow the file, applications come and never go, and
    client secrets are what their files say now."""
    for entry in BLUEPRINT.read_text().split("\n  - model: "):
        names = re.findall(r"\n    identifiers:\n      (?:username|name): (.*)", entry)
        if entry.startswith("authentik_core.user\n"):
            state["users"].setdefault(names[0], None)
        if entry.startswith("authentik_core.group\n"):
            state["groups"].setdefault(names[0], [])
            if "state: present" in entry:
                state["groups"][names[0]] = re.findall("!KeyOf user-(.*)", entry)
        if entry.startswith("authentik_core.application\n"):
            (slug,) = re.findall(r"\n    identifiers:\n      slug: (.*)", entry)
            state["slugs"] = sorted({*state["slugs"], slug})
        if entry.startswith("authentik_providers_oauth2.oauth2provider\n"):
            file = re.findall(r"client_secret: !File \[?\"?([^\],\"\n]*)", entry)
            state["clients"][names[0]] = Path(file[0]).read_text().strip() if file else ""


def apply_blueprint(state: dict) -> None:
    """As the worker does it: the status and the SHA-512 of what was applied are kept."""
    apply_users(state)
    state["blueprint"] |= {
        "status": "successful",
        "last_applied_hash": hashlib.sha512(BLUEPRINT.read_bytes()).hexdigest(),
    }


def authentik_worker() -> None:
    """Discovery, then whatever is asked for. The first discovery comes before the bundled blueprints, as upstream's
    may: it fails, and stays so."""
    with accounts() as state:
        if not state["blueprint"]:
            named = {
                "pk": "4e1d5a7e-0000-4000-8000-000000000000",
                "name": "InfraKit",
                "path": "infrakit/infrakit.yaml",
                "enabled": True,
            }
            state["blueprint"] = {**named, "status": "error", "last_applied_hash": ""}
        elif state["blueprint"]["last_applied_hash"] != hashlib.sha512(BLUEPRINT.read_bytes()).hexdigest():
            apply_blueprint(state)
    while True:
        time.sleep(0.5)
        with accounts() as state:
            if state["queue"] and state["blueprint"]["enabled"]:
                apply_blueprint(state)
            state["queue"] = 0


def directory(page: Page, path: str, query: dict[str, str]) -> None:
    """The calls of its API that InfraKit makes, with the token of akadmin; and a recovery link, which works once."""
    with accounts() as state:
        blueprint, key = state["blueprint"], path.removeprefix("/recovery/use-token/").rstrip("/")
        if path.startswith("/recovery/"):
            found = state["keys"].pop(key, None)
            if not found or found["until"] < time.time():
                return page.answer(404, {})
            state["users"][found["user"]] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            domain = urlsplit(os.environ["AUTHENTIK_WEB__BASE_URL"]).hostname.partition(".")[2]
            return page.answer(
                302,
                {},
                Location="/if/user/",
                Set_Cookie=f"{COOKIE}={found['user']}; Domain={domain}; Path=/; Secure; HttpOnly",
            )
        if page.headers.get("Authorization") != f"Bearer {os.environ['AUTHENTIK_BOOTSTRAP_TOKEN']}":
            return page.answer(403, {"detail": "Token invalid/expired"})
        if path == "/api/v3/managed/blueprints/":
            return listed(
                page, [blueprint] if blueprint and blueprint["path"] == query.get("path", blueprint["path"]) else []
            )
        if path == "/api/v3/core/applications/":
            return listed(page, [{"slug": slug} for slug in state["slugs"]])
        if page.command == "DELETE" and path.startswith("/api/v3/core/applications/"):
            state["slugs"].remove(path.split("/")[-2])
            return page.answer(204, "", Content_Type="text/plain")
        if path == "/api/v3/providers/oauth2/":
            return listed(page, [{"name": name, "client_secret": known} for name, known in state["clients"].items()])
        if path in ("/api/v3/providers/all/", "/api/v3/policies/all/", "/api/v3/outposts/instances/"):
            return listed(page, [])
        if path == "/api/v3/core/groups/" and "name" not in query:
            return listed(page, [])
        if path == "/api/v3/core/groups/":
            members = [
                {"username": user, "is_active": True, "last_login": state["users"].get(user)}
                for user in state["groups"].get(query["name"], [])
                if user in state["users"]
            ]
            return listed(
                page, [{"name": query["name"], "users_obj": members}] if query["name"] in state["groups"] else []
            )
        if page.command == "POST" and path == f"/api/v3/managed/blueprints/{blueprint.get('pk')}/apply/":
            state["queue"] += 1
            return page.answer(200, blueprint)
    page.answer(404, {"detail": "Not found."})
    return None


def listed(page: Page, found: list) -> None:
    page.answer(200, {"pagination": {"count": len(found), "next": 0}, "results": found})


def create_recovery_key(minutes: int, user: str) -> None:
    """Says it in the words of the real one, whose code is 0 also where there is no such user."""
    with accounts() as state:
        if user not in state["users"]:
            return print(f"User '{user}' not found.", file=sys.stderr)
        key = secrets.token_urlsafe(40)
        state["keys"][key] = {"user": user, "until": time.time() + 60 * minutes}
    print(f"Store this link safely, as it will allow anyone to access authentik as {user}.")
    print(f"This recovery token is valid for {minutes}\xa0minutes.\n/recovery/use-token/{key}/")
    return None


class Portainer(Page):
    """The calls that set its sign-in. The first start keeps the admin's password; settings and users last in /data."""

    data = Path("/data")

    def stored(self, name: str, first: object) -> object:
        path = self.data / f"{name}.json"
        return json.loads(path.read_text()) if path.exists() else first

    def store(self, name: str, content: object) -> None:
        (self.data / f"{name}.json").write_text(json.dumps(content))

    def do_GET(self) -> None:
        if self.path in ("/api/system/status", "/api/status"):
            self.answer(200, {"Version": "stand-in", "InstanceID": "stand-in"})
        elif self.path == "/api/settings/public":
            self.answer(
                200,
                {"AuthenticationMethod": self.stored("settings", {"AuthenticationMethod": 1})["AuthenticationMethod"]},
            )
        elif self.path.startswith(("/api/users", "/api/endpoints")):
            signed_in = self.headers.get("Authorization") == "Bearer stand-in"
            self.answer(
                200 if signed_in else 401,
                self.stored(self.path.partition("?")[0].removeprefix("/api/"), []) if signed_in else {},
            )
        else:
            self.page()

    def do_POST(self) -> None:
        if self.path == "/api/endpoints" and self.headers.get("Authorization") == "Bearer stand-in":
            # A form, not JSON: Portainer takes an environment only so.
            form = self.rfile.read(int(self.headers["Content-Length"])).decode()
            fields = dict(re.findall(r'name="(\w+)"\r\n\r\n(.*)\r\n', form))
            self.store(
                "endpoints",
                [
                    *self.stored("endpoints", []),
                    {
                        "Id": 2,
                        "Name": fields["Name"],
                        "Type": int(fields["EndpointCreationType"]),
                        "URL": fields["URL"],
                    },
                ],
            )
            return self.answer(200, {})
        given = self.body()
        if self.path == "/api/auth":
            right = given.get("Username") == "admin" and given.get("Password") == self.stored("password", None)
            self.answer(200 if right else 422, {"jwt": "stand-in"} if right else {"message": "Invalid credentials"})
        elif self.path == "/api/users" and self.headers.get("Authorization") == "Bearer stand-in":
            users = self.stored("users", [{"Id": 1, "Username": "admin", "Role": 1}])
            known = given["Username"] in [user["Username"] for user in users]
            self.store(
                "users",
                users
                if known
                else [*users, {"Id": len(users) + 1, "Username": given["Username"], "Role": given["Role"]}],
            )
            self.answer(409 if known else 200, {})
        else:
            self.answer(403, {})
        return None

    def do_PUT(self) -> None:
        given = self.body()
        if self.path == "/api/settings" and self.headers.get("Authorization") == "Bearer stand-in":
            self.store("settings", given)
            self.answer(200, given)
        elif self.path.startswith("/api/users/") and self.headers.get("Authorization") == "Bearer stand-in":
            number = int(self.path.rpartition("/")[2])
            self.store(
                "users",
                [user | {"Role": given["Role"]} if user["Id"] == number else user for user in self.stored("users", [])],
            )
            self.answer(200, {})
        else:
            self.answer(403, {})


class Tunnel(Page):
    """Takes the WebSocket of an edge agent, which speaks chisel, and hangs up."""

    def do_GET(self) -> None:
        if not self.headers.get("Sec-WebSocket-Protocol", "").startswith("chisel-"):
            return self.answer(404, {})
        accepted = hashlib.sha1(
            f"{self.headers['Sec-WebSocket-Key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()
        ).digest()
        self.send_response(101)
        self.send_header("Connection", "Upgrade")
        self.send_header("Upgrade", "websocket")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(accepted).decode())
        self.end_headers()
        self.close_connection = True
        return None


def main(program: str, words: list[str]) -> None:
    """PROGRAM WORDS as the real one is called: it runs, or answers as a health check."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    run = {
        "ak": authentik,
        "dozzle": dozzle,
        "watchtower": watchtower,
        "portainer": portainer,
        "agent": agent,
        "cloudflared": cloudflared,
        "guacd": guacd,
        "entrypoint.sh": guacamole,
        "initdb.sh": initdb,
    }
    run.get(program, app)(words)


def app(words: list[str]) -> None:
    serve(int(os.environ.get("PORT", "3000")), Page, "app")


def authentik(words: list[str]) -> None:
    mode = Path("/tmp/stand-in-mode")
    if words[0] == "create_recovery_key":
        return create_recovery_key(int(words[1]), words[2])
    if words == ["apply_blueprint", "infrakit/infrakit.yaml"]:
        with accounts() as state:
            return apply_users(state)
    for name in ("AUTHENTIK_BOOTSTRAP_PASSWORD", "AUTHENTIK_BOOTSTRAP_TOKEN"):
        must(os.environ.get(name, ""), f"{name} is not set")
    must(given("AUTHENTIK_SECRET_KEY"), "no secret key")
    must(list(Path("/blueprints/infrakit").glob("*.yaml")), "no blueprint")
    database("AUTHENTIK_POSTGRESQL__", "HOST", "USER", "NAME", "PASSWORD")
    (Path("/data") / f"stand-in-{words[0]}").write_text("writable")
    mode.write_text(words[0])
    if words == ["server"]:
        thread(lambda: serve(9300, Page, "authentik"))
        serve(9000, Authentik, "authentik")
    authentik_worker()
    return None


def dozzle(words: list[str]) -> None:
    is_agent = Path("/tmp/stand-in-agent")
    if words == ["healthcheck"]:
        socket.create_connection(("127.0.0.1", 7007), 5) if is_agent.exists() else get(
            "http://127.0.0.1:8080/healthcheck"
        )
        return
    docker_answers()
    if words == ["agent"]:
        is_agent.touch()
        accept(7007)
    serve(8080, Page, "dozzle")


def watchtower(words: list[str]) -> None:
    docker_answers()
    if words != ["--health-check"]:
        forever()


def portainer(words: list[str]) -> None:
    option = dict(zip(words[::2], words[1::2]))
    os.environ["DOCKER_HOST"] = option.get("--host", "")
    docker_answers()
    password = Path("/data/password.json")
    if not password.exists():
        password.write_text(json.dumps(Path(option["--admin-password-file"]).read_text().strip()))
        (Path("/data") / "endpoints.json").write_text(
            json.dumps([{"Id": 1, "Name": "primary", "Type": 1, "URL": option["--host"]}])
        )
    thread(lambda: serve(int(option.get("--tunnel-port", "8000")), Tunnel, "portainer's edge tunnel"))
    serve(9000, Portainer, "portainer")


def agent(words: list[str]) -> None:
    if sys.orig_argv[0] != "agent":
        # pidof must find it by its name, as it finds a program that is no script.
        os.execv("/usr/bin/python3", ["agent", "-IB", *sys.argv])
    os.environ["DOCKER_HOST"] = "unix:///var/run/docker.sock"
    docker_answers()
    if os.environ.get("EDGE") == "1":
        key = Path("/data/agent_edge_key")
        must(key.exists() and key.read_text(), "no edge key")
        forever()
    new = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-subj",
        "/CN=agent",
    ]
    subprocess.run([*new, "-keyout", "/tmp/key.pem", "-out", "/tmp/cert.pem"], check=True, stderr=subprocess.DEVNULL)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("/tmp/cert.pem", "/tmp/key.pem")
    serve(9001, Page, "agent", context)


def cloudflared(words: list[str]) -> None:
    if words[-1:] == ["ready"]:
        return get(f"http://{words[words.index('--metrics') + 1]}/ready")
    must(Path(os.environ["TUNNEL_TOKEN_FILE"]).read_text().strip(), "no token")
    must(Path(words[words.index("--config") + 1]).read_text(), "no configuration")
    serve(int(os.environ["TUNNEL_METRICS"].rpartition(":")[2]), Page, "cloudflared")
    return None


def guacd(words: list[str]) -> None:
    accept(4822)


def guacamole(words: list[str]) -> None:
    database("POSTGRESQL_", "HOSTNAME", "USERNAME", "DATABASE", "PASSWORD_FILE", "SELECT 1 FROM guacamole_user")
    socket.create_connection((os.environ["GUACD_HOSTNAME"], int(os.environ["GUACD_PORT"])), 10).close()
    serve(8080, Page, "guacamole")


def initdb(words: list[str]) -> None:
    must(words == ["--postgresql"], "usage: initdb.sh --postgresql")
    print(SCHEMA)


def must(condition: object, problem: str) -> None:
    if not condition:
        sys.exit(f"stand-in: {problem}")


def given(name: str) -> str:
    """A variable's value, or what is in the file that it names."""
    value = os.environ.get(name, "")
    if name.endswith("_FILE"):
        value = f"file://{value}"
    return Path(value.removeprefix("file://")).read_text().strip() if value.startswith("file://") else value


def database(
    prefix: str, host: str, user: str, name: str, password: str, query: str = "SELECT 1", limit_s: float = 60
) -> None:
    """Signs in to PostgreSQL by the variables of these names; ends where that never works."""
    words = {"PGHOST": host, "PGUSER": user, "PGDATABASE": name, "PGPASSWORD": password}
    environment = {key: given(prefix + variable) for key, variable in words.items()}
    end = time.monotonic() + limit_s
    while True:
        done = subprocess.run(
            [PSQL, "-XAtc", query],
            env={**os.environ, **environment, "PGCONNECT_TIMEOUT": "5"},
            capture_output=True,
            text=True,
        )
        if done.returncode == 0:
            return print("the database answers", flush=True)
        must(time.monotonic() < end, done.stderr)
        time.sleep(1)


def docker_answers() -> None:
    """The engine at DOCKER_HOST, through its socket proxy."""
    kind, _, place = os.environ.get("DOCKER_HOST", "").partition("://")
    if kind == "unix":
        connection = http.client.HTTPConnection("docker", timeout=5)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(place)
    else:
        connection = http.client.HTTPConnection(place, timeout=5)
    connection.request("GET", "/_ping")
    must(connection.getresponse().status == 200, "the engine does not answer")


def get(address: str) -> None:
    """Ends with code 1 where the answer is not 200."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.netloc, timeout=5)
    connection.request("GET", parts.path)
    must(connection.getresponse().status == 200, f"{address} does not answer")


def serve(port: int, page: type[Page], name: str, context: ssl.SSLContext | None = None) -> None:
    server = ThreadingHTTPServer(("", port), type("Named", (page,), {"name": name}))
    server.daemon_threads = True
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    print(f"stand-in for {name} on port {port}", flush=True)
    server.serve_forever()


def accept(port: int) -> None:
    """Takes connections and says nothing."""
    with socket.create_server(("", port)) as server:
        while True:
            server.accept()[0].close()


def thread(run) -> None:
    threading.Thread(target=run, daemon=True).start()


def forever() -> None:
    while True:
        signal.pause()


if __name__ == "__main__":
    main(os.path.basename(sys.argv[0]), sys.argv[1:])
