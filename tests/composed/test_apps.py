"""A Compose project in the words of infrakit.yaml: nothing is lost without a row, and no secret is in any line."""

import re

import pytest
import yaml

from infrakit.composed import Asked, read
from infrakit.composed.apps import converted
from infrakit.composed.apps_text import lines, table
from infrakit.composed.doors import door
from infrakit.composed.fit import fitted
from infrakit.composed.names import Taken
from infrakit.composed.words import DROPPED, REFUSED, SOCKET, WITHHELD
from infrakit.resources import schema
from tests.composed.test_against_compose import CASES, found_in

PHOTOS = """
name: photos
services:
  photo_server:
    image: example/photos:2
    restart: always
    ports: ["2283:2283", "127.0.0.1:8083:8083/udp"]
    labels: ["traefik.http.routers.p.rule=Host(`pictures.example.org`)", keep=me]
    environment:
      DB_PASSWORD: hunter-two-and-more
      DB_URL: postgres://photos:hunter-two-and-more@database/photos
      LOG_LEVEL: debug
    volumes: ["/srv/pictures:/data:ro", "cache:/cache", "/var/run/docker.sock:/var/run/docker.sock"]
    depends_on: [database]
    deploy: {resources: {limits: {memory: 2g}}}
    secrets: [api]
  database:
    image: example/postgres:14
    ports: ["5432:5432"]
    volumes: ["data:/var/lib/postgresql/data"]
    shm_size: 128m
    healthcheck: {test: [CMD, pg_isready], interval: 10s}
volumes:
  data:
  cache: {driver_opts: {type: nfs, o: "addr=192.168.1.5,rw", device: ":/export/cache"}}
secrets: {api: {file: ./api.txt}}
"""
LINES = f"""\
apps:
  photo-server:
    image: example/photos:2
    port: 2283
    subdomain: pictures
    ports:
      - "127.0.0.1:8083:8083/udp"
    writable: true
    labels:
      keep: me
    environment:
      DB_PASSWORD: "${{secret.photo_server_db_password}}"
      DB_URL: "${{secret.photo_server_db_url}}"
      LOG_LEVEL: debug
    user_secrets:
      - api
      - photo_server_db_password
      - photo_server_db_url
    mounts:
      - /srv/pictures:/data:ro
      - cache:/cache
    #  - /var/run/docker.sock:/var/run/docker.sock  # refused: {SOCKET}
    internet: true
    needs:
      - database
    memory: "2g"
  database:
    image: example/postgres:14
    serves:
      - 5432
    writable: true
    mounts:
      - data:/var/lib/postgresql/data
    memory: "512m"
    shm: "128m"
    health:
      - CMD
      - pg_isready
volumes:
  cache:
    nfs: "192.168.1.5:/export/cache"
  data:
    external: photos_data
"""


def of(text, **files):
    contents = {"compose.yaml": text.encode(), **{name: each.encode() for name, each in files.items()}}
    found = read(Asked(), contents.get)
    assert found.project is not None, found.problems
    return found.project


def one(keys):
    """The conversion of a service with these keys."""
    return converted(of("services:\n  a:\n    image: e/a\n" + keys), "/project")


def test_an_app_with_its_database():
    found = converted(of(PHOTOS), "/project")

    assert lines(found) == LINES
    assert found.secrets == {
        "photo_server_db_password": "hunter-two-and-more",
        "photo_server_db_url": "postgres://photos:hunter-two-and-more@database/photos",
    }
    assert {name: file for name, (file, _) in found.secret_files.items()} == {"api": "/project/api.txt"}
    assert "hunter" not in table(found) + lines(found)


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_every_key_has_its_row_and_the_lines_are_yaml(folder):
    project = found_in(folder).project

    found = converted(project, str(folder))

    said = {(row.service, row.key.partition(".")[0]) for row in found.rows}
    alike = {"volumes": {"tmpfs"}, "links": {"depends_on"}, "expose": {"ports"}}
    for service in project.services:
        for key in service.places if service.name in found.services.values() else ():
            assert {(service.name, name) for name in {key, *alike.get(key, ())}} & said, (service.name, key)
    tree = yaml.safe_load(lines(found))
    assert tree["apps"] == {name: dict(app) for name, app in found.apps.items()}
    assert tree.get("volumes", {}) == found.volumes
    assert all(row.said for row in found.rows if row.outcome in (REFUSED, WITHHELD))


@pytest.mark.parametrize(
    "keys",
    [
        "    privileged: true\n",
        "    pid: host\n",
        "    network_mode: host\n",
        "    cap_add: [SYS_ADMIN]\n",
        "    volumes: ['/:/host']\n",
        "    volumes: ['/etc:/etc:ro']\n",
        "    volumes: ['/srv/../etc:/etc']\n",
        "    volumes: ['/home:/home']\n",
        "    volumes: ['/home/ada:/home']\n",
        "    volumes: ['/home/ada/.config/autostart:/a']\n",
        "    volumes: ['/opt/containerd:/c']\n",
        "    volumes: ['vol:/x']\nvolumes: {vol: {driver_opts: {o: bind, device: /srv/../home/ada}}}\n",
        "    volumes: ['/run/docker.sock:/var/run/docker.sock:ro']\n",
        "    volumes: ['/srv/x/../../var/run/docker.sock:/s']\n",
        "    volumes: [{type: bind, source: /var/run/docker.sock, target: /s}]\n",
        "    volumes: ['/run/user/1000/docker.sock:/s']\n",
        "    volumes: ['/run/podman/podman.sock:/s']\n",
        "    volumes: ['/srv/containerd.sock:/s']\n",
        "    volumes: ['/run:/run']\n",
        "    volumes: ['/var/lib/docker:/d']\n",
        "    volumes: ['/proc:/host/proc:ro']\n",
        "    volumes: ['/sys:/sys']\n",
        "    volumes: ['/dev:/dev']\n",
        "    volumes: ['/root:/r']\n",
        "    volumes: ['/boot:/b']\n",
        "    volumes: ['/srv:/all']\n",
        "    volumes: ['/mnt/:/all']\n",
        "    volumes: ['~/.ssh:/keys:ro']\n",
        "    volumes: ['/home/ada/.aws/credentials:/c']\n",
        "    volumes: ['/etc/localtime/../shadow:/x']\n",
        "    volumes: ['../../etc:/x']\n",
        "    volumes: ['/var/lib/infrakit:/x']\n",
        "    volumes: ['vol:/x']\nvolumes: {vol: {driver_opts: {type: none, o: bind, device: /}}}\n",
        "    volumes: ['vol:/x']\nvolumes: {vol: {driver_opts: {o: 'ro,bind', device: /var/run/docker.sock}}}\n",
        "    configs: [c]\nconfigs: {c: {file: /etc/shadow}}\n",
        "    cap_add: [ALL]\n",
        "    cap_add: [CAP_SYS_PTRACE, CHOWN]\n",
        "    devices: [/dev/mem]\n",
        "    devices: [/dev/mmcblk0]\n",
        "    devices: [/dev/dri/../mem]\n",
        "    devices: [/dev/vfio/1]\n",
        "    devices: ['/dev/sda1:/dev/x']\n",
        "    devices: [/dev]\n",
        "    group_add: [docker]\n",
        "    group_add: ['0']\n",
        "    ipc: host\n",
    ],
)
def test_what_is_dangerous_stands_in_a_comment(keys):
    found = one(keys)

    assert [row.outcome for row in found.rows].count(WITHHELD) == 1
    assert set(found.apps["a"]) <= {"image", "writable", "internet", "memory"}
    assert re.search("# (grants|refused): ", lines(found))


def test_a_link_to_what_is_dangerous_stands_in_a_comment():
    text = (
        "services:\n  a:\n    image: e/a\n    volumes: ['/one/mine/data:/data', '/one/mine/more:/more', '/srv/x:/x']\n"
    )
    links = {
        "/one/mine/": "/far/mine",
        "/one/mine/data": "/etc",
        "/one/mine/more": "/far/mine/more",
        "/srv/x": "/run/docker.sock",
    }
    found = converted(of(text), "/one/mine", leads_to=lambda path: links[path])

    assert [row.key for row in found.rows if row.outcome == WITHHELD] == ["volumes./data", "volumes./x"]
    assert "mounts: /etc, a folder of the host's own system" in table(found)


@pytest.mark.parametrize(
    "keys",
    [
        "    security_opt: ['seccomp:unconfined']\n",
        "    security_opt: [apparmor=unconfined]\n",
        "    security_opt: ['label:disable']\n",
        "    userns_mode: host\n",
        "    uts: host\n",
        "    cgroup: host\n",
        "    cgroup_parent: /\n",
        "    device_cgroup_rules: ['a *:* rwm']\n",
        "    use_api_socket: true\n",
        "    volumes_from: ['container:other']\n",
        "    network_mode: 'container:other'\n",
        "    pid: 'container:other'\n",
        "    post_start: [{command: id, privileged: true}]\n",
        "    volumes: [{type: npipe, source: x, target: /x}]\n",
        "    volumes: ['vol:/x']\nvolumes: {vol: {driver: vieux/sshfs}}\n",
        "    volumes: ['vol:/x']\nvolumes: {vol: {driver_opts: {type: cifs, o: 'addr=a', device: //a/b}}}\n",
        "    storage_opt: {size: 1t}\n",
    ],
)
def test_what_no_key_says_is_refused_and_in_no_line(keys):
    found = one(keys)

    assert [row.outcome for row in found.rows].count(REFUSED) == 1
    assert set(found.apps["a"]) <= {"image", "writable", "internet", "memory"} and not found.volumes
    assert "#" not in lines(found)


@pytest.mark.parametrize(
    "keys",
    [
        "    command: [serve, --password=correct-horse-battery]\n",
        "    labels: {api.token: ghp_abcdefghijklmnopqrstuvwxyz0123456789}\n",
        "    healthcheck: {test: 'curl -H \"password=correct-horse\" x'}\n",
        "    environment: {X: 'postgres://u:correct-horse@h/d'}\n",
    ],
)
def test_no_secret_is_in_any_line(keys):
    found = one(keys)

    shown = lines(found) + table(found)
    assert "correct-horse" not in shown and "ghp_" not in shown


@pytest.mark.parametrize("keys", ["mem_limit: 1k", "cpus: 0.001", "tmpfs: ['/tmp:size=0']"])
def test_a_limit_that_is_none_here_is_not_taken_over(keys):
    found = one(f"    {keys}\n")
    assert found.apps["a"]["memory"] in ("512m", "1g") and not {"cpus", "tmp"} & set(found.apps["a"])


RULE = "Host(`a.example.org`) && PathPrefix(`/x`) || Host(`b.example.org`, `c`)"


@pytest.mark.parametrize(
    "keys, expected",
    [
        ("    ports: ['8443:443', '8080:80']\n", (80, ())),
        ("    ports: ['2222:22']\n", None),
        ("    ports: ['1234:4321']\n", (4321, ())),
        ("    ports: ['53:53/udp']\n", None),
        ("    labels: {caddy: x.example.org, caddy.reverse_proxy: '{{upstreams 8080}}'}\n", (8080, ("x.example.org",))),
        ("    labels: {traefik.http.services.a.loadbalancer.server.port: 99}\n", (99, ())),
        ("    ports: ['8443:443']\n", (443, ())),
        ("    ports: ['9443:9443', '8000:8000']\n", (8000, ())),
        ("    ports: ['993:993', '25565:25565', '1883:1883']\n", None),
        ("    labels: {caddy: x.y.z, caddy.reverse_proxy: '{{upstreams https 9443}}'}\n", (9443, ("x.y.z",))),
        ("    labels: {caddy: x.y.z, caddy.reverse_proxy: '{{upstreams}}'}\n", (80, ("x.y.z",))),
        ("    environment: {VIRTUAL_HOST: 'a.example.org,b', VIRTUAL_PORT: 81}\n", (81, ("a.example.org", "b"))),
        (f"    labels: {{traefik.http.routers.x.rule: '{RULE}'}}\n", (80, ("a.example.org", "b.example.org", "c"))),
    ],
)
def test_a_door_is_found_by_what_is_said_of_it(keys, expected):
    found = door(of("services:\n  a:\n    image: e/a\n" + keys).services[0])

    assert (found and found[:2]) == expected


@pytest.mark.parametrize(
    "keys, https",
    [
        ("    ports: ['8443:443']\n", True),
        ("    ports: ['8443:443', '80:80']\n", False),
        ("    labels: {caddy: x.y.z, caddy.reverse_proxy: '{{upstreams https}}'}\n", True),
        ("    labels: {caddy: x.y.z, caddy.reverse_proxy: '{{upstreams http 80}}'}\n", False),
        ("    ports: ['80:80']\n    labels: [traefik.http.services.a.loadbalancer.server.scheme=https]\n", True),
    ],
)
def test_a_door_to_what_speaks_tls_says_so(keys, https):
    assert ("scheme" in one(keys).apps["a"]) == https


def test_references_of_ours_in_values_of_theirs_stay_plain():
    text = """    environment: {A: "$${url} $${other}", B: "$$$${url}", C: "$${secret.x}"}
    configs: [c]
configs:
  c: {content: "root = $${url}"}
"""
    app = one(text).apps["a"]

    assert app["environment"] == {"A": "$${url} ${other}", "C": "$${secret.x}"}
    assert app["files"] == {"/c": "root = $${url}"}


@pytest.mark.parametrize("content", ["password: correct-horse", "[db]\n  API_TOKEN = 'correct-horse'\n"])
def test_a_configuration_has_the_names_of_its_secrets_in_it(content):
    found = one(f"    configs: [c]\nconfigs: {{c: {{content: {content!r}}}}}\n")

    (name,) = found.apps["a"]["user_secrets"]
    assert found.secrets == {name: "correct-horse"} and "correct-horse" not in lines(found) + table(found)
    written = content.replace("\\n", "\n").replace("correct-horse", "${secret." + name + "}")
    assert found.apps["a"]["files"] == {"/c": written}


@pytest.mark.parametrize(
    "keys",
    [
        "    volumes: ['/srv/a:/a', '/etc:/etc', '/sys:/sys']\n    devices: [/dev/sda]\n    privileged: true\n",
        "    volumes: ['/etc:/etc']\n    cap_add: [NET_ADMIN]\n    pid: host\n    group_add: ['0', '5']\n",
    ],
)
def test_who_takes_the_comment_sign_away_has_what_was_withheld(keys):
    found = one(keys)
    text = re.sub(r"(?m)^    #(  - )", r"    \1", lines(found))

    app = yaml.safe_load(re.sub(r"(?m)^    # ", "    ", text))["apps"]["a"]

    for key, value, _ in found.withheld["a"]:
        assert app[key] == value or value in app[key]


def test_what_the_schema_refuses_becomes_a_row_with_its_place():
    found = fitted(one("    labels: {'two words': x, good: y}\n    working_dir: here\n"), schema("infrakit"))
    refused = {row.key: str(row.at) for row in found.rows if row.outcome == REFUSED}

    assert found.apps["a"]["labels"] == {"good": "y"} and "working_dir" not in found.apps["a"]
    assert refused == {"labels.two words": "compose.yaml:4:5", "working_dir": "compose.yaml:5:5"}


def test_apps_have_names_of_their_own():
    text = "services:\n  My_App: {image: a}\n  my.app: {image: b}\n  9: {image: c}\n"

    assert list(converted(of(text), "/project").apps) == ["my-app", "my-app-2", "app-9"]


def test_who_can_keep_his_name_keeps_it():
    text = "services:\n  my_app: {image: a, environment: {DB_HOST: my-app}}\n  my-app: {image: b}\n"
    found = converted(of(text), "/project")

    assert {service: app for app, service in found.services.items()} == {"my_app": "my-app-2", "my-app": "my-app"}
    assert found.apps["my-app-2"]["environment"] == {"DB_HOST": "my-app"}
    assert found.apps["my-app-2"]["needs"] == ["my-app"] and "needs" not in found.apps["my-app"]


def test_whom_values_lead_to_is_needed_and_nobody_waits_for_himself():
    text = """
services:
  web: {image: a, environment: {DB_HOST: db, CACHE: "redis://cache:6379/0", SELF: "http://web:80", NAME: db}}
  db: {image: b, environment: {WEB_URL: "http://web:80"}}
  cache: {image: c, command: [serve, --peer, "db:5432"]}
  lone: {image: d, environment: {NAME: db}}
"""
    found = converted(of(text), "/project")

    needs = {name: app.get("needs") for name, app in found.apps.items()}
    assert needs == {"web": ["cache", "db"], "db": None, "cache": ["db"], "lone": None}


def test_a_health_check_with_a_password_and_a_share_that_is_read_only():
    text = """
services:
  a:
    image: e/a
    volumes: ["films:/films"]
    healthcheck: {test: [CMD-SHELL, "curl -u admin:correct-horse9 localhost"]}
volumes:
  films: {driver_opts: {type: nfs, o: "addr=192.168.1.5,ro", device: ":/films"}}
"""
    found = converted(of(text), "/project")

    assert "health" not in found.apps["a"] and "correct-horse9" not in lines(found) + table(found)
    assert found.apps["a"]["mounts"] == ["films:/films:ro"]


@pytest.mark.parametrize("address", ["fd00::5", "[fd00::5]"])
def test_a_share_over_ipv6(address):
    text = f"""
services:
  a: {{image: e/a, volumes: ["films:/films"]}}
volumes:
  films: {{driver_opts: {{type: nfs, o: "addr={address},rw", device: ":/films"}}}}
"""
    assert converted(of(text), "/project").volumes["films"] == {"nfs": "[fd00::5]:/films"}


DISK = "/srv/disk:/five"


def test_volumes_of_a_project_keep_what_is_in_them():
    text = """
services:
  a: {image: e/a, volumes: ["my_data:/one", "my.data:/two", "own:/three", "there:/four", "disk:/five", "/six"]}
volumes:
  my_data:
  my.data:
  own: {name: precious}
  there: {external: true}
  disk: {driver_opts: {type: none, o: bind, device: /srv/disk}}
"""
    found = converted(of(text), "/project")

    assert found.volumes == {
        "my-data": {"external": "project_my_data"},
        "my-data-2": {"external": "project_my.data"},
        "own": {"external": "precious"},
        "there": {"external": "there"},
    }
    assert found.apps["a"]["mounts"] == [
        "my-data:/one",
        "my-data-2:/two",
        "own:/three",
        "there:/four",
        "/srv/disk:/five",
    ]
    assert found.apps["a"]["data"] == ["/six"]


def test_a_hostname_that_another_container_is_found_by_is_not_taken():
    said = {"a": "Authentik", "b": "a", "c": "c", "d": "Shared", "e": "shared"}
    text = "services:\n" + "".join(f"  {name}: {{image: e/a, hostname: {host}}}\n" for name, host in said.items())

    found = converted(of(text), "/project", Taken(frozenset({"authentik"})))

    assert {name: app.get("hostname") for name, app in found.apps.items()} == {
        **{"a": None, "b": None, "c": "c"},
        **{"d": "Shared", "e": None},
    }
    assert {row.service for row in found.rows if row.key == "hostname" and row.outcome == REFUSED} == {"a", "b", "e"}


def test_names_that_others_have_are_told_apart_and_values_follow():
    text = """
services:
  web_app:
    image: e/web
    command: [serve, --db, "tcp://db:5432", "--name=db"]
    environment:
      DB_HOST: db
      DB_NAME: db
      DB_URL: "postgres://u:correct-horse-battery@store/db"
      CACHE: "cache-1:6379"
      KEY_FILE: /run/secrets/the-key
    volumes: ["data:/data"]
    secrets: [the-key]
    depends_on: [db]
  db: {image: e/db, container_name: store, networks: {default: {aliases: [cache-1]}}}
volumes: {data: }
secrets: {the-key: {file: ./key}}
"""
    taken = Taken(frozenset(["db"]), frozenset(["data"]), frozenset(["the_key"]))
    found = converted(of(text), "/project", taken)
    web = found.apps["web-app"]

    assert list(found.apps) == ["web-app", "project-db"]
    assert web["needs"] == ["project-db"] and web["mounts"] == ["project-data:/data"]
    assert web["command"] == ["serve", "--db", "tcp://project-db:5432", "--name=db"]
    assert web["environment"] == {
        "DB_HOST": "project-db",
        "DB_NAME": "db",
        "DB_URL": "${secret.web_app_db_url}",
        "CACHE": "project-db:6379",
        "KEY_FILE": "/run/secrets/project_the_key",
    }
    assert found.secrets == {"web_app_db_url": "postgres://u:correct-horse-battery@project-db/db"}
    assert list(found.secret_files) == ["project_the_key"]


def test_what_infrakit_is_instead_of_becomes_no_app():
    found = converted(
        of("services:\n  proxy: {image: docker.io/traefik:v3}\n  a: {image: e/a, depends_on: [proxy]}\n"), "/project"
    )

    assert list(found.apps) == ["a"] and "needs" not in found.apps["a"]
    assert [row.outcome for row in found.rows if row.service == "proxy"] == [DROPPED]


def test_a_secret_of_the_environment_is_kept():
    text = "services:\n  a: {image: e/a, secrets: [k]}\nsecrets: {k: {environment: KEY}}\n"
    found = read(Asked(environment={"KEY": "correct-horse"}), {"compose.yaml": text.encode()}.get).project

    assert converted(found, "/project").secrets == {"k": "correct-horse"}


@pytest.mark.parametrize(
    "ports, expected",
    [
        ("['3000-3010:3000-3010/udp']", ["3000-3010/udp"]),
        ("['127.0.0.1:53:53/udp', '127.0.0.1:54:54/udp']", ["127.0.0.1:53-54:53-54/udp"]),
        ("['8000:53/udp', '22:22']", ["8000:53/udp", "22"]),
        ("['[::1]:53:53/udp']", ["[::1]:53:53/udp"]),
        ("['0.0.0.0:53:53/udp', '[::]:53:53/udp', '127.0.0.1:53:53/udp']", ["53/udp"]),
        ("['8080:80', '443:443/udp', '54:54/udp']", ["54/udp"]),
    ],
)
def test_ports_are_written_as_ranges(ports, expected):
    assert one(f"    ports: {ports}\n").apps["a"]["ports"] == expected


def test_a_group_by_name_becomes_the_hosts_and_that_is_said():
    found = one("    group_add: [video, 44]\n")
    assert found.apps["a"]["groups"] == ["video", "44"]
    said = [row.said for row in found.rows if row.key == "group_add"]
    assert said == ["groups", "groups: video of the host, where Compose would take the image's"]
