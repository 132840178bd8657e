"""The pages that a person reads before saying yes."""

import re
from html.parser import HTMLParser

import pytest

from infrakit import emit
from infrakit.emit import review
from infrakit.emit.review_parts import Word
from infrakit.model import POWER_FILES, Grant, Group, Mount, Origin, PublishedPort, SecretSpec, Upstream, User
from tests.emit import deployments
from tests.emit.deployments import everything
from tests.emit.examples import hosts

HOSTS = hosts()
FULL = HOSTS["full-homelab"]
PLACEHOLDER = "infrakit-host-name-of-a-range"
VOID = ("meta", "rect", "path")
NAUGHTY = [
    "<script>alert(1)</script>",
    '" onload="x',
    "' onload='x",
    "a|b|c",
    "*bold* _it_ `code`",
    "[x](http://a)",
    "![x](//a)",
    "&amp;",
    "]]>",
    "# h",
    "{{x}}",
    "\\",
    "\\|",
    "</title></style><b>",
    "--><i>",
    "$x$",
    "http://a.example",
    "www.example.org",
    "a@example.org",
    "~~x~~",
    "<br>",
    "two\nlines",
    "a\rb",
    "tab\there",
    "line\u2028end",
    "turn\u202earound",
    "zero\0",
    "\udc80",
    "M0 0 H 331",
]


class Page(HTMLParser):
    """The tags of a page, and the texts of its table cells' words."""

    def __init__(self, source):
        super().__init__()
        self.tags, self.open, self.words, self.titles = [], [], [], []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag in ("h3", "i", "strong", "b"):
            self.words.append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data):
        if self.open and self.open[-1] in ("h3", "i", "strong", "b"):
            self.words[-1] += data


def pages(deployment):
    return {artifact.path: artifact.content.decode() for artifact in review.emit(deployment)}


def html(deployment):
    return Page(pages(deployment)["review.html"])


def markdown(deployment):
    return pages(deployment)["REVIEW.md"]


def shown(text):
    """What a reader sees: marks that nobody can see are spelled out."""
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


def unescaped(text):
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", text)


def said(text):
    """FULL with `text` in every string that a user can choose."""
    wiki = FULL.services[-1]
    container = wiki.containers[0]._replace(
        name=text,
        image=text,
        user=text,
        mounts=(Mount("host", text, text), Mount("volume", text, text, True)),
        capabilities=(text,),
        privileges=(("devices", (text,)), ("sysctls", {text: text})),
        ports=(PublishedPort("10.0.0.1", 9000, 3000),),
        networks=(text,),
    )
    access = FULL.access._replace(
        groups=(Group(text, False, FULL.origin),),
        users=(User(text, text, text, (text,), FULL.origin), User("who", "", "", (text,), FULL.origin)),
    )
    return FULL._replace(
        host=text,
        name=text,
        domain=text,
        architecture=text,
        access=access,
        grants=(Grant(text, text, text, text, FULL.origin),),
        services=tuple(service._replace(title=text) for service in FULL.services[:-1])
        + (wiki._replace(title=text, containers=(container,)),),
        routes=tuple(
            route._replace(title=text, hostname=text, allow=(text,), upstreams=(*route.upstreams, Upstream(text, text)))
            for route in FULL.routes
        ),
        networks=tuple(network._replace(purpose=text, subnet=text) for network in FULL.networks),
        secrets=(
            SecretSpec(text, "user", 0, False, text, (text,), FULL.origin),
            SecretSpec(text, "password", 9, True, text, (), FULL.origin),
        ),
    )


@pytest.mark.parametrize("name", HOSTS)
def test_every_line_has_an_origin(name):
    for path, text in pages(HOSTS[name]).items():
        found = review.trace(HOSTS[name], path)
        assert list(found) == [str(number) for number in range(1, text.count("\n") + 1)]
        assert all(isinstance(origin, Origin) and origin.decided_by == review.PASS for origin in found.values())


def test_a_value_is_traced_to_its_own_cause():
    cause = Origin("infrakit.yaml", ("services", "wiki", "memory"), "containers")
    wiki = FULL.services[-1]
    container = wiki.containers[0]._replace(
        memory_bytes=77 << 20, origins={**wiki.containers[0].origins, "memory": cause}
    )
    host = FULL._replace(services=(*FULL.services[:-1], wiki._replace(containers=(container,))))
    lines = pages(host)["review.html"].split("\n")
    number = next(number for number, line in enumerate(lines, 1) if "77 MiB" in line)
    assert review.trace(host, "review.html")[str(number)].path == cause.path


@pytest.mark.parametrize("name", HOSTS)
def test_the_page_needs_nothing_but_itself(name):
    source = pages(HOSTS[name])["review.html"]
    page = Page(source)
    assert not page.open
    assert not {tag for tag, _ in page.tags} & {"script", "link", "img", "iframe", "object", "a", "base", "form"}
    assert not [attributes for _, attributes in page.tags if {"src", "href", "onload"} & set(attributes)]
    assert "url(" not in source and "@import" not in source
    assert [attributes["content"] for _, attributes in page.tags if "http-equiv" in attributes] == [
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    ]


@pytest.mark.parametrize("name", HOSTS)
def test_the_picture_says_what_it_is(name):
    tags = html(HOSTS[name]).tags
    identifiers = [attributes["id"] for _, attributes in tags if "id" in attributes]
    drawings = [attributes for tag, attributes in tags if tag == "svg"]
    assert [drawing["class"] for drawing in drawings] == ["wide", "phone"]
    assert len(identifiers) == len(set(identifiers))
    assert all(
        drawing["role"] == "img" and set(drawing["aria-labelledby"].split()) <= set(identifiers) for drawing in drawings
    )


@pytest.mark.parametrize("name", HOSTS)
def test_boxes_of_the_picture_stay_inside_and_apart(name):
    for source in re.findall(r"<svg.*?</svg>", pages(HOSTS[name])["review.html"], re.DOTALL):
        width, height = map(int, re.search(r'viewBox="0 0 (\d+) (\d+)"', source).groups())
        found = re.findall(r'<rect(?: class="(\w+)")? x="(\d+)" y="(\d+)" width="(\d+)" height="(\d+)"', source)
        boxes = [tuple(map(int, item[1:])) for item in found if not (item[0] == "frame" and item[3] == "292")]
        for place, (x, y, wide, tall) in enumerate(boxes):
            assert x + wide <= width and y + tall <= height
            for a, b, other_wide, other_tall in boxes[place + 1 :]:
                assert x + wide <= a or a + other_wide <= x or y + tall <= b or b + other_tall <= y


@pytest.mark.parametrize("text", NAUGHTY)
def test_a_text_comes_out_as_that_text(text):
    page, usual = html(said(text)), html(said("plain"))
    assert page.tags == [(tag, dict(attributes)) for tag, attributes in usual.tags]
    assert not page.open
    assert page.words == [word.replace("plain", shown(text)) for word in usual.words]


@pytest.mark.parametrize("text", NAUGHTY)
def test_a_text_is_no_markdown(text):
    found, usual = markdown(said(text)).split("\n"), markdown(said("plain")).split("\n")
    assert len(found) == len(usual)
    for line, plain in zip(found, usual):
        assert unescaped(line) == unescaped(plain).replace("plain", shown(text))
        bare = re.sub(r"\\[!-/:-@\[-`{-~]", "", line)
        assert bare.count("|") == plain.count("|")
        assert not re.search(r"[`\[\]&$~@{}\\]|<(?!br>)|(?<!<br)>|://|www\.", bare)


@pytest.mark.parametrize("text", NAUGHTY)
def test_a_text_keeps_every_line_traced(text):
    for path, source in pages(said(text)).items():
        assert len(review.trace(said(text), path)) == source.count("\n") == pages(said("plain"))[path].count("\n")


@pytest.mark.parametrize("name", ["edge-1", "a0", "edge-" + "x" * 60 + "1"])
def test_a_page_made_for_a_range_is_right_for_names_of_every_length(name):
    def host(called):
        route = FULL.routes[0]._replace(hostname=f"dozzle-{called}.home.example.org", title=called)
        return everything("plain")._replace(
            host=called, routes=(route, *FULL.routes[1:]), services=FULL.services, networks=FULL.networks
        )

    made = {artifact.path: artifact for artifact in emit.stencil(host(PLACEHOLDER), PLACEHOLDER).named(name)}
    for artifact in review.emit(host(name)):
        assert made[artifact.path] == artifact


def test_what_amounts_to_root_is_said_in_these_words():
    assert "| portainer | **root on the host** |" in markdown(FULL)
    assert "<strong>root on the host</strong>" in pages(FULL)["review.html"]
    assert '<b class="danger">root on the host</b>' in pages(FULL)["review.html"]


def test_who_only_reads_is_not_called_root():
    for proxy in [proxy for service in FULL.services for proxy in service.socket_proxies]:
        words = "**reads files and secrets**" if proxy.powers == (POWER_FILES,) else "**root on the host**"
        assert f"| {proxy.consumer} | {words} |" in markdown(FULL)


def test_every_call_to_docker_is_listed():
    words = html(FULL).words
    for proxy in [proxy for service in FULL.services for proxy in service.socket_proxies]:
        for call in proxy.calls:
            assert any(
                word.startswith(f"{call.method} ") and call.target in word.split(" ", 1)[1].split(", ")
                for word in words
            )


def test_the_queries_that_may_come_with_a_call_are_listed():
    asks = deployments.proxy("wiki", ("GET /_ping", "GET /containers/{id}/top?ps_args", "POST /images/create?fromSrc"))
    host = FULL._replace(services=(*FULL.services[:-1], FULL.services[-1]._replace(socket_proxies=(asks,))))
    words = html(host).words
    assert "GET /_ping, /containers/{id}/top?ps_args" in words
    assert "POST /images/create?fromImage&fromSrc&platform&tag" in words


def test_a_container_with_dockers_socket_and_no_proxy_is_root_on_the_host():
    wiki = FULL.services[-1]
    container = wiki.containers[0]._replace(
        mounts=(Mount("host", "/var/run/docker.sock", "/var/run/docker.sock", True),)
    )
    host = FULL._replace(services=(*FULL.services[:-1], wiki._replace(containers=(container,))))
    assert "| **root on the host** | wiki, with Docker's socket and no proxy |" in markdown(host)
    assert '<b>no proxy</b><b class="danger">root on the host</b>' in pages(host)["review.html"]
    assert "no proxy" not in pages(FULL)["review.html"]


def test_a_public_door_is_said_in_red_words():
    host = FULL._replace(routes=(FULL.routes[-1]._replace(sign_in="public", allow=()),))
    assert "<strong>everybody, without sign-in</strong>" in pages(host)["review.html"]
    assert "| **everybody, without sign-in** | wiki.home.example.org |" in markdown(host)
    assert "everybody, without sign-in" not in markdown(FULL)


def test_a_door_names_the_people_behind_its_groups():
    assert "| wiki.home.example.org | family: bob, carol |" in markdown(FULL)


def test_privileges_and_host_paths_are_said_in_red_words_or_in_amber_ones():
    text = markdown(everything())
    assert r"*capability NET\_BIND\_SERVICE*" in text.replace("**", "")
    for word in ("pid: host", r"security\_opt: apparmor=unconfined", "host path / at /rootfs, read only"):
        assert f"**{word}**" in text


def test_a_grant_is_said_first_and_in_red_words():
    text = markdown(FULL._replace(grants=(Grant("wiki", "wiki", "ports", "port 9000", FULL.origin),)))
    assert "| **granted: ports** | wiki, port 9000 |" in text
    assert "| wiki | **ports** | port 9000 |" in text
    assert text.index("granted: ports") < text.index("## Doors")


def test_a_secret_that_only_the_user_has_comes_with_its_command():
    spec = SecretSpec("tunnel_token", "user", 0, False, "Token of the tunnel.", ("cloudflared",), FULL.origin)
    text = markdown(FULL._replace(secrets=(spec,)))
    assert r"| to do, unless done | infrakit secrets set tunnel\_token |" in text
    assert (
        r"| tunnel\_token | cloudflared | **only you have it: infrakit secrets set tunnel\_token** | Token of "
        r"the tunnel. |"
    ) in text


def test_a_port_that_is_not_caddys_is_red():
    assert "| every address, 8443 | 443/tcp | **reader** |" in markdown(everything())
    assert r"| \[fd00::1\]:443 | 443/udp | **reader** |" in markdown(everything())


def test_a_port_past_caddy_is_in_the_picture():
    assert '<b class="danger">port 8443, past Caddy</b>' in pages(everything())["review.html"]
    assert "past Caddy" not in pages(FULL)["review.html"]


def test_an_empty_host_has_pages_too():
    host = FULL._replace(services=(), routes=(), networks=(), secrets=(), grants=(), idle_updater=None)
    assert "This host runs nothing." in markdown(host)
    assert not html(host).open


def test_the_page_says_why_nothing_updates_itself():
    rows = [line for line in markdown(FULL).splitlines() if line.startswith("| watchtower |")]
    assert len(rows) == 1 and "find nothing newer" in rows[0] and "services.NAME.image" in rows[0]
    assert "updated by Watchtower" not in markdown(FULL)


@pytest.mark.parametrize("text", ["x ", " x", "\tx", "x\u00a0", " ", "x\u3000", "x.", "*x"])
def test_what_is_dangerous_is_bold_whatever_stands_at_its_ends(text):
    """CommonMark 0.31, 6.2: ** beside white space is no mark."""
    bold = review._markdown_word(Word(text, danger=True))
    inside = bold.removeprefix("**").removesuffix("**")
    assert bold == f"**{inside}**" and inside == inside.strip() and inside


def test_the_page_says_who_is_ruled_by_the_file_and_how_people_come_in():
    text = page_of(hosts()["full-homelab"])
    people = text[text.index("## People") :]
    for said in ("infrakit sign-in USER", "added to one by hand leaves it", "changes nothing in Authentik"):
        assert said in people, said
    assert "| alice | administrators | none |" in people
    secret = "/run/secrets/portainer\\_client\\_secret"
    assert f"| Portainer | infrakit-portainer | {secret} | https\\:\\/\\/auth." in people
    assert "/application/o/infrakit-portainer/ |" in people
    assert "Nobody signs in at this host." in page_of(hosts()["edge-edge"])


def page_of(host) -> str:
    """REVIEW.md."""
    return next(item.content.decode() for item in review.emit(host) if item.path == "REVIEW.md")


def test_the_certificate_that_plain_http_hands_out_is_told_where_it_is():
    internal = FULL._replace(tls=FULL.tls._replace(mode="internal"))
    texts = [review.emit(host)[0].content.decode() for host in (internal, FULL._replace(tls=FULL.tls))]
    assert FULL.tls.mode != "internal"
    assert ["infrakit-ca" in text for text in texts] == [True, False]
