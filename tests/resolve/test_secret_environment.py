"""${secret.NAME} in an app's environment: only its name in anything compiled, its value where Compose reads it."""

import base64
import os
import random
import re
import uuid

import pytest

from infrakit import emit
from infrakit.compiler import load
from infrakit.errors import MachineUnfit
from infrakit.stack.up import wanted_of
from infrakit.system import environments, secrets
from tests.emit.tree import needs_compose, project, write

FILE = """version: 1
domain: home.example.org
pattern: full
timezone: Europe/Berlin
tls: {mode: internal}
apps:
  photos:
    image: ghcr.io/example/photos:1
    port: 80
    environment:
      DB_URL: "postgres://photos:${secret.photos_db}@photos-db/photos?$${secret.x}&tz=${timezone}"
      PUBLIC_URL: "${url}/x ${HOME} $${url} ${hostname.photos} ${inside.photos}"
      TWO: "${secret.photos_db}-${secret.token}"
      TZ: "${secret.token}"
    user_secrets: [token]
    needs: [photos-db]
  photos-db: {image: "ghcr.io/example/db:1", secrets: [photos_db]}
"""


def host(text: str = FILE):
    return load(text.encode(), "infrakit.yaml", lambda name: b"").fleet.deployments[0]


FORMS = """version: 1
domain: home.example.org
pattern: full
apps:
  one: {image: x/y:1, secrets: {plain: {}, key: {length: 32}, base: {format: base64, length: 48}, two: {format: hex}}}
  uses: {image: x/y:1, secrets: [key, base], needs: [one]}
  other: {image: x/y:1, secrets: {key: {}, id: {format: uuid}}, environment: {KEY: "base64:${secret.base}"}}
"""


def test_a_secret_is_minted_as_the_file_says_it(tmp_path):
    deployment = host(FORMS)
    secrets.mint(str(tmp_path), "infrakit", deployment.secrets, ())
    own = {name: (tmp_path / "secrets" / name).read_text() for name in ("plain", "key", "base", "two", "id")}
    assert re.fullmatch("[A-Za-z0-9]{40}", own["plain"]) and re.fullmatch("[A-Za-z0-9]{32}", own["key"])
    assert len(base64.b64decode(own["base"], validate=True)) == 48 and len(own["base"]) == 64
    assert re.fullmatch("[0-9a-f]{64}", own["two"]) and uuid.UUID(own["id"]).version == 4
    (spec,) = [item for item in deployment.secrets if item.name == "key"]
    assert spec.required_by == ("one", "other", "uses") and spec.origin.path == ("apps", "one", "secrets", "key")


def photos(deployment):
    return next(item for found in deployment.services for item in found.containers if item.name == "photos")


def store(folder, **values: bytes) -> None:
    for name, value in values.items():
        secrets.store(str(folder), name, value)


def test_what_refers_to_no_secret_stands_in_the_tree_as_it_is_meant():
    found = dict(photos(host()).environment)
    assert found == {
        "PUBLIC_URL": "https://photos.home.example.org/x ${HOME} ${url} photos.home.example.org http://photos:80"
    }


def test_the_tree_names_secrets_and_the_review_says_who_can_read_them():
    deployment = host()
    files = {item.path: item.content.decode() for item in emit.emit(deployment)}
    lines = files["services/photos.env"].splitlines()
    assert lines[1:] == [
        "DB_URL=postgres://photos:${secret.photos_db}@photos-db/photos?$${secret.x}&tz=Europe/Berlin",
        "TWO=${secret.photos_db}-${secret.token}",
        "TZ=${secret.token}",
    ]
    trace = emit.trace(deployment, "services/photos.env")
    assert trace["2"].path == ("apps", "photos", "environment", "DB_URL")
    said = {grant.detail: grant.red for grant in deployment.grants if grant.capability == "secret_environment"}
    assert said == {"DB_URL: photos_db": False, "TWO: photos_db, token": False, "TZ: token": False}
    assert "whoever may ask Docker can read it" in files["REVIEW.md"]
    readers = {spec.name: spec.required_by for spec in deployment.secrets}
    assert readers["photos_db"] == ("photos", "photos-db") and readers["token"] == ("photos",)


def test_another_text_makes_the_container_anew():
    before, after = host(), host(FILE.replace("photos?", "other?"))
    labels = [wanted_of(item, emit.emit(item))["photos"][0].label for item in (before, after)]
    assert labels[0] != labels[1]


@needs_compose
@pytest.mark.parametrize("seed", range(4))
def test_any_text_arrives_unchanged(tmp_path, seed):
    deployment = host()
    generator = random.Random(seed)
    every = "".join(map(chr, range(1, 0x180))) + "\u2028\ufeff\U0001f4a9"
    word = ["\\\"$\n\r\t'`#{}${secret.x}$$(x)\\\\", " x ", every, "a=b #c\r\n"][seed]
    other = "".join(generator.choice("\\\"$\n\r{}x '#") for _ in range(200))
    store(tmp_path, photos_db=word.encode(), token=other.encode())
    for artifact in emit.emit(deployment):
        (tmp_path / artifact.path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / artifact.path).write_bytes(artifact.content)
    text = photos(deployment).secret_environment
    environments.write(str(tmp_path), "photos", text)
    path = tmp_path / "secrets" / ".photos.env"
    assert (os.stat(path).st_mode & 0o777, os.stat(path.parent).st_mode & 0o777) == (0o600, 0o700)

    found = raw_environment(tmp_path)
    assert found["TWO"] == f"{word}-{other}" and found["TZ"] == other
    assert found["DB_URL"] == f"postgres://photos:{word}@photos-db/photos?${{secret.x}}&tz=Europe/Berlin"
    assert environments.differing(str(tmp_path), text, [f"{name}={value}" for name, value in found.items()]) == []
    assert environments.differing(str(tmp_path), text, [f"TZ={other}x", f"TWO={found['TWO']}"]) == [
        "photos_db",
        "token",
    ]


def raw_environment(folder) -> dict[str, str]:
    """As Compose would give it to the engine; in what it prints each $ is doubled."""
    import json

    from tests.emit.tree import compose

    done = compose(folder, "config", "--format", "json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["services"]["photos"]["environment"]
    return {name: value.replace("$$", "$") for name, value in found.items()}


@needs_compose
def test_compose_reads_the_file_and_the_service_says_the_rest(tmp_path):
    deployment = host()
    found = project(write(tmp_path, emit.emit(deployment), deployment))["services"]["photos"]
    assert found["environment"]["TZ"] == "" and found["environment"]["PUBLIC_URL"].startswith("https://photos.")


@pytest.mark.parametrize("value", [None, b"\xff\xfe", b"a\0b"])
def test_what_cannot_stand_in_an_environment_is_refused_and_never_shown(tmp_path, value):
    store(tmp_path, photos_db=b"drawn")
    if value is not None:
        store(tmp_path, token=value)
    text = photos(host()).secret_environment
    with pytest.raises(MachineUnfit) as refused:
        environments.write(str(tmp_path), "photos", text)
    assert "token" in refused.value.message and "drawn" not in str(refused.value)
    assert not environments.is_written(str(tmp_path), "photos", text)
    assert environments.differing(str(tmp_path), text, []) == []


def test_a_secret_that_is_set_again_is_seen(tmp_path):
    text = photos(host()).secret_environment
    store(tmp_path, photos_db=b"one", token=b"two")
    assert not environments.is_written(str(tmp_path), "photos", text)
    environments.write(str(tmp_path), "photos", text)
    assert environments.is_written(str(tmp_path), "photos", text)
    store(tmp_path, token=b"three")
    assert not environments.is_written(str(tmp_path), "photos", text)
    environments.write(str(tmp_path), "photos", text)
    os.chmod(tmp_path / "secrets" / ".photos.env", 0o644)
    assert not environments.is_written(str(tmp_path), "photos", text)
