"""Templates of somebody who wants more than an app: what reaches for the host is a comment, or refused; nothing is
taken silently, and nothing ends in a traceback."""

import json

import pytest
from ruamel.yaml import YAML

from infrakit.compiler import load
from infrakit.composed.apps_text import lines
from infrakit.composed.fit import fitted
from infrakit.composed.names import Taken
from infrakit.errors import ConfigurationInvalid, InfraKitError
from infrakit.policy.red import is_red
from infrakit.resources import schema
from infrakit.templates import coolify, dokploy
from infrakit.templates.added import added

HEAD = "version: 1\ndomain: home.example.org\npattern: full\ntls: {mode: internal}\n"
REACHING = [
    "volumes: ['/:/host']",
    "volumes: ['/etc:/etc']",
    "volumes: ['/var/run/docker.sock:/var/run/docker.sock']",
    "volumes: ['/run/docker.sock:/s:ro']",
    "volumes: ['/srv/../etc/shadow:/s:ro']",
    "volumes: ['//etc//passwd:/p']",
    "volumes: ['~/.ssh:/k']",
    "volumes: ['../../../root:/r']",
    "volumes: ['/proc:/host/proc:ro']",
    "volumes: ['/sys:/sys']",
    "volumes: ['/dev:/dev']",
    "volumes: ['/var/lib/docker:/d']",
    "volumes: ['/boot:/b']",
    "volumes: [{type: bind, source: /etc/cron.d, target: /c}]",
    "volumes: [{type: bind, source: /root, target: /r, bind: {propagation: shared}}]",
    "privileged: true",
    "cap_add: [SYS_ADMIN]",
    "cap_add: [ALL]",
    "cap_add: [CAP_SYS_MODULE, NET_ADMIN]",
    "network_mode: host",
    "network_mode: 'container:authentik'",
    "pid: host",
    "ipc: host",
    "userns_mode: host",
    "uts: host",
    "cgroup: host",
    "security_opt: ['apparmor=unconfined']",
    "security_opt: ['seccomp=unconfined']",
    "security_opt: ['systempaths=unconfined']",
    "devices: ['/dev/sda']",
    "devices: ['/dev/mem:/dev/mem']",
    "devices: ['/dev/dri/../sda:/dev/x']",
    "device_cgroup_rules: ['a *:* rwm']",
    "group_add: [docker]",
    "group_add: ['0']",
    "runtime: other",
    "cgroup_parent: /",
    "sysctls: {kernel.core_pattern: '|/x'}",
    "volumes_from: ['container:authentik']",
    "labels: {com.centurylinklabs.watchtower.enable: 'true', caddy: evil.example.org}",
    "external_links: [authentik]",
    "networks: {default: {aliases: [authentik, caddy]}}",
    "credential_spec: {file: /etc/shadow}",
    "configs: [{source: c, target: /x}]\nconfigs: {c: {file: /etc/shadow}}",
    "secrets: [s]\nsecrets: {s: {file: /etc/shadow}}",
    "env_file: [/etc/environment]",
    "extends: {file: /etc/compose.yaml, service: x}",
    "container_name: authentik",
    "user: root",
]


def compose(keys: str) -> str:
    first, *rest = keys.split("\n")
    return "\n".join([f"services:\n  a:\n    image: example/a:1\n    {first}", *rest]) + "\n"


@pytest.mark.parametrize("keys", REACHING)
def test_what_reaches_for_the_host_is_taken_by_nobody(keys):
    """Whatever is left over compiles without a grant and without a red word, or is refused with its place."""
    found = added(coolify.from_file(compose(keys).encode(), "t"), Taken())
    if found.found is None:
        assert any(problem.severity == "error" and problem.hint for problem in found.problems)
        return
    whole = fitted(found.found, schema("infrakit"))
    text = HEAD + lines(whole)
    assert YAML(typ="safe").load(text)["apps"]["a"]["image"] == "example/a:1"
    try:
        (deployment,) = load(text.encode(), "infrakit.yaml", lambda name: b"").fleet.deployments
    except ConfigurationInvalid as refused:
        assert all(problem.position.line for problem in refused.problems)
        return
    assert not [grant for grant in deployment.grants if grant.red or is_red(grant.capability, grant.detail)]
    (container,) = (item for service in deployment.services if service.name == "a" for item in service.containers)
    assert not [mount for mount in container.mounts if mount.kind == "host"]
    said = {row.outcome for row in whole.rows if row.key not in ("image", "memory", "internet")}
    assert said & {"withheld", "refused", "dropped", "differently"}, "it went without a word"


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{b}: &{b} [{','.join(['*' + a] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi")
)


@pytest.mark.parametrize(
    "source",
    [
        BOMB,
        "services: &s {a: *s}\n",
        "services: {a: {image: x, environment: {A: '" + "${A:-" * 500 + "'}}}\n",
        "services: {a: {image: '" + "x" * 300_000 + "'}}\n",
        "services: {" + ",".join(f"a{n}: {{image: 'e/a:1'}}" for n in range(9000)) + "}\n",
        "services: {a: {image: !!python/object:os.system x}}\n",
        "services: [a]\n",
        "services: {a: 1}\n",
        "services: {'../../x': {image: 'e/a:1'}}\n",
        "services: {a: {image: 'e/a:1', volumes: [{type: bind, source: 1, content: {a: b}}]}}\n",
        "services: {a: {image: 'e/a:1', environment: [1, null, [x]]}}\n",
        "services: {a: {image: 'ikm0000x'}}\n",
        "services: {a: {image: 'e/a:1', environment: {A: ikm0000x, B: $SERVICE_PASSWORD_A}}}\n",
        "services: {a: {image: 'e/a:1', environment: {A: ikm9999x}}}\n",
        "\x00",
        "",
        "SERVICE_URL_" * 20_000,
    ],
    ids=range(17),
)
def test_no_template_ends_in_a_traceback(source):
    for made in (
        lambda: coolify.from_file(source.encode(), "t"),
        lambda: dokploy.from_folder("t", {"docker-compose.yml": source.encode()}.get),
    ):
        found = added(made(), Taken())
        assert found.found is not None or any(problem.severity == "error" for problem in found.problems)


@pytest.mark.parametrize("path", ["../../../etc/cron.d/x", "/etc/passwd", "a/../../..//x", "", ".", "x\ny"])
def test_a_file_that_a_template_gives_is_never_one_of_the_host(path):
    text = f"[[config.mounts]]\nfilePath = {json.dumps(path)}\ncontent = 'x'\n"
    source = "services: {a: {image: 'e/a:1', volumes: ['../files/" + path.replace("\n", "") + ":/x']}}\n"
    try:
        template = dokploy.from_folder("t", {"docker-compose.yml": source.encode(), "template.toml": text.encode()}.get)
        found = added(template, Taken())
    except InfraKitError:
        return
    app = found.found.apps["a"] if found.found is not None else {}
    assert not app.get("mounts"), app
