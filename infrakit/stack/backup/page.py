"""What is known of a host's backups -> the recovery sheet: a page of text for a terminal, and one of HTML for paper.

What is on it is secret. It fetches nothing, so that a browser without a network prints it.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from infrakit import VERSION

DARK_ON_LIGHT, PLAIN = "\x1b[30;47m", "\x1b[0m"
"""Of a terminal: cameras want the squares dark, whatever the colours of its windows."""
MARGIN = 4
"""Of a QR code, in squares (ISO/IEC 18004)."""
IN_A_ROW = 4


class Sheet(NamedTuple):
    """`folder`: that has one for each host; `groups`: of the key. `host_key`: of an SSH server; `opened_by`: secrets of
    a server."""

    project: str
    host: str
    folder: str
    groups: tuple[str, ...]
    host_key: str = ""
    opened_by: tuple[str, ...] = ()

    @property
    def command(self) -> str:
        """What brings all of it back."""
        from shlex import join

        words = ["sudo", "python3", "infrakit.pyz", "restore", "--from", self.folder, "--host", self.host]
        words += ["--host-key", self.host_key] if self.host_key else []
        return join([*words, *(word for name in self.opened_by for word in ("--secret", f"{name}=FILE"))])

    def about(self) -> Iterator[str]:
        """What it is for, and what to do; a paragraph each."""
        yield (
            f"With this page and {self._where()}, everything of {self.host} ({self.project}) comes "
            "back, also where nothing else is left. Without it nobody opens the backups, and nobody can make it anew."
        )
        yield "Keep it on paper, away from the machine and the disk. Who has both, has everything."
        if self.opened_by:
            yield f"The server asks for what is called {', '.join(self.opened_by)} here: keep a copy of it, too."
        first, last = ("plug the disk in, ", " Where the disk is mounted elsewhere, say that folder.")
        first, last = ("", "") if self.opened_by or not self.folder.startswith("/") else (first, last)
        yield (
            f"On a fresh machine with Debian, Ubuntu or Raspberry Pi OS: {first}bring InfraKit {VERSION} or "
            "a newer one, and type the line below. It asks for the groups, shows what it will do, and asks again."
            f"{last}"
        )

    def _where(self) -> str:
        return f"the disk that has {self.folder}" if self.folder.startswith("/") else self.folder


def rows_of(groups: Sequence[str]) -> list[str]:
    """Lines of numbered groups."""
    cells = [f"{number:2} {group}" for number, group in enumerate(groups, 1)]
    return ["   ".join(cells[at : at + IN_A_ROW]) for at in range(0, len(cells), IN_A_ROW)]


def squares_of(groups: Sequence[str]) -> list[list[bool]]:
    """The QR code of the groups, row by row, with its margin: what a camera reads of it can be pasted where the groups
    are asked for."""
    import segno

    code = segno.make(" ".join(groups).upper(), error="m", micro=False)
    return [[bool(square) for square in row] for row in code.matrix_iter(border=MARGIN)]


def as_text(sheet: Sheet, *, drawn: bool) -> str:
    """For a terminal. `drawn`: with the QR code, for one that shows blocks."""
    from textwrap import fill

    title = f"Recovery sheet of {sheet.host}"
    about = [fill(paragraph, 100) for paragraph in sheet.about()]
    parts = [title, *about, f"  {sheet.command}", "\n".join(f"  {row}" for row in rows_of(sheet.groups))]
    return "\n\n".join([*parts, *(["\n".join(_drawn(squares_of(sheet.groups)))] if drawn else [])]) + "\n"


def _drawn(squares: list[list[bool]]) -> Iterator[str]:
    """Two rows in a line."""
    blocks = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}
    for at in range(0, len(squares), 2):
        below = squares[at + 1] if at + 1 < len(squares) else [False] * len(squares[at])
        yield f"{DARK_ON_LIGHT}{''.join(blocks[pair] for pair in zip(squares[at], below))}{PLAIN}"


def as_html(sheet: Sheet) -> bytes:
    """For paper."""
    from html import escape

    title = escape(f"Recovery sheet of {sheet.host}")
    about = "\n".join(f"<p>{escape(paragraph)}</p>" for paragraph in sheet.about())
    cells = "\n".join(f"<li>{escape(group)}</li>" for group in sheet.groups)
    text = f"""<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>{title}</title>
<style>
@page {{ margin: 2cm }}
body {{ font: 12pt/1.5 serif; color: #000; background: #fff; max-width: 17cm; margin: 2em auto }}
code, li {{ font-family: monospace }}
ol {{ columns: 2; font-size: 16pt; letter-spacing: .1em }}
svg {{ width: 6cm; height: 6cm; break-inside: avoid }}
</style>
<h1>{title}</h1>
{about}
<p><code>{escape(sheet.command)}</code></p>
<ol>
{cells}
</ol>
{_svg(squares_of(sheet.groups))}
</html>
"""
    return text.encode()


def _svg(squares: list[list[bool]]) -> str:
    size = len(squares)
    path = "".join(f"M{x} {y}h1v1h-1z" for y, row in enumerate(squares) for x, dark in enumerate(row) if dark)
    shape = f'viewBox="0 0 {size} {size}" shape-rendering="crispEdges"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {shape} role="img" aria-label="the groups"><path d="{path}"/></svg>'
    )
