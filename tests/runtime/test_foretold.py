"""What `plan` says against what `up` then does, on a running stack, by a real engine and Compose."""

import os
import shutil

import pytest

from infrakit.emit import compose, service_files
from infrakit.model import ConfigFile, Dependency, Mount, SecretMount, SecretSpec, Upstream
from infrakit.plan import Plan, preview, run
from infrakit.stack import generation, layout
from infrakit.stack.belongings import of_deployment
from infrakit.stack.change import applied, saved
from infrakit.stack.change.differences import differences
from infrakit.stack.change.reasons import World
from infrakit.stack.down import plan_down, plan_purge
from infrakit.stack.generation import generation_id
from infrakit.stack.up import plan_up
from infrakit.system import secrets
from infrakit.system.digest import hex_digest
from tests.emit.deployments import container, deployment, network, origin, route, service
from tests.emit.tree import needs_compose
from tests.runtime.engine import FOR_EVER, engine, import_shell, needs_engine
from tests.runtime.test_start import IMAGE, Local

pytestmark = [needs_engine, needs_compose]

OTHER_IMAGE = "example/shell:2"
PARTS = ("tree", "networks", "readers", "service", "others", "in")
SECRET = SecretSpec("word", "user", 0, False, "", (), origin("secrets", "word"))


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    with engine(tmp_path_factory.mktemp("foretold")) as made:
        for image in (IMAGE, OTHER_IMAGE):
            import_shell(made, image)
        yield made


@pytest.fixture(scope="module")
def stack(real, tmp_path_factory):
    """With a state folder of its own, and a secret. What one test leaves, the next one's `up` puts right."""
    folder = tmp_path_factory.mktemp("state")
    with pytest.MonkeyPatch.context() as patch:
        for module in (generation, layout):
            patch.setattr(module, "GENERATIONS", str(folder / "generations"))
            patch.setattr(module, "CURRENT", str(folder / "current"))
        patch.setattr(layout, "HOSTS", str(folder / "hosts"))
        found = Local(str(real.socket))
        found.folder, found.kept = folder, folder / "hosts/core"
        clean(real, found)
        yield found
        clean(real, found)


@pytest.fixture
def machine(real, stack):
    """The same, on which nothing is or was."""
    clean(real, stack)
    return stack


def clean(real, machine) -> None:
    mine = ["--filter", "label=com.docker.compose.project=infrakit"]
    for kind, more in (("container", ["--all"]), ("network", []), ("volume", [])):
        left = real.docker(kind, "ls", "--quiet", *more, *mine).split()
        if left:
            real.docker(kind, "rm", *(["--force"] if kind != "network" else []), *left)
    shutil.rmtree(machine.folder)
    machine.kept.mkdir(parents=True)
    secrets.store(str(machine.kept), "word", b"first")


def host(
    *, memory=64 << 20, image=IMAGE, once="true", pool=230, others=("neighbour",), word="x", broken=False, guest=False
):
    """A page with a file and work before it, who reads a secret, and neighbours in a network."""
    common = {"health": None, "stop_grace_period_s": 0, "command": ("/bin/sh", "-c", FOR_EVER)}
    base = {"image": IMAGE, **common}
    page = container(
        "page",
        **{**base, "image": image, "memory_bytes": memory},
        mounts=(Mount("file", "page/file", "/file", True), Mount("volume", "page-data", "/data")),
        depends_on=(Dependency("prepare", "service_completed_successfully"),),
    )
    page = page._replace(origins={**page.origins, "memory": origin("services", "page", "memory")})
    guests = [container("guest", privileges=(("network", "service:page"),), **base)] if guest else []
    file = ConfigFile("page/file", f"first\n{word}\nlast\n", 0o644, origin("services", "page", "word"))
    fails = {**base, "command": ("/bin/sh", "-c", "exit 3")}
    work = {**base, "command": ("/bin/sh", "-c", once)}
    prepare = container("prepare", one_shot=True, **work)
    return deployment(
        service("page", page, prepare, *guests, volumes=("page-data",), files=(file,)),
        service("reader", container("reader", secrets=(SecretMount("word"),), **(fails if broken else base))),
        *(service(name, container(name, networks=("shared",), **base)) for name in others),
        networks=(network("shared", pool),),
        secrets=(SECRET,),
        # Its door leads on: nobody listens in these containers.
        routes=(route("page.example.org", service="page", upstreams=(Upstream("192.0.2.1:8443", "shed"),)),),
    )


def artifacts_of(made):
    files = service_files.emit(made)
    return [*files, *compose.emit(made, files)]


def plan(made, artifacts) -> Plan:
    """Those parts of `up` that are about the tree and what runs from it."""
    return Plan("up", tuple(s for s in plan_up(made, artifacts, hex_digest).steps if s.name.split()[0] in PARTS))


def foretold(machine, made):
    artifacts = artifacts_of(made)
    steps = preview(plan(made, artifacts), machine)
    files = applied.files_of(artifacts, hex_digest)
    world = World(
        made, artifacts, files, applied.in_force(machine), machine, lambda item: ".".join(map(str, item.path))
    )
    return differences(world, generation_id(artifacts, hex_digest), steps)


def look(machine) -> dict[str, tuple[str, str]]:
    """Container -> what tells this one from another, and since when it runs."""
    ids = machine.engine._api.containers(all=True, filters={"label": ["com.docker.compose.project=infrakit"]})
    named = {item["Names"][0].lstrip("/"): item["Id"] for item in ids}
    return {item.service: (named[item.name], item.started_at) for item in machine.engine.containers("infrakit")}


def up(machine, made) -> dict[str, str]:
    """Container -> what became of it, in the signs of a plan."""
    before = look(machine)
    run(plan(made, artifacts_of(made)), machine, lambda event: None, lambda step, action: None)
    after = look(machine)
    signs = {}
    for name in {*before, *after}:
        if name not in before or name not in after:
            signs[name] = "+" if name in after else "-"
        elif before[name] != after[name]:
            signs[name] = ">" if before[name][0] == after[name][0] else "-/+"
    return signs


def containers(found) -> dict[str, str]:
    return {item.name: item.sign for item in found if item.kind == "container"}


def causes(found, name) -> list[tuple[str, str, str]]:
    return [tuple(why) for item in found if item.name == name for why in item.why]


def changes(real, machine, case):
    """Do something; the host that it is then."""
    if case == "secret":
        secrets.store(str(machine.kept), "word", os.urandom(8).hex().encode())
    elif case == "stopped":
        real.docker("stop", "infrakit-neighbour-1", "infrakit-reader-1")
    elif case == "gone":
        real.docker("rm", "--force", "infrakit-prepare-1")
    elif case == "page gone":
        real.docker("rm", "--force", "infrakit-page-1")
    elif case == "page stopped":
        real.docker("stop", "infrakit-page-1")
    return {
        "memory": host(memory=128 << 20),
        "image": host(image=OTHER_IMAGE),
        "work": host(once=": again"),
        "file": host(word="y"),
        "pool": host(pool=231),
        "more": host(others=("neighbour", "another")),
        "fewer": host(others=()),
        "all at once": host(memory=128 << 20, pool=231, others=("another",), word="y"),
    }.get(case, host())


CASES = [
    *("nothing", "memory", "image", "work", "file", "pool", "more", "fewer"),
    *("secret", "stopped", "gone", "page gone", "page stopped", "all at once"),
]


@pytest.mark.parametrize("case", CASES)
def test_a_plan_says_what_up_does(real, stack, case):
    up(stack, host())
    made = changes(real, stack, case)
    said = foretold(stack, made)
    assert containers(said) == up(stack, made)
    assert foretold(stack, made) == () and up(stack, made) == {}
    assert all(item.why for item in said if item.kind == "container")


@pytest.mark.parametrize(("case", "memory"), [("memory", 128 << 20), ("page gone", 64 << 20), ("stopped", 64 << 20)])
def test_who_is_in_the_network_of_another_comes_along(real, stack, case, memory):
    up(stack, host(guest=True))
    changes(real, stack, case)
    made = host(guest=True, memory=memory)
    said = containers(foretold(stack, made))
    assert ("guest" in said) == (case != "stopped") and said == up(stack, made)
    assert up(stack, made) == {}


def kept(machine, made) -> saved.Saved:
    artifacts = artifacts_of(made)
    steps = saved.steps_of(preview(plan(made, artifacts), machine))
    return saved.Saved({}, saved.state(made, artifacts, hex_digest, {"the file": b"x"}, machine), steps)


@pytest.mark.parametrize(
    ("case", "named"),
    [
        ("stopped", "container infrakit-neighbour-1, container infrakit-reader-1"),
        ("gone", "container infrakit-prepare-1"),
        ("secret", "secret word"),
    ],
)
def test_a_kept_plan_holds_until_something_moves(real, machine, case, named):
    up(machine, host())
    wanted = host(memory=128 << 20)
    before = kept(machine, wanted)
    assert list(before.steps) == ["tree", "service page", "in force"]
    saved.check(before, kept(machine, wanted).state, kept(machine, wanted).steps, "kept")
    changes(real, machine, case)
    now = kept(machine, wanted)
    with pytest.raises(saved.Moved, match=f": {named}; nothing was changed") as error:
        saved.check(before, now.state, now.steps, "kept")
    assert error.value.exit_code == 6


def test_on_an_empty_machine_everything_is_created(machine):
    said = foretold(machine, host())
    assert {(item.sign, item.kind) for item in said} == {("+", "container"), ("+", "network"), ("+", "volume")}
    assert [item.name for item in said if item.kind == "volume"] == ["infrakit_page-data"]
    assert containers(said) == up(machine, host())


def test_a_cause_has_its_line_and_a_change_its_cost(real, stack):
    up(stack, host())
    said = foretold(stack, host(memory=128 << 20, image=OTHER_IMAGE, word="y"))
    assert causes(said, "page") == [
        ("file", "memory 64m -> 128m", "services.page.memory"),
        ("catalogue", f"image {IMAGE} -> {OTHER_IMAGE}", "containers.page.image"),
        ("file", "page/file", "services.page.word"),
    ]
    (page,) = [item for item in said if item.name == "page"]
    assert page.pages == ("page.example.org",) and page.data == ("infrakit_page-data",) and page.seconds
    real.docker("stop", "infrakit-neighbour-1")
    secrets.store(str(stack.kept), "word", b"second")
    said = foretold(stack, host())
    assert causes(said, "neighbour") == [("drift", "it is exited", "")]
    assert causes(said, "reader") == [("secret", "word was set again", "")]
    said = foretold(stack, host(pool=231))
    assert causes(said, "neighbour")[0] == ("file", "network shared 172.30.230.0/28 -> 172.30.231.0/28", "network")


def named(steps) -> set[str]:
    """What a plan's lines say is removed."""
    lines = [line for item in steps if item.acts for line in item.actions]
    return {line.removeprefix("remove the ") for line in lines if line.startswith("remove the ")}


def there(real) -> set[str]:
    """Every container, network and volume of the engine's, by name."""
    shown = {"container": "{{.Names}}", "network": "{{.Name}}", "volume": "{{.Name}}"}
    found = {
        kind: real.docker(kind, "ls", *(["--all"] if kind == "container" else []), "--format", text)
        for kind, text in shown.items()
    }
    return {f"{kind} {name}" for kind, names in found.items() for name in names.split()}


@pytest.mark.parametrize("verb", ["up", "down", "purge"])
def test_a_plan_names_everything_that_is_removed_and_nothing_else(real, stack, verb):
    """Beside what is somebody else's, be it in a project of the same name."""
    label = "com.docker.compose.project=infrakit"
    real.docker("create", "--name", "theirs", "--volume", "theirs:/data", IMAGE, "true")
    real.docker("volume", "create", "--label", label, "infrakit_theirs")
    made = host()
    up(stack, made)
    ours = of_deployment(made)
    wanted = {
        "up": plan(host(others=()), artifacts_of(host(others=()))),
        "down": plan_down(ours),
        "purge": Plan("purge", plan_purge(ours)),
    }[verb]
    before, said = there(real), named(preview(wanted, stack))
    run(wanted, stack, lambda event: None, lambda step, action: None)
    assert before - there(real) == said
    assert "container infrakit-neighbour-1" in said
    assert ("volume infrakit_page-data" in said) == (verb == "purge")
    assert ("network infrakit_shared" in said) == (verb != "up")
    real.docker("rm", "--force", "--volumes", "theirs")
    real.docker("volume", "rm", "theirs", "infrakit_theirs")
