"""infrakit.yaml -> one tree per host, written only where something changes."""

import os
from collections.abc import Iterable, Iterator
from typing import Any

from infrakit.changes import compare, facts_of
from infrakit.cli import source
from infrakit.cli.report import Report
from infrakit.emit import emit, stencil
from infrakit.errors import EXIT_DIFFERENCES, EXIT_OK, UsageProblem
from infrakit.model import Deployment, Fleet, groups_named
from infrakit.resolve.world import HOST_TOKEN
from infrakit.system import secrets, stamp, tree
from infrakit.system.files import locked, plain_errors, sync
from infrakit.system.files import replace as replace_file


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
            departed, others = _apart(compiled.fleet, output)
            folders = _write_trees(plans, output, report)
            carried = _carried(folders, departed, alone=bool(host)) if departed and not no_secrets else []
            _settle_secrets(folders, report, mint=not no_secrets)
            if not host:
                _take_away(departed, output, force, report)
            if departed or others or _data_moves(report, compiled.fleet.name):
                from infrakit.cli.data import lines_of, lines_of_others, secret_lines

                report.data += lines_of(compiled.fleet.name, report.described, carried)
                report.data += secret_lines(folders, report.minted, report.described)
                report.data += lines_of_others(others, report.described)
            if report.changed:
                sync(output)
            stamp.write(output, found, example, report)
    report.finish(as_json=as_json)
    return EXIT_DIFFERENCES if report.edited else EXIT_OK


def _write_trees(
    plans: Iterable[tuple[Deployment, tree.TreePlan]], output: str, report: Report
) -> list[tuple[Deployment, str]]:
    """Stage every host, then put all in place."""
    staged, folders = [], []
    tree.sweep(output)
    try:
        for deployment, plan in plans:
            staged.append(tree.stage(plan))
            report.written(deployment, plan)
            folders.append((deployment, plan.folder))
        if report.changed:
            sync(output)
        for item in filter(None, staged):
            tree.commit(item)
    finally:
        tree.sweep(output)
    return folders


def _carried(folders: list[tuple[Deployment, str]], departed: list[str], *, alone: bool) -> list[tuple[str, str, str]]:
    """What was made for hosts that have left the file goes to who misses it."""
    from infrakit.system.carried import carry_secrets

    return carry_secrets(folders, departed, alone=alone)


def _data_moves(report: Report, project: str) -> bool:
    """Whether there may be a word to say about volumes, or about secrets."""
    return any(
        old
        and (
            report.minted or old.get("project") != project or (old.get("facts") or {}).get("mounts") != facts["mounts"]
        )
        for old, facts in report.described.values()
    )


def _take_away(departed: list[str], output: str, force: bool, report: Report) -> None:
    """Our files of hosts that have left the file; their secrets, and what was edited by hand, stay."""
    staged = []
    try:
        for folder in departed:
            before = tree.read_manifest(folder)
            plan = tree.plan_tree(folder, (), None, force=force)
            staged.append(tree.stage(plan))
            report.departed(os.path.basename(folder), plan, before)
        if staged:
            sync(output)
        for item in filter(None, staged):
            tree.commit(item)
    finally:
        tree.sweep(output)
    report.left_behind()


def _plans(
    fleet: Fleet, output: str, host: str | None, force: bool, report: Report
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
            if plan.manifest_changes and not (plan.fresh and names):
                old = {} if plan.fresh else tree.read_manifest(folder)
                if old:
                    report.facts(name, compare(old.get("facts"), facts))
                report.described[name] = old, facts
            yield one, plan
    if host and not known:
        raise UsageProblem(f"there is no host {host} in the file")


def _apart(fleet: Fleet, output: str) -> tuple[list[str], dict[str, str]]:
    """Folders of hosts that have left the file, and folder -> project of those of another one."""
    names = fleet.deployments.names()
    with os.scandir(output) as entries:
        others = sorted(item.name for item in entries if item.is_dir(follow_symlinks=False) and item.name not in names)
    folders = [os.path.join(output, name) for name in others]
    manifests = [(folder, tree.read_manifest(folder)) for folder in folders]
    projects = {folder: str(old.get("project", "")) for folder, old in manifests if old.get("infrakit") == 1}
    departed = [folder for folder, project in projects.items() if project == fleet.name]
    return departed, {folder: project for folder, project in projects.items() if project not in ("", fleet.name)}


def _settle_secrets(folders: list[tuple[Deployment, str]], report: Report, *, mint: bool) -> None:
    """Mint what is missing, and name what only the user has."""
    places: list[Any] = [folder for _, folder in folders]
    for deployment, folder in folders:
        if mint:
            _groups_left_open(deployment, folder)
        if not deployment.secrets:
            continue
        if mint:
            report.minted += [
                (deployment.host, name) for name in secrets.mint(folder, deployment.host, deployment.secrets, places)
            ]
        report.secrets += secrets.states(folder, deployment.host, deployment.secrets)
        if mint:
            _put_together(deployment, folder)


def _groups_left_open(deployment: Deployment, folder: str) -> None:
    """The file with numbers of the host's groups is the host's to fill in: this may be another machine."""
    names = {
        name for service in deployment.services for item in service.containers for name in groups_named(item.settings)
    }
    if names:
        from infrakit.emit.groups import FILE, content

        path = os.path.join(folder, FILE)
        if not os.path.exists(path):
            secrets.secrets_folder(folder)
            replace_file(path, content([(name, None) for name in sorted(names)]), 0o644)


def _put_together(deployment: Deployment, folder: str) -> None:
    """Environment with secrets in it, and files, as far as these are there."""
    containers = [
        item
        for service in deployment.services
        for item in service.containers
        if item.secret_environment or item.secret_files
    ]
    if not containers:
        return
    from infrakit.errors import MachineUnfit
    from infrakit.system import environments

    for container in containers:
        try:
            if container.secret_environment:
                environments.write(folder, container.name, container.secret_environment)
            for file in container.secret_files:
                environments.write_file(folder, file)
        except MachineUnfit:
            continue  # the report names the secret that is missing
