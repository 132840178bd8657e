"""What `install` would do on each recorded machine, kept as text: what it finds there, and every step with its changes.

INFRAKIT_UPDATE=1 writes the texts anew; read the difference.
"""

import os
from pathlib import Path

import pytest

from infrakit.cli.preflight import lines_of
from infrakit.compiler import load as load_file
from infrakit.emit import emit
from infrakit.errors import MachineUnfit
from infrakit.host.checks import run
from infrakit.host.docker import engine_steps
from infrakit.host.facts import facts_of
from infrakit.host.fit import fitted
from infrakit.host.fixes import plan_fixes
from infrakit.stack.install import plan_install, program_steps
from infrakit.stack.installed import File, file_steps
from infrakit.stack.wanted import wanted_of
from infrakit.system.digest import hex_digest
from tests.host.machines import MACHINES, NOW_S, load

FOLDER = Path(__file__).parents[1] / "machines"
FILE = """\
version: 1
name: home
domain: home.example.org
tls: {{mode: internal}}
access: {{administrators: [alice]}}
hosts:{others}
  {name}: {{{role}, architecture: {architecture}}}
"""
CORE = "\n  core: {pattern: full, address: 192.0.2.10}"
UPDATED = "profiles: [auto_update], address: 192.0.2.11"
PROBE = "apps: {{probe: {{image: 'docker.io/library/busybox:1.37', hosts: [{name}]}}}}\n"
"""What has images for 32 bit: an app, and what would update it."""
ENOUGH_BYTES = 3 << 30


class Recorded:
    """Answers as the recorded machine did, as far as deciding asks; it has no images."""

    def __init__(self, recording) -> None:
        self.recording, self.engine = recording, self

    def read(self, path: str) -> bytes | None:
        text = self.recording.files.get(path)
        return None if text is None else text.encode()

    def exists(self, path: str) -> bool:
        return path in self.recording.files

    def image_id(self, reference: str) -> str:
        return ""


def file_for(name: str, architecture: str, pattern: str) -> str:
    """With a core elsewhere, where the machine has 32 bits."""
    small = architecture == "armhf"
    return FILE.format(
        name=name,
        role=UPDATED if small else f"pattern: {pattern}",
        architecture=architecture,
        others=CORE if small else "",
    ) + (PROBE.format(name=name) if small else "")


def plan_text(name: str) -> str:
    """Findings, what can be mended, and the plan, as a person would read them."""
    recording = load(name)
    facts = facts_of(recording)
    architecture = "armhf" if facts.architecture == "armv6" else facts.architecture
    pattern = "full" if facts.memory_bytes > ENOUGH_BYTES else "monitoring"
    text = file_for(name, architecture, pattern)
    fleet = load_file(text.encode(), "infrakit.yaml", lambda _: b"").fleet
    deployment = next(item for item in fleet.deployments if item.host == name)
    deployment, notes = fitted(deployment, Recorded(recording))
    wanted = wanted_of(deployment, facts, Recorded(recording))._replace(build_time_s=NOW_S - 30 * 86_400)
    findings = run(facts, wanted)
    lines = [
        (
            f"{name}: {facts.distribution} {facts.codename} {facts.architecture}, "
            f"{'auto_update' if architecture == 'armhf' else pattern}"
        ),
        *notes,
        "",
        *lines_of(findings),
        "",
    ]
    lines += _steps("preflight --fix", plan_fixes(facts, findings).steps)
    if any(finding.severity == "error" for finding in findings):
        return "\n".join([*lines, "install: refused", ""])
    try:
        engine = engine_steps(facts)
    except MachineUnfit as error:
        return "\n".join([*lines, f"install: refused: {error.message}", ""])
    files = (*file_steps(File("infrakit.yaml", text.encode())), *program_steps(b"zipapp", b"completion"))
    return "\n".join(
        [*lines, *_steps("install", plan_install(deployment, emit(deployment), hex_digest, engine, files).steps), ""]
    )


def _steps(title: str, steps) -> list[str]:
    lines = [f"{title}:"]
    for step in steps:
        # The name of a generation is a hash of all files: other tests are about those.
        lines += [
            f"{'?' if step.waits else '+'} {step.title}",
            *(f"    {action.text()}" for action in step.actions if " generation " not in action.text()),
        ]
    return [*lines, ""]


@pytest.mark.parametrize("name", sorted(MACHINES))
def test_the_plan_of_each_machine_is_the_kept_one(name):
    kept = FOLDER / f"{name}.plan.txt"
    found = plan_text(name)
    if os.environ.get("INFRAKIT_UPDATE"):
        kept.write_text(found)
    assert found == kept.read_text()


def test_there_is_no_plan_of_nobody():
    assert {path.name.removesuffix(".plan.txt") for path in FOLDER.glob("*.plan.txt")} == set(MACHINES)
