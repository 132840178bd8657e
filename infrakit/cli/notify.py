"""infrakit notify: whether those who are to be told of faults hear of them."""

import time

import click

from infrakit.cli import telling
from infrakit.cli.carry import need_root
from infrakit.cli.talk import result, result_json
from infrakit.errors import EXIT_FAILED, EXIT_OK, UsageProblem
from infrakit.notify.spool import try_now
from infrakit.stack.change.applied import in_force
from infrakit.system.machine import Machine

VERSION = 1


@click.group(name="notify", help="Who is told of faults: try all channels of infrakit.yaml.")
def command() -> None:
    pass


@command.command(help="Send a message through every channel now, and say what came of it. Exit code 1 where one fails.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def test(as_json: bool) -> int:
    need_root()
    machine = Machine()
    applied = in_force(machine)
    if applied is None or not applied.deployment.notify:
        what = "what is in force on this machine names nobody who is told"
        raise UsageProblem(
            what, 'in infrakit.yaml: notify: [{ntfy: "https://ntfy.sh/my-topic"}], then sudo infrakit up'
        )
    deployment = applied.deployment
    message = telling.test_of(deployment, time.time())
    rows = []
    for channel in deployment.notify:
        why = try_now(machine, channel, telling.asker(machine, deployment), message)
        rows.append({"channel": channel.title, "ok": not why, "why": why})
    if as_json:
        result_json({"version": VERSION, "channels": rows})
    else:
        for row in rows:
            result(f"{'=' if row['ok'] else '!'} {row['channel']}: {row['why'] or 'taken'}")
    return EXIT_OK if all(row["ok"] for row in rows) else EXIT_FAILED
