"""The doors of this host: looked at, and told to a person or a program."""

import json
from collections.abc import Iterable
from contextlib import suppress

from infrakit.cli.talk import result
from infrakit.emit.caddyfile import AUTHORITY_FILE, offers_authority
from infrakit.errors import InfraKitError
from infrakit.model import Deployment
from infrakit.stack.doors import DEFAULT_ROUTE, LINKS, Doors, addresses, doors_of, names_that_lead, pages
from infrakit.stack.inside import container_name, inside
from infrakit.system.certificates import fingerprint
from infrakit.system.machine import Machine
from infrakit.system.names import addresses_of

VERSION = 1
TRUST = (
    # Commands: certutil, security(1), update-ca-certificates(8). Pages of settings, and that most apps of Android do
    # not heed what its user installs: mitmproxy/mitmproxy, mitmproxy/addons/onboardingapp/templates/index.html
    # (22953746, read 2026-11-29). Which pages come first differs by the maker of a phone; the last are called so.
    ("Windows", "as administrator: certutil -addstore -f Root infrakit-ca.crt"),
    ("macOS", "sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain infrakit-ca.crt"),
    ("Linux", "Debian, Ubuntu: sudo cp infrakit-ca.crt /usr/local/share/ca-certificates/; sudo update-ca-certificates"),
    ("Firefox", "Settings, Privacy & Security, View Certificates, Authorities, Import: to identify websites"),
    (
        "Android",
        "search Settings for CA certificate, below Encryption & credentials; browsers heed it, most other apps do not",
    ),
    (
        "iOS",
        "open it in Safari; Settings: install the profile; then General, About, Certificate Trust Settings: turn it on",
    ),
)


def look(deployment: Deployment, machine: Machine, *, ask_names: bool = True) -> Doors:
    """Ask this machine, its Caddy, and (`ask_names`) its resolver. What one of them does not say is left out."""
    reached, own = addresses(deployment, machine.run(LINKS).out, machine.run(DEFAULT_ROUTE).out)
    names = names_that_lead(deployment)
    with machine.breakable():
        found = addresses_of(names) if ask_names else {}
    return doors_of(deployment, reached, own, found, authority(deployment, machine))


def authority(deployment: Deployment, machine: Machine) -> str:
    """The SHA-256 of the certificate that the running Caddy signs by, "" where there is none or it does not run."""
    if not offers_authority(deployment):
        return ""
    with suppress(InfraKitError):
        name = container_name(deployment.name, "caddy")
        return fingerprint(inside(machine, name, ("cat", AUTHORITY_FILE)).encode())
    return ""


def tell(deployment: Deployment, machine: Machine, *, as_json: bool, whole: bool, ask_names: bool) -> None:
    """The end of `install` and `up`: for a person (`whole`: see say_doors), or the event "doors" for a program."""
    doors = look(deployment, machine, ask_names=ask_names)
    if as_json:
        result(json.dumps({"kind": "doors", "step": "", "version": VERSION, **doors.as_json()}, sort_keys=True))
    else:
        say_doors(doors, whole=whole)


def say_doors(doors: Doors, *, whole: bool) -> None:
    """What is left for a person to do, if anything: trust the authority, and let the names lead here. `whole`: how
    each platform is told, and what may be right."""
    for line in (*authority_lines(doors, how_to_trust=whole), *name_lines(doors, forwarded=whole)):
        result(f"  {line}" if line else "")


def say_pages(deployment: Deployment) -> None:
    """Every door: what it is, where, and who may open it."""
    for page in pages(deployment):
        who = "anybody" if page.sign_in == "public" else ", ".join(page.allow) or "whoever signs in"
        who += "".join(f"; anybody: {item}" for item in page.passes)
        result(f"  {page.title:24} {page.url}  {who}")


def authority_line(doors: Doors) -> str:
    """The same in one line, "" where there is none."""
    if not doors.authority.urls:
        return ""
    said = doors.authority.sha256 or "which Caddy does not say now"
    return f"  authority to trust: {doors.authority.urls[0]}, SHA-256 {said}"


def authority_lines(doors: Doors, *, how_to_trust: bool) -> Iterable[str]:
    """Where its certificate is, and how to know it and trust it."""
    if not doors.authority.urls:
        return
    yield ""
    yield "browsers warn until they trust the authority of this machine; its certificate, on each computer:"
    for url in doors.authority.urls:
        yield f"  {url}"
    if doors.authority.sha256:
        yield "compare its SHA-256 before you trust it: openssl x509 -noout -fingerprint -sha256 -in infrakit-ca.crt"
        yield f"  {doors.authority.sha256}"
    else:
        yield "its SHA-256, which Caddy did not say now: infrakit status"
    if how_to_trust:
        for platform, what in TRUST:
            yield f"  {platform:8} {what}"
    else:
        yield "how to trust it: infrakit status --doors"


def name_lines(doors: Doors, *, forwarded: bool) -> Iterable[str]:
    """Names that do not lead here, and the exact lines that make them."""
    names = doors.names
    if names.unknown or names.elsewhere:
        yield ""
        yield "these names do not lead to this machine yet, as far as it knows:"
        yield from (f"  {name}: nobody knows it" for name in names.unknown)
        yield from (f"  {name}: leads to {', '.join(found)}" for name, found in names.elsewhere)
        if doors.tls == "acme":
            yield "a public certificate needs them in public DNS; what follows helps in your own network only"
    if names.hosts_file:
        yield "make them, by these lines in the hosts file of a computer (Windows: C:\\Windows\\System32\\drivers\\etc)"
        yield from (f"  {line}" for line in names.hosts_file)
        yield "or for all computers at once, in a router that runs dnsmasq (a domain stands for every name below it)"
        yield from (f"  {line}" for line in names.dnsmasq)
    if names.forwarded and forwarded:
        yield ""
        yield "these names lead to an address that is not this machine's: right where a router forwards ports to it"
        yield from (f"  {name}: {', '.join(found)}" for name, found in names.forwarded)
