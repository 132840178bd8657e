"""One key of an infrakit.yaml edited by its lines: what is in it after, byte for byte, or the reason why not."""

import pytest

from infrakit import resources
from infrakit.composed.edit import assigned, deleted
from infrakit.config import parse
from infrakit.config.keys import located
from infrakit.errors import ConfigurationInvalid, UsageProblem

SCHEMA = resources.schema("infrakit")
HEAD = "version: 1\ndomain: example.org\n"


def edited(text, key, value=None):
    source = text.encode()
    path, schema = located(SCHEMA, key, parse(source, "infrakit.yaml").root)
    done = (
        deleted(source, "infrakit.yaml", path)
        if value is None
        else assigned(source, "infrakit.yaml", path, schema, value)
    )
    return done.content.decode()


@pytest.mark.parametrize(
    "before, key, value, after",
    [
        ("domain: a.org  # where\n", "domain", "b.org", "domain: b.org  # where\n"),
        ("domain: 'a.org'\n", "domain", "b.org", "domain: 'b.org'\n"),
        ('domain: "a.org"', "domain", "b.org", 'domain: "b.org"'),
        (HEAD, "domain", "10", 'version: 1\ndomain: "10"\n'),
        (HEAD, "network.http_port", "81", HEAD + "network:\n  http_port: 81\n"),
        (HEAD + "# end", "timezone", "UTC", HEAD + "# end\ntimezone: UTC"),
        (HEAD.replace("\n", "\r\n"), "name", "x", (HEAD + "name: x\n").replace("\n", "\r\n")),
        ("\ufeff---\n" + HEAD + "...\n", "name", "x", "\ufeff---\n" + HEAD + "name: x\n...\n"),
        ("tls: {mode: acme}  # x\n", "tls.mode", "internal", "tls: {mode: internal}  # x\n"),
        ("network: {}\n", "network.bind[+]", "::", 'network: {bind: ["::"]}\n'),
        ("network:\n", "network.pool", "10.0.0.0/12", "network:\n  pool: 10.0.0.0/12\n"),
        ("network: ~\n", "network.http_port", "81", "network: {http_port: 81}\n"),
        ("domain:  # later\n", "domain", "b.org", "domain: b.org  # later\n"),
        (
            "access:\n  administrators: [\n    alice,  # me\n  ]\n",
            "access.administrators[+]",
            "bob",
            "access:\n  administrators: [\n    alice, bob,  # me\n  ]\n",
        ),
        (
            "access:\n  administrators:  # us\n    - alice  # me\n    # and\n    - bob\ntls: {}\n",
            "access.administrators",
            "[carol]",
            "access:\n  administrators:  # us\n    - carol\n  # me\n    # and\ntls: {}\n",
        ),
        (
            "access:\n  groups:\n    a:\n    - bob\n    # of a\n\n# of tls\ntls: {}\n",
            "access.groups.a[+]",
            "c",
            "access:\n  groups:\n    a:\n    - bob\n    # of a\n    - c\n\n# of tls\ntls: {}\n",
        ),
        (
            "apps:\n  a:\n    files:\n      /x.y: |  # f\n        # no comment\n        two\n\n    port: 80\n",
            "apps.a.files./x.y",
            "one\n",
            'apps:\n  a:\n    files:\n      /x.y: "one\\n"  # f\n\n    port: 80\n',
        ),
    ],
)
def test_a_value_stands_where_it_belongs_and_every_other_byte_stays(before, key, value, after):
    assert edited(before, key, value) == after
    assert edited(after, key.replace("[+]", "[0]") if "{}" in before else key, value) == after or "[+]" in key


@pytest.mark.parametrize(
    "before, key, after",
    [
        (HEAD + "name: x  # mine\n", "name", HEAD + "# mine\n"),
        (HEAD + "name: x", "name", HEAD.rstrip("\n")),
        (HEAD, "name", HEAD),
        ("tls: {mode: acme, email: a}\n", "tls.mode", "tls: {email: a}\n"),
        ("access:\n  users:\n    bob:\n      name: B\n", "access.users.bob.name", "access:\n  users:\n    bob: {}\n"),
        ("notify: x\naccess:\n  administrators:\n  - a\n  - b\n", "access.administrators[0]", None),
        (
            "apps:\n  a:\n    pass:\n      - path: /x\n        method: GET\n",
            "apps.a.pass[0].path",
            "apps:\n  a:\n    pass:\n      - method: GET\n",
        ),
    ],
)
def test_what_is_taken_out_leaves_every_other_byte_and_its_comments(before, key, after):
    assert edited(before, key) == (after or before.replace("  - a\n", ""))


@pytest.mark.parametrize(
    "before, key, value",
    [
        ("tls: {mode: acme,  # x\n  email: a}\n", "tls", "{mode: internal}"),
        ("? domain\n: a.org\nname: x\n", "domain", None),
        ("pattern: full\n", "pattern[1]", "edge"),
        (HEAD, "access.administrators[3]", "x"),
    ],
)
def test_what_cannot_be_edited_is_said_with_its_place(before, key, value):
    with pytest.raises(ConfigurationInvalid) as refused:
        edited(before, key, value)
    assert [(problem.code, problem.position.line) for problem in refused.value.problems] == [("edit-shape", 1)]


@pytest.mark.parametrize("key", ["domane", "tls.mode.x", "tls[0]", "access.administrators[x]", "", ".", "a..b"])
def test_a_key_that_is_none_is_refused(key):
    with pytest.raises(UsageProblem):
        edited(HEAD, key, "x")


def test_a_list_that_is_no_yaml_is_said():
    with pytest.raises(ConfigurationInvalid) as refused:
        edited(HEAD, "access.administrators", "[a")
    assert refused.value.problems[0].position.document == "VALUE"
