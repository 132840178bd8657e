"""A fresh machine -> the plan that ends with a running stack: the engine, our own files, then the stack as `up` brings
it."""

from collections.abc import Callable, Sequence

from infrakit.emit.timer import DRILLING, STOPPED
from infrakit.model import Artifact, Deployment
from infrakit.plan import Answers, Plan, Run, Step, file_step
from infrakit.stack.bundle import Source
from infrakit.stack.layout import BEGUN, HALTED, PROGRAM, ROTATING, UNITS, UPDATING
from infrakit.stack.secrets import Given
from infrakit.stack.up import plan_up

COMPLETION = "/usr/share/bash-completion/completions/infrakit"


UNIT, HALT = "infrakit-resume.service", "infrakit-halt.service"
RESUME = f"""\
# Made by InfraKit.
[Unit]
Description=InfraKit: go on with what was broken off
Documentation=man:systemd.unit(5)
Wants=network-online.target
After=network-online.target docker.service
ConditionPathExists=|{UPDATING}
ConditionPathExists=|{ROTATING}
ConditionPathExists=|{BEGUN}
ConditionPathExists=|{STOPPED}
ConditionPathExists=|{DRILLING}
ConditionPathExists=|{HALTED}

[Service]
Type=oneshot
Environment=HOME=/root
ExecStart=/usr/bin/python3 {PROGRAM} resume
SuccessExitStatus=75
KillMode=mixed
TimeoutStopSec=900
UMask=0077

[Install]
WantedBy=multi-user.target
"""


BEFORE_OFF = f"""\
# Made by InfraKit.
[Unit]
Description=InfraKit: services stop in their order before the machine does
Documentation=man:systemd.unit(5)
After=docker.service containerd.service

[Service]
Type=oneshot
RemainAfterExit=yes
Environment=HOME=/root
ExecStart=/bin/true
ExecStop=-/usr/bin/python3 {PROGRAM} halt
TimeoutStopSec=600
UMask=0077

[Install]
WantedBy=multi-user.target
"""


def plan_install(
    deployment: Deployment,
    artifacts: Sequence[Artifact],
    digest: Callable[[bytes], str],
    engine: tuple[Step, ...],
    ours: tuple[Step, ...],
    bundle: Source | None = None,
    former: str = "",
    given: Sequence[Given] = (),
) -> Plan:
    """`engine`: of host.docker.engine_steps. `ours`: the files, as program_steps and installed.file_steps have them."""
    return Plan(
        f"install {deployment.name} on {deployment.host}",
        (*engine, *ours, *plan_up(deployment, artifacts, digest, bundle, former, given).steps),
    )


def program_steps(program: bytes, completion: bytes) -> tuple[Step, ...]:
    """The program, where it is a zipapp, the units that call it at boot and before the machine goes off, and its
    completion for bash."""
    units = [(f"{UNITS}/{name}", text.encode(), 0o644) for name, text in ((UNIT, RESUME), (HALT, BEFORE_OFF))]
    ours = [(PROGRAM, program, 0o755), *units] if program else []
    files = tuple(
        file_step(f"file {path}", path, path, content, mode)
        for path, content, mode in (*ours, (COMPLETION, completion, 0o644))
    )
    enable, disable = (("systemctl", word, UNIT) for word in ("enable", "disable"))
    boot = Step(
        "at boot",
        "what was cut goes on at boot",
        (Answers(("systemctl", "is-enabled", "--quiet", UNIT)),),
        (Run(enable, 120, f"see: systemctl status {UNIT}", (disable,)),),
    )
    off = Step(
        "before off",
        "services stop in their order before the machine does",
        (Answers(("systemctl", "is-active", "--quiet", HALT)), Answers(("systemctl", "is-enabled", "--quiet", HALT))),
        (
            Run(
                ("systemctl", "enable", "--now", HALT),
                120,
                f"see: systemctl status {HALT}",
                (("systemctl", "disable", HALT),),
            ),
        ),
    )
    return (*files, *([boot, off] if program else []))
