"""A Compose project that runs already, on a machine with a Docker of its own: imported, taken over by `install` with
its data, and handed back by `uninstall`."""

import re

import pytest

from tests.e2e.bed import needs_bed, packages, references, registry

pytestmark = [pytest.mark.slow, needs_bed, pytest.mark.on("trixie"), pytest.mark.last]
PACKAGES = "docker-ce docker-ce-cli containerd.io docker-compose-plugin apparmor"
PROJECT = """\
services:
  web:
    image: {mirror}ghcr.io/requarks/wiki:2.5
    restart: unless-stopped
    ports: ["8080:3000"]
    environment: {{DATABASE: "postgres://shop:${{DB_PASSWORD}}@db/shop"}}
    volumes: ["pages:/wiki/data"]
    depends_on: {{db: {{condition: service_healthy}}}}
  db:
    image: {mirror}{postgres}
    restart: unless-stopped
    environment: {{POSTGRES_USER: shop, POSTGRES_DB: shop, POSTGRES_PASSWORD: "${{DB_PASSWORD}}"}}
    volumes: ["data:/var/lib/postgresql/data"]
    healthcheck: {{test: [CMD, pg_isready, -U, shop], interval: 2s, retries: 30}}
volumes: {{pages: {{}}, data: {{}}}}
"""
OURS = """\
version: 1
name: homelab
domain: home.example.org
timezone: Europe/Berlin
pattern: monitoring
tls: {{mode: internal}}
images: {{mirror: "{mirror}"}}
access: {{administrators: [alice]}}
services: {{dozzle: {{enabled: false}}, glances: {{enabled: false}}}}
"""
PASSWORD = "Correct7Horse9Battery"
ROWS = "psql -h 127.0.0.1 -U shop -d shop -Atc"
"""Over the network: it asks for the password."""
COMPOSE = "cd /srv/shop && docker compose"


@pytest.fixture(scope="module")
def shop(fresh):
    """The host, with a Docker that somebody installed by himself and a project that has data."""
    host, suite = fresh.host, fresh.host.suite
    host.put("/etc/apt/keyrings/docker.asc", packages(suite).key)
    source = f"deb [signed-by=/etc/apt/keyrings/docker.asc] {packages(suite).repository}/linux/debian {suite} stable\n"
    host.put("/etc/apt/sources.list.d/docker.list", source.encode())
    done = host.run(f"apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y {PACKAGES}", 900)
    assert done.code == 0, done.out + done.err
    postgres = next(name for name in references() if "/library/postgres:" in name)
    host.put("/srv/shop/compose.yaml", PROJECT.format(mirror=registry(), postgres=postgres).encode())
    host.put("/srv/shop/.env", f"DB_PASSWORD={PASSWORD}\n".encode(), 0o600)
    host.put("/root/shop.yaml", OURS.format(mirror=registry()).encode())
    done = host.run(f"{COMPOSE} up -d --wait", 600)
    assert done.code == 0, done.err + host.log()
    insert = f"docker exec -e PGPASSWORD={PASSWORD} shop-db-1 {ROWS} \"CREATE TABLE goods AS SELECT 'tea' AS name\""
    done = host.run(f"{insert} && docker exec shop-web-1 sh -c 'echo welcome >/wiki/data/page'")
    assert done.code == 0, done.err
    return fresh


def goods(host, container: str) -> str:
    return host.run(f"docker exec -e PGPASSWORD={PASSWORD} {container} {ROWS} 'SELECT name FROM goods'").out.strip()


def test_it_is_imported_without_its_secret_and_with_its_volumes(shop):
    host = shop.host
    done = host.run("cd /root && python3 infrakit.pyz import /srv/shop -f shop.yaml")
    assert done.code == 0 and "docker compose -p shop down" in done.err, done.out + done.err
    file = host.run("cat /root/shop.yaml").out
    assert PASSWORD not in file + done.out + done.err
    assert "external: shop_data" in file and "external: shop_pages" in file and "${secret." in file, file
    assert host.run("cd /root && python3 infrakit.pyz validate -f shop.yaml").code == 0


def test_while_it_runs_nothing_is_taken_over(shop):
    done = shop.host.run(f"cd /root && {shop.command.replace('infrakit.yaml', 'shop.yaml')} --yes", 600)
    assert done.code == 3 and "[volume-in-use]" in done.err and "docker compose -p shop down" in done.err, done.err
    assert goods(shop.host, "shop-db-1") == "tea"


def test_stopped_it_is_taken_over_with_its_data(shop):
    host = shop.host
    assert host.run(f"{COMPOSE} down", 300).code == 0
    started = host.run("systemctl show -p ActiveEnterTimestamp docker").out
    done = host.run(f"cd /root && {shop.command.replace('infrakit.yaml', 'shop.yaml')} --yes", 1200)
    assert done.code == 0, done.out[-2000:] + done.err[-4000:] + host.log()
    assert host.run("systemctl show -p ActiveEnterTimestamp docker").out == started, "its Docker was left alone"
    (database,) = re.findall(r"homelab-\S*db-1", host.run("docker ps --format '{{.Names}}'").out)
    assert goods(host, database) == "tea"
    (web,) = re.findall(r"homelab-\S*web-1", host.run("docker ps --format '{{.Names}}'").out)
    assert host.run(f"docker exec {web} cat /wiki/data/page").out == "welcome\n"
    assert host.run(f"docker exec {web} printenv DATABASE").out == f"postgres://shop:{PASSWORD}@db/shop\n"
    assert PASSWORD not in host.run("grep -r . /var/lib/infrakit/generations /var/log/infrakit /etc/infrakit").out
    name = re.search(r"https://\S*web\S*", done.out)[0]
    host.run(f"echo $(hostname -i) {name.removeprefix('https://').split('/')[0]} >>/etc/hosts")
    knock = host.run(f"curl -ksS -o /dev/null -w '%{{http_code}} %{{redirect_url}}' {name}").out
    assert knock.startswith("302 ") and "/outpost.goauthentik.io/start" in knock


def test_it_is_handed_back_as_it_was(shop):
    """With what was written meanwhile; Docker stays, since it was there before."""
    host = shop.host
    (database,) = re.findall(r"homelab-\S*db-1", host.run("docker ps --format '{{.Names}}'").out)
    assert (
        host.run(f"docker exec -e PGPASSWORD={PASSWORD} {database} {ROWS} \"INSERT INTO goods VALUES ('milk')\"").code
        == 0
    )
    done = host.run("infrakit uninstall --keep-data --yes", 900)
    assert done.code == 0, done.out[-2000:] + done.err
    assert set(host.run("docker volume ls -q").out.split()) >= {"shop_data", "shop_pages"}
    done = host.run(f"{COMPOSE} up -d --wait", 600)
    assert done.code == 0, done.err + host.log()
    assert goods(host, "shop-db-1") == "tea\nmilk"
    assert host.run("docker exec shop-web-1 cat /wiki/data/page").out == "welcome\n"
    assert host.run(f"{COMPOSE} down -v && python3 /root/infrakit.pyz uninstall --purge --yes --yes", 900).code == 0
