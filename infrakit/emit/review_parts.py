"""What the review is made of: words in cells, in rows, in tables, in sections; each with why it is there."""

from typing import NamedTuple

from infrakit.model import Deployment, Origin, Origins


class Word(NamedTuple):
    """A piece of text. `danger` is printed in red words, `amber` in amber ones; `code` in letters of one width."""

    text: str
    danger: bool = False
    code: bool = False
    amber: bool = False


class Cell(NamedTuple):
    """Words below each other; `origin` None is the row's."""

    words: tuple[Word, ...]
    origin: Origin | None = None


class Row(NamedTuple):
    cells: tuple[Cell, ...]
    origin: Origin


class Table(NamedTuple):
    """`title` is "" where the section has one table only."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    origin: Origin


class Section(NamedTuple):
    """`empty` is said where there are no rows."""

    title: str
    intro: str
    tables: tuple[Table, ...]
    empty: str


def section(
    title: str, intro: str, columns: tuple[str, ...], rows: list[Row], empty: str, deployment: Deployment
) -> Section:
    return Section(title, intro, (Table("", columns, tuple(rows), deployment.origin),) if rows else (), empty)


def row(origin: Origin, *words: Word) -> Row:
    """One word a cell."""
    return Row(tuple(Cell((word,)) for word in words), origin)


def of(origins: Origins, field: str) -> Origin:
    return origins.get(field) or origins[""]
