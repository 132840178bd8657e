"""The edge to Docker, against a real dockerd: what runs, what does not answer, and images from a registry that fails as
told.

Everything made here is named infrakit-engine-*, and removed.
"""

import io
import os
import platform
import shutil
import socket
import tarfile
import threading
import time
import uuid

import pytest

from infrakit.errors import EXIT_DOCKER, EXIT_MACHINE, MachineUnfit
from infrakit.system.engine import CONFIG_HASH, PROJECT, SERVICE, Engine
from infrakit.system.patience import LONGEST_PAUSE_S, asked_pause_s, one_line, registry_of
from infrakit.system.unreachable import DockerUnreachable
from tests.e2e.bed.engine import start_engine
from tests.runtime.engine import program
from tests.system import fake_registry
from tests.system.fake_registry import forged, reset, stalled, status, truncated

needs_docker = pytest.mark.skipif(
    os.name != "posix" or os.geteuid() != 0 or platform.machine() != "x86_64" or not shutil.which("dockerd"),
    reason="needs root on x86-64 and dockerd",
)
RUN = f"infrakit-engine-{uuid.uuid4().hex[:8]}"
SECOND_NS = 1_000_000_000


@pytest.fixture(scope="module")
def engine():
    start_engine()
    return Engine()


@pytest.fixture(scope="module")
def api(engine):
    import docker

    client = docker.APIClient(base_url="unix:///var/run/docker.sock", version="auto")
    yield client
    client.close()


@pytest.fixture(scope="module")
def image(api):
    """An image whose only program says hello, and then waits, or ends where it is given a word."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        entry = tarfile.TarInfo("hello")
        entry.size, entry.mode = len(program()), 0o755
        archive.addfile(entry, io.BytesIO(program()))
    api.import_image_from_data(content.getvalue(), repository=RUN, tag="1")
    yield f"{RUN}:1"
    api.remove_image(f"{RUN}:1", force=True)


@pytest.fixture
def container(api, image):
    """Make a container of the project RUN: container("web", "/hello") -> its name."""
    made = []

    def make(service, *words, probe=None, start=True):
        name = f"{RUN}-{service}"
        check = (
            {"test": ["CMD", *probe], "interval": SECOND_NS // 5, "retries": 1, "timeout": 5 * SECOND_NS}
            if probe
            else None
        )
        labels = {PROJECT: RUN, SERVICE: service, CONFIG_HASH: f"hash of {service}", "io.infrakit.config": "ours"}
        host = api.create_host_config(network_mode="none")
        api.create_container(image, list(words), name=name, labels=labels, healthcheck=check, host_config=host)
        made.append(name)
        if start:
            api.start(name)
        return name

    yield make
    for name in made:
        api.remove_container(name, force=True)


@pytest.fixture
def registry(api):
    with fake_registry.registry() as made:
        yield made
    for item in api.images():
        for name in item["RepoTags"] or item["RepoDigests"] or []:
            if name.startswith(f"{made.address}/"):
                api.remove_image(item["Id"], force=True)


def until(question, limit_s=60):
    """What `question` answers, once it is true."""
    end = time.monotonic() + limit_s
    while not (found := question()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return found


class Heard:
    """What a pull said, and how long it would have waited: nothing here waits."""

    def __init__(self, engine):
        self.engine, self.said, self.waited = engine, [], []

    def pull(self, reference, **options):
        self.engine.pull(reference, lambda *words: self.said.append(words), wait=self.waited.append, **options)

    def refused(self, reference, **options) -> MachineUnfit:
        with pytest.raises(MachineUnfit) as caught:
            self.pull(reference, **options)
        error = caught.value
        assert error.exit_code == EXIT_MACHINE and error.message and error.hint
        assert "\n" not in error.message and "Traceback" not in error.message
        return error


@pytest.fixture
def heard(engine):
    return Heard(engine)


@needs_docker
def test_the_engine_says_its_version(engine):
    found = engine.version()
    assert (
        found.version[0].isdigit()
        and found.api.startswith("1.")
        and found.minimum_api.startswith("1.")
        and found.architecture == "amd64"
    )


@needs_docker
def test_containers_of_a_project_are_listed_in_any_state_by_name(engine, container):
    container("web", "/hello")
    container("made", "/hello", start=False)
    container("done", "/hello", "x")
    until(lambda: {item.service: item.state for item in engine.containers(RUN)}["done"] == "exited")
    done, made, web = engine.containers(RUN)
    assert [item.service for item in (done, made, web)] == ["done", "made", "web"]
    assert (done.state, made.state, web.state) == ("exited", "created", "running")
    assert done.exit_code == 0 and not made.started_at and web.started_at.startswith("20")
    assert web.name == f"{RUN}-web" and web.config_hash == "hash of web" and web.labels["io.infrakit.config"] == "ours"
    assert (
        web.image == f"{RUN}:1"
        and web.image_id == engine.image_id(f"{RUN}:1")
        and web.restarts == 0
        and web.health == ""
    )
    assert engine.containers(RUN, {"web", "done", "other"}) == [done, web] and engine.containers(RUN, ()) == []


@needs_docker
def test_a_killed_container_has_its_exit_code(engine, api, container):
    name = container("killed", "/hello")
    api.kill(name)
    (found,) = until(lambda: [item for item in engine.containers(RUN) if item.state == "exited"])
    assert found.exit_code == 137


@needs_docker
def test_another_project_has_no_containers(engine, container):
    container("web", "/hello")
    assert engine.containers(f"{RUN}-other") == []


@needs_docker
def test_health_is_read_with_its_last_words(engine, container):
    well, ill = container("well", "/hello", probe=["/hello", "x"]), container("ill", "/hello", probe=["/missing"])

    def health():
        return {item.service: item.health for item in engine.containers(RUN)}

    until(lambda: health() == {"well": "healthy", "ill": "unhealthy"})
    assert engine.last_health(well) == "hello"
    assert "/missing" in engine.last_health(ill) and engine.last_health(ill, lines=0) == ""


@needs_docker
def test_logs_are_the_last_lines(engine, container):
    name = container("web", "/hello")
    assert until(lambda: engine.logs(name, 5)) == "hello\n"
    assert engine.logs(name, 0) == ""


@needs_docker
def test_what_is_not_there_is_empty(engine):
    assert (
        engine.image_id(f"{RUN}:missing")
        == engine.image_architecture(f"{RUN}:missing")
        == engine.image_id("Not a Name")
        == ""
    )
    assert engine.logs(f"{RUN}-missing", 5) == engine.last_health(f"{RUN}-missing") == ""


@needs_docker
def test_an_image_is_pulled_with_its_bytes_told(engine, registry, heard):
    reference = registry.publish("infrakit-engine-plain", layers=3)
    heard.pull(reference, architecture="amd64")
    assert engine.image_id(reference).startswith("sha256:") and engine.image_architecture(reference) == "amd64"
    part, whole, text = heard.said[-1]
    assert part == whole and whole >= fake_registry.LAYER_BYTES and text == "3 of 3 layers" and not heard.waited
    assert all(part <= whole for part, whole, _ in heard.said)


@needs_docker
def test_an_image_is_pulled_by_its_digest(engine, registry, heard):
    reference = registry.publish("infrakit-engine-digest", listed=True)
    for name in (
        f"{reference}@{registry.digest('infrakit-engine-digest')}",
        f"{reference[:-2]}@{registry.digest('infrakit-engine-digest')}",
    ):
        heard.pull(name)
        assert engine.image_id(name)


@needs_docker
def test_layers_that_are_there_are_not_fetched_again(registry, heard):
    reference = registry.publish("infrakit-engine-twice", layers=2)
    heard.pull(reference)
    fetched = registry.asked.count("layer")
    heard.pull(reference)
    assert registry.asked.count("layer") == fetched == 2


PASSING = {
    "rate-limit": ("manifest", [status(429, "retry-after: 7.5s, allowed: 44000/minute", Retry_After="8")]),
    "trouble": ("manifest", [status(500, "oops"), status(503, "down for a while, unauthorized, not found")]),
    "page": ("manifest", [status(502, "<html>bad gateway</html>")]),
    "reset": ("manifest", [reset] * 4),
    "layer-trouble": ("layer", [status(503, "busy")] * 2),
    "truncated": ("layer", [truncated]),
    "forged-once": ("layer", [forged]),
    "stalled": ("layer", [stalled]),
}


@needs_docker
@pytest.mark.parametrize("name", PASSING)
def test_a_fault_that_passes_is_tried_again(engine, registry, heard, name):
    reference = registry.publish(f"infrakit-engine-{name}")
    kind, faults = PASSING[name]
    registry.faults[kind] = list(faults)
    heard.pull(reference, stall_s=8 if name != "stalled" else 2)
    assert engine.image_id(reference) and not registry.faults[kind]
    # The engine itself tries a layer again where it was cut off, or was refused for now; and some of the connections
    # that were.
    fewest = {"truncated": 0, "layer-trouble": 0, "reset": 1}.get(name, len(faults))
    assert fewest <= len(heard.waited) <= len(faults)
    assert all(0 < pause <= LONGEST_PAUSE_S * 1.25 for pause in heard.waited)
    if name == "rate-limit":
        assert 7.5 <= heard.waited[0] <= 8.5 and "the registry lets us fetch no more for now; again in 8 s" in {
            text for _, _, text in heard.said
        }


LASTING = {
    "limited": (
        status(429, "You have reached your pull rate limit"),
        3,
        "the registry lets us fetch no more for now after 3 attempts",
        "docker login",
    ),
    "patience": (status(429, "retry-after: 1h30m0s"), 1, "the registry lets us fetch no more for now", "90 minutes"),
    "broken": (status(500, "oops"), 3, "the registry is in trouble after 3 attempts", "run again later"),
    "login": (
        status(401, "authentication required", WWW_Authenticate='Basic realm="here"'),
        1,
        "who asks",
        "sudo docker login 127.0.0.1:",
    ),
    "private": (
        status(403, "requested access to the resource is denied"),
        1,
        "who asks",
        "sudo docker login 127.0.0.1:",
    ),
}


@needs_docker
@pytest.mark.parametrize("name", LASTING)
def test_a_fault_that_lasts_ends_in_one_clear_error(registry, heard, name):
    fault, attempts, what, remedy = LASTING[name]
    reference = registry.publish(f"infrakit-engine-{name}")
    registry.always["manifest"] = fault
    error = heard.refused(reference, attempts=3)
    assert what in error.message and remedy in error.hint and len(heard.waited) == attempts - 1


@needs_docker
@pytest.mark.parametrize("kind", ["layer", "config"])
def test_a_wrong_digest_is_believed_the_second_time(engine, registry, heard, kind):
    reference = registry.publish("infrakit-engine-forged")
    registry.always[kind] = forged
    error = heard.refused(reference)
    assert "what came is not what its digest says after 2 attempts" in error.message and "proxy" in error.hint
    assert len(heard.waited) == 1 and not engine.image_id(reference)


@needs_docker
def test_a_stall_that_lasts_is_called_off_each_time(registry, heard):
    reference = registry.publish("infrakit-engine-silent")
    registry.always["layer"] = stalled
    error = heard.refused(reference, attempts=2, stall_s=1)
    assert (
        "it stalls after 2 attempts: nothing came for 1 s" in error.message
        and "run again" in error.hint
        and len(heard.waited) == 1
    )


@needs_docker
@pytest.mark.parametrize("listed", [True, False], ids=["listed", "alone"])
def test_another_processor_is_final(registry, heard, listed):
    reference = registry.publish("infrakit-engine-arm", architecture="arm64", listed=listed)
    error = heard.refused(reference, architecture="amd64")
    assert "it is not made for this processor" in error.message and not heard.waited


@needs_docker
def test_a_missing_image_is_final(registry, heard):
    error = heard.refused(f"{registry.address}/infrakit-engine-unauthorized:2")
    assert "there is no such image" in error.message and not heard.waited and "name" in error.hint


@needs_docker
def test_a_registry_that_is_not_there_is_tried_as_often_as_told(heard):
    error = heard.refused("127.0.0.1:9/infrakit-engine-nobody:1", attempts=4)
    assert "after 4 attempts" in error.message and "connection refused" in error.message
    assert len(heard.waited) == 3 and heard.waited == sorted(heard.waited)


@needs_docker
def test_a_name_that_nobody_knows_is_a_matter_of_dns(heard):
    error = heard.refused("infrakit-engine.invalid/nothing:1", attempts=2)
    assert "not resolved after 2 attempts" in error.message and "getent hosts infrakit-engine.invalid" in error.hint


@needs_docker
def test_a_pull_that_is_interrupted_leaves_nothing_behind(engine, registry):
    reference = registry.publish("infrakit-engine-stopped")
    registry.faults["layer"] = [stalled]

    def stop(*words):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine.pull(reference, stop)
    assert not engine.image_id(reference)


@pytest.mark.skipif(os.name != "posix", reason="needs Unix sockets")
class TestUnreachable:
    """No dockerd needed: sockets of our own."""

    def refused(self, path, **options) -> DockerUnreachable:
        with pytest.raises(DockerUnreachable) as caught:
            Engine(str(path), **options).version()
        assert caught.value.exit_code == EXIT_DOCKER and str(path) in caught.value.message and caught.value.hint
        return caught.value

    def test_no_socket(self, tmp_path):
        assert "does not run here" in self.refused(tmp_path / "none.sock").message

    def test_a_socket_that_nobody_listens_on(self, tmp_path):
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(tmp_path / "left.sock"))
        assert "systemctl start docker" in self.refused(tmp_path / "left.sock").hint

    def test_silence(self, tmp_path):
        with socket.socket(socket.AF_UNIX) as silent:
            silent.bind(str(tmp_path / "silent.sock"))
            silent.listen()
            assert "does not answer" in self.refused(tmp_path / "silent.sock", timeout_s=0.3).message

    def test_who_has_answered_once_may_be_busy_for_longer(self, tmp_path):
        """In place of the engine stands a server that takes its time from the second question on."""
        with socket.socket(socket.AF_UNIX) as busy:
            busy.bind(str(tmp_path / "busy.sock"))
            busy.listen()
            head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
            thread = threading.Thread(target=answer_once, args=(busy, head + b'{"ApiVersion": "1.41"}'))
            thread.start()
            engine = Engine(str(tmp_path / "busy.sock"), timeout_s=2)
            thread.join()
            thread = threading.Thread(target=answer_once, args=(busy, head + b"[]", 3))
            thread.start()
            assert engine.containers("infrakit") == []
            thread.join()

    @pytest.mark.parametrize(
        "answer",
        [
            b"220 mail ready\r\n\r\n",
            b"",
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
        ],
    )
    def test_someone_else(self, tmp_path, answer):
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(str(tmp_path / "other.sock"))
            other.listen()
            thread = threading.Thread(target=answer_once, args=(other, answer))
            thread.start()
            assert "\n" not in self.refused(tmp_path / "other.sock").message
            thread.join()

    @pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="needs root, to be someone else")
    def test_permission_denied(self, tmp_path):
        with socket.socket(socket.AF_UNIX) as ours:
            ours.bind(str(tmp_path / "ours.sock"))
            ours.listen()
            os.chmod(tmp_path / "ours.sock", 0o600)
            pid = os.fork()
            if not pid:
                os._exit(denied(str(tmp_path / "ours.sock")))
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def answer_once(listener, answer, after_s=0):
    connection, _ = listener.accept()
    with connection:
        connection.recv(10_000)
        time.sleep(after_s)
        connection.sendall(answer)


def denied(path) -> int:
    """0 where a stranger is told that it may not; runs in a process of its own."""
    import docker  # noqa: F401  before the home of its modules is out of reach

    os.setegid(65534)
    os.seteuid(65534)
    try:
        Engine(path)
    except DockerUnreachable as error:
        return 0 if "permission denied" in error.message and "sudo" in error.hint else 1
    return 2


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("toomanyrequests: retry-after: 1m2.5s, allowed: 44000/minute", 62.5),
        ("retry-after: 259.838µs", 0.000259838),
        ("Retry-After: 120", 120),
        ("Retry-After: 250ms", 0.25),
        ("retry-after: 1h0m3s", 3603),
        ("please retry", 0),
        ("retry-after: soon", 0),
    ],
)
def test_the_pause_that_a_registry_asks_for(said, seconds):
    assert asked_pause_s(said) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("reference", "registry"),
    [
        ("caddy:2", "docker.io"),
        ("library/caddy", "docker.io"),
        ("ghcr.io/a/b@sha256:00", "ghcr.io"),
        ("localhost/a", "localhost"),
        ("here:5000/a:1", "here:5000"),
    ],
)
def test_the_registry_of_a_name(reference, registry):
    assert registry_of(reference) == registry


def test_an_error_holds_no_secret_and_no_control_character():
    said = (
        'Get "https://bob:hunter2@cdn.example/layer?Expires=9&Signature=s3cret": \x1b[31mtimeout\n Authorization: '
        "Bearer abcdefghijklmnopqrstuvwxyz"
    )
    assert one_line(said) == 'Get "https://cdn.example/layer": \\x1b[31mtimeout Authorization: Bearer ***'
