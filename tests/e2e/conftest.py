"""One installed host per suite for all tests that only look at it, one of them with a lock; test_install.py takes it
away again at its end."""

import pytest

from tests.e2e.bed import NETWORK, SUITES, Host, registry
from tests.e2e.bed.hosts import running
from tests.e2e.fresh import SNAPSHOT, Fresh, serve_script

CACHE = "ls /var/cache/infrakit 2>/dev/null"
# As on a machine of these days, which is no router: in a container Docker has IPv6 off, and forwards.
LIKE_A_MACHINE = ("--sysctl=net.ipv6.conf.all.disable_ipv6=0", "--sysctl=net.ipv4.ip_forward=0")


@pytest.fixture(scope="session", params=SUITES)
def fresh(request, pyz):
    registry()
    serve_script((pyz.parent / "install.py").read_bytes())
    with Host.start(request.param, NETWORK, *LIKE_A_MACHINE) as host:
        yield Fresh(host, pyz, request.param, locked=request.param == "trixie")


@pytest.fixture(scope="session")
def installed(fresh):
    """After the first install, from a pipe."""
    cached = fresh.host.run(CACHE).out
    fresh.asked = fresh.ask("asked.example.org", "monitoring", "internal", "zoe")
    planned = fresh.install("--dry-run")
    assert fresh.host.run(CACHE).out == cached, "a dry run left a cache"
    assert planned.code == 6 and fresh.host.run(SNAPSHOT).out.splitlines() == fresh.before, "a dry run changed the host"
    fresh.planned = planned.out
    fresh.watch()
    done = fresh.install_from_pipe("--yes")
    fresh.while_installing = fresh.seen()
    assert done.code == 0, done.out[-2000:] + done.err[-3000:] + fresh.host.log()
    fresh.first = done
    return fresh


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """What the hosts say goes with the failure: nobody can ask them afterwards."""
    report = yield
    if report.failed and "e2e" in item.path.parts:
        report.sections += [(host.name, host.evidence()) for host in running]
    return report
