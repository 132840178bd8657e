"""infrakit.yaml -> one tree per host, written only where something changes."""

import os
from collections.abc import Iterator
from typing import Any

from infrakit.changes import compare, facts_of
from infrakit.cli import source
from infrakit.cli.report import Report
from infrakit.emit import emit, stencil
from infrakit.errors import EXIT_DIFFERENCES, EXIT_OK, UsageProblem
from infrakit.model import Deployment
from infrakit.resolve.world import HOST_TOKEN
from infrakit.system import secrets, stamp, tree
from infrakit.system.files import locked, plain_errors, sync


def compile_file(
    *,
    file: str | None,
    output: str,
    host: str | None,
    check: bool,
    diff: bool,
    no_secrets: bool,
    force: bool,
    example: str | None,
    as_json: bool,
) -> int:
    """The exit code. Plans in memory, then writes; a plan that cannot be written leaves every tree as it was."""
    found = source.find(file, example)
    compiled = source.compiled(found)
    report = Report(output, found.name, compiled.warnings)
    with plain_errors("compile"):
        plans = _plans(compiled.fleet, output, host, force, report)
        if check or diff:
            return report.finish_check(plans, show_diff=diff, as_json=as_json)
        os.makedirs(output, exist_ok=True)
        with locked(output):
            folders = _write_trees(plans, compiled.fleet, output, None if host else force, report)
            _settle_secrets(folders, report, mint=not no_secrets)
            if report.changed:
                sync(output)
            stamp.write(output, found, example, report)
    report.finish(as_json=as_json)
    return EXIT_DIFFERENCES if report.edited else EXIT_OK


def _write_trees(
    plans, fleet, output: str, force_departed: bool | None, report: Report
) -> list[tuple[Deployment, str]]:
    """Stage every host, then put all in place. `force_departed` None: hosts that are not in `plans` are none of our
    business."""
    staged, folders = [], []
    tree.sweep(output)
    try:
        for deployment, plan in plans:
            staged.append(tree.stage(plan))
            report.written(deployment, plan)
            folders.append((deployment, plan.folder))
        if force_departed is not None:
            for name, plan in _departed(fleet, output, force_departed):
                staged.append(tree.stage(plan))
                report.departed(name, plan)
        if report.changed:
            sync(output)
        for item in filter(None, staged):
            tree.commit(item)
    finally:
        tree.sweep(output)
    report.left_behind()
    return folders


def _plans(
    fleet, output: str, host: str | None, force: bool, report: Report
) -> Iterator[tuple[Deployment, tree.TreePlan]]:
    """Each host with what it takes to bring its folder up to date, one at a time: a fleet need not fit in memory."""
    known = False
    for deployment, names in fleet.deployments.groups():
        facts = facts_of(deployment)
        printed = None
        for name in [deployment.host] if names is None else names:
            if host and name != host:
                continue
            known = True
            if names is not None:
                printed = printed or stencil(deployment, HOST_TOKEN)
                artifacts, one = printed.named(name), deployment._replace(host=name)
            else:
                artifacts, one = emit(deployment), deployment
            folder = os.path.join(output, name)
            about = {"infrakit": 1, "project": fleet.name, "host": name, "facts": facts}
            plan = tree.plan_tree(folder, artifacts, about, force=force)
            if not plan.fresh and plan.manifest_changes:
                report.facts(name, compare(tree.read_manifest(folder).get("facts"), facts))
            yield one, plan
    if host and not known:
        raise UsageProblem(f"there is no host {host} in the file")


def _departed(fleet, output: str, force: bool) -> Iterator[tuple[str, tree.TreePlan]]:
    """Trees of hosts that have left the file, of this project only: our files go; secrets, and what was edited by hand,
    stay."""
    names = set()
    for deployment, range_names in fleet.deployments.groups():
        names.update([deployment.host] if range_names is None else range_names)
    with os.scandir(output) as entries:
        others = sorted(item.name for item in entries if item.is_dir(follow_symlinks=False) and item.name not in names)
    for name in others:
        folder = os.path.join(output, name)
        old = tree.read_manifest(folder)
        if old.get("infrakit") == 1 and old.get("project") == fleet.name:
            yield name, tree.plan_tree(folder, (), None, force=force)


def _settle_secrets(folders: list[tuple[Deployment, str]], report: Report, *, mint: bool) -> None:
    """Mint what is missing, and name what only the user has."""
    places: list[Any] = [folder for _, folder in folders]
    for deployment, folder in folders:
        if not deployment.secrets:
            continue
        if mint:
            report.minted += [
                (deployment.host, name) for name in secrets.mint(folder, deployment.host, deployment.secrets, places)
            ]
        report.secrets += secrets.states(folder, deployment.host, deployment.secrets)
