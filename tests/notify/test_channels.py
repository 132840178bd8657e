"""Each channel, at a receiver that is real, or stands in for one: what it is sent, and what is said where it is not
taken."""

import email
import email.policy
import json
import os
import shutil

import pytest

from infrakit.channels import Channel
from infrakit.model import Origin
from infrakit.notify import apprise
from infrakit.notify.message import Message
from infrakit.notify.spool import try_now
from infrakit.system import secrets
from infrakit.system.machine import Machine
from tests.notify.receivers import authority, http, smtp

NOW_S = 1_800_000_000.0
ALERT = Message(
    "container wiki", "alert", "error", "core", "homelab", "wiki ended — mit „Ende“", "its last words: no", "look",
    NOW_S - 60, NOW_S,
)  # fmt: skip
HOSTILE = ALERT._replace(what="x\r\nBcc: all@example.org\r\n\r\n<b>\x1b[2J", why="y\r\n.\r\nQUIT", key="k\r\nX: y")
ORIGIN = Origin("infrakit.yaml", ("notify", 0), "channels")


def channel(kind, to="", *uses, **more):
    secrets = tuple((use, f"notify_{kind}_{use}") for use in uses)
    return Channel(kind, f"{kind} here", to, "core", ORIGIN, secrets=secrets, **more)


def mail_to(port, tls="starttls", username="", **more):
    said = {"server": "localhost", "port": port, "tls": tls, "sender": "infrakit@example.org", "username": username}
    return channel("mail", "ops@example.org", *(["password"] if username else []), **said, **more)


def told(machine, to, secret=b"", message=None):
    """Why not; all its secrets have this value."""
    return try_now(machine, to, lambda name: secret, message or ALERT)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def machine():
    return Machine()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return authority(tmp_path_factory.mktemp("own"))


def test_ntfy_is_sent_json_at_its_root_with_the_token(machine):
    with http() as ntfy:
        assert told(machine, channel("ntfy", f"{ntfy.url}/below/alerts", "token"), b"tk_1") == ""
        over = ALERT._replace(state="over")
        assert told(machine, channel("ntfy", f"{ntfy.url}/alerts"), message=over) == ""
    (path, headers, body), (root, plain, _) = ntfy.taken
    assert (path, headers["Authorization"]) == ("/below/", "Bearer tk_1")
    assert root == "/" and "Authorization" not in plain
    said = json.loads(body)
    assert (said["topic"], said["priority"], said["tags"]) == ("alerts", 5, ["rotating_light"])
    assert said["title"] == "core: error: wiki ended — mit „Ende“"
    assert said["message"].splitlines()[1:3] == ["because: its last words: no", "what to do: look"]
    assert ntfy.bodies()[1]["tags"] == ["white_check_mark"] and "because" not in ntfy.bodies()[1]["message"]


def test_a_webhook_is_sent_all_of_it_and_the_same_id_each_time(machine):
    with http() as hook:
        for _ in range(2):
            assert told(machine, channel("webhook", f"{hook.url}/hook?x=1", "authorization"), b"Bearer word") == ""
    (path, headers, body), (_, again, _) = hook.taken
    said = json.loads(body)
    assert path == "/hook?x=1" and headers["Authorization"] == "Bearer word"
    assert said["id"] == headers["Idempotency-Key"] == again["Idempotency-Key"]
    assert said == ALERT.as_json() and said["since"] == "2027-01-15T07:59:00Z" and said["state"] == "alert"


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ([401], "answers 401: the secret is not the right one"),
        ([404], "answers 404: there is no such address"),
        ([500], "answers 500"),
        (["hang"], "closed"),
    ],
)
def test_what_is_not_taken_is_said(machine, answers, said):
    with http() as hook:
        hook.answers = answers
        why = told(machine, channel("webhook", f"{hook.url}/hook"))
    assert why and said in why


def test_nobody_listens_and_nobody_of_that_name(machine):
    with http() as hook:
        pass
    assert "refused" in told(machine, channel("webhook", f"{hook.url}/hook"))
    assert told(machine, channel("webhook", "https://nobody.invalid/hook"))


def test_no_redirect_takes_a_secret_along(machine):
    with http() as thief, http() as hook:
        hook.answers, hook.location = [302], f"{thief.url}/"
        why = told(machine, channel("webhook", f"{hook.url}/hook", "authorization"), b"Bearer word")
        assert why.startswith("leads elsewhere (302)") and thief.asked == []


def test_a_certificate_is_checked(machine, certificate, monkeypatch):
    context, trusted = certificate
    with http(context) as hook:
        assert "certificate" in told(machine, channel("webhook", f"{hook.url}/hook"))
        assert hook.asked == []
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        assert told(machine, channel("webhook", f"{hook.url}/hook")) == ""


def test_who_is_slow_is_not_waited_for(machine):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        answer = machine.post(f"http://127.0.0.1:{server.getsockname()[1]}/", b"x", {}, 0.2)
    assert "timed out" in answer.problem


@pytest.mark.parametrize("message", [ALERT, HOSTILE])
def test_mail_goes_encrypted_and_signed_in(machine, certificate, monkeypatch, message):
    context, trusted = certificate
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    with smtp(context, password=b"word \xc3\xa9") as (letters, port):
        to = mail_to(port, username="u")
        assert told(machine, to, "word é".encode(), message) == ""
        assert "password is not the right one" in told(machine, to, b"other", message)
    ((sender, receivers, content),) = letters.taken
    letter = email.message_from_bytes(content, policy=email.policy.default)
    assert (sender, receivers) == ("infrakit@example.org", ["ops@example.org"])
    assert letter["To"] == "ops@example.org" and letter["Bcc"] is None and letter["X"] is None
    assert letter["Subject"] == f"[homelab] {message.title}" and letter["Auto-Submitted"] == "auto-generated"
    assert letter["Message-ID"].strip() == f"<{message.id}@example.org>"
    assert letter["Date"].datetime.timestamp() == NOW_S
    assert letter.get_content().replace("\r\n", "\n").strip() == message.text


def test_mail_by_tls_from_the_beginning_and_by_none(machine, certificate, monkeypatch):
    context, trusted = certificate
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    with smtp(context, starttls=False) as (letters, port):
        assert told(machine, mail_to(port, "tls")) == "" and len(letters.taken) == 1
    with smtp() as (letters, port):
        assert told(machine, mail_to(port, "none")) == "" and len(letters.taken) == 1
        letters.refused = ("ops@example.org",)
        assert "does not take mail for ops@example.org (550)" in told(machine, mail_to(port, "none"))


def test_a_password_is_never_sent_in_the_clear_unasked(machine):
    with smtp() as (letters, port):
        why = told(machine, mail_to(port, username="u"), b"word")
    assert why.startswith("it offers no encryption") and letters.taken == []


def test_a_server_of_mail_that_is_another_is_not_believed(machine, certificate):
    context, _ = certificate
    with smtp(context) as (letters, port):
        assert "certificate" in told(machine, mail_to(port)) and letters.taken == []


@pytest.mark.skipif(os.geteuid() != 0, reason="secrets are root's")
@pytest.mark.skipif(not shutil.which("apprise"), reason="needs Apprise (tests/tools/install.sh)")
def test_apprise_itself_is_called_with_its_urls_in_the_secret(machine, tmp_path, monkeypatch):
    monkeypatch.setattr(apprise, "secrets_folder", lambda host: str(tmp_path / host))
    (tmp_path / "core").mkdir()
    with http() as first, http() as second:
        urls = f"# mine\njson://localhost:{first.port}/a\njson://u:word@localhost:{second.port}/b\n"
        secrets.store(str(tmp_path / "core"), "notify_apprise_urls", urls.encode())
        to = channel("apprise", "", "urls")
        assert told(machine, to, urls.encode()) == ""
        assert [item["type"] for item in (*first.bodies(), *second.bodies())] == ["failure", "failure"]
        assert first.bodies()[0]["title"] == ALERT.title and "because: its last words" in first.bodies()[0]["message"]
        assert second.taken[0][1]["Authorization"].startswith("Basic ")
        second.answers = [500] * 9
        why = told(machine, to, urls.encode())
        assert "could not send it to all of its services" in why and "word" not in why


def test_a_channel_whose_secret_is_not_set_says_how(machine):
    why = told(machine, channel("ntfy", "https://ntfy.sh/x", "token"))
    assert why == "its secret is not set: sudo infrakit secrets set notify_ntfy_token"


def test_a_title_and_a_text_are_plain_lines():
    assert HOSTILE.title.isprintable() and all(line.isprintable() for line in HOSTILE.text.splitlines())
    assert len(ALERT._replace(what="w" * 9000).text) < 5000
    assert ALERT.id != ALERT._replace(state="over").id and HOSTILE.id.isascii() and HOSTILE.id.isprintable()
