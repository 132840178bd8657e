"""certificates: those that the doors show and those that the file gives: time, names and key."""

import re
import ssl
from collections.abc import Iterator
from contextlib import suppress

from infrakit.host.checks.model import listed
from infrakit.stack.doctor.readings import Certificate, Readings
from infrakit.stack.doctor.words import RENEW, UP, Trouble, trouble

DAY_S = 86_400
SOON_S = 30 * DAY_S
"""What is good for a year is renewed by hand; Caddy renews when a third of the time is left, so a fifth is late."""
AUTHORITY_SOON_S = 180 * DAY_S
BY_CADDY = {
    "acme": "sudo infrakit logs caddy; are ports 80 and 443 reached from the internet, and do the names lead here?",
    "dns": "sudo infrakit logs caddy; does the provider's token still hold? sudo infrakit secrets set",
    "internal": "sudo infrakit logs caddy; sudo infrakit restart caddy",
    "files": RENEW,
}


def certificate_unreadable(readings: Readings) -> Iterator[Trouble]:
    """Of the file, and none."""
    for item in readings.certificates:
        if not item.text:
            yield trouble("certificate-unreadable", f"{_title(item)} cannot be read", subject=_title(item))


def certificate_time(readings: Readings) -> Iterator[Trouble]:
    """Over, about to be, or not yet begun."""
    now = readings.facts.now_s
    for item in readings.certificates:
        begins, ends, title = _time(item.text, "notBefore"), _time(item.text, "notAfter"), _title(item)
        if not ends or not now:
            continue
        renew = _renew(readings, item)
        if ends <= now:
            yield trouble("certificate-ended", f"{title} ended on {_day(item)}", subject=title, renew=renew)
        elif begins > now:
            what = f"{title} begins only on {_day(item, 'notBefore')}"
            yield trouble("certificate-early", what, subject=title)
        elif _is_authority(item):
            if ends - now < AUTHORITY_SOON_S:
                yield trouble("authority-ends", f"{title} ends on {_day(item)}", subject=title, renew=renew)
        elif ends - now < min(SOON_S, (ends - begins) / 5):
            yield trouble("certificate-ends", f"{title} ends on {_day(item)}", subject=title, renew=renew)


def certificate_names(readings: Readings) -> Iterator[Trouble]:
    """Shown for a name that it does not have."""
    for item in readings.certificates:
        known = re.findall(r"DNS:([^,\s]+)", item.text)
        lost = [name for name in item.names if not any(_covers(pattern, name) for pattern in known)]
        if lost and item.text:
            what = f"{_title(item)} is for {listed(known) or 'no name'}, and not for {listed(lost)}"
            yield trouble("certificate-names", what, subject=_title(item), renew=_renew(readings, item))


def certificate_key(readings: Readings) -> Iterator[Trouble]:
    """Certificate and key of two different pairs."""
    for item in readings.certificates:
        if item.fits is False and item.text:
            remedy = "" if item.source == "tls_certificate" else _renew(readings, item)
            yield trouble(
                "certificate-key", f"the key is not that of {_title(item)}", subject=_title(item), remedy=remedy
            )


def _title(item: Certificate) -> str:
    if item.source == "door":
        return f"the certificate of {listed(item.names)}"
    return "the certificate of this machine's authority" if item.source == "authority" else item.source


def _is_authority(item: Certificate) -> bool:
    return item.source in ("authority", "fleet_ca")


def _renew(readings: Readings, item: Certificate) -> str:
    if item.source.startswith("fleet"):
        core, host = readings.deployment.core or "the core", readings.deployment.host
        return f"on {core}: sudo infrakit secrets export --for {host}"
    if item.source == "authority":
        return f"sudo docker volume ls | grep caddy; sudo infrakit restart caddy; {UP}"
    return BY_CADDY.get(readings.deployment.tls.mode, RENEW)


def _day(item: Certificate, which: str = "notAfter") -> str:
    return re.sub(r"\s+", " ", (re.search(rf"{which}=(.*)", item.text) or ("", ""))[1])


def _time(text: str, which: str) -> float:
    found = re.search(rf"{which}=(.*)", text)
    with suppress(ValueError):
        return float(ssl.cert_time_to_seconds(found[1].strip())) if found else 0.0
    return 0.0


def _covers(pattern: str, name: str) -> bool:
    """One star stands for one label (RFC 6125)."""
    pattern, name = pattern.lower(), name.lower()
    return pattern == name or pattern.startswith("*.") and name.partition(".")[2] == pattern[2:]


CHECKS = (certificate_unreadable, certificate_time, certificate_names, certificate_key)
