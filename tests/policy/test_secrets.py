"""What of an environment is a secret: by its name, and by itself."""

import random
import string

import pytest

from infrakit.compiler import load
from infrakit.emit import emit
from infrakit.errors import ConfigurationInvalid
from infrakit.policy.secrets import is_drawn, what_is_secret
from tests.policy.test_own_blueprints import own

APP = "version: 1\ndomain: home.example.org\npattern: full\napps: {wiki: {image: 'x/y:1', port: 80, KEYS}}\n"
COMMANDS = [
    ("--password=hunter2", "password"),
    ("--token, abc", "token"),
    ("--admin-password, hunter2", "admin_password"),
    ("'redis://:pw@h/0'", "command"),
    ("'DB_PASSWORD=hunter2'", "DB_PASSWORD"),
    ("sh, -c, 'exec redis-server --requirepass hunter2'", "requirepass"),
    ("sh, -c, 'API_KEY=s3cr3tword exec serve'", "API_KEY"),
]
HEX = "8f14e45fceea167a5a36dedd4bea2543"
BASE64 = "dGhpcyBpcyBub3Qgd29yZHM7MTIzNDU2Nzg5MGFi"

PLAIN = [
    ("DISABLE_ADMIN_TOKEN", "true"),
    ("MYSQL_RANDOM_ROOT_PASSWORD", "1"),
    ("ALLOW_EMPTY_PASSWORD", "yes"),
    ("MAX_TOKEN", "4096"),
    ("ACCESS_TOKEN", "15m"),
    ("ACCESS_TOKENS", "none"),
    ("SSH_PRIVATE_KEY", "/keys/id_ed25519"),
    ("SSL_KEY", "/etc/ssl/private/home.example.org.key"),
    ("TLS_KEY", "./key.pem"),
    ("DB_PASSWORD", "/run/secrets/db"),
    ("AUTHENTIK_EMAIL__PASSWORD", "file:///run/secrets/smtp_password"),
    ("DB_PASSWORD_FILE", "/run/secrets/db"),
    ("OAUTH_TOKEN", "https://auth.example.org/application/o/token/"),
    ("PWD", "/app"),
    ("BYPASS", "10.0.0.0/8"),
    ("VAPID_PUBLIC_KEY", BASE64),
    ("SORT_KEY", "created_at"),
    ("BASIC_AUTH", "disabled"),
    ("APP_KEY", "name-of-the-key-in-the-store"),
    ("IDEMPOTENCY_KEY", "SomeLongWordsInCapitalsLikeThese"),
    ("TITLE", "Basic setup of my home"),
    ("URL", "https://home.example.org/page?x=1#y"),
    ("URL", "https://host:443/@user/feed"),
    ("URL", "http://[fd00::1]:80/@x"),
    ("DB", "postgres://u@db/x"),
    ("DB", "postgres://u:$PASSWORD@db/x"),
    ("DB", "postgres://u:${DB_PASSWORD}@db/x"),
    ("DB", "postgres://u:<password>@db/x"),
    ("IMAGE", "x/y:1@sha256:" + "a1" * 32),
    ("REPOSITORY", "git@github.com:owner/name"),
    ("CONTACT", "mailto:bob@example.org"),
    ("ROOM", "@bob:example.org"),
    ("COMMIT", HEX),
    ("JAVA_OPTS", "-Xmx256m -Djavax.net.ssl.keyStore=/keys/store"),
    ("OPTIONS", "password=/run/secrets/db"),
    ("DSN", "host=db user=u password=$PASSWORD"),
    ("REDIS_ARGS", "--save 60 1000 --appendonly yes --loglevel warning"),
    ("ARGS", "--requirepass $PASSWORD --masterauth ${REDIS_PASSWORD} --token-file /run/secrets/t"),
    ("ARGS", "--max-token 4096 --no-auth --key /certs/tls.key --auth none --password-file=/x --require-auth yes"),
    ("BASIC_AUTH", "auth.example.org:9091"),
    ("BASIC_AUTH", "$USER:$PASSWORD"),
    ("CREDENTIALS", "/run/credentials:/x"),
    ("NEO4J_AUTH", "none"),
    ("NEO4J_AUTH", "neo4j/$PASSWORD"),
    ("OIDC_AUTH", "oauth2:google"),
    ("KEEPASS", "enabled"),
    ("TRAVERSAL", "depth:first"),
    ("NOTIFICATION_URL", "ntfy://ntfy.example.org/topic"),
    ("NOTIFICATION_URL", "discord://${DISCORD_TOKEN}@4711"),
    ("TIMES", "12345678:30"),
    ("GUIDE", "https://docs.example.org/webhooks/how-to-call-them-from-outside-2024"),
    ("HOOK", "https://n8n.example.org/webhook/$HOOK"),
    ("BOT", "https://t.me/bot4711"),
]
SECRET = [
    ("ADMINPW", "hunter2"),
    ("PGPASS", "hunter2"),
    ("NOTIFY", "https://hooks.example.org/services/T024BE7LD/B02AXK3QW/x9Kq2LmN7pR1sT8vW3yZa4Bc"),
    ("NOTIFY", "https://hooks.slack.com/triggers/not-a-real-one-at-all"),
    ("NOTIFY", "https://discord.com/api/webhooks/not-a-real-one-at-all"),
    ("SIGNING", "q8Jx2LmN7vRt4WzYc9"),
    ("PEPPER", "q8Jx2LmN7vRt4WzYc9Hb3KpS6dFg1QeA"),
    ("NOTIFY", f"https://chat.example.org/api/webhooks/112233445566778899/x9Kq2LmN7pR1sT8vW3yZa4Bc-{BASE64}"),
    ("NOTIFY", f"https://api.example.org/bot123456789:AAF9Kq2LmN7pR1sT8vW3yZa4Bc_{HEX[:9]}/sendMessage"),
    ("NOTIFY", "https://n8n.example.org/webhook/8f14e45f-ceea-467a-9a36-dedd4bea2543"),
    ("DB_PASSWORD", "hunter2"),
    ("DB_PWD", "hunter2"),
    ("SMTP_PWD", "x"),
    ("ADMIN_PW", "letmein"),
    ("PGPASSWORD", "0000"),
    ("PASSWORD_2", "hunter2"),
    ("database__connection__password", "hunter2"),
    ("MYSQL_ROOT_PASSWORD", "123456"),
    ("SECRET_KEY_BASE", "change me"),
    ("API_KEYS", "one,two"),
    ("APP_KEY", f"base64:{BASE64}"),
    ("LICENSE", HEX),
    ("PLEX_CLAIM", "claim-4fXz9Kq2LmN7pR1sT8vW"),
    ("SLACK_WEBHOOK", "https://hooks.example.org/services/T0/B0/x9Kq2LmN7pR1sT8vW3yZ"),
    ("PASSWORD", "/S3cr3t9Kq2LmN7pR1sT8vW"),
    ("DATABASE_URL", "postgres://u:hunter2@db/x"),
    ("CACHE", "redis://:s3cr3t@r"),
    ("BROKER", "amqp://a@one,amqp://b:word@two"),
    ("DATABASE_URL", "postgres://u:a/b?c@db/x"),
    ("DATABASE_URL", "postgres://u:12345@db/x"),
    ("GIT", "https://9f8e7d6c5b4a39281706f5e4@git.example.org/x"),
    ("DSN", "root:hunter2@tcp(db:3306)/x"),
    ("RELAY", "user:hunter2@mail.example.org:587"),
    ("DSN", "host=db user=u password=hunter2"),
    ("CONNECTION", "Server=db;User=u;Pwd=hunter2;"),
    ("LINK", "jdbc:postgresql://db/x?user=u&password=hunter2"),
    ("JAVA_OPTS", "-Djavax.net.ssl.trustStorePassword=hunter2"),
    ("FOO", "ghp_16C7e42F292c6912E7710c838347Ae178B4a"),
    ("HEADER", "Bearer abcdefghijklmnop"),
    ("REDIS_ARGS", "--save 60 1 --requirepass hunter2"),
    ("REDIS_ARGS", "--masterauth hunter2"),
    ("ARGS", "--admin-token=word --port 80"),
    ("REDISCLI_AUTH", "hunter2"),
    ("USERPASS", "hunter2"),
    ("SSHPASS", "123456"),
    ("BASIC_AUTH", "me:hunter2"),
    ("GRAFANA_BASIC_AUTH_CREDENTIALS", "admin:hunter2"),
    ("CRED", "me@example.org:hunter2"),
    ("NEO4J_AUTH", "neo4j/hunter2"),
    ("NOTIFICATION_URL", "discord://abcdefghijKLMNOPqrstuvwxyz_abcdefghij@4711"),
    ("BOT", "123456789:AAEabcdefghijklmnopqrstuvwxyzABCDEFG"),
    ("CERT", "-----BEGIN EC PRIVATE KEY-----"),
]


@pytest.mark.parametrize("key, value", PLAIN)
def test_what_is_no_secret_passes(key, value):
    assert what_is_secret(key, value) == ""


@pytest.mark.parametrize("key, value", SECRET)
def test_a_secret_is_found(key, value):
    assert what_is_secret(key, value)


def test_drawn_text_is_told_from_words():
    chance = random.Random(26)
    for alphabet in (string.ascii_letters + string.digits, "0123456789abcdef"):
        drawn = ["".join(chance.choices(alphabet, k=40)) for _ in range(500)]
        assert sum(map(is_drawn, drawn)) >= 495
    words = (
        "postgres-primary-database-2",
        "ghcr.io.owner.name.v2026.8.3",
        "SomeLongWordsInCapitals2Like",
        "a" * 40 + "1",
    )
    assert not any(map(is_drawn, words))


def test_the_users_word_makes_it_none_and_the_review_shows_it():
    keys = "environment: {WIKI_TOKEN: hunter2, OTHER_TOKEN: hunter2}"
    with pytest.raises(ConfigurationInvalid) as refused:
        load(APP.replace("KEYS", keys).encode(), "infrakit.yaml", lambda name: b"")
    assert len(refused.value.problems) == 2
    assert "hunter2" not in " ".join(problem.text() for problem in refused.value.problems)
    text = APP.replace("KEYS", f"{keys}, not_secret: [WIKI_TOKEN, OTHER_TOKEN]")
    host = load(text.encode(), "infrakit.yaml", lambda name: b"").fleet.deployments[0]
    review = next(item.content.decode() for item in emit(host) if item.path == "REVIEW.md")
    assert "WIKI_TOKEN in plain sight" in review.replace("\\", "")


def told(keys):
    try:
        load(APP.replace("KEYS", keys).encode(), "infrakit.yaml", lambda _: b"")
    except ConfigurationInvalid as invalid:
        return [problem.text() for problem in invalid.problems]
    return []


@pytest.mark.parametrize("words, name", COMMANDS)
def test_a_secret_in_a_command_is_refused_unless_it_is_called_none(words, name):
    found = told(f"command: [{words}]")
    assert len(found) == 1 and f"wiki: {name} holds" in found[0] and f"not_secret: [{name}]" in found[0]
    assert "hunter2" not in found[0] and "[secret-in-environment]" in found[0]
    assert not told(f"command: [{words}], not_secret: [{name}]")


@pytest.mark.parametrize(
    "words",
    [
        "--token-file, /run/secrets/token",
        "'--password=$PASSWORD'",
        "sh, -c, 'export TOKEN=$(cat /run/secrets/t); exec serve'",
        "--max-token, '4096'",
        "--password-file=/run/secrets/x",
        "serve, --port=80, 'http://db:80/x'",
    ],
)
def test_a_command_that_names_files_and_variables_holds_no_secret(words):
    assert not told(f"command: [{words}]")


def test_a_blueprint_of_the_users_may_call_a_word_no_secret():
    text = own("command: [--token, abc]")
    source = APP.replace("wiki: {image: 'x/y:1', port: 80, KEYS}", "own: {blueprint: o.yaml, KEYS}")
    with pytest.raises(ConfigurationInvalid) as refused:
        load(source.replace(", KEYS", "").encode(), "infrakit.yaml", lambda _: text.encode())
    assert [problem.code for problem in refused.value.problems] == ["secret-in-environment"]
    load(source.replace("KEYS", "not_secret: [token]").encode(), "infrakit.yaml", lambda _: text.encode())
