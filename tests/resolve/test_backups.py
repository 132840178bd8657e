"""What of a host is backed up, how, and who stands still meanwhile."""

import pytest

from infrakit.backups import Dump, Own
from infrakit.catalog import load_catalog
from infrakit.compiler import load
from infrakit.emit import emit
from infrakit.resolve.backups import KEY

TEXT = """\
version: 1
domain: home.example.org
pattern: full
tls: {mode: internal}
backup: {to: /mnt/usb/backups, without: [dozzle, films]}
volumes: {films: {}, music: {}, far: {nfs: "192.168.1.5:/far"}}
apps:
  shop: {image: "ghcr.io/team/shop:1.2", port: 80, data: [/data], mounts: ["music:/music", "/srv/x:/x", "far:/far"]}
  reads: {image: "ghcr.io/team/reads:1.2", port: 80, mounts: ["music:/music:ro", "films:/films", "/srv/y:/y:ro"]}
  vpn: {image: "ghcr.io/team/vpn:1.2", data: [/config], internet: true}
  loads: {image: "ghcr.io/team/loads:1.2", port: 80, network: vpn}
  db: {image: "ghcr.io/team/db:17.12", data: [/var/lib/mysql, /backups]}
  shop-db:
    image: "ghcr.io/team/maria:11.4.2"
    data: [/var/lib/mysql]
    secrets: [shop_root]
    environment: {MARIADB_ROOT_PASSWORD_FILE: /run/secrets/shop_root}
  old: {image: "ghcr.io/team/old:16.16", mounts: ["/srv/pg:/var/lib/postgresql/data"]}
"""


def hosts(text):
    return list(load(text.encode(), "infrakit.yaml", lambda _: b"").fleet.deployments)


@pytest.fixture(scope="module")
def host():
    (found,) = hosts(TEXT)
    return found


def parts(host):
    return {part.name: part for part in host.backup.parts}


def test_each_part_has_its_volumes_and_databases_and_who_writes_to_them_stops(host):
    found = parts(host)
    assert {name: (part.volumes, part.dumps, part.stops) for name, part in found.items()} == {
        "authentik": (
            ("authentik-certs", "authentik-data", "authentik-media"),
            (Dump("authentik-database", "postgresql"),),
            (),
        ),
        "caddy": (("caddy-config", "caddy-data"), (), ()),
        "db": (("db-backups", "db-var-lib-mysql"), (), ("db",)),
        "guacamole": (("guacamole-schema",), (Dump("guacamole-database", "postgresql"),), ()),
        "old": ((), (Dump("old", "postgresql"),), ()),
        "portainer": (("portainer-data",), (), ("portainer",)),
        "shop": (("shop-data",), (), ("shop",)),
        "shop-db": ((), (Dump("shop-db", "mariadb"),), ()),
        "vpn": (("vpn-config",), (), ("vpn", "loads")),
        "volumes/music": (("music",), (), ("shop",)),
    }
    left = [("192.168.1.5:/far", "shop"), ("/srv/x", "shop"), ("dozzle", "left out"), ("volumes/films", "left out")]
    assert sorted(host.backup.left) == sorted(left)


def test_the_catalogue_says_the_same_of_its_databases_and_forgets_no_volume():
    for name, blueprint in load_catalog().blueprints.items():
        text = f"version: 1\ndomain: home.example.org\npattern: full\nbackup: {{to: /b}}\nservices: {{{name}: {{}}}}\n"
        (host,) = hosts(text)
        if name not in parts(host):
            continue
        part = parts(host)[name]
        assert {item.container for item in part.dumps} == {item.container for item in blueprint.backup.databases}
        assert set(part.volumes) >= {f"{name}-{volume}" for volume in blueprint.backup.volumes}
        assert not part.stops or not blueprint.backup.live


def test_an_app_that_says_its_dump_keeps_the_files_that_are_in_it_out_of_the_copies():
    own = Own(("save", "-"), ("load",), ("/data", "/srv"), "-- end")
    said = "backup: {dump: [save, '-'], restore: [load], holds: [/data/, /srv], ends: '-- end'}"
    apps = f"""\
  docs: {{image: "ghcr.io/team/docs:1.2", data: [/data, /more], mounts: ["/srv/docs:/srv", "/srv/z:/z"], {said}}}
  tables: {{image: "ghcr.io/team/pg:17.12", data: [/var/lib/postgresql/data], {said.replace("/data/, /srv", "/x")}}}
  files: {{image: "ghcr.io/team/f:1.2", data: [/x], {said.replace("/data/, /srv", "/x")}}}
"""
    apps = apps.replace("data: [/var/lib/postgresql/data]", "data: [/var/lib/postgresql/data, /x]")
    (found,) = hosts(TEXT + apps)
    there = {name: (part.volumes, part.dumps, part.stops) for name, part in parts(found).items()}
    assert there["docs"] == (("docs-more",), (Dump("docs", "own", own),), ("docs",))
    assert there["files"] == ((), (Dump("files", "own", own._replace(holds=("/x",))),), ())
    volume = "tables-var-lib-postgresql-data"
    assert there["tables"] == ((volume,), (Dump("tables", "own", own._replace(holds=("/x",))),), ("tables",))
    assert ("/srv/z", "docs") in found.backup.left and ("/srv/docs", "docs") not in found.backup.left


def test_an_app_whose_databases_sqlite_copies_runs_on(host):
    said = "backup: {sqlite: [/data/x/one.db, /more/deep/]}"
    apps = f"""\
  vault: {{image: "ghcr.io/team/v:1.2", port: 80, data: [/data/, /more], {said}}}
  under: {{image: "ghcr.io/team/u:1.2", port: 81, network: vault}}
"""
    (found,) = hosts(TEXT + apps)
    part = parts(found)["vault"]
    assert (part.stops, part.sqlite) == ((), (("vault-data", "x/one.db"), ("vault-more", "deep")))
    assert part.volumes == ("vault-data", "vault-more")
    assert not [name for name, part in parts(host).items() if part.sqlite]
    (review,) = [item.content.decode() for item in emit(found) if item.path.endswith("REVIEW.md")]
    assert "SQLite databases by SQLite itself" in review


def test_what_is_run_in_whose_container_stands_in_the_review():
    text = TEXT.replace(
        "data: [/data], mounts", "data: [/data], backup: {dump: [save, a b], restore: [load], holds: [/data]}, mounts"
    )
    (found,) = hosts(text)
    (review,) = [item.content.decode() for item in emit(found) if item.path.endswith("REVIEW.md")]
    assert "/data of shop" in review and "in shop: save 'a b'; and back: load" in review


def test_the_key_is_minted_and_no_container_reads_it(host):
    (key,) = [spec for spec in host.secrets if spec.name == KEY]
    assert (key.kind, key.form, key.required_by) == ("password", "words", ())
    tree = {item.path: item.content for item in emit(host)}
    assert KEY.encode() not in b"".join(text for path, text in tree.items() if path.endswith(".yaml"))


def test_each_host_has_a_folder_and_a_timer_of_its_own_and_without_the_key_there_is_nothing():
    text = TEXT.replace(
        "pattern: full\n", "hosts: {core: {pattern: full}, shed: {pattern: monitoring, address: 192.168.1.31}}\n"
    )
    text = text.partition("volumes:")[0].replace(", films]", "]")
    assert [host.backup.to for host in hosts(text)] == ["/mnt/usb/backups/core", "/mnt/usb/backups/shed"]
    for host in hosts(text):
        assert {"systemd/infrakit-backup.service", "systemd/infrakit-backup.timer"} <= {
            item.path for item in emit(host)
        }
    (host,) = hosts(TEXT.replace("backup: {to: /mnt/usb/backups, without: [dozzle, films]}\n", ""))
    assert host.backup is None and KEY not in {spec.name for spec in host.secrets}
    assert not [item.path for item in emit(host) if item.path.startswith("systemd/")]


def test_what_does_not_run_twice_is_tried_out_only_where_the_file_says_so():
    cases = (("", "", "monthly"), ("6g", "", "never"), ("64g", "", "monthly"), ("6g", "weekly", "weekly"))
    for memory, said, often in cases:
        core = f"hosts: {{core: {{pattern: full{f', memory: {memory}' if memory else ''}}}}}\n"
        text = TEXT.replace("pattern: full\n", core)
        text = text.replace("backup: {to", f"backup: {{{f'drill: {said}, ' if said else ''}to")
        (found,) = hosts(text)
        assert found.backup.drill == often


def test_who_says_how_many_days_stay_keeps_the_weeks():
    (host,) = hosts(TEXT.replace("backup: {to", "backup: {keep: {daily: 3, yearly: 2}, to"))
    assert dict(host.backup.keep) == {"daily": 3, "weekly": 4, "monthly": 6, "yearly": 2}
