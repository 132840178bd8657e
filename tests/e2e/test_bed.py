"""The test bed itself: fresh hosts come up, install Docker from the bed's packages, and run an image of the bed's
registry."""

import json
import subprocess

import pytest

from tests.e2e.bed import NETWORK, REGISTRY, SUITES, Host, engine, needs_bed, packages, references, registry

pytestmark = [pytest.mark.slow, needs_bed]
DOCKER = "docker-ce docker-ce-cli containerd.io docker-compose-plugin"
ALLOWED_TO_FAIL: set[str] = set()


@pytest.fixture(scope="module")
def mirror() -> str:
    return registry()


def names_in_registry() -> set[str]:
    """Every name:tag, asked of the registry from a host's side."""
    probe = f"""
import json, ssl, urllib.request
context = ssl.create_default_context(cafile="/bed/tls/ca.crt")
def get(path): return json.load(urllib.request.urlopen("https://{REGISTRY}/v2/" + path, context=context))
print(json.dumps([f"{{name}}:{{tag}}" for name in get("_catalog")["repositories"] for tag in get(f"{{name}}/tags/list")["tags"]]))
"""  # noqa: E501 -- verbatim text
    done = subprocess.run(
        ["docker", "exec", f"{NETWORK}-server", "python3", "-c", probe], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("suite", SUITES)
def test_fresh_host_installs_docker_and_runs_an_image(mirror, suite):
    with Host.start(suite) as host:
        failed = {line.split()[0] for line in host.run("systemctl --failed --no-legend --plain").out.splitlines()}
        assert host.state in ("running", "degraded") and failed <= ALLOWED_TO_FAIL, host.log()
        assert host.run("command -v docker").code != 0
        host.put("/etc/apt/keyrings/docker.asc", packages(suite).key)
        source = (
            f"deb [signed-by=/etc/apt/keyrings/docker.asc] {packages(suite).repository}/linux/debian {suite} stable\n"
        )
        # Docker's archive alone is enough.
        host.put("/etc/apt/sources.list", source.encode())
        done = host.run(
            f"apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y {DOCKER} apparmor ca-certificates",
            900,
        )
        assert done.code == 0, done.out + done.err
        done = host.run("docker info --format '{{.ServerVersion}} {{.Driver}}' && docker compose version --short")
        assert done.code == 0 and done.out.startswith("26."), done.out + done.err + host.log()
        assert "overlay2" in done.out
        image = (
            f"{mirror}docker.io/library/haproxy:"
            + next(name for name in references() if "/haproxy:" in name).rpartition(":")[2]
        )
        done = host.run(f"docker pull -q {image} && docker run --rm {image} -v", 600)
        assert done.code == 0 and "HAProxy" in done.out, done.out + done.err


def test_a_host_reaches_the_bed_and_nothing_else(mirror):
    with Host.start("bookworm") as host:
        assert host.run("curl -fsS -o /dev/null http://apt.bed/linux/debian/gpg").code == 0
        assert host.run(f"curl -sS -m 5 -o /dev/null {engine.mirror()}/").code != 0
        assert host.run("curl -sS -m 5 -o /dev/null http://1.1.1.1/").code != 0
        host.restart()
        host.crash()
        assert host.state == "running"


@pytest.mark.parametrize("example", ("full", "edge", "monitoring", "hybrid"))
def test_registry_has_every_image_of_the_examples(mirror, infrakit, tmp_path, example):
    done = infrakit("compile", "--example", example, "--no-secrets", "-o", "out")
    assert done.returncode == 0, done.stderr
    text = "\n".join(path.read_text() for path in tmp_path.glob("out/*/services/*.yaml"))
    wanted = {line.split()[1] for line in text.splitlines() if line.strip().startswith("image: ")}
    assert wanted and wanted <= names_in_registry()
