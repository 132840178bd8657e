"""Deployment -> REVIEW.md and review.html: what runs, who may enter, what is dangerous, secrets by name, a picture.

Holds no secret and needs nothing but itself: no script, no font, no address outside. Every text of the user's is
escaped.
"""

from infrakit.emit.review_facts import headline, sections
from infrakit.emit.review_html import page, visible
from infrakit.emit.review_parts import Cell, Section, Table, Word
from infrakit.emit.review_picture import picture
from infrakit.model import Artifact, Deployment, Origin

PASS = "emit.review"
MARKDOWN = "REVIEW.md"
PAGE = "review.html"
_SPECIAL = str.maketrans({character: f"\\{character}" for character in "\\`*_{}[]<>()#+!|~&$@"})

Line = tuple[str, Origin]


def emit(deployment: Deployment) -> tuple[Artifact, ...]:
    """Both pages."""
    found = sections(deployment)
    return (
        Artifact(MARKDOWN, _joined(_markdown(deployment, found))),
        Artifact(PAGE, _joined(_page(deployment, found))),
    )


def trace(deployment: Deployment, path: str) -> dict[str, Origin]:
    """Line number -> Origin."""
    make = _markdown if path == MARKDOWN else _page
    lines = make(deployment, sections(deployment))
    return {str(number): origin._replace(decided_by=PASS) for number, (_, origin) in enumerate(lines, 1)}


def _joined(lines: list[Line]) -> bytes:
    return ("\n".join([line for line, _ in lines]) + "\n").encode()


def _page(deployment: Deployment, found: tuple[Section, ...]) -> list[Line]:
    return page(deployment, found, picture(deployment))


def _markdown(deployment: Deployment, found: tuple[Section, ...]) -> list[Line]:
    top = deployment.origin
    lines: list[Line] = [
        (f"# {_plain(deployment.name)} on {_plain(deployment.host)}", top),
        ("", top),
        (_plain(headline(deployment)), top),
    ]
    for section in found:
        lines += [("", top), (f"## {section.title}", top)]
        if section.intro and section.tables:
            lines += [("", top), (_plain(section.intro), top)]
        if not section.tables:
            lines += [("", top), (_plain(section.empty), top)]
        for table in section.tables:
            lines += _markdown_table(table)
    return lines


def _markdown_table(table: Table) -> list[Line]:
    top = table.origin
    lines: list[Line] = [("", top)]
    if table.title:
        lines += [(f"### {_plain(table.title)}", top), ("", top)]
    lines.append((f"| {' | '.join(table.columns)} |", top))
    lines.append((f"|{' --- |' * len(table.columns)}", top))
    lines += [(f"| {' | '.join([_markdown_cell(cell) for cell in row.cells])} |", row.origin) for row in table.rows]
    return lines


def _markdown_cell(cell: Cell) -> str:
    return "<br>".join([_markdown_word(word) for word in cell.words])


def _markdown_word(word: Word) -> str:
    text = _plain(word.text)
    mark = "**" if word.danger else "*" if word.amber else ""
    return f"{mark}{_edged(text)}{mark}" if mark and text else text


def _edged(text: str) -> str:
    """White space at either end as references: next to a space, ** is no mark (CommonMark 0.31, 6.2)."""
    bare = text.strip()
    start = text.index(bare) if bare else len(text)
    return _references(text[:start]) + bare + _references(text[start + len(bare) :])


def _references(text: str) -> str:
    return "".join([f"&#{ord(character)};" for character in text])


def _plain(text: str) -> str:
    """`text` as Markdown that says exactly it: no mark-up, and no address that a viewer would turn into a link."""
    text = visible(text).translate(_SPECIAL)
    if "://" in text or "www." in text:
        return text.replace("://", "\\:\\/\\/").replace("www.", "www\\.")
    return text
