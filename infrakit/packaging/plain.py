"""A module -> the same without comments and docstrings, which nobody reads in a zipapp.

Notices of copyright and licence stay. Positions, not a printer, say what goes: any Python makes the same text of it.
"""

import ast
import io
import re
import tokenize

NOTICE = re.compile(r"copyright|licen[cs]e|spdx", re.IGNORECASE)
EMPTY = '""'
"""In the place of a docstring, which may be all that a body has."""


def plain(source: str) -> str:
    """Where a docstring was, or any text that does nothing, is an empty one."""
    lines = [line.encode() for line in source.splitlines(keepends=True)]
    for (row, begin), (last, end), text in sorted(_cuts(source, lines), reverse=True):
        lines[row - 1 : last] = [lines[row - 1][:begin] + text.encode() + lines[last - 1][end:]]
    return b"".join(lines).decode()


def _cuts(source: str, lines: list[bytes]) -> list[tuple[tuple[int, int], tuple[int, int], str]]:
    """(line, byte), (line, byte), what comes in their place."""
    found = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and not NOTICE.search(token.string):
            row, column = token.start
            before = lines[row - 1].decode()[:column].rstrip().encode()
            found.append(((row, len(before)), (row, len(lines[row - 1])), "\n" if before else ""))
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Constant):
            continue
        if isinstance(node.value.value, str) and not NOTICE.search(node.value.value):
            assert node.end_lineno is not None and node.end_col_offset is not None
            found.append(((node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset), EMPTY))
    return found
