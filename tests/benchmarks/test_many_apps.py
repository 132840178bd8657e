"""Gates on a file with many apps: what each costs, and that each costs the same however many there are."""

import shutil

import pytest

from tests.benchmarks.apps import many
from tests.benchmarks.meter import Meter

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed"),
]


def test_twice_the_apps_cost_twice_as_much(pyz, tmp_path):
    """Processor time is asked of `python3 -m tests.benchmarks.run`; here instructions are counted."""
    meter = Meter(tmp_path, pyz)
    found = {}
    for apps in (100, 200):
        (tmp_path / f"{apps}.yaml").write_text(many(apps))
        found[apps] = meter.ratio("compile", "--no-secrets", "-f", f"{apps}.yaml", "-o", f"of{apps}")
    assert found[200] < 118
    assert found[200] / found[100] < 2.2
