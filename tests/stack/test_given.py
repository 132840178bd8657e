"""A secret that is given with the call of install: kept as it is, and in no text."""

import os
from pathlib import Path

import pytest

from infrakit.compiler import load
from infrakit.emit import emit
from infrakit.plan import Plan, preview, run
from infrakit.stack.layout import HOSTS
from infrakit.stack.secrets import Given, given_steps
from infrakit.stack.up import plan_up
from infrakit.system.digest import hex_digest
from infrakit.system.machine import Machine

VALUE = b"hunter2-hunter2"
GIVEN = Given("tunnel_credentials", VALUE)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has a place for it")
def test_it_is_kept_once_and_never_shown():
    events = []
    plan = Plan("x", given_steps("given", [GIVEN]))
    assert [item.acts for item in preview(plan, Machine())] == [True]
    for taken in (1, 0):
        assert run(plan, Machine(), events.append, lambda step, action: None) == taken
    path = Path(f"{HOSTS}/given/secrets/tunnel_credentials")
    assert path.read_bytes() == VALUE and path.stat().st_mode & 0o777 == 0o444
    assert path.parent.stat().st_mode & 0o777 == 0o700
    texts = [repr(plan), repr(events), *(item for step in preview(plan, Machine()) for item in step.actions)]
    assert VALUE.decode() not in "".join(texts)


def test_it_comes_before_whatever_reads_it():
    text = b"version: 1\ndomain: home.example.org\npattern: full\ntls: {mode: tunnel}\n"
    (host,) = load(text, "infrakit.yaml", lambda _: b"").fleet.deployments
    names = [step.name for step in plan_up(host, emit(host), hex_digest, given=[GIVEN]).steps]
    assert names.index("secret tunnel_credentials") < names.index("secrets") < names.index("tree")
