"""Secrets are files: what a value of the environment or of a command is, judged by its name and by itself."""

import re
from collections.abc import Iterable, Iterator, Sequence

from infrakit.model import Container, Deployment, Origin
from infrakit.policy.broken import Broken, containers, origin_of

PASSWORDS = (
    *("PASSWORD", "PASSWD", "PASSPHRASE", "PWD", "_PASS", "_PW", "REQUIREPASS", "REDISCLI_AUTH"),
    *(f"{whose}{word}" for word in ("PASS", "PW") for whose in
      ("USER", "ADMIN", "ROOT", "DB", "SQL", "PG", "MAIL", "SMTP", "LDAP", "FTP", "SSH", "AUTH", "WEB", "VNC")),
)  # fmt: skip
PAIRS = ("BASIC_AUTH", "BASICAUTH", "HTTP_AUTH", "CREDENTIAL", "CREDENTIALS", "CRED", "CREDS", "NEO4J_AUTH")
"""How names end of a user's name with the password: after a colon, of Neo4j after a slash."""
NAMES = (
    *("SECRET", "TOKEN", "SECRET_KEY_BASE"),
    *(f"{kind}{key}" for kind in ("SECRET", "API", "PRIVATE", "ACCESS", "JWT", "SIGNING", "ENCRYPTION", "MASTER")
      for key in ("KEY", "_KEY")),
)  # fmt: skip
"""How names of values end that are a secret whatever they look like: a word of a person's, or a minted one."""
HINTS = (
    *("KEY", "AUTH", "CREDENTIAL", "CREDENTIALS", "SALT", "SEED", "COOKIE", "LICENSE", "WEBHOOK", "HOOK", "CLAIM"),
    *("JWT", "SESSION", "SIGNING"),
)
"""How names end of values that are a secret where they look drawn by lot."""
OPEN = ("PUBLIC_KEY", "PUBKEY", "COMPASS", "BYPASS")
SUMS = (
    *("ID", "UUID", "GUID", "SHA", "HASH", "SUM", "MD", "DIGEST", "COMMIT", "REVISION", "REF", "FINGERPRINT"),
    *("CERT", "CERTIFICATE"),
)
"""How names end of drawn texts that are no secret, less the numbers at their ends."""

PREFIXES = (
    *(
        "ghp_",
        "gho_",
        "ghu_",
        "ghs_",
        "github_pat_",
        "glpat-",
        "xoxb-",
        "xoxp-",
        "xapp-",
        "sk-",
        "sk_live_",
        "rk_live_",
    ),
    *("AKIA", "AGE-SECRET-KEY-", "tskey-", "hvs.", "dckr_pat_", "SG.", "eyJ", "Bearer ", "Basic "),
)
"""How values begin that are a secret under any name: what the issuers chose, so that scanners find them (GitHub,
GitLab, Slack, Stripe, AWS, age, Tailscale, Vault, Docker, SendGrid), JSON web tokens and HTTP's own credentials."""
WORD_HINTS = (
    *("pass", "pwd", "_pw", "-pw", "secret", "token", "key", "auth", "credential", "salt", "seed", "cookie", "license"),
    *(
        "mysql",
        "mariadb",
        "redis-cli",
        "valkey-cli",
        "curl",
        "hook",
        "claim",
        "@",
        *(prefix.strip().lower() for prefix in PREFIXES),
    ),
)
SHORT = {
    **dict.fromkeys(("mysql", "mysqladmin", "mysqldump", "mariadb", "mariadb-admin", "mariadb-dump"), "-p"),
    **{"redis-cli": "-a", "valkey-cli": "-a", "curl": "-u"},
}
"""Programs whose option of one letter is a password's: of curl NAME:PASSWORD."""
PLACES = {"entrypoint": "entry point", "health": "health check"}
SHORTEST_DRAWN = 16
LONG_DRAWN = 32
A_SECRET, IN_ADDRESS, AMONG = "a secret", "a password in an address", "a secret among its words"

_SAYS_NOTHING = (
    r"true|false|yes|no|on|off|none|null|nil|default|auto|(en|dis)abled?|[0-9]{1,3}"
    r"|[0-9.]+ ?(ns|us|ms|s|m|min|h|d|w|k|kb|mb|gb|[%])"
)
_PATH = r"(file://)?[.~]{0,2}(/[\w.@-]+)+/?"
_NAMED_FILE = ("/run/secrets/", "file:///run/secrets/")
_PLACEHOLDER = r"[$]\{?\w+\}?|[<{%].*[>}%]|[*]+|x{3,}|"
_HOOK = r"https://(hooks\.slack\.com/(services|workflows|triggers)|(\w+\.)?discord(app)?\.com/api/webhooks)/[\w/-]{16}"
_CALLED = r"hook|/bot[0-9]"
"""What addresses hold that are called without a password, since they are secret themselves: webhooks, bots."""
_USERINFO = r"://(\S*)@"
_SCHEMELESS = r"(?!(?:mailto|acct|sips?|xmpp):)[\w.%+-]+:(?!//)([^\s@]+)@(?!sha256:)[\w\[(]"
_JSON = r'"([A-Za-z_][\w.-]*)"\s*:\s*"([^"\n]*)"'
_PAIR = r"[\w.@+-]+[:/]([^\s:/]+)"
_OPTION = (
    r"--[\w-]{0,40}(?:pass(?:word|wd|phrase)?|pwd|auth)[ =]+([^\s;&,\"'=-][^\s;&,\"']*)",
    r"--[\w-]{0,40}(?:secret|token|key)[ =]+(?![0-9]+(?:\s|$))([^\s;&,\"'=-][^\s;&,\"']*)",
)
_UUID = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_TELEGRAM = r"[0-9]{8,10}:[A-Za-z0-9_-]{30,40}"
_ASSIGNED = r"(?:pass(?:word|wd|phrase)?|pwd|secret|token|api_?key|access_?key)\s*=\s*([^\s;&,\"']+)"


def secrets_as_files(deployment: Deployment) -> list[Broken]:
    """No environment value, and no word of a command, holds a secret: it names a file."""
    found: dict[tuple[Origin, str], Broken] = {}
    for service, container in containers(deployment):
        environment = [(f"environment.{key}", key, value) for key, value in container.environment]
        environment += [
            (f"environment.{key}", key, "".join(before + ("${secret}" if secret else "") for before, secret in text))
            for key, text in container.secret_environment
        ]
        for field, key, value in [*environment, *named_words(container)]:
            kind = what_is_secret(key, value)
            if not kind or key in container.not_secret:
                continue
            owner = "services" if service.kind == "catalogue" else "apps"
            where = field.partition(".")[0]
            written = a_file(key, (one for _, one in container.environment))
            if where == "labels":
                instead = "remove it: whoever may ask Docker reads labels"
            elif where != "environment":
                instead = "give the program the path of a file: /run/secrets/NAME"
            elif service.kind == "app":
                instead = "list it under secrets, or user_secrets where only you have it, and write ${secret.NAME} in "
                instead += f"the value; better, where the program reads a file: {written}"
            elif kind == A_SECRET:
                instead = f"list it under secrets, or user_secrets where only you have it, and write {written}"
            else:
                instead = "say its parts one by one, and the secret as a file: /run/secrets/NAME"
            # Of several containers that the user gives it to by one line it is one mistake.
            found.setdefault(
                (origin_of(container, field), key),
                Broken(
                    origin_of(container, field),
                    f"{container.name}: {key} holds {kind} in the {PLACES.get(where, where)}",
                    "secret-in-environment",
                    f"{instead}; or, where it is none, {owner}.{service.name}.not_secret: [{key}]",
                ),
            )
    return list(found.values())


def a_file(key: str, values: Iterable[str]) -> str:
    """How a program that has these values in its environment is told that a secret is in a file."""
    if any(value.startswith(("file:///run/secrets/", "file://${secret.")) for value in values):
        return f"{key}: file:///run/secrets/NAME"
    return f"{key}_FILE: /run/secrets/NAME"


def named_words(container: Container) -> Iterator[tuple[str, str, str]]:
    """Words of the entry point, the command and the health check, and labels: where each stands, its name and value.

    A name is the option's (--admin-password=x, --admin-password x: admin_password; one letter only of known programs)
    or the variable's that a script sets, else the field's. What a script reads first ($X, $(cat FILE)) is no value.
    """
    test = container.health.test if container.health is not None else ()
    for field, words in (("entrypoint", container.entrypoint), ("command", container.command), ("health", test)):
        for number, name, value in named_in(field, words or ()):
            yield f"{field}.{number}", name, value
    for key, value in container.labels:
        yield f"labels.{key}", _as_name(key, "labels"), value


def named_in(field: str, words: Sequence[str]) -> Iterator[tuple[int, str, str]]:
    """The same of one field: the number of the word, the name, the value."""
    option = flag = ""
    for number, word in enumerate(words):
        for part in word.split() if option or flag or _may_hold(word) else ():
            part = part.strip("\"';")
            flag = SHORT.get(part.rpartition("/")[2], flag)
            name, equals, value = part.partition("=")
            option, before = "", option
            if flag and part.startswith(flag) and not part.startswith("--"):
                name, value = "password", part.removeprefix(flag)
                option = "" if value else name
            elif "://" in name or not equals and not part.startswith("-"):
                name, value = before or field, part
            elif not equals:
                option = _as_name(name, field)
                continue
            if flag and name == "password":
                value = value.partition(":")[2] or value
            if not value.startswith(("$", "`", '"$', "'$")):
                yield number, _as_name(name, field), value


def _as_name(text: str, field: str) -> str:
    """As `not_secret` can say it: the field's, where it is no name."""
    name = text.lstrip("-").replace("-", "_").replace(".", "_")
    return name if name.isascii() and name.isidentifier() else field


def _may_hold(word: str) -> bool:
    """Asked before a script is taken apart."""
    low = word.lower()
    for hint in WORD_HINTS:  # noqa: SIM110  # any() makes a generator, and this is asked of every word
        if hint in low:
            return True
    return False


def what_is_secret(key: str, value: str) -> str:
    """What is secret in an environment value, in words; "" where nothing is. The value itself stays out of it."""
    if not value or value.startswith(_NAMED_FILE):
        return ""
    name = key.upper().replace(".", "_").replace("-", "_").rstrip("0123456789_")
    name = name[:-1] if name.endswith(("KEYS", "TOKENS", "SECRETS", "PASSWORDS")) else name
    plain = f"_{name}".endswith(PASSWORDS)
    if (plain or name.endswith((*NAMES, *HINTS))) and not name.endswith(OPEN) and _is_secret(name, value, plain):
        return A_SECRET
    if name.endswith(PAIRS) and _is_pair(name, value):
        return A_SECRET
    told = value.startswith(PREFIXES) and " " not in value.removeprefix("Bearer ").removeprefix("Basic ")
    if told and len(value) > SHORTEST_DRAWN or "PRIVATE KEY-----" in value or re.fullmatch(_TELEGRAM, value):
        return A_SECRET
    if "://" in value and re.search(_CALLED, value) and any(map(is_drawn, re.split(r"[/?&=:@]", value))):
        return A_SECRET
    if value.startswith("https://") and ("slack" in value or "discord" in value) and re.match(_HOOK, value):
        return A_SECRET
    if len(value) >= LONG_DRAWN and not name.endswith((*SUMS, *OPEN)) and _is_key(value):
        return A_SECRET
    if "@" in value and ":" in value and (_has_userinfo(value) or _is_word(re.match(_SCHEMELESS, value))):
        return IN_ADDRESS
    if _may_assign(value) and any(_is_word(match) for match in re.finditer(_ASSIGNED, value, re.IGNORECASE)):
        return AMONG
    if "--" in value and any(_is_word(match) for one in _OPTION for match in re.finditer(one, value, re.IGNORECASE)):
        return AMONG
    if '":' in value and any(what_is_secret(*pair) for pair in re.findall(_JSON, value)):
        return AMONG
    return ""


def _is_pair(name: str, value: str) -> bool:
    """Whether it is a user's name and a password: behind a name, a number is a port."""
    match = re.fullmatch(_PAIR, value)
    if match is None or match[1].isdigit() or "/" in value and not name.endswith("NEO4J_AUTH"):
        return False
    return _is_word(match)


def _may_assign(value: str) -> bool:
    """Asked before the pattern, which costs a compile more than all values."""
    if "=" not in value:
        return False
    words = value.lower()
    return any(word in words for word in ("pass", "pwd", "secret", "token", "key"))


def _is_secret(name: str, value: str, plain: bool) -> bool:
    """Of a value whose name speaks of a secret. `plain`: of a password, which may be a number."""
    if re.fullmatch(_SAYS_NOTHING, value, re.IGNORECASE) or re.fullmatch(_PLACEHOLDER, value):
        return False
    if value.isdigit():
        return plain or len(value) >= SHORTEST_DRAWN
    if re.fullmatch(_PATH, value) or re.match(r"[a-z][a-z0-9+.-]*://", value):
        return any(is_drawn(part) for part in re.split(r"[/?&=]", value))
    return plain or name.endswith(NAMES) or any(is_drawn(part) for part in re.split(r"[\s:,]", value))


def is_drawn(text: str) -> bool:
    """Whether a text looks drawn by lot: no word changes so often between letters and digits, or into capitals.

    Of drawn text, 4 of 10 neighbours do (base64: 0.45, hexadecimal: 0.47); of names that people write, 2 at most.
    """
    if len(text) < SHORTEST_DRAWN or not any(map(str.isdigit, text)):
        return False
    kinds = ["d" if c.isdigit() else "u" if c.isupper() else "l" for c in text if c.isalnum()]
    changes = sum(a != b and a + b != "ul" for a, b in zip(kinds, kinds[1:]))
    return changes * 4 >= len(kinds)


def _is_key(value: str) -> bool:
    """Whether a value is nothing but drawn text, as keys are that are minted: under any name it is one."""
    return bool(re.fullmatch(r"[A-Za-z0-9+/_-]+={0,2}", value)) and not re.fullmatch(_UUID, value) and is_drawn(value)


def _has_userinfo(value: str) -> bool:
    """Whether an address in it says a user's password, or a token before its @."""
    for match in re.finditer(_USERINFO, value):
        user, colon, password = match.group(1).partition(":")
        if {"/", "?", "#", "["} & set(user) or re.match("[0-9]{1,5}[/,;?]", password):
            continue
        drawn = (
            is_drawn(user) or value[: match.start()].endswith(("discord", "telegram")) and len(user) > SHORTEST_DRAWN
        )
        if not re.fullmatch(_PLACEHOLDER, password) if colon else drawn:
            return True
    return False


def _is_word(match: "re.Match[str] | None") -> bool:
    """Whether something stands where a password would, and it is neither a placeholder nor a file."""
    if match is None:
        return False
    text = match.group(1)
    return not re.fullmatch(f"{_PLACEHOLDER}|{_SAYS_NOTHING}|{_PATH}", text, re.IGNORECASE)
