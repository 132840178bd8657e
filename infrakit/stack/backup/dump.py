"""A database in a container -> a file that its own tools wrote, whole or not at all; and back into an empty one.

They run in the container, where they are of the server's own version, and ask it over its own socket, which needs no
password (docker-library/postgres docker-entrypoint.sh, pg_setup_hba_conf).
"""

import re

from infrakit.backups import Dump
from infrakit.errors import MachineUnfit
from infrakit.machine import Machine
from infrakit.stack.inside import container_name

LONGEST_S = 24 * 3600
USER = 'if [ "${POSTGRES_USER_FILE-}" ]; then POSTGRES_USER=$(cat "$POSTGRES_USER_FILE"); fi\n'
SCRIPTS = {"postgresql": USER + 'exec pg_dumpall -w -U "${POSTGRES_USER:-postgres}"\n'}
LOADS = {
    "postgresql": f"""{USER}
number=0
until pg_isready -q -h 127.0.0.1; do number=$((number + 1)); [ $number -lt 300 ] || exit 1; sleep 1; done
exec psql -Xqw -o /dev/null -U "${{POSTGRES_USER:-postgres}}" -d postgres
"""
}
"""What makes an empty folder a server's own listens on no port yet, and ends (docker-entrypoint.sh)."""
THERE = re.compile('ERROR:  (role|database) ".*" already exists')
"""What PostgreSQL says of those that its image makes in an empty folder: they get what the file has of them."""
ENDS = {"postgresql": "-- PostgreSQL database cluster dump complete"}
"""What each writes last: one that was broken off has none (pg_dumpall.c)."""


def write_down(machine: Machine, project: str, dump: Dump, path: str) -> None:
    """MachineUnfit where it does not come to its end."""
    name = container_name(project, dump.container)
    words = ("docker", "exec", name, "sh", "-c", SCRIPTS[dump.kind])
    done = machine.run(words, timeout_s=LONGEST_S, into=path)
    said = [line.strip() for line in done.err.splitlines() if line.strip()]
    if done.code:
        what = said[-1] if said else f"exit code {done.code}"
        raise MachineUnfit(f"the database in {dump.container}: {what}", f"see: docker logs --tail 50 {name}")
    if not is_whole(machine, dump, path):
        raise MachineUnfit(f"the database in {dump.container}: it was written down to no end", "run again")


def is_whole(machine: Machine, dump: Dump, path: str) -> bool:
    """Whether such a file has its end."""
    return ENDS[dump.kind] in machine.run(("tail", "-c", "4096", path)).out


def load(machine: Machine, project: str, dump: Dump, path: str) -> None:
    """Into a server that has nothing but what its image made. MachineUnfit where anything else is said."""
    name = container_name(project, dump.container)
    if not is_whole(machine, dump, path):
        raise MachineUnfit(f"{path} has no end", "take another backup: infrakit backup list")
    words = ("docker", "exec", "--interactive", name, "sh", "-c", LOADS[dump.kind])
    done = machine.run(words, timeout_s=LONGEST_S, fed_from=path)
    said = [line.strip() for line in done.err.splitlines() if "ERROR" in line and not THERE.search(line)]
    if done.code or said:
        what = (said or done.err.strip().splitlines()[-1:] or [f"exit code {done.code}"])[0]
        raise MachineUnfit(f"the database in {dump.container}: {what}", f"see: docker logs --tail 50 {name}")
