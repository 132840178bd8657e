"""What a file says in vain, or leaves to somebody else, is said of it; it compiles."""

import pytest

from infrakit.compiler import load

BASE = "version: 1\ndomain: home.example.org\npattern: full\ncontact: ops@example.org\n"


def codes(text: str) -> list[str]:
    found = load((BASE + text).encode(), "infrakit.yaml", lambda _: b"")
    return [problem.code for problem in found.warnings]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("tls: {mode: tunnel}\nnetwork: {http_port: 8080}\n", "port-unused"),
        ("tls: {mode: tunnel}\nnetwork: {https_port: 8443}\n", "port-unused"),
        ("network: {http_port: 8080, https_port: 8443}\n", "port-unasked"),
        ("services: {caddy: {image: registry.lan/caddy-dns:mine}}\n", "version-unknown"),
    ],
)
def test_it_is_said(text, code):
    assert code in codes(text)


@pytest.mark.parametrize(
    "text",
    [
        "network: {http_port: 8080}\n",
        "network: {https_port: 8443}\n",
        "tls: {mode: internal}\nnetwork: {http_port: 8080, https_port: 8443}\n",
        "services: {caddy: {image: registry.lan/caddy-dns:2.11.9-mine}}\n",
    ],
)
def test_nothing_is_said(text):
    assert not {"port-unused", "port-unasked", "version-unknown"} & set(codes(text))
