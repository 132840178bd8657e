"""What a person is told of a host's doors: from what the machine, its resolver and its Caddy said, without one."""

import json

from infrakit import compiler
from infrakit.stack.doors import MOST_NAMES, Doors, addresses, dnsmasq, doors_of, hosts_file, names_that_lead, pages
from tests.emit.examples import hosts

TEXT = """
version: 1
domain: home.example.org
pattern: monitoring
tls: {mode: MODE}
access: {administrators: [alice]}
apps:
  site: {image: "ghcr.io/example/site:1.0", port: 8000, memory: 64m, public: true}
"""


def host(mode: str = "internal", more: str = ""):
    (found,) = compiler.load(
        (TEXT.replace("MODE", mode) + more).encode(), "infrakit.yaml", lambda path: b""
    ).fleet.deployments
    return found


def link(name: str, *found: str, **more) -> dict:
    return {
        "ifname": name,
        "addr_info": [
            {"family": "inet6" if ":" in each else "inet", "local": each, "scope": "global", **more} for each in found
        ],
    }


LO = {"ifname": "lo", "addr_info": [{"family": "inet", "local": "127.0.0.1", "scope": "host"}]}
BRIDGES = [link("docker0", "172.17.0.1"), link("br-0123456789ab", "172.30.1.1"), link("veth12ab", "169.254.7.7")]
LAN = link("wlan0", "192.168.1.6")
HOME = [LO, LAN, link("eth0", "192.168.1.5", "2001:db8::5"), *BRIDGES]
ROUTE = json.dumps([{"dst": "default", "gateway": "192.168.1.1", "dev": "eth0"}])
HERE = "192.168.1.5"


def reached(links: list, deployment=None, route: str = ROUTE) -> tuple[str, ...]:
    return addresses(deployment or host(), json.dumps(links), route)[0]


def told(found: dict, deployment=None, own: tuple[str, ...] = (HERE, "172.17.0.1"), sha256: str = "AB:CD") -> Doors:
    return doors_of(deployment or host(), (HERE,), own, found, sha256)


def test_the_address_of_the_default_route_comes_first_and_none_of_containers():
    assert reached(HOME) == (HERE, "192.168.1.6")
    assert reached(list(reversed(HOME))) == (HERE, "192.168.1.6")
    both = json.dumps([{"dev": "wlan0", "metric": 100}, {"dev": "eth0", "metric": 600}])
    assert reached(HOME, route=both) == ("192.168.1.6", HERE)
    assert set(addresses(host(), json.dumps(HOME), ROUTE)[1]) >= {HERE, "192.168.1.6", "172.17.0.1", "127.0.0.1"}


def test_ipv6_counts_where_there_is_nothing_else_and_it_lasts():
    fleeting = link("eth0", "2001:db8::77", temporary=True)
    near = {"ifname": "eth0", "addr_info": [{"local": "fe80::1", "scope": "link"}]}
    assert reached([LO, near, fleeting, link("eth0", "2001:db8::5")]) == ("2001:db8::5",)


def test_where_the_doors_are_bound_counts_and_what_the_file_calls_the_host_comes_first():
    bound = host(more="network: {bind: [192.168.1.6]}\n")
    assert reached(HOME, bound) == ("192.168.1.6",)
    named = host()._replace(address="192.168.1.6")
    assert reached(HOME, named) == ("192.168.1.6", HERE)
    assert reached(HOME, host()._replace(address="10.1.1.1")) == (HERE, "192.168.1.6")


def test_what_iproute_does_not_say_is_left_out():
    for text in ("", "x", "{}", "[1]", '[{"addr_info": 1}]', '[{"addr_info": [1, {}]}]'):
        assert addresses(host(), text, text) == ((), ())
    assert doors_of(host(), (), (), {"site.home.example.org": ()}, "AB").names[3:] == ((), ())


def test_the_authority_is_offered_at_every_address_in_mode_internal_alone():
    assert told({}).authority == ((f"http://{HERE}/infrakit-ca.crt",), "AB:CD")
    other_port = host(more="network: {http_port: 8080}\n")
    assert doors_of(other_port, ("fd00::5",), (), {}, "").authority.urls == ("http://[fd00::5]:8080/infrakit-ca.crt",)
    for mode in ("acme", "files", "tunnel"):
        assert told({}, host(mode)).authority == ((), "")


def test_pages_are_told_with_their_port_and_who_may_open_them():
    found = {page.service: page for page in pages(host(more="network: {https_port: 8443}\n"))}
    assert found["site"] == ("site", "site", "https://site.home.example.org:8443", "public", (), ())
    assert found["glances"].allow and found["glances"].sign_in == "forward_auth"


def test_names_are_asked_of_who_has_doors_and_no_tunnel():
    assert "site.home.example.org" in names_that_lead(host())
    assert names_that_lead(host("tunnel")) == ()
    assert names_that_lead(hosts()["hybrid-shed"]) == ()


def test_names_that_lead_here_or_were_not_asked_for_are_no_news():
    asked = names_that_lead(host())
    for found in ({}, dict.fromkeys(asked, (HERE,)), dict.fromkeys(asked, ("127.0.1.1",))):
        assert told(found).names == ((), (), (), (), ())


def test_names_that_nobody_knows_come_with_the_lines_that_let_them_lead_here():
    asked = names_that_lead(host())
    names = told(dict.fromkeys(asked, ())).names
    assert names.unknown == asked and not names.elsewhere
    assert names.hosts_file == (f"{HERE} {' '.join(asked)}",)
    assert names.dnsmasq == (f"address=/home.example.org/{HERE}",)


def test_one_name_that_leads_here_already_keeps_the_domain_out_of_the_routers_lines():
    asked = names_that_lead(host())
    names = told({**dict.fromkeys(asked, ()), asked[0]: (HERE,)}).names
    assert names.dnsmasq == tuple(f"address=/{name}/{HERE}" for name in asked[1:])


def test_a_name_that_leads_elsewhere_in_the_house_is_wrong_and_one_at_a_router_may_be_right():
    asked = names_that_lead(host())
    found = dict.fromkeys(asked, (HERE,))
    names = told({**found, asked[0]: ("192.168.1.9",), asked[1]: ("9.9.9.9", "2620:fe::fe")}).names
    assert names.elsewhere == ((asked[0], ("192.168.1.9",)),)
    of_its_own = told({**found, asked[1]: ("9.9.9.9",)}, own=(HERE, "2620:fe::5")).names
    assert of_its_own.forwarded and not of_its_own.elsewhere, "a router forwards IPv4, whatever IPv6 does"
    assert told({**found, asked[1]: ("2620:fe::fe",)}).names.elsewhere
    assert names.forwarded == ((asked[1], ("9.9.9.9", "2620:fe::fe")),)
    assert names.hosts_file == (f"{HERE} {asked[0]}",)
    public = told({**found, asked[1]: ("9.9.9.9",)}, own=("1.1.1.1",)).names
    assert [name for name, _ in public.elsewhere] == list(asked), "this machine has a public address, and it is another"


def test_a_line_of_a_hosts_file_is_as_long_as_windows_reads_it():
    names = [f"n{number:02}.example.org" for number in range(2 * MOST_NAMES + 1)]
    lines = hosts_file(names, HERE)
    assert [len(line.split()) - 1 for line in lines] == [MOST_NAMES, MOST_NAMES, 1]
    assert [name for line in lines for name in line.split()[1:]] == names


def test_names_outside_of_the_domain_have_lines_of_their_own():
    names = ("a.home.example.org", "blog.example.net", "home.example.org.evil.net")
    assert dnsmasq(names, names, "home.example.org", HERE) == tuple(
        f"address=/{name}/{HERE}" for name in ("home.example.org", "blog.example.net", "home.example.org.evil.net")
    )


def test_a_program_is_told_the_same():
    asked = names_that_lead(host())
    said = json.loads(json.dumps(told({asked[0]: ("192.168.1.9",)}).as_json()))
    assert set(said) == {"tls", "pages", "addresses", "authority", "names"} and said["addresses"] == [HERE]
    assert said["authority"] == {"urls": [f"http://{HERE}/infrakit-ca.crt"], "sha256": "AB:CD"}
    assert said["names"]["elsewhere"] == {asked[0]: ["192.168.1.9"]}
    assert {"service", "title", "url", "sign_in", "allow", "passes"} == set(said["pages"][0])
