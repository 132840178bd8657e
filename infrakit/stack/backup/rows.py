"""A dump of PostgreSQL -> how many rows each table has in it; a server -> how many it has.

In a dump a row is one line between COPY and its end: line ends in values are escaped (PostgreSQL, COPY, text format).
"""

import re
from collections.abc import Mapping

from infrakit.machine import Machine
from infrakit.stack.backup.dump import LONGEST_S, USER
from infrakit.stack.inside import inside

Rows = dict[str, dict[str, int]]
"""Database -> table, as SQL has its name -> rows."""
FIRST = "template1"
"""What a dump is loaded into before it names another one (pg_dumpall.c)."""
NAME = r'(?:"(?:[^"]|"")+"|[^\s"(.;]+)'
TABLE = re.compile(rf"{NAME}\.{NAME}")
COPY = re.compile(rf"COPY ({NAME}\.{NAME}) (?:\(.*\) )?FROM stdin;")
CONNECT = re.compile(r"""\\connect (?:-reuse-previous=on "dbname='(?P<odd>.*)'"|"?(?P<plain>[^"\s]+)"?)""")
END = "\\."
COUNT = f'{USER}PGDATABASE="$1" exec psql -XAtqw -F " " -U "${{POSTGRES_USER:-postgres}}"\n'
"""By a variable: as an argument a name with = in it is more than a name (libpq, conninfo)."""


class Counter:
    """Told the lines of a dump one by one; `rows` is what they amount to."""

    def __init__(self) -> None:
        self.rows: Rows = {}
        self._database, self._table = FIRST, ""

    def __call__(self, line: str) -> None:
        if self._table:
            self._row(line)
        elif line.startswith("COPY ") and (found := COPY.match(line)):
            self._table = found[1]
            self.rows.setdefault(self._database, {}).setdefault(self._table, 0)
        elif line.startswith("\\connect ") and (found := CONNECT.match(line)):
            self._database = found["plain"] or re.sub(r"\\(.)", r"\1", found["odd"].replace('""', '"'))

    def _row(self, line: str) -> None:
        if line.rstrip("\n") == END:
            self._table = ""
        else:
            self.rows[self._database][self._table] += 1


def in_dump(machine: Machine, path: str) -> Rows:
    """Of a file that `dump.write_down` wrote."""
    counter = Counter()
    machine.run(("cat", path), timeout_s=LONGEST_S, heard=counter)
    return counter.rows


def in_server(machine: Machine, container: str, wanted: Mapping[str, Mapping[str, int]]) -> Rows:
    """Of the tables that are wanted those that a server has, in a container as Docker calls it. Without those that
    inherit from them, which a dump has by themselves, too."""
    found: Rows = {}
    for database, tables in wanted.items():
        names = [name for name in tables if TABLE.fullmatch(name)]
        asked = "".join(f"SELECT {number}, count(*) FROM ONLY {name};\n" for number, name in enumerate(names))
        said = inside(machine, container, ("sh", "-c", COUNT, "sh", database), feed=asked.encode(), timeout_s=LONGEST_S)
        pairs = (line.split() for line in said.splitlines())
        found[database] = {names[int(pair[0])]: int(pair[1]) for pair in pairs if len(pair) == 2}
    return found


def differing(wanted: Mapping[str, Mapping[str, int]], found: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Tables that do not have as many rows as they should, in words."""
    told = []
    for database, tables in wanted.items():
        there = found.get(database, {})
        for name, count in tables.items():
            if there.get(name) != count:
                has = f"has {there[name]} rows" if name in there else "is not there"
                told.append(f"{name} of {database} {has}, and had {count}")
    return told


def total(rows: Mapping[str, Mapping[str, int]]) -> tuple[int, int]:
    """(rows, tables) in all."""
    counts = [count for tables in rows.values() for count in tables.values()]
    return sum(counts), len(counts)
