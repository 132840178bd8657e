"""The record of every change -> the plan that takes them back, the last first."""

from typing import Any, NamedTuple, Sequence

from infrakit.plan import Action, Gone, Plan, Step, action_from
from infrakit.plan.model import Tell
from infrakit.stack.down import plan_down, plan_purge
from infrakit.stack.layout import CONFIGURATION, CURRENT, GENERATIONS, HOSTS, STATE, UNDO


class RemoveTree(NamedTuple):
    """A folder with all in it."""

    path: str

    def do(self, machine: Any, tell: Tell) -> None:
        machine.remove_tree(self.path)

    def inverse(self, machine: Any) -> tuple[Action, ...]:
        return ()

    def text(self) -> str:
        return f"remove {self.path} and all in it"


def plan_uninstall(project: str, records: Sequence[dict], *, keep_data: bool, keep_docker: bool) -> Plan:
    """The stack first, then our changes to the machine, then what we kept. Data is volumes, secrets and the user's file.

    `keep_docker`: somebody else uses the engine that we installed.
    """
    stack = plan_down(project).steps if keep_data else plan_purge(project)
    kept = (CONFIGURATION,) if keep_data else ()
    actions = [
        action_from({key: value for key, value in record.items() if key != "step"})
        for record in records
        if not (keep_docker and str(record.get("step", "")).startswith("docker "))
    ]
    changes = tuple(
        Step(f"change {number}", action.text(), (), (action,))
        for number, action in reversed(list(enumerate(actions)))
        if getattr(action, "path", "") not in kept
    )
    ours_alone = CONFIGURATION.rpartition("/")[0]
    if keep_data or keep_docker:
        gone = [CURRENT, GENERATIONS, *([] if keep_docker else [UNDO]), *([] if keep_data else [HOSTS, ours_alone])]
    else:
        gone = [STATE, ours_alone]
    ours = tuple(Step(f"remove {path}", f"{path} goes", (Gone(path),), (RemoveTree(path),)) for path in gone)
    return Plan(f"take InfraKit off this machine{'' if keep_data else ', with all data'}", (*stack, *changes, *ours))
