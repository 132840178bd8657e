"""What somebody at a desk sees of the installed host, in a browser: the portal, sign-in, the app behind it. Pictures go
to .build/artefacts."""

import pytest

from tests.e2e.bed import needs_bed
from tests.e2e.browser import Browser, BrowserError, needs_browser
from tests.e2e.fresh import ROOT_CERTIFICATE

pytestmark = [pytest.mark.slow, needs_bed, needs_browser, pytest.mark.on("trixie")]

PORTAL = "https://auth.home.example.org/"
WIKI = "https://wiki.home.example.org/"


@pytest.fixture(scope="module")
def site(installed):
    """(name pattern -> the host's address, the root certificate of its Caddy)."""
    address = installed.host.run("hostname -i").out.split()[0]
    root = installed.host.run(f"docker exec homelab-caddy-1 cat {ROOT_CERTIFICATE}").out
    return {"*.home.example.org": address}, root.encode()


@pytest.fixture
def browser(site):
    """Of somebody who has not signed in."""
    with Browser(*site) as browser:
        yield browser


def test_a_stranger_signs_in_and_gets_to_the_page_that_he_wanted(browser):
    asked = browser.visit(f"{WIKI}some/page?of=his")
    assert asked.startswith(f"{PORTAL}stand-in/login?"), asked
    assert "Sign in" in browser.title
    browser.picture("sign-in")
    browser.type("input[name=user]", "alice")
    browser.click("button", leads_to=WIKI)
    assert browser.address == f"{WIKI}some/page?of=his"
    assert '"stand-in":"app"' in browser.text and '"X-Authentik-Username":"alice"' in browser.text
    browser.picture("wiki-after-sign-in")
    # He is known at the next door, too.
    assert browser.visit("https://dozzle.home.example.org/") == "https://dozzle.home.example.org/"
    assert '"stand-in":"dozzle"' in browser.text and '"X-Authentik-Username":"alice"' in browser.text
    browser.picture("dozzle-after-sign-in")


def test_the_portal_answers_and_so_do_doors_that_sign_in_by_themselves(browser):
    for name, stands_in in (("auth", "authentik"), ("portainer", "portainer"), ("guacamole", "guacamole")):
        address = f"https://{name}.home.example.org/"
        assert browser.visit(address) == address
        assert f'"stand-in":"{stands_in}"' in browser.text
        browser.picture(name)


def test_a_plain_address_leads_to_the_safe_one(browser):
    assert browser.visit("http://auth.home.example.org/") == PORTAL


def test_who_does_not_trust_the_authority_sees_no_page(site):
    with Browser(site[0]) as browser:
        browser.visit(PORTAL)
        assert browser.title == "Privacy error" and "ERR_CERT_AUTHORITY_INVALID" in browser.text


def test_no_other_name_is_looked_up(browser):
    with pytest.raises(BrowserError, match="ERR_NAME_NOT_RESOLVED"):
        browser.visit("https://example.org/")
