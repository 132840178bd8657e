"""A service's ports, networks and dependencies -> an app's door, `ports`, `serves`, `needs`."""

from infrakit.composed.doors import door, served
from infrakit.composed.model import Service
from infrakit.composed.words import DIFFERENT, DOES_ITSELF, DROPPED, REFUSED, TAKEN, written_port
from infrakit.composed.work import Work


def doors(work: Work, service: Service) -> None:
    """What leads into it: its door, ports past that, and what others reach it at."""
    found = work.known.get(service.name) or door(service)
    if found is not None:
        work.app["port"] = found.port
        name = f" as {found.hostname}" if found.hostname else ""
        work.say(
            "ports" if service.ports else "labels", DIFFERENT, f"port {found.port}, behind sign-in{name}", found.at
        )
        if found.hostname.count(".") != 1 and found.hostname:
            work.app["subdomain"] = found.hostname.partition(".")[0]
    ports = []
    within = served(service)
    for port in service.ports:
        if found is not None and port.target == found.port and port.protocol == "tcp":
            continue
        if found is not None and port.target == 443 and port.protocol == "tcp":
            work.say("ports.443", DROPPED, "Caddy speaks TLS for it", port.at)
        elif port.target in within and port.protocol == "tcp" and port.target not in (22, 25, 53):
            work.say(f"ports.{port.target}", DIFFERENT, "serves: for apps that need it, no longer open", port.at)
        elif not port.published:
            work.say(f"ports.{port.target}", REFUSED, "name the host's port: 8080:80", port.at)
        else:
            ports.append(written_port(port))
            work.say(f"ports.{port.target}", TAKEN, ports[-1], port.at)
    if ports:
        work.app["ports"] = ports
    inside = [port for port in within if found is None or port != found.port]
    if inside and found is None:
        work.app["serves"] = inside
        if service.expose:
            work.say("expose", DIFFERENT, "serves")
    elif service.expose:
        work.say("expose", DROPPED, "apps that need it reach its door's port")


def network(work: Work, service: Service) -> None:
    """Whose network it is in, what it waits for, and how it finds others."""
    mode = service.network_mode
    if mode == "host":
        work.withhold("network_mode", "network", "host", "it hears and opens every port of the host")
    elif mode.startswith("service:"):
        work.set("network", work.names.get(mode[8:], mode[8:]), "network_mode")
    elif mode in ("bridge", "default", "none"):
        work.say("network_mode", DROPPED, DOES_ITSELF["networks"])
    elif mode:
        work.say("network_mode", REFUSED, "no app may be in the network of a strange container")
    for network in service.networks:
        if network.aliases or network.others:
            said = "it is reached by its app's name, at an address that InfraKit gives"
            work.say(f"networks.{network.network}", REFUSED, said, network.at)
    needs = []
    for each in service.depends_on:
        if each.condition == "service_completed_successfully":
            work.say(f"depends_on.{each.service}", REFUSED, "no app runs once and ends", each.at)
        elif each.service in work.names and mode != f"service:{each.service}":
            needs.append(work.names[each.service])
            work.say(f"depends_on.{each.service}", DIFFERENT, "needs", each.at)
    if needs:
        work.app["needs"] = needs
    if service.links:
        work.say("links", DIFFERENT, "needs")
    if service.dns:
        work.set("dns", list(service.dns), "dns")
    if service.extra_hosts:
        work.set("extra_hosts", [f"{name}:{address}" for name, address in service.extra_hosts], "extra_hosts")
