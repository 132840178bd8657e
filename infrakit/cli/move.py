"""infrakit move: an app with its data to another host of the file, in two halves, and back."""

import click

from infrakit.cli import here, installing
from infrakit.cli.carry import need_root
from infrakit.cli.preflight import ACCEPT
from infrakit.cli.talk import result, result_json
from infrakit.errors import EXIT_OK, UsageProblem
from infrakit.stack.move.under import WORDS, all_here, arriving, whole
from infrakit.system.machine import Machine

VERSION = 1


@click.command(
    help="""Move APPs with their data to another host of the file. Here, --to HOST: they stop, all that they have is
copied into a place that both hosts reach, encrypted, and a ticket is written. There, --take TICKET: they start with
that data. Here again, --confirm removes what was kept, or --back starts them as they were. Killed, the same call goes
on. With --all this machine stops for good, after a last backup; a new one brings it back: restore --from."""
)
@click.argument("apps", metavar="[APP]...", nargs=-1)
@click.option("--to", "host", metavar="HOST", help="Which host of the file they go to.")
@click.option("--ticket", metavar="FILE", help="Where to write the ticket; APP.move in this folder.")
@click.option(
    "--through", metavar="PLACE", help="A folder, or a place on a server, for the copy; else that of backups."
)
@click.option(
    "--take",
    metavar="TICKET",
    help="On the host that they go to: take them in; where it has nothing yet, it is installed first.",
)
@click.option("--confirm", "ends", flag_value="confirm", help="They are well there: remove what is kept of them here.")
@click.option(
    "--back", "ends", flag_value="back", help="Start them here again, with the data that they had; or give up a --take."
)
@click.option("--list", "lists", is_flag=True, help="Say which moves of this host are under way.")
@click.option("--all", "everything", is_flag=True, help="All of this machine, to another one that becomes this host.")
@click.option("--without-folders", is_flag=True, help="Folders of the host that they write to stay here.")
@installing.options
@ACCEPT
@here.YES
@here.DRY_RUN
@here.CHANGE_JSON
def command(
    apps: tuple[str, ...],
    host: str | None,
    ticket: str | None,
    through: str | None,
    take: str | None,
    ends: str | None,
    lists: bool,
    everything: bool,
    without_folders: bool,
    docker_repository: str,
    docker_key: str,
    docker_from: str,
    packages_folder: str | None,
    accept: tuple[str, ...],
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    said = [bool(take), bool(ends), lists, bool(host)]
    wrong = everything and (apps or host or take or lists or through or ends == "confirm")
    if wrong or sum(said) > 1 or (take or lists) and (apps or ticket) or ends and (ticket or through):
        what = "--to, --take, --confirm, --back and --list are different calls"
        raise UsageProblem(what, "infrakit move --help says what belongs to which")
    need_root()
    if lists:
        return _list(as_json=as_json)
    from infrakit.cli.moving import Asked

    packages = installing.packages_of(docker_repository, docker_key, docker_from, packages_folder)
    asked = Asked(apps, host, ticket, through, without_folders, accept, packages, yes, dry_run, as_json)
    if everything:
        from infrakit.cli import move_all

        return move_all.take_back(asked) if ends else move_all.send(asked)
    if take:
        from infrakit.cli.move_take import take_in

        return take_in(asked, take)
    if not apps:
        raise UsageProblem(
            "no app is named", "infrakit move APP --to HOST; infrakit move --list says what is under way"
        )
    coming = arriving(Machine())
    if ends == "back" and coming and set(apps) & set(coming.services):
        from infrakit.cli.move_take import give_up

        return give_up(asked, coming)
    from infrakit.cli import move_away

    ending = {"confirm": move_away.confirm, "back": move_away.take_back}
    return ending[ends](asked) if ends else move_away.send(asked)


def _list(*, as_json: bool) -> int:
    machine = Machine()
    found, coming, all_of_it = all_here(machine), arriving(machine), whole(machine)
    if as_json:
        rows = [
            {
                "apps": list(item.group.services),
                "to": item.to,
                "since": item.number,
                "way": item.way,
                "volumes": list(item.group.volumes),
                "ticket": item.ticket,
            }
            for item in found
        ]
        rows += [{"apps": list(coming.services), "since": coming.number, "way": "arriving"}] if coming else []
        rows += [{"apps": [], "way": all_of_it["way"], "ticket": all_of_it["ticket"]}] if all_of_it else []
        result_json({"version": VERSION, "moves": rows})
        return EXIT_OK
    for item in found:
        result(f"{item.shown} to {item.to}, since {item.number}: {WORDS[item.way]}")
    if all_of_it:
        result(f"all of this machine to another one: {WORDS[all_of_it['way']].partition(';')[0]}")
    if coming:
        result(f"{coming.shown} to this machine, since {coming.number}: on its way in")
    if not found and not coming and not all_of_it:
        result("no move is under way")
    return EXIT_OK
