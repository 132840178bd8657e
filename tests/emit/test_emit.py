"""All emitters together: one tree per host, the same bytes each time, and hosts of one shape printed once."""

import pytest

from infrakit import emit
from infrakit.emit.memo import Memo
from tests.emit.deployments import everything
from tests.emit.examples import hosts

PLACEHOLDER = "infrakit-host-name-of-a-range"
HOSTS = hosts()


@pytest.mark.parametrize("name", HOSTS)
def test_artifacts_come_sorted_each_path_once(name):
    paths = [artifact.path for artifact in emit.emit(HOSTS[name])]

    assert paths == sorted(set(paths))
    assert not any(path.startswith(("/", "secrets/")) or ".." in path for path in paths)


def test_an_unknown_artifact_has_no_trace():
    with pytest.raises(KeyError):
        emit.trace(everything(), "nowhere.yaml")


@pytest.mark.parametrize("name", ["edge-001", "a1", "shed-9999-x"])
def test_a_stencil_gives_what_each_host_would_have_been_given(name):
    made = {
        artifact.path: artifact
        for artifact in emit.stencil(everything(PLACEHOLDER)._replace(host=PLACEHOLDER), PLACEHOLDER).named(name)
    }
    alone = {artifact.path: artifact for artifact in emit.emit(everything(name)._replace(host=name))}

    assert set(made) == set(alone)
    different = {path for path in made if made[path] != alone[path]}
    # The label over a file that holds the name: equal for all hosts of the stencil, as all else in it is.
    assert different <= {"services/reader.yaml"}
    assert made["reader/reader.conf"].content == f"say={name}\n".encode()


def test_a_memo_makes_a_thing_once_and_forgets_when_full():
    made = []
    memo = Memo(2)
    one, two, three = [1], [2], [3]

    for value in (one, one, two, one, three, one):
        assert memo.get((value,), lambda item: made.append(item) or item) is value

    assert made == [[1], [2], [3], [1]]
