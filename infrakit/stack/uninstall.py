"""The record of every change -> the plan that takes them back, the last first."""

import json
from collections.abc import Sequence
from typing import Any

from infrakit.host.docker import ANSWERS, UNIT
from infrakit.plan import Gone, Plan, RemoveTree, Run, Step, action_from, file_step
from infrakit.stack.backup.remains import away
from infrakit.stack.belongings import Belongings
from infrakit.stack.down import plan_down, plan_purge
from infrakit.stack.layout import (
    ALERTS,
    BEGUN,
    BUNDLE,
    CACHE,
    CONFIGURATION,
    CURRENT,
    GENERATIONS,
    HOSTS,
    MONITOR,
    ROTATING,
    SIGHTS,
    SPACE,
    STATE,
    UNDO,
    UPDATING,
)

ENGINE = Step(
    "engine",
    "Docker runs, until its containers are gone",
    (ANSWERS,),
    (Run(("systemctl", "start", UNIT), 180, "see why: journalctl -u docker -n 50"),),
)
OWN_FOLDER = CONFIGURATION.rpartition("/")[0]
WITH_DATA = (HOSTS, OWN_FOLDER, UPDATING, ROTATING, BUNDLE)
"""What a later install on the same data needs: secrets, the file, and what was broken off with them."""


def still_ours(records: Sequence[dict[str, Any]], *, engine_is_there: bool) -> list[dict[str, Any]]:
    """Without folders of data where there is an engine that we did not bring: data that --keep-data left is that
    engine's by now."""
    brought = any(
        record.get("kind") == "run" and record.get("step") == "docker packages" and "purge" in record["words"]
        for record in records
    )
    return [record for record in records if brought or not engine_is_there or record.get("kind") != "remove_tree"]


def plan_uninstall(
    ours: Sequence[Belongings],
    records: Sequence[dict[str, Any]],
    *,
    keep_data: bool,
    keep_docker: bool,
    engine_is_down: bool = False,
) -> Plan:
    """The stack first, then our changes to the machine, then what we kept. Data is volumes, secrets and the user's
    files.

    `engine_is_down`: it is there, and does not run: nobody else can take containers away.
    `keep_docker`: somebody else uses the engine that we installed. What is not taken back stays in the record, for the
    next time.
    """
    stack = [away(), *(step for item in ours for step in (plan_down(item).steps if keep_data else plan_purge(item)))]
    actions = [action_from({key: value for key, value in record.items() if key != "step"}) for record in records]
    names = [str(record.get("step", "")) for record in records]
    # Images go with all that the engine holds; one by one only where that stays.
    engine_goes = not keep_data and not keep_docker and any(type(action) is RemoveTree for action in actions)
    changes, left = [], []
    for number, (record, name, action) in reversed(list(enumerate(zip(records, names, actions)))):
        path = str(getattr(action, "path", ""))
        own = f"{path}/".startswith(f"{OWN_FOLDER}/")
        if keep_docker and name.startswith("docker ") or keep_data and (type(action) is RemoveTree or own):
            left.append(record)
        # The folder goes whole, below: nothing is put back into it first.
        elif not own and not (engine_goes and name.startswith("image ")):
            changes.append(Step(f"change {number}", action.text(), (), (action,)))
    return Plan(
        f"take InfraKit off this machine{'' if keep_data else ', with all data'}",
        (*([ENGINE] if engine_is_down else []), *stack, *changes, *_own(keep_data, left[::-1])),
    )


def _own(keep_data: bool, left: Sequence[dict[str, Any]]) -> list[Step]:
    """What is ours alone: gone, but for data and the record of what is left."""
    if keep_data or left:
        gone = [
            CURRENT,
            GENERATIONS,
            BEGUN,
            MONITOR,
            ALERTS,
            SIGHTS,
            SPACE,
            *([] if keep_data else WITH_DATA),
            *([] if left else [UNDO]),
        ]
    else:
        gone = [STATE, OWN_FOLDER]
    steps = [Step(f"remove {path}", f"{path} goes", (Gone(path),), (RemoveTree(path),)) for path in (*gone, CACHE)]
    if left:
        lines = b"".join(json.dumps(record, sort_keys=True).encode() + b"\n" for record in left)
        steps.append(file_step("record", "a record of what is left to take away", UNDO, lines, 0o600))
    return steps
