"""Plans for decided hosts, without a machine: what comes before what, and what is left alone."""

import pytest

from infrakit.emit import emit
from infrakit.model import Dependency
from infrakit.plan import Remove, Run, Write
from infrakit.plan.actions import record_of
from infrakit.stack.generation import generation_id
from infrakit.stack.services import Wanted, is_well
from infrakit.stack.uninstall import plan_uninstall
from infrakit.stack.up import in_order, plan_up, wanted_of
from infrakit.system.digest import hex_digest
from infrakit.system.engine import Container
from tests.emit.examples import hosts

HOSTS = hosts()
FULL = HOSTS["full-homelab"]


@pytest.mark.parametrize("name", HOSTS)
def test_images_come_before_anything_that_changes_what_runs(name):
    kinds = [step.name.split()[0] for step in plan_up(HOSTS[name], emit(HOSTS[name]), hex_digest).steps]
    order = ["image", "secrets", "tree", "service", "others", "door"]

    assert kinds == sorted(kinds, key=order.index)
    assert kinds.count("service") == len(HOSTS[name].services)


def test_a_service_comes_after_those_that_it_depends_on():
    first, second, third = FULL.services[:3]
    needy = first._replace(containers=tuple(item._replace(depends_on=(Dependency(third.containers[0].name, "service_healthy"),)) for item in first.containers))

    assert [service.name for service in in_order((needy, second, third))] == [second.name, third.name, first.name]


def test_a_circle_of_services_still_has_every_one_of_them():
    first, second = FULL.services[:2]
    circle = tuple(
        one._replace(containers=tuple(item._replace(depends_on=(Dependency(other.containers[0].name, "service_healthy"),)) for item in one.containers))
        for one, other in ((first, second), (second, first))
    )
    assert {service.name for service in in_order(circle)} == {first.name, second.name}


def test_a_generation_is_named_by_what_is_in_it():
    artifacts = emit(FULL)
    changed = [item._replace(content=item.content + b"\n") if item.path == ".env" else item for item in artifacts]

    assert generation_id(artifacts, hex_digest) == generation_id(tuple(reversed(artifacts)), hex_digest)
    assert generation_id(changed, hex_digest) != generation_id(artifacts, hex_digest)


def test_every_container_is_wanted_with_the_label_of_its_file():
    text = b"".join(item.content for item in emit(FULL) if item.path.startswith("services/")).decode()
    for wanted in wanted_of(FULL, emit(FULL)).values():
        for item in wanted:
            assert f"io.infrakit.config: {item.label}" in text.replace('"', "").replace("'", "")


def container(**fields) -> Container:
    given = {
        "name": "x-1", "service": "x", "state": "running", "health": "healthy", "exit_code": 0, "config_hash": "", "image": "", "image_id": "",
        "restarts": 0, "started_at": "", "labels": {"io.infrakit.config": "a"},
    }
    return Container(**{**given, **fields})


@pytest.mark.parametrize(("found", "wanted", "well"), [
    (container(), Wanted("x", "a", False), True),
    (container(health=""), Wanted("x", "a", False), True),
    (None, Wanted("x", "a", False), False),
    (container(), Wanted("x", "b", False), False),
    (container(health="starting"), Wanted("x", "a", False), False),
    (container(health="unhealthy"), Wanted("x", "a", False), False),
    (container(state="restarting", health=""), Wanted("x", "a", False), False),
    (container(state="exited", health=""), Wanted("x", "a", False), False),
    (container(state="exited", health=""), Wanted("x", "a", True), True),
    (container(state="exited", health="", exit_code=1), Wanted("x", "a", True), False),
])
def test_who_is_well(found, wanted, well):
    assert is_well(found, wanted) is well


RECORDS = [
    {"step": "docker packages", **record_of(Run(("apt-get", "purge", "docker-ce")))},
    {"step": "file /etc/infrakit/infrakit.yaml", **record_of(Remove("/etc/infrakit/infrakit.yaml"))},
    {"step": "file /etc/motd", **record_of(Write("/etc/motd", b"\xffbefore", 0o640))},
]


def said(**options) -> list[str]:
    return [action.text() for step in plan_uninstall("homelab", RECORDS, **options).steps for action in step.actions]


def test_uninstall_takes_the_last_change_back_first():
    assert said(keep_data=False, keep_docker=False) == [
        "remove every container of homelab", "remove every network of homelab", "remove every volume of homelab",
        "write /etc/motd", "remove /etc/infrakit/infrakit.yaml", "run apt-get purge docker-ce",
        "remove /var/lib/infrakit and all in it", "remove /etc/infrakit and all in it",
    ]


def test_uninstall_keeps_what_it_is_told_to_keep():
    kept = said(keep_data=True, keep_docker=True)

    assert "remove every volume of homelab" not in kept and "run apt-get purge docker-ce" not in kept
    assert not [text for text in kept if "/etc/infrakit" in text or "/var/lib/infrakit/hosts" in text or "undo" in text]
