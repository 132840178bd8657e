"""Who we are at one registry: a token where it wants one, a password where it wants that, and neither in any error.

The registry says which in its first answer, 401 with WWW-Authenticate (distribution, docs/spec/auth/token.md and
oauth.md).
"""

import json
import re
import time
from typing import Any
from urllib.parse import urlencode

from infrakit.system.registry.login import Login, Logins
from infrakit.system.registry.names import Reference
from infrakit.system.registry.wire import Answer, Failed, Wire, refusal_of, split

LARGEST_TOKEN = 1 << 20
SHORTEST_TOKEN_S = 60.0
"""What a token lives at least, where nothing is said (the same source)."""
PAIR = re.compile(r'([a-z_]+)\s*=\s*(?:"([^"]*)"|([^\s,"]+))', re.IGNORECASE)


class Session:
    """Requests to one registry, with what it wants to know of us."""

    def __init__(self, wire: Wire, registry: str, logins: Logins) -> None:
        self._wire, self._registry, self._logins = wire, registry, logins
        self._basic = False
        self._tokens: dict[str, tuple[str, float]] = {}

    def ask(self, method: str, name: Reference, what: str, headers: dict[str, str]) -> Answer:
        """One request about a repository. Failed where we may not, or nobody answers; any other status is the
        caller's."""
        path = f"/v2/{name.repository}/{what}"
        answer = self._wire.ask(method, path, {**headers, **self._known(name.repository)})
        if answer.status != 401:
            return answer
        challenges = answer.headers.get_all("WWW-Authenticate") or []
        refused = refusal_of(answer)
        self._introduce(name.repository, challenges, refused)
        answer = self._wire.ask(method, path, {**headers, **self._known(name.repository)})
        if answer.status == 401:
            self._tokens.pop(name.repository, None)
            raise self._failed(refusal_of(answer))
        return answer

    def close(self) -> None:
        self._wire.close()

    def _known(self, repository: str) -> dict[str, str]:
        """The header for what this registry has asked for before."""
        token, end = self._tokens.get(repository, ("", 0.0))
        if token and time.monotonic() < end:
            return {"Authorization": f"Bearer {token}"}
        login = self._logins.of(self._registry) if self._basic else None
        return {"Authorization": f"Basic {login.basic}"} if login else {}

    def _introduce(self, repository: str, challenges: list[str], refused: str) -> None:
        """Do what one of the challenges asks for, a token rather than a password."""
        login = self._logins.of(self._registry)
        bearer = next((item for item in challenges if item.lower().startswith("bearer ")), "")
        if bearer:
            asked = {key.lower(): quoted or plain for key, quoted, plain in PAIR.findall(bearer[len("bearer ") :])}
            self._tokens[repository] = self._token(repository, asked, login)
        elif login and login.user and any(item.lower().startswith("basic") for item in challenges):
            self._basic = True
        else:
            raise self._failed(refused)

    def _token(self, repository: str, asked: dict[str, str], login: Login | None) -> tuple[str, float]:
        """(a token, until when it is good as time.monotonic() counts)."""
        if login and login.bearer:
            return login.bearer, float("inf")
        realm, scope = asked.get("realm", ""), asked.get("scope") or f"repository:{repository}:pull"
        scheme = split(realm).scheme
        if scheme != "https" and (scheme != "http" or self._wire.scheme != "http"):
            raise Failed("answers 401, with a place for tokens that is not reached over TLS")
        fields = {key: value for key, value in (("service", asked.get("service", "")), ("scope", scope)) if value}
        if login and login.identity:
            body = urlencode(
                {**fields, "grant_type": "refresh_token", "client_id": "infrakit", "refresh_token": login.identity}
            ).encode()
            answer = self._wire.follow("POST", realm, {"Content-Type": "application/x-www-form-urlencoded"}, body)
        else:
            headers = {"Authorization": f"Basic {login.basic}"} if login and login.user else {}
            joint = "&" if split(realm).query else "?"
            answer = self._wire.follow("GET", f"{realm}{joint}{urlencode(fields)}", headers)
        if answer.status != 200:
            raise self._failed(refusal_of(answer))
        with answer:
            return _read(answer.content(LARGEST_TOKEN))

    def _failed(self, said: str) -> Failed:
        """With a word about a password that we do not look for, and without one that the answer may repeat."""
        login = self._logins.of(self._registry)
        for secret in (login.password, login.identity, login.bearer, login.basic) if login else ():
            said = said.replace(secret, "***") if secret else said
        helper = self._logins.helper(self._registry)
        if helper and not login:
            said = f"unauthorized: {self._logins.path} leaves passwords to docker-credential-{helper}, which is not run"
        return Failed(said)


def _read(content: bytes) -> tuple[str, float]:
    try:
        tree: Any = json.loads(content)
        token, life_s = tree.get("token") or tree["access_token"], float(tree.get("expires_in") or SHORTEST_TOKEN_S)
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
        token, life_s = "", 0.0
    if not isinstance(token, str) or not re.fullmatch(r"[\x21-\x7e]+", token):
        raise Failed("answers 401, and the place for tokens gives none")
    # A little less, so that none ends on its way.
    return token, time.monotonic() + max(SHORTEST_TOKEN_S, life_s) * 0.9
