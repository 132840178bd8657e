"""The client of registries, against one that fails as told, over TLS by a private authority: names, processors, logins,
blobs."""

import json
import threading
from pathlib import Path

import pytest

from infrakit.errors import MachineUnfit, UsageProblem
from infrakit.system.registry import Client, Content, Descriptor, Reference, parse_reference, verified
from infrakit.system.registry.content import chosen, digest_of
from infrakit.system.registry.wire import is_insecure
from tests.system import fake_registry
from tests.system.fake_registry import PASSWORD, TOKEN, USER, basic, forged, reset, stalled, status, truncated

LAYER_BYTES = fake_registry.LAYER_BYTES


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Path:
    return fake_registry.certificates(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def registry(authority):
    with fake_registry.registry(authority) as made:
        yield made


class Asking:
    """A client that waits for nothing, whose machine trusts the authority for the registry, and may have logged in."""

    def __init__(self, folder: Path, authority: Path) -> None:
        self.folder, self.authority = folder, authority
        self.waited, self.said = [], []
        (folder / "docker").mkdir()

    def trust(self, registry) -> "Asking":
        (self.folder / "certs.d" / registry.address).mkdir(parents=True)
        (self.folder / "certs.d" / registry.address / "ca.crt").write_bytes((self.authority / "ca.crt").read_bytes())
        return self

    def log_in(self, tree) -> None:
        (self.folder / "docker/config.json").write_text(json.dumps(tree))

    def client(self, **options) -> Client:
        places = {
            "certificates": str(self.folder / "certs.d"),
            "daemon": str(self.folder / "daemon.json"),
            "logins": str(self.folder / "docker"),
        }
        return Client(tell=self.said.append, wait=self.waited.append, **{**places, "silence_s": 5, **options})

    def refused(self, act, **options) -> MachineUnfit:
        with pytest.raises(MachineUnfit) as caught, self.client(**options) as client:
            act(client)
        error = caught.value
        assert error.message and error.hint and "\n" not in error.message
        assert not any(
            secret in f"{error.message} {error.hint} {self.said}" for secret in (PASSWORD, TOKEN, basic(), "s3cret")
        )
        return error


@pytest.fixture
def asking(tmp_path, authority, registry) -> Asking:
    return Asking(tmp_path, authority).trust(registry)


def layers_of(client, reference, architecture="amd64"):
    return client.image(reference, [architecture]).images[architecture].layers


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("docker.io/library/caddy:2.11.4", Reference("docker.io", "library/caddy", "2.11.4", "")),
        ("caddy", Reference("docker.io", "library/caddy", "", "")),
        ("ghcr.io/x/y:tag", Reference("ghcr.io", "x/y", "tag", "")),
        (
            "registry.bed:5000/docker.io/library/caddy:2",
            Reference("registry.bed:5000", "docker.io/library/caddy", "2", ""),
        ),
        (f"localhost/a:1@sha256:{'0' * 64}", Reference("localhost", "a", "1", f"sha256:{'0' * 64}")),
    ],
)
def test_a_name_is_taken_apart(text, expected):
    assert parse_reference(text) == expected
    assert parse_reference(text).host == (
        "registry-1.docker.io" if expected.registry == "docker.io" else expected.registry
    )


@pytest.mark.parametrize(
    "text",
    ["", "Caddy:2", "a:b:c", "ghcr.io/", "a@sha256:00", "a/../b", "a:", "a b", "http://a.example/b", "a@", "x" * 300],
)
def test_what_is_no_name_is_refused(text):
    with pytest.raises(UsageProblem):
        parse_reference(text)


@pytest.mark.parametrize("host", ["[::::]:5000", "localhost:99999", "127.0.0.1:0"])
def test_a_registry_at_no_address_is_said(asking, host):
    assert asking.refused(lambda client: client.resolve(f"{host}/a/b:1")).message


def test_a_tag_is_resolved_to_its_index_and_its_images(registry, asking):
    reference = registry.publish_for("a/b", "linux/amd64", "linux/arm64/v8", "linux/arm/v7")
    with asking.client() as client:
        found = client.image(reference, ["amd64", "arm64", "armhf"])
        assert client.digest(reference) == found.top.digest == registry.digest("a/b")
        assert client.resolve(f"{registry.address}/a/b@{found.top.digest}") == found.top
    assert sorted(found.images) == ["amd64", "arm64", "armhf"]
    for architecture, one in found.images.items():
        config = json.loads(registry.blobs[one.config.digest])
        assert config["architecture"] == {"armhf": "arm"}.get(architecture, architecture)
        assert one.size == len(one.manifest.content) + one.config.size + one.layers[0].size


def test_a_question_about_a_tag_asks_for_no_content(registry, asking):
    reference = registry.publish("a/b")
    with asking.client() as client:
        client.digest(reference)
    assert [method for method, _, _ in registry.heard] == ["HEAD"]


@pytest.mark.parametrize(
    ("platforms", "architecture", "best"),
    [
        (["linux/arm/v6", "linux/arm/v7"], "armhf", 1),
        (["linux/arm/v6"], "armhf", 0),
        (["linux/arm"], "armhf", 0),
        (["linux/arm/v7"], "armv6", None),
        (["linux/arm64"], "arm64", 0),
        (["linux/arm64/v8"], "arm64", 0),
        (["windows/amd64", "linux/amd64"], "amd64", 1),
        (["linux/amd64/v3", "linux/amd64"], "amd64", 1),
        (["unknown/unknown"], "amd64", None),
        (["linux/riscv64"], "riscv64", 0),
    ],
)
def test_the_image_for_a_processor_is_chosen(registry, platforms, architecture, best):
    registry.publish_for("a/b", *platforms)
    kind, content = registry.manifests["a/b", "1"]
    images = json.loads(content)["manifests"][1:]
    found = chosen(Content(digest_of(content), kind, content), architecture)
    assert (found and found.digest) == (None if best is None else images[best]["digest"])


def test_an_image_without_an_index_is_for_the_processor_of_its_configuration(registry, asking):
    reference = registry.publish("a/b", architecture="arm64")
    with asking.client() as client:
        found = client.image(reference, ["arm64"])
    assert found.images["arm64"].manifest == found.top
    error = asking.refused(lambda client: client.image(reference, ["amd64"]))
    assert "not made for amd64, but for arm64" in error.message and not asking.waited


def test_a_processor_that_an_index_lacks_is_said_with_those_it_has(registry, asking):
    reference = registry.publish_for("a/b", "linux/amd64", "linux/arm/v7")
    error = asking.refused(lambda client: client.image(reference, ["arm64"]))
    assert error.message.endswith("it is not made for arm64, but for amd64, arm/v7") and reference in error.message


def test_a_blob_comes_whole_and_from_the_middle(registry, asking):
    reference = registry.publish("a/b")
    with asking.client() as client:
        (layer,) = layers_of(client, reference)
        content = b"".join(verified(client.blob(reference, layer), layer))
        assert content == registry.blobs[layer.digest]
        assert b"".join(client.blob(reference, layer, 1000)) == content[1000:]
        assert b"".join(client.blob(reference, layer, layer.size)) == b""
        assert (
            json.loads(client.small(reference, client.image(reference, ["amd64"]).images["amd64"].config))["os"]
            == "linux"
        )


def test_a_blob_that_is_cut_off_is_gone_on_with(registry, asking):
    reference = registry.publish("a/b")
    registry.faults["layer"] = [truncated, reset, status(503, "busy"), status(429, "slow down", Retry_After="7")]
    with asking.client() as client:
        (layer,) = layers_of(client, reference)
        assert b"".join(verified(client.blob(reference, layer), layer)) == registry.blobs[layer.digest]
    assert len(asking.waited) >= 3 and any(7 <= pause <= 8 for pause in asking.waited) and not registry.faults["layer"]
    assert any("the registry lets us fetch no more for now" in line and "again in" in line for line in asking.said)


def test_a_registry_that_knows_no_ranges_is_read_from_the_start(registry, asking):
    registry.ranges = False
    reference = registry.publish("a/b")
    with asking.client() as client:
        (layer,) = layers_of(client, reference)
        assert b"".join(client.blob(reference, layer, 70_000)) == registry.blobs[layer.digest][70_000:]


@pytest.mark.parametrize("kind", ["manifest", "config"])
def test_what_does_not_fit_its_digest_is_asked_for_once_more_and_refused(registry, asking, kind):
    reference = registry.publish("a/b")
    registry.always[kind] = forged
    name = f"{registry.address}/a/b@{registry.digest('a/b')}" if kind == "manifest" else reference
    error = asking.refused(lambda client: client.image(name, ["amd64"]))
    assert "not what its digest says after 2 attempts" in error.message and len(asking.waited) == 1


def test_a_forged_layer_is_known_at_its_end(registry, asking):
    reference = registry.publish("a/b")
    registry.always["layer"] = forged
    error = asking.refused(
        lambda client: list(
            verified(client.blob(reference, layers_of(client, reference)[0]), layers_of(client, reference)[0])
        )
    )
    assert "not what its digest says" in error.message


def test_a_blob_longer_than_its_size_is_refused(registry, asking):
    reference = registry.publish("a/b")
    with asking.client() as client:
        (layer,) = layers_of(client, reference)
    error = asking.refused(lambda client: list(client.blob(reference, layer._replace(size=layer.size - 1))))
    assert "not what its digest says" in error.message and len(asking.waited) == 1


def test_silence_ends(registry, asking):
    reference = registry.publish("a/b")
    registry.always["layer"] = stalled
    with asking.client() as client:
        (layer,) = layers_of(client, reference)
    error = asking.refused(lambda client: list(client.blob(reference, layer)), attempts=2, silence_s=0.3)
    assert "it stalls after 2 attempts: nothing came for 0 s" in error.message


LASTING = {
    "missing": (status(404, "manifest unknown"), 1, "there is no such image"),
    "denied": (status(403, "requested access to the resource is denied"), 1, "wants to know who asks"),
    "limited": (
        status(429, "You have reached your pull rate limit"),
        3,
        "lets us fetch no more for now after 3 attempts",
    ),
    "patience": (status(429, "slow", Retry_After="7200"), 1, "lets us fetch no more for now"),
    "broken": (status(502, "<html>bad gateway</html>"), 3, "in trouble after 3 attempts"),
    "strange": (status(405, "no"), 1, "the registry refuses"),
    "reset": (reset, 3, "it breaks off after 3 attempts"),
    "page": (
        lambda answer, content: answer.send(200, b"<html>log in to the hotel</html>", {"Content-Type": "text/html"}),
        2,
        "what answers there is no registry",
    ),
    "old": (
        lambda answer, content: answer.send(200, b'{"schemaVersion": 1, "fsLayers": []}', {}),
        1,
        "a format that Docker no longer reads",
    ),
    "both": (
        lambda answer, content: answer.send(
            200, b'{"schemaVersion": 2, "manifests": [], "layers": [], "config": {}}', {}
        ),
        2,
        "no registry",
    ),
    "large": (lambda answer, content: answer.send(200, bytes(5 << 20), {}), 2, "more than"),
}


@pytest.mark.parametrize("name", LASTING)
def test_a_fault_that_lasts_ends_in_one_clear_error(registry, asking, name):
    fault, attempts, what = LASTING[name]
    reference = registry.publish("a/b")
    registry.always["manifest"] = fault
    error = asking.refused(lambda client: client.resolve(reference), attempts=3)
    assert what in error.message and error.message.startswith(reference) and len(asking.waited) == attempts - 1


def test_a_registry_that_nobody_is_at_is_said(asking):
    error = asking.refused(lambda client: client.resolve("127.0.0.1:9/a/b:1"), attempts=2)
    assert "connection refused" in error.message
    error = asking.refused(lambda client: client.resolve("registry.invalid/a/b:1"), attempts=2)
    assert "not resolved" in error.message


def test_an_authority_that_is_not_known_is_not_believed(tmp_path, authority, registry):
    """Not even at 127.0.0.1 where a folder of certs.d speaks of the registry."""
    asking = Asking(tmp_path, authority)
    (tmp_path / "certs.d" / registry.address).mkdir(parents=True)
    error = asking.refused(lambda client: client.resolve(registry.publish("a/b")))
    assert (
        "certificate is not believed" in error.message
        and f"certs.d/{registry.address}/ca.crt" in error.hint
        and not asking.waited
    )


def test_what_docker_takes_for_insecure_is_taken_so(tmp_path, authority, registry):
    asking = Asking(tmp_path, authority)
    reference = registry.publish("a/b")
    with asking.client() as client:
        assert client.digest(reference) == registry.digest("a/b")
    with fake_registry.registry() as plain, asking.client() as client:
        assert client.digest(plain.publish("a/b")) == plain.digest("a/b")
    assert not asking.waited
    (tmp_path / "daemon.json").write_text('{"insecure-registries": ["here.example:5000", "10.0.0.0/8"]}')
    names = [
        "here.example:5000",
        "here.example",
        "10.1.2.3:5000",
        "11.1.2.3",
        "localhost:5000",
        "[::1]:5000",
        "127.0.0.2",
    ]
    assert [is_insecure(name, str(tmp_path / "daemon.json")) for name in names] == [
        True,
        False,
        True,
        False,
        True,
        True,
        True,
    ]


@pytest.mark.parametrize("auth", ["basic", "token"])
@pytest.mark.parametrize("entry", [{"auth": basic()}, {"username": USER, "password": PASSWORD}], ids=["auth", "words"])
def test_a_login_of_docker_opens_the_registry(registry, asking, auth, entry):
    registry.auth = auth
    asking.log_in({"auths": {registry.address: entry}})
    reference = registry.publish("a/b")
    with asking.client() as client:
        assert b"".join(client.blob(reference, layers_of(client, reference)[0]))
    assert not asking.waited
    assert sum(not authorization for _, _, authorization in registry.heard) == 1, "it is asked once"


def test_a_token_for_everybody_is_got_without_a_login(registry, asking):
    registry.auth, registry.anybody = "token", True
    with asking.client() as client:
        client.resolve(registry.publish("a/b"))
        client.resolve(registry.publish("a/b"))
    assert [path.partition("?")[0] for _, path, _ in registry.heard].count("/token") == 1


@pytest.mark.parametrize(
    "entry", [{"identitytoken": "refresh-me-please-now"}, {"registrytoken": TOKEN}], ids=["identity", "bearer"]
)
def test_tokens_that_docker_keeps_are_used(registry, asking, entry):
    registry.auth = "token"
    asking.log_in({"auths": {f"https://{registry.address}/v1/": entry}})
    with asking.client() as client:
        client.resolve(registry.publish("a/b"))
    assert ("POST", "/token", "") in registry.heard or "registrytoken" in entry


@pytest.mark.parametrize("auth", ["basic", "token"])
@pytest.mark.parametrize("entry", [None, {"auth": "Ym9iOndyb25n"}], ids=["nobody", "wrong"])
def test_without_a_login_it_says_how_to(registry, asking, auth, entry):
    registry.auth = auth
    asking.log_in({"auths": {registry.address: entry} if entry else {}})
    reference = registry.publish("a/b")
    error = asking.refused(lambda client: client.resolve(reference))
    assert (
        "wants to know who asks" in error.message
        and "wrong" not in error.message
        and error.hint.endswith(f"run again: docker login {registry.address}")
        and not asking.waited
    )


def test_a_program_that_keeps_passwords_is_named_and_not_run(registry, asking):
    registry.auth = "basic"
    asking.log_in({"credsStore": "secretservice"})
    error = asking.refused(lambda client: client.resolve(registry.publish("a/b")))
    assert "docker-credential-secretservice, which is not run" in error.message and "credsStore" in error.hint


@pytest.mark.parametrize("content", ["{", "[1", '{"auths": {"HOST": {"auth": "%%%"}}}'])
def test_a_damaged_login_is_a_problem_of_that_file(registry, asking, content):
    registry.auth = "basic"
    (asking.folder / "docker/config.json").write_text(content.replace("HOST", registry.address))
    with pytest.raises(UsageProblem) as caught, asking.client() as client:
        client.resolve(registry.publish("a/b"))
    assert "config.json" in caught.value.message and "%" not in caught.value.message


def test_a_password_goes_nowhere_without_tls(registry, asking):
    registry.auth, registry.realm = "token", "http://127.0.0.1:9/token"
    asking.log_in({"auths": {registry.address: {"auth": basic()}}})
    error = asking.refused(lambda client: client.resolve(registry.publish("a/b")))
    assert "not reached over TLS" in error.message


@pytest.mark.parametrize("auth", ["basic", "token"])
def test_a_redirect_to_another_host_carries_no_credential(registry, asking, authority, auth):
    registry.auth = auth
    asking.log_in({"auths": {registry.address: {"auth": basic()}}})
    with fake_registry.registry(authority) as elsewhere:
        registry.blobs_at = f"https://{elsewhere.address}"
        elsewhere.blobs, elsewhere.layers = registry.blobs, registry.layers
        reference = registry.publish("a/b")
        elsewhere.faults["layer"] = [truncated]
        with asking.client() as client:
            (layer,) = layers_of(client, reference)
            assert b"".join(verified(client.blob(reference, layer), layer)) == registry.blobs[layer.digest]
        assert len(elsewhere.heard) == 3 and not any(authorization for _, _, authorization in elsewhere.heard)


def test_a_redirect_leaves_tls_for_nobody(registry, asking):
    registry.blobs_at = "http://127.0.0.1:9"
    reference = registry.publish("a/b")
    error = asking.refused(lambda client: list(client.blob(reference, layers_of(client, f"{reference}", "amd64")[0])))
    assert "from https to http" in error.message


@pytest.mark.parametrize("place", ["https://[x", "https://127.0.0.1:99999", "https://127.0.0.1:0", "https://[::::]:1"])
def test_an_address_that_is_none_is_a_fault_of_the_registry(registry, asking, place):
    registry.blobs_at = place
    reference = registry.publish("a/b")
    error = asking.refused(lambda client: list(client.blob(reference, layers_of(client, f"{reference}", "amd64")[0])))
    assert "no address" in error.message or "resolved" in error.message
    registry.auth, registry.realm = "token", f"{place}/token"
    error = asking.refused(lambda client: client.resolve(registry.publish("a/c")))
    assert "no address" in error.message or "resolved" in error.message


def test_a_redirect_in_a_circle_ends(registry, asking):
    registry.blobs_at = f"https://{registry.address}"
    blob = Descriptor(digest_of(b"x"), "", 1)
    registry.blobs[blob.digest] = b"x"
    error = asking.refused(lambda client: list(client.blob(f"{registry.address}/a/b:1", blob)))
    assert "more than 5 redirects" in error.message


def test_a_proxy_of_the_environment_is_gone_through(registry, asking, monkeypatch):
    """A stand-in for a proxy: it opens one tunnel."""
    import socket

    asked = []

    def tunnel(listener):
        client, _ = listener.accept()
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(4096)
        asked.append(head.decode())
        server = socket.create_connection(registry.address.split(":"))
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        threading.Thread(target=pump, args=(client, server), daemon=True).start()
        pump(server, client)

    def pump(source, target):
        try:
            while part := source.recv(1 << 16):
                target.sendall(part)
        except OSError:
            pass  # one of the two has hung up

    reference = registry.publish("a/b")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=tunnel, args=(listener,), daemon=True).start()
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:s3cret@127.0.0.1:{listener.getsockname()[1]}")
        monkeypatch.setenv("NO_PROXY", "example.org")
        with asking.client() as client:
            assert client.digest(reference) == registry.digest("a/b")
    assert asked[0].startswith(f"CONNECT {registry.address} ") and "Proxy-Authorization: Basic " in asked[0]


def test_a_certificate_of_ours_is_shown_where_one_is_kept(tmp_path, authority, registry):
    asking = Asking(tmp_path, authority).trust(registry)
    (tmp_path / "certs.d" / registry.address / "me.cert").write_text("no certificate")
    error = asking.refused(lambda client: client.resolve(registry.publish("a/b")))
    assert "me.cert cannot be used" in error.message
