"""Changing a machine: steps as data, probed before and after. Running again is resuming; nothing remembers what it
cannot see.

plan = Plan("install", (step, ...))
preview(plan, machine)         -> which steps would act, and what each would change
run(plan, machine, tell, keep) -> acts where a probe says no, probes again, and keeps how to undo what it did
"""

from infrakit.plan.actions import EnableUnit, Remove, RemoveTree, Run, Unless, Write, action_from, file_step
from infrakit.plan.model import Action, Event, Plan, Probe, Step
from infrakit.plan.probes import Answers, FileIs, Gone, UnitRuns
from infrakit.plan.run import Interrupted, StepFailed, preview, run

__all__ = [
    "Action",
    "Answers",
    "EnableUnit",
    "Event",
    "FileIs",
    "Gone",
    "Interrupted",
    "Plan",
    "Probe",
    "Remove",
    "RemoveTree",
    "Run",
    "Step",
    "StepFailed",
    "UnitRuns",
    "Unless",
    "Write",
    "action_from",
    "file_step",
    "preview",
    "run",
]
