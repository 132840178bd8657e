"""infrakit status: what of this host's stack runs, and how it is. Exit code 0 only where all of it is well and up to
date."""

import os
from collections.abc import Iterator, Sequence
from typing import Any

import click

from infrakit.cli import doors, here
from infrakit.cli.source import compiled
from infrakit.cli.talk import result, result_json
from infrakit.emit import emit
from infrakit.errors import EXIT_FAILED, EXIT_OK
from infrakit.machine import Container
from infrakit.model import Deployment
from infrakit.stack.answers import silent
from infrakit.stack.doors import Doors
from infrakit.stack.far_doors import problems
from infrakit.stack.layout import MONITOR
from infrakit.stack.networks import as_drawn
from infrakit.stack.readers import reading
from infrakit.stack.services import Wanted, is_up_to_date, is_well
from infrakit.stack.up import wanted_of
from infrakit.system.machine import Machine

VERSION = 1
FINE = ("done", "healthy", "running", "starting")


@click.command(help="Say what of this host's stack runs, and how it is. Exit code 1 where something is not well.")
@here.RUNNING
@click.option("--host", metavar="NAME", help="Which host of the file this machine is.")
@click.option(
    "--doors",
    "whole",
    is_flag=True,
    help="Also where each page is, how to trust this machine's authority, and the names that do not lead here yet.",
)
@click.option("--disk", is_flag=True, help="What each service takes of the disk instead, the largest first.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(file: str | None, host: str | None, whole: bool, disk: bool, as_json: bool) -> int:
    deployment = here.deployment_of(compiled(here.running(file)), host)
    machine = Machine()
    if disk:
        return _disk(deployment, machine, as_json=as_json)
    rows = rows_of(deployment, wanted_of(deployment, emit(deployment)), machine)
    found = doors.look(deployment, machine, ask_names=whole or as_json)
    if as_json:
        result_json({**object_of(rows, found), "alerts": _known(machine)})
    else:
        widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
        for service, name, state, well, _ in rows:
            result(f"{'=' if well else '!'} {service:{widths[0]}}  {name:{widths[1]}}  {state}")
        for line in (*_moves(machine), *_alerts(machine)):
            result(line)
        if whole:
            result("")
            doors.say_pages(deployment)
            doors.say_doors(found, whole=True)
        elif line := doors.authority_line(found):
            result(line)
    return EXIT_OK if all(row[3] for row in rows) else EXIT_FAILED


def _moves(machine: Machine) -> Iterator[str]:
    """What is on another host by now, and kept here; nothing that anybody but root could see."""
    from infrakit.stack.move.under import GONE, all_here, arriving, how_on, whole

    for item in () if os.geteuid() else all_here(machine):
        kept = ", ".join(item.group.volumes) or "nothing"
        how = f"infrakit move {item.name} --confirm, or --back" if item.way == GONE else how_on(item)
        yield f"- {item.shown} went to {item.to}, and {kept} is kept here: {how}"
    if not os.geteuid() and whole(machine):
        yield "- all of it went to another machine, or is on its way: infrakit move --all --back starts it here again"
    coming = None if os.geteuid() else arriving(machine)
    if coming:
        yield f"- {coming.shown} is half taken in: infrakit move --take TICKET goes on with it"


def _alerts(machine: Machine) -> Iterator[str]:
    for item in _known(machine):
        yield f"* {item['what']} [{item['key']}], since {item['since']}: {item['remedy']}"


def _known(machine: Machine) -> list[dict[str, Any]]:
    """What the monitor told and is not over; nothing that anybody but root could see."""
    if os.geteuid() or not machine.exists(MONITOR):
        return []
    import time

    from infrakit.stack.monitor import memory, shown

    found = memory.read(machine)
    return [item for item in shown.rows(found, time.time()) if item["told"]]


def _disk(deployment: Deployment, machine: Machine, *, as_json: bool) -> int:
    from infrakit.cli.carry import need_root
    from infrakit.stack.disk import taken

    need_root()
    rows = taken(machine, deployment)
    if as_json:
        result_json({"version": VERSION, "disk": [item._asdict() for item in rows]})
        return EXIT_OK
    width = max(len(item.service) for item in rows)
    result(f"{'MB':{width}}  {'data':>9} {'written':>9} {'logs':>9} {'images':>9}")
    for item in rows:
        result(f"{item.service:{width}}  " + " ".join(f"{number / 1e6:9.1f}" for number in item[1:]))
    return EXIT_OK


def object_of(rows: Sequence[tuple[Any, ...]], found: Doors) -> dict[str, Any]:
    """The same for a program. `rows`: see rows_of."""
    keys = ("service", "container", "state", "well", "image")
    services = [dict(zip(keys, row)) for row in rows]
    return {"version": VERSION, "services": services, "doors": found.as_json()}


def rows_of(deployment: Deployment, wanted: dict[str, tuple[Wanted, ...]], machine: Machine) -> list[tuple[Any, ...]]:
    """(service, container, how it is in words, whether that is well, image) of each container that is wanted, and of
    each other host that a door leads to."""
    containers = {item.service: item for item in machine.engine.containers(deployment.name)}
    older = {item.container.service: item.secrets for item in reading(deployment, wanted).stale(machine)}
    misplaced = as_drawn(deployment, wanted).misplaced(machine)
    rows = []
    for service, items in wanted.items():
        for item in items:
            found, secrets = containers.get(item.name), older.get(item.name, ())
            doubts = [f"{', '.join(secrets)} was set again"] if secrets else []
            doubts += ["a network of it is another"] if item.name in misplaced else []
            ports = silent(machine, deployment.name, item) if is_well(found, item) else ()
            doubts += [f"nobody listens at port {', '.join(map(str, ports))}"] if ports else []
            state = _state(found, item) + "".join(f", but {doubt}" for doubt in doubts)
            rows.append((service, item.name, state, is_well(found, item) and not doubts, found.image if found else ""))
    rows += [("fleet", host, said or "answers", not said, "") for host, said in problems(deployment, machine)]
    return rows


def _state(container: Container | None, wanted: Wanted) -> str:
    if container is None:
        return "not there"
    code = f", exit code {container.exit_code}" if container.state == "exited" else ""
    state = f"{container.state}{code}"
    if container.state == "running":
        state = container.health or state
    elif wanted.one_shot and code:
        state = f"failed{code}" if container.exit_code else "done"
    if is_up_to_date(container, wanted):
        return state
    return f"{state}, {'but' if state in FINE else 'and'} not up to date"
