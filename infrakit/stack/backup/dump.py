"""A database in a container -> a file that its own tools wrote, whole or not at all; and back into an empty one.

They run in the container, where they are of the server's own version, and ask it over its own socket: PostgreSQL asks
for no password there (docker-library/postgres docker-entrypoint.sh, pg_setup_hba_conf), MariaDB and MySQL for that of
root, which they are told in a file that nobody else opens. An app may say commands of its own instead. Of these nothing
is known but how they end: what they say is shown to nobody, for it may hold what they sign in with.
"""

import re
import shlex
from collections.abc import Sequence
from typing import NamedTuple

from infrakit.backups import Dump
from infrakit.errors import MachineUnfit
from infrakit.machine import Done, Machine
from infrakit.stack.inside import container_name

LONGEST_S = 24 * 3600


class Tools(NamedTuple):
    """Of a kind of server. `dump`, `load`: scripts of its container's shell, to standard output and from standard
    input. `end`: how a file ends that was not broken off. `harmless`: what loading may say."""

    dump: str
    load: str
    end: str
    harmless: "re.Pattern[str]"


USER = 'if [ "${POSTGRES_USER_FILE-}" ]; then POSTGRES_USER=$(cat "$POSTGRES_USER_FILE"); fi\n'
ROOT = r"""for name in MARIADB_ROOT_PASSWORD MYSQL_ROOT_PASSWORD; do
    eval "word=\${$name-} file=\${${name}_FILE-}"
    if [ "$file" ]; then word=$(cat "$file"); fi
    if [ "$word" ]; then break; fi
done
word=$(printf %s "$word" | sed 's/[\\"]/\\&/g')
as_root() {
    program=$(command -v "mariadb$1" || command -v "mysql$2")
    shift 2
    "$program" --defaults-extra-file=/dev/fd/3 "$@" 3<<END
[client]
user=root
password="$word"
END
}
"""
"""as_root -dump dump WORDS: mariadb-dump, or mysqldump where there is none."""
HEALTH = r"""file=/var/lib/mysql/.my-healthcheck.cnf
if [ -e "$file" ]; then
    word=$(sed -n 's/^password=//p' "$file" | sed "s/[\\\\']/\\\\&/g")
    for host in 127.0.0.1 ::1 localhost; do
        echo "CREATE USER IF NOT EXISTS healthcheck@'$host'; SET PASSWORD FOR healthcheck@'$host' = PASSWORD('$word');"
    done
fi
"""
"""Whom its image asks by whether the server is well has a password of this folder's (mariadb-docker,
create_healthcheck_users)."""
TOOLS = {
    "postgresql": Tools(
        f'{USER}exec pg_dumpall -w -U "${{POSTGRES_USER:-postgres}}"\n',
        # What makes an empty folder a server's own listens on no port yet, and ends (docker-entrypoint.sh).
        f"""{USER}
number=0
until pg_isready -q -h 127.0.0.1; do number=$((number + 1)); [ $number -lt 300 ] || exit 1; sleep 1; done
exec psql -Xqw -o /dev/null -U "${{POSTGRES_USER:-postgres}}" -d postgres
""",
        "-- PostgreSQL database cluster dump complete",  # pg_dumpall.c
        # Those that its image makes in an empty folder get what the file has of them.
        re.compile('ERROR:  (role|database) ".*" already exists'),
    ),
    "mariadb": Tools(
        f"{ROOT}as_root -dump dump --all-databases --single-transaction --quick --routines --events --hex-blob "
        "--flush-privileges\n",
        f"""{ROOT}
exec 4<&0 </dev/null
number=0
until as_root -admin admin -h 127.0.0.1 --protocol=tcp ping >/dev/null 2>&1; do
    number=$((number + 1)); [ $number -lt 300 ] || exit 1; sleep 1
done
statements=$({HEALTH})
{{ cat <&4; echo "$statements"; }} | as_root "" ""
""",
        "-- Dump completed",  # mysqldump.c
        re.compile(r"ERROR \d+ \(0{5}\)"),
    ),
}


def write_down(machine: Machine, project: str, dump: Dump, path: str) -> None:
    """MachineUnfit where it does not come to its end."""
    name = container_name(project, dump.container)
    words = dump.own.dump if dump.own else ("sh", "-c", TOOLS[dump.kind].dump)
    done = machine.run(("docker", "exec", name, *words), timeout_s=LONGEST_S, into=path)
    if done.code:
        raise _failed(project, dump, done, words)
    if not is_whole(machine, dump, path):
        what = "it was written down to no end" if end_of(dump) else "nothing was written"
        hint = f"see: {_by_hand(name, words)} | tail" if dump.own else "run again"
        raise MachineUnfit(f"the database in {dump.container}: {what}", hint)


def end_of(dump: Dump) -> str:
    """What stands at the end of a whole one; "" where nothing is known of that."""
    return dump.own.ends if dump.own else TOOLS[dump.kind].end


def is_whole(machine: Machine, dump: Dump, path: str) -> bool:
    """Whether such a file has its end; where none is known, whether anything is in it."""
    there = machine.run(("tail", "-c", "4096", path)).out
    return bool(there) and end_of(dump) in there


def load(machine: Machine, project: str, dump: Dump, path: str) -> None:
    """Into a server that has nothing but what its image made. MachineUnfit where anything else is said; of an app's own
    command, where its exit code says so."""
    name = container_name(project, dump.container)
    if not is_whole(machine, dump, path):
        raise MachineUnfit(f"{path} has no end", "take another backup: infrakit backup list")
    words = dump.own.restore if dump.own else ("sh", "-c", TOOLS[dump.kind].load)
    done = machine.run(("docker", "exec", "--interactive", name, *words), timeout_s=LONGEST_S, fed_from=path)
    harmless = TOOLS[dump.kind].harmless if dump.kind in TOOLS else re.compile("")
    said = [line.strip() for line in done.err.splitlines() if "ERROR" in line and not harmless.search(line)]
    if done.code or said:
        raise _failed(project, dump, done._replace(err=said[0] if said else done.err), words)


def _failed(project: str, dump: Dump, done: Done, words: Sequence[str]) -> MachineUnfit:
    name = container_name(project, dump.container)
    what = f"the database in {dump.container}: "
    if dump.own:
        return MachineUnfit(f"{what}{words[0]} ended with exit code {done.code}", f"see: {_by_hand(name, words)}")
    said = [line.strip() for line in done.err.splitlines() if line.strip()]
    return MachineUnfit(f"{what}{said[-1] if said else f'exit code {done.code}'}", f"see: docker logs --tail 50 {name}")


def _by_hand(container: str, words: Sequence[str]) -> str:
    """A call that says what a command of an app's own says."""
    call = f"sudo docker exec -i {container} {shlex.join(words)}"
    return "".join(letter if letter.isprintable() else " " for letter in call)
