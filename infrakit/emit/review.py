"""Deployment -> REVIEW.md and review.html: doors, who may enter, privileges, secrets by name, images, mounts, a picture.

Holds no secret and needs nothing but itself: no script, no font, no address outside. Every text of the user's is escaped.
"""

from infrakit.emit.review_facts import Cell, Section, headline, sections
from infrakit.emit.review_picture import picture
from infrakit.emit.review_style import STYLE
from infrakit.model import Artifact, Deployment, Origin

PASS = "emit.review"
MARKDOWN = "REVIEW.md"
PAGE = "review.html"
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_SPECIAL = frozenset("\\`*_{}[]<>()#+!|~&$")

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
    return ("\n".join(line for line, _ in lines) + "\n").encode()


def _markdown(deployment: Deployment, found: tuple[Section, ...]) -> list[Line]:
    top = deployment.origin
    lines: list[Line] = [(f"# {_plain(deployment.name)} on {_plain(deployment.host)}", top), ("", top)]
    lines += [(_plain(headline(deployment)), top), ("", top)]
    for section in found:
        lines += [(f"## {section.title}", top), ("", top)]
        if section.intro:
            lines += [(section.intro, top), ("", top)]
        if not section.rows:
            lines += [(section.empty, top), ("", top)]
            continue
        lines.append((f"| {' | '.join(section.columns)} |", top))
        lines.append((f"|{' --- |' * len(section.columns)}", top))
        lines += [(f"| {' | '.join(_markdown_cell(cell) for cell in row.cells)} |", row.origin) for row in section.rows]
        lines.append(("", top))
    return lines[:-1]


def _markdown_cell(cell: Cell) -> str:
    return f"**{_plain(cell.text)}**" if cell.danger else _plain(cell.text)


def _plain(text: str) -> str:
    """`text` as Markdown that says exactly it."""
    return "".join(f"\\{c}" if c in _SPECIAL else c if c.isprintable() else f"\\\\u{ord(c):04x}" for c in text)


def _page(deployment: Deployment, found: tuple[Section, ...]) -> list[Line]:
    top = deployment.origin
    title = f"{_html(deployment.name)} on {_html(deployment.host)}"
    lines: list[Line] = [(line, top) for line in (
        "<!doctype html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        f"<title>{title}</title>",
        f"<style>{STYLE}</style>",
        "</head>",
        "<body>",
        f"<header><p>InfraKit review</p><h1>{_html(deployment.name)} <span>on</span> {_html(deployment.host)}</h1>",
        f"<p>{_html(headline(deployment))}</p></header>",
        "<main>",
    )]
    lines += [(line, top) for line in picture(deployment, _html)]
    for section in found:
        lines += _section(section, top)
    return [*lines, ("</main>", top), ("</body>", top), ("</html>", top)]


def _section(section: Section, top: Origin) -> list[Line]:
    lines: list[Line] = [("<section>", top), (f"<h2>{section.title}</h2>", top)]
    if section.intro:
        lines.append((f"<p>{_html(section.intro)}</p>", top))
    if not section.rows:
        return [*lines, (f'<p class="none">{_html(section.empty)}</p>', top), ("</section>", top)]
    heads = "".join(f'<th scope="col">{_html(column)}</th>' for column in section.columns)
    lines.append((f"<table><thead><tr>{heads}</tr></thead><tbody>", top))
    for row in section.rows:
        cells = "".join(_html_cell(column, cell) for column, cell in zip(section.columns, row.cells))
        lines.append((f"<tr>{cells}</tr>", row.origin))
    return [*lines, ("</tbody></table>", top), ("</section>", top)]


def _html_cell(column: str, cell: Cell) -> str:
    text = f"<strong>{_html(cell.text)}</strong>" if cell.danger else _html(cell.text)
    return f'<td data-label="{_html(column)}">{text}</td>'


def _html(text: str) -> str:
    """`text` for HTML, in an element or in a quoted attribute."""
    if not ("&" in text or "<" in text or ">" in text or '"' in text):
        return text
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
