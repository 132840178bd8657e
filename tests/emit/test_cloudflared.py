"""The tunnel leads to Caddy and nowhere else."""

from infrakit.emit import cloudflared
from infrakit.emit.yaml_text import leaves
from tests.emit.deployments import container, deployment, origin, route, service
from tests.emit.read import tree_of

HOST = deployment(
    service("cloudflared", container("cloudflared")),
    routes=(
        route("a.home.example.org"),
        route("b.home.example.org", sign_in="public"),
        route("c.home.example.org", sign_in="fleet"),
    ),
)


def tree(host):
    (artifact,) = cloudflared.emit(host)
    return tree_of(artifact.content)


def test_each_door_for_people_leads_to_caddy_under_its_own_name():
    rules = tree(HOST)["ingress"]

    assert [rule.get("hostname") for rule in rules] == ["a.home.example.org", "b.home.example.org", None]
    assert {rule["service"] for rule in rules[:-1]} == {"https://caddy:443"}
    assert [rule["originRequest"]["originServerName"] for rule in rules[:-1]] == [
        "a.home.example.org",
        "b.home.example.org",
    ]


def test_any_other_name_is_refused():
    assert tree(HOST)["ingress"][-1] == {"service": "http_status:404"}
    assert tree(HOST._replace(routes=()))["ingress"] == [{"service": "http_status:404"}]


def test_a_host_without_a_tunnel_has_no_file():
    assert cloudflared.emit(deployment(service("other", container("other")))) == ()


def test_every_value_has_a_cause():
    causes = cloudflared.trace(HOST, "cloudflared/config.yaml")

    assert set(causes) == set(leaves(tree(HOST)))
    assert causes["ingress.0.hostname"] == origin("services", "a")
    assert causes["ingress.2.service"].path == ("services", "cloudflared")


def test_the_token_that_is_asked_for_is_one_whose_rules_are_ours():
    from infrakit.catalog import load_catalog

    (secret,) = load_catalog().blueprints["cloudflared"].secrets
    assert "managed locally" in secret.description and "cloudflared tunnel token" in secret.description
