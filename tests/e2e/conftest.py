"""One installed host per suite for all tests that only look at it; test_install.py takes it away again at its end."""

import pytest

from tests.e2e.bed import SUITES, Host, registry
from tests.e2e.fresh import SNAPSHOT, Fresh


@pytest.fixture(scope="session", params=SUITES)
def fresh(request, pyz):
    registry()
    with Host.start(request.param) as host:
        yield Fresh(host, pyz, request.param)


@pytest.fixture(scope="session")
def installed(fresh):
    """After the first install."""
    planned = fresh.install("--dry-run")
    assert planned.code == 6 and fresh.host.run(SNAPSHOT).out.splitlines() == fresh.before, "a dry run changed the host"
    fresh.planned = planned.out
    done = fresh.install("--yes")
    assert done.code == 0, done.out[-2000:] + done.err[-3000:] + fresh.host.log()
    fresh.first = done
    return fresh
