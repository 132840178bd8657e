"""Addresses that come after the engine: told to the kernel, for now and for each boot, where a port needs it."""

import pytest

from infrakit.stack.late import SETTINGS, BindEarly, late_addresses
from tests.resolve.test_passes import ONE, fleet


@pytest.mark.parametrize(
    ("bind", "families"),
    [
        ("", []),
        ("127.0.0.1", []),
        ("10.8.0.2", ["ipv4"]),
        ("'fd00::2'", ["ipv6"]),
        ("10.8.0.2, 'fd00::2'", ["ipv4", "ipv6"]),
    ],
)
def test_the_kernel_is_told_of_the_families_whose_addresses_may_be_late(bind, families):
    (host,) = fleet(ONE + (f"network: {{bind: [{bind}]}}\n" if bind else ""))
    steps = late_addresses(host)
    assert len(steps) == bool(families)
    for step in steps:
        settings, *now = step.done_when
        assert settings.path == SETTINGS
        assert settings.content.decode().splitlines()[1:] == [f"net.{item}.ip_nonlocal_bind = 1" for item in families]
        assert [probe.switch for probe in now] == [f"/proc/sys/net/{item}/ip_nonlocal_bind" for item in families]
        assert [item.switch for item in step.actions if isinstance(item, BindEarly)] == [item.switch for item in now]
