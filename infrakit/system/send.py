"""Messages to others: one request of HTTP, or one letter; no redirect is followed, and every certificate is checked."""

import http.client
import smtplib
import ssl
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from infrakit.machine import Answer, Mail
from infrakit.system.proxies import handler

NOT_ENCRYPTED = "it offers no encryption: tls: none, where it is a server of your own network"


class _Stays(urllib.request.HTTPRedirectHandler):
    """What is sent to one is for nobody else, least of all its secret."""

    def redirect_request(self, *words: Any) -> None:
        return None


def post(
    url: str, body: bytes | None, headers: Mapping[str, str], timeout_s: float, said: Mapping[str, str], trusted: str
) -> Answer:
    """What came of it; without a body it only asks. `said`: of proxies.py; `trusted`: a file with authorities."""
    try:
        context = ssl.create_default_context(cafile=trusted or None)
        https = urllib.request.HTTPSHandler(context=context)
        opener = urllib.request.build_opener(handler(said, url), _Stays(), https)
        request = urllib.request.Request(url, body, {"User-Agent": "infrakit", **headers})
        with opener.open(request, timeout=timeout_s) as answer:
            return Answer(int(answer.status), "", "")
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.headers.get("Location", "") if 300 <= error.code < 400 else "", "")
    except (OSError, ValueError, http.client.HTTPException) as error:
        return Answer(0, "", _words(error))


def mail(letter: Mail, timeout_s: float) -> str:
    """Why it was not taken, "" where it was."""
    try:
        context = ssl.create_default_context(cafile=letter.certificate or None)
        server: smtplib.SMTP
        if letter.tls == "tls":
            server = smtplib.SMTP_SSL(letter.server, letter.port, timeout=timeout_s, context=context)
        else:
            server = smtplib.SMTP(letter.server, letter.port, timeout=timeout_s)
        try:
            if letter.tls == "starttls":
                server.starttls(context=context)
            if letter.username:
                _sign_in(server, letter)
            server.sendmail(letter.sender, [letter.receiver], letter.letter)
        finally:
            # It took the letter already, or refused it: what it says of an end changes nothing.
            server.close()
        return ""
    except smtplib.SMTPNotSupportedError as error:
        return NOT_ENCRYPTED if letter.tls == "starttls" and "STARTTLS" in str(error) else str(error).lower()
    except smtplib.SMTPAuthenticationError as error:
        return f"answers {error.smtp_code}: the user name or the password is not the right one"
    except smtplib.SMTPRecipientsRefused as error:
        code = next(iter(error.recipients.values()))[0]
        return f"does not take mail for {letter.receiver} ({code})"
    except smtplib.SMTPResponseException as error:
        return f"answers {error.smtp_code}"
    except (OSError, ValueError) as error:  # SMTPException is an OSError
        return _words(error)


def _sign_in(server: smtplib.SMTP, letter: Mail) -> None:
    """As smtplib does; it knows ASCII alone, so other letters go the plain way (RFC 4616)."""
    if letter.password.isascii():
        server.login(letter.username, letter.password.decode("ascii"))
        return
    server.ehlo_or_helo_if_needed()
    pair = b"\0" + letter.username.encode() + b"\0" + letter.password
    code, said = server.docmd("AUTH", f"PLAIN {b64encode(pair).decode('ascii')}")
    if code != 235:
        raise smtplib.SMTPAuthenticationError(code, said)


def _words(error: Exception) -> str:
    reason = getattr(error, "reason", None)
    return str(reason if reason is not None else error).lower() or type(error).__name__.lower()
