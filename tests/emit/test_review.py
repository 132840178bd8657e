"""The pages that a person reads before saying yes."""

from html.parser import HTMLParser

import pytest

from infrakit.emit import review
from tests.emit.examples import hosts

HOSTS = hosts()
NAUGHTY = ["<script>alert(1)</script>", '" onload="x', "a|b|c", "*bold* _it_ `code`", "[x](http://a)", "&amp;", "]]>", "ä\u2028b", "# h", "{{x}}", "\\"]


class Text(HTMLParser):
    """The text and the tags of a page."""

    def __init__(self):
        super().__init__()
        self.texts, self.tags = [], []

    def handle_data(self, data):
        self.texts.append(data)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))


def pages(deployment):
    return {artifact.path: artifact.content.decode() for artifact in review.emit(deployment)}


@pytest.mark.parametrize("name", HOSTS)
def test_every_line_has_an_origin(name):
    for path, text in pages(HOSTS[name]).items():
        assert set(review.trace(HOSTS[name], path)) == {str(number) for number in range(1, text.count("\n") + 1)}


@pytest.mark.parametrize("name", HOSTS)
def test_the_page_needs_nothing_but_itself(name):
    page = Text()
    page.feed(pages(HOSTS[name])["review.html"])
    assert not {tag for tag, _ in page.tags} & {"script", "link", "img", "iframe", "object"}
    assert not [attributes for _, attributes in page.tags if {"src", "href", "onload"} & set(attributes)]


@pytest.mark.parametrize("text", NAUGHTY)
def test_a_text_comes_out_as_that_text(text):
    host = HOSTS["full-homelab"]
    named = host._replace(services=tuple(service._replace(title=text) for service in host.services))
    page = Text()
    page.feed(pages(named)["review.html"])
    assert page.texts.count(text) >= len(host.services)
    usual = Text()
    usual.feed(pages(host)["review.html"])
    assert page.tags == usual.tags


@pytest.mark.parametrize("text", NAUGHTY)
def test_a_text_adds_no_cell_to_a_table(text):
    host = HOSTS["full-homelab"]
    named = host._replace(services=tuple(service._replace(title=text) for service in host.services))
    cells = [line.replace("\\|", "").count("|") for line in pages(named)["REVIEW.md"].splitlines()]
    assert cells == [line.count("|") for line in pages(host)["REVIEW.md"].splitlines()]


def test_what_amounts_to_root_is_said_in_these_words():
    text = pages(HOSTS["full-homelab"])["REVIEW.md"]
    assert "**root on the host**" in text


def test_a_public_door_is_said_in_red_words():
    host = HOSTS["full-homelab"]
    route = host.routes[-1]._replace(sign_in="public", allow=())
    found = pages(host._replace(routes=(route,)))
    assert "<strong>everybody, without sign-in</strong>" in found["review.html"]
    assert "**everybody, without sign\\-in**" in found["REVIEW.md"] or "**everybody, without sign-in**" in found["REVIEW.md"]
