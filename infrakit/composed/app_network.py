"""A service's ports, networks and dependencies -> an app's door, `ports`, `serves`, `needs`, `internet`."""

import re

from infrakit.composed.doors import SERVED, Door, door, served, told_by
from infrakit.composed.model import Port, Service
from infrakit.composed.words import DIFFERENT, DOES_ITSELF, DROPPED, REFUSED, TAKEN, image_name, written_ports
from infrakit.composed.work import Work

LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
EVERYWHERE = ("0.0.0.0", "::")
CADDY = ("80", "443")
OPEN_TOO = (22, 25, 53)
"""Ports that are known to be reached from within, and are meant for people outside as well."""


def doors(work: Work, service: Service) -> None:
    """What leads into it: its door, ports past that, and what others reach it at."""
    if "once" in work.app:
        if service.ports or service.expose:
            work.say("ports" if service.ports else "expose", DROPPED, "it has ended when somebody could come")
        return
    found = work.known.get(service.name) or door(service)
    if found is not None:
        _door(work, service, found)
    within = served(service)
    ports: list[Port] = []
    for each in service.ports:
        port = each._replace(address="") if each.address in EVERYWHERE else each
        key = f"ports.{port.target}"
        if found is not None and port.target == found.port and port.protocol == "tcp":
            continue
        if found is not None and port.target == 443 and port.protocol == "tcp":
            work.say(key, DROPPED, "Caddy speaks TLS for it", port.at)
        elif port.target in within and port.protocol == "tcp" and port.target not in OPEN_TOO:
            work.say(key, DIFFERENT, "serves: for apps that need it, no longer open", port.at)
        elif not port.published.isdigit() or port.published == "0":
            work.say(key, REFUSED, "name one port of the host: 8080:80", port.at)
        elif any(_is_in(port, other) for other in ports):
            work.say(key, DROPPED, "the same port is open already", port.at)
        elif port.published in CADDY:
            work.say(key, REFUSED, "Caddy has this port of the host", port.at)
        elif port.protocol == "sctp":
            work.say(key, REFUSED, "only ports of TCP and UDP are led into an app", port.at)
        else:
            ports.append(port)
            work.say(key, TAKEN, "past Caddy and sign-in", port.at)
    if ports:
        work.app["ports"] = written_ports(ports)
    opened = {port.target for port in ports}
    inside = [port for port in within if port not in opened and (found is None or port != found.port)]
    if inside and found is None:
        work.app["serves"] = inside
        if service.expose:
            work.say("expose", DIFFERENT, "serves")
    elif service.expose:
        work.say("expose", DROPPED, "apps that need it reach its door's port")


def _is_in(port: Port, other: Port) -> bool:
    """Whether who opens `other` opens this one."""
    same = (port.published, port.protocol) == (other.published, other.protocol)
    return same and other.address in ("", port.address)


def _door(work: Work, service: Service, found: Door) -> None:
    work.app["port"] = found.port
    hostname = next(iter(found.hostnames), "")
    first = hostname.partition(".")[0]
    label = first if LABEL.fullmatch(first) and hostname.count(".") > 1 else ""
    if label:
        work.app["subdomain"] = label
    said = f"port {found.port}, behind sign-in" + (f", at {label} below your domain" if label else "")
    names = [name for name in found.hostnames if "." in name]
    if len(names) > 1:
        said += f"; domain: [{', '.join(names)}] keeps the whole names"
    elif names:
        said += f"; domain: {names[0]} keeps its whole name"
    if found.https:
        work.app["scheme"], work.app["certificate"] = "https", "any"
        said += "; it speaks TLS, and its certificate is not checked"
    work.say(told_by(service), DIFFERENT, said, found.at)


def network(work: Work, service: Service) -> None:
    """Whose network it is in, what it waits for, and how it finds others."""
    mode = service.network_mode
    other = mode[8:] if mode.startswith("service:") else ""
    if mode == "host":
        work.withhold("network_mode", "network", "host", "it opens ports of the host; instead of internet")
    elif other and other not in work.names:
        work.say("network_mode", REFUSED, f"no app is made of {other}")
    elif other:
        work.set("network", work.names[other], "network_mode")
    elif mode in ("bridge", "default", "none"):
        work.say("network_mode", DROPPED, DOES_ITSELF["networks"])
    elif mode:
        work.say("network_mode", REFUSED, "no app may be in the network of a strange container")
    for network in service.networks:
        if network.others:
            said = "it has an address, a name and a rank in networks that InfraKit gives"
            work.say(f"networks.{network.network}", REFUSED, said, network.at)
        elif network.aliases:
            said = "others reach it by its app's name: values that said an alias say that"
            work.say(f"networks.{network.network}", DIFFERENT, said, network.at)
    if mode == "none" or _is_shut_in(work, service) or image_name(service.image) in SERVED:
        work.say("internet", DIFFERENT, "no way out: internet: true where it needs one", service.at)
    elif not other:
        work.app["internet"] = True
    _needs(work, service, other)
    if service.dns:
        work.set("dns", list(service.dns), "dns")
    if service.extra_hosts:
        work.set("extra_hosts", [f"{name}:{address}" for name, address in service.extra_hosts], "extra_hosts")


def _is_shut_in(work: Work, service: Service) -> bool:
    """Whether all its networks are without a way out."""
    internal = {each.key for each in work.project.networks if each.others.get("internal") is True}
    return bool(service.networks) and {each.network for each in service.networks} <= internal


def _needs(work: Work, service: Service, other: str) -> None:
    needs = []
    for each in service.depends_on:
        key = f"depends_on.{each.service}"
        if each.service not in work.names:
            work.say(key, DROPPED, "no app is made of it", each.at)
        elif each.service != other:
            needs.append(work.names[each.service])
            work.say(key, DIFFERENT, "needs", each.at)
        elif "depends_on" in service.places:
            work.say(key, DROPPED, "an app waits for the one whose network it is in", each.at)
    texts = [(each.name, each.value or "") for each in service.environment]
    texts += [("", word) for word in (*(service.command or ()), *(service.entrypoint or ()))]
    met = [name for name in work.meets(texts) if name != work.names.get(other)]
    if met:
        work.say("needs", DIFFERENT, f"needs: {', '.join(met)}, whom its values lead to", service.at)
    if needs or met:
        work.app["needs"] = [*needs, *met]
    if service.links:
        work.say("links", DIFFERENT, "needs")
