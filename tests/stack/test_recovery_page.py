"""The recovery sheet as a page: what it says, and that a camera reads the groups from it."""

import re
from html.parser import HTMLParser

import pytest
import zxingcpp

from infrakit.stack.backup.page import DARK_ON_LIGHT, PLAIN, Sheet, as_html, as_text
from infrakit.stack.backup.sheet import groups_of, read_sheet

KEY = b"lusab-babad-gutih-tugad-fimol-vozam-kanij-zozoz"
SHEET = Sheet("homelab", "home", "/mnt/my disk/backups", groups_of(KEY))
COMMAND = "sudo python3 infrakit.pyz restore --from '/mnt/my disk/backups' --host home"
SCALE = 6


def read_by_a_camera(dark: set[tuple[int, int]], size: int) -> str:
    """What stands in a QR code, of its dark squares (x, y)."""
    rows = [
        bytes(0 if (x // SCALE, y // SCALE) in dark else 255 for x in range(size * SCALE)) for y in range(size * SCALE)
    ]
    picture = memoryview(b"".join(rows)).cast("B", shape=[size * SCALE, size * SCALE])
    (found,) = zxingcpp.read_barcodes(picture)
    return found.text


class Page(HTMLParser):
    """Its words, and whether anything is fetched."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.fetched: list[str] = []
        self.feed(text)

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def handle_starttag(self, tag: str, attributes: list) -> None:
        self.fetched += [name for name, _ in attributes if name in ("src", "href")] + [tag] * (tag == "script")


def test_on_paper_it_has_all_that_is_needed_and_a_camera_reads_the_key():
    text = as_html(SHEET).decode()
    page = Page(text)
    words = "\n".join(page.words)
    assert COMMAND in words and all(group in words for group in SHEET.groups) and page.fetched == []
    size = int(re.search(r'viewBox="0 0 (\d+) ', text)[1])
    dark = {(int(x), int(y)) for x, y in re.findall(r"M(\d+) (\d+)h1v1", text)}
    assert read_sheet(read_by_a_camera(dark, size)) == KEY


def test_in_a_terminal_a_camera_reads_it_whatever_its_colours():
    text = as_text(SHEET, drawn=True)
    lines = [line[len(DARK_ON_LIGHT) : -len(PLAIN)] for line in text.splitlines() if line.startswith(DARK_ON_LIGHT)]
    dark = {(x, 2 * y) for y, line in enumerate(lines) for x, block in enumerate(line) if block in "▀█"}
    dark |= {(x, 2 * y + 1) for y, line in enumerate(lines) for x, block in enumerate(line) if block in "▄█"}
    assert read_sheet(read_by_a_camera(dark, len(lines[0]))) == KEY
    assert COMMAND in text and max(map(len, text.replace(COMMAND, "").splitlines())) <= 100


def test_a_terminal_that_shows_no_blocks_has_the_groups_all_the_same():
    text = as_text(SHEET, drawn=False)
    assert text.isascii() and "\x1b" not in text
    assert read_sheet(" ".join(re.findall(r"\b[a-z]{5}\d\d\b", text))) == KEY


@pytest.mark.parametrize("name", ("<b>", "a&b"))
def test_a_name_is_no_markup(name):
    assert f"<h1>Recovery sheet of {name}" not in as_html(SHEET._replace(host=name)).decode()
