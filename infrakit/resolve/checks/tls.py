"""tls, domain, timezone: what each mode needs, and names that exist."""

from infrakit.catalog.model import Catalog
from infrakit.config.model import Config
from infrakit.config.nearest import nearest
from infrakit.errors import Problem
from infrakit.resolve.addresses import address_of, ends_in_number, is_host, no_machine
from infrakit.resolve.world import Locate

PRIVATE_NAMES = (
    *("alt", "arpa", "corp", "domain", "example", "home", "host", "internal", "intranet", "invalid", "lan", "local"),
    *("home.arpa", "localdomain", "localhost", "onion", "private", "test", "workgroup"),
    *("fritz.box", "speedport.ip", "easy.box", "router", "gateway", "mshome.net"),
)
"""Below these no public authority gives a certificate: nobody has them in the public DNS (RFC 6761, RFC 8375, ICANN on
.internal), or a router answers for them at home."""

GIVEN_OUT = (
    *("duckdns.org", "dynv6.net", "dedyn.io", "ddns.net", "ddnss.de", "dyndns.org", "freeddns.org", "mooo.com"),
    *("hopto.org", "zapto.org", "sytes.net", "servebeer.com", "no-ip.org", "no-ip.biz", "myfritz.net", "synology.me"),
    *("myqnapcloud.com", "selfhost.eu", "spdns.de", "spdns.org", "goip.de", "nsupdate.info", "dnshome.de", "ts.net"),
    *("co.uk", "org.uk", "me.uk", "com.au", "net.au", "org.au", "co.nz", "co.za", "co.in", "co.jp", "ne.jp", "co.kr"),
    *("com.br", "com.ar", "com.mx", "com.tr", "com.cn", "com.hk", "com.sg", "com.tw", "com.ua", "com.pl", "co.il"),
    *("co.at", "or.at", "eu.org", "github.io", "pages.dev"),
)
"""Whose names are given out one by one, by registries and by services of dynamic DNS: no certificate for them is for
one of those who have a name there (some of publicsuffix.org's list, seen 2026-11)."""

USUAL = ("app", "cloud", "com", "dev", "info", "me", "net", "org")
"""Last labels for which the list of all need not be read."""

SEVERAL_VALUES = (
    *("acmedns", "acmeproxy", "alidns", "allinkl", "azure", "bluecat", "cloudns", "dinahosting", "directadmin"),
    *(
        "dnsmadeeasy",
        "domainnameshop",
        "dynu",
        "easydns",
        "edgeone",
        "exoscale",
        "glesys",
        "googleclouddns",
        "hexonet",
        "hosterby",
        "huaweicloud",
    ),
    *(
        "inwx",
        "lego_deprecated",
        "loopia",
        "luadns",
        "mailinabox",
        "metaname",
        "mythicbeasts",
        "namecheap",
        "namedotcom",
        "neoserv",
    ),
    *(
        "netcup",
        "nfsn",
        "oraclecloud",
        "ovh",
        "porkbun",
        "powerdns",
        "regery",
        "rfc2136",
        "route53",
        "scaleway",
        "selectel",
    ),
    *("simplydotcom", "spaceship", "tencentcloud", "transip", "unifi", "wedos", "westcn"),
)
"""Providers whose module wants more than a token, or is told none in a Caddyfile (the README and the UnmarshalCaddyfile
of each in github.com/caddy-dns, seen 2026-11)."""


def domain_real(config: Config, catalog: Catalog, locate: Locate) -> list[Problem]:
    """Names can exist below the domain, and certificates for them where a public authority is asked."""
    domain = config.domain
    if ends_in_number(domain):
        what = f"domain: {domain} is an address, and there are no names below one"
        return [Problem(locate(("domain",)), what, "domain", "for instance home.example.org, or home.arpa at home")]
    found = not_public(config, domain)
    if found is None:
        return []
    mode = (*config.tls.path, "mode")
    yours = f"yours.{config.domain}" if config.domain in GIVEN_OUT else "a domain that is yours"
    hint = f"write tls: {{mode: internal}}, or {yours}"
    related = locate(mode) if mode in config.said else None
    return [Problem(locate(("domain",)), f"domain: {found[0]}", "tls-domain", hint, found[1], related)]


def not_public(config: Config, name: str) -> tuple[str, str] | None:
    """(what is wrong, severity) where the mode wants a name of the public DNS, and this is none."""
    if config.tls.mode not in ("acme", "dns", "tunnel"):
        return None
    who = "no public authority gives certificates for names"
    who = "a tunnel leads to no name" if config.tls.mode == "tunnel" else who
    below = next((known for known in PRIVATE_NAMES if f".{name}".endswith(f".{known}")), "")
    if below:
        return f"{who} below {below}", "error"
    if name in GIVEN_OUT:
        return f"{name} is nobody's own: names below it are given out one by one", "error"
    last = name.rpartition(".")[2]
    if len(last) <= 2 or last in USUAL or last.startswith("xn--"):
        return None
    from infrakit.resolve.suffixes import PUBLIC, SEEN

    if last in PUBLIC.split():
        return None
    return f"{who} below {last}, which the public DNS did not have in {SEEN}", "warning"


def timezone_known(config: Config, catalog: Catalog, locate: Locate) -> list[Problem]:
    """The time zone is one that containers know."""
    if ("timezone",) not in config.said:
        return []
    from infrakit.resolve.timezones import is_time_zone, time_zones

    if is_time_zone(config.timezone):
        return []
    known = time_zones()
    close = {name.lower(): name for name in known}.get(nearest(config.timezone, map(str.lower, known)), "")
    close = "" if config.timezone[-1:].isdigit() else close  # hours from Greenwich, that no guess should change
    hint = f"did you mean {close}?" if close else "for instance Europe/Berlin"
    what = f"timezone: there is no time zone {config.timezone}"
    return [Problem(locate(("timezone",)), what, "timezone", hint)]


def _no_resolver(text: str) -> str:
    """Why Caddy, in its container, finds no name server there."""
    host = text[1:].partition("]")[0] if text[0] == "[" else text
    host = host if host.count(":") > 1 else host.partition(":")[0]
    address = address_of(host)
    if address is None:
        return "" if is_host(host) else "is not an address"
    return "is Caddy's own container" if address.is_loopback or address.is_unspecified else no_machine(host)


def tls_complete(config: Config, catalog: Catalog, locate: Locate) -> list[Problem]:
    """dns needs a provider and a Caddy that speaks to it; the others have no use for one."""
    tls = config.tls
    found = []
    mode = locate((*tls.path, "mode"))
    if tls.mode == "dns":
        if not tls.provider:
            found.append(Problem(mode, "tls.mode: dns needs a provider", "tls-provider", "add provider: cloudflare"))
        elif tls.provider in SEVERAL_VALUES:
            what = f"tls.provider: {tls.provider} wants more than the one token that can be given"
            hint = "choose one with a single token, for instance cloudflare or desec; or bring certificates: mode files"
            found.append(Problem(locate((*tls.path, "provider")), what, "tls-provider", hint))
        for number, text in enumerate(tls.resolvers):
            wrong = _no_resolver(text)
            if wrong:
                what, path = f"tls.resolvers: {text} {wrong}", (*tls.path, "resolvers", number)
                found.append(Problem(locate(path), what, "address", "for instance 1.1.1.1, or 192.168.1.1:53"))
        image = next((service.image for service in config.services if service.name == "caddy"), "")
        if not image:
            found.append(
                Problem(
                    mode,
                    "tls.mode: the stock image of Caddy has no DNS provider",
                    "tls-image",
                    "build one with xcaddy and name it: services.caddy.image",
                )
            )
    else:
        for key in ("provider", "resolvers", "propagation_delay", "propagation_timeout"):
            if getattr(tls, key):
                what = f"tls.{key}: mode {tls.mode} asks no provider"
                place = locate((*tls.path, key), key=True)
                found.append(Problem(place, what, "tls-provider", "remove it", related=mode))
    off = next(
        (service for service in config.services if service.name == "cloudflared" and service.enabled is False), None
    )
    if tls.mode == "tunnel" and off is not None:
        found.append(
            Problem(
                locate((*off.path, "enabled")),
                "services.cloudflared.enabled: mode tunnel is nothing without it",
                "needed",
                "leave it on, or choose another mode",
                related=mode,
            )
        )
    on = next((item for item in config.services if item.name == "cloudflared" and item.enabled), None)
    if tls.mode != "tunnel" and on is not None:
        what = f"services.cloudflared.enabled: with mode {tls.mode} nobody comes by a tunnel"
        hint = "remove it, or write tls: {mode: tunnel}"
        found.append(Problem(locate((*on.path, "enabled")), what, "no-effect", hint))
    if tls.staging and tls.mode not in ("acme", "dns"):
        path = (*tls.path, "staging")
        found.append(
            Problem(
                locate(path, key=True),
                f"tls.staging: mode {tls.mode} asks no authority",
                "tls-staging",
                "remove it",
                related=mode,
            )
        )
    return found
