"""Sections of the review and its picture -> the lines of review.html, each with its origin; and the marks of SVG.

One file that needs nothing else: the policy in it forbids everything but its own style.
"""

from infrakit.emit.review_facts import headline
from infrakit.emit.review_parts import Cell, Section, Table, Word
from infrakit.model import Deployment, Origin

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
STYLE = """
:root{--ink:#1b2230;--soft:#596274;--paper:#f5f4f0;--card:#fff;--line:#e0ddd5;--accent:#1f5f8b;--danger:#b3261e;--amber:#8a5a00;--tint:#fdeeec;--door:#e8f1f7;--calm:#edf3e9;--frame:#faf9f6}
@media(prefers-color-scheme:dark){:root{--ink:#e7e9ef;--soft:#a0a8b8;--paper:#12151b;--card:#1a1e26;--line:#313744;--accent:#7fb9e2;--danger:#ff8d84;--amber:#e8b34b;--tint:#33201f;--door:#1c2d3a;--calm:#212e20;--frame:#161a21}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
header,main{max-width:1180px;margin:0 auto;padding:0 20px}
header{padding-top:40px}
header p{margin:0;color:var(--soft)}
h1{font-size:clamp(27px,5vw,40px);line-height:1.15;letter-spacing:-.015em;margin:4px 0 8px;overflow-wrap:anywhere}
h1 span{color:var(--soft);font-weight:400}
h2{font-size:20px;line-height:1.3;margin:0 0 4px}
h3{font-size:15px;margin:22px 0 2px;overflow-wrap:anywhere}
section,figure{background:var(--card);border:1px solid var(--line);border-radius:14px;padding:20px;margin:20px 0}
main>:last-child{margin-bottom:48px}
section.first{border-left:5px solid var(--danger);background:linear-gradient(90deg,var(--tint),var(--card) 60%)}
section p{margin:0 0 10px;color:var(--soft)}
section p.none{margin:0}
table{width:100%;border-collapse:collapse;font-size:14px;table-layout:fixed}
th{text-align:left;color:var(--soft);font-weight:600;font-size:12.5px;padding:6px 14px 6px 0;border-bottom:1px solid var(--line)}
td{padding:8px 14px 8px 0;border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}
tr:last-child td{border-bottom:0}
td i{font-style:normal;display:block}
td i+i{margin-top:2px}
td .code{font:12px/1.75 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
td strong{display:block;color:var(--danger);font-weight:650}
td em{display:block;color:var(--amber);font-style:normal;font-weight:600}
.c3 th:nth-child(1),.c3 th:nth-child(2){width:20%}.c4 th:nth-child(1){width:27%}
.c2 th:nth-child(1){width:34%}
.c6 th:nth-child(1){width:15%}.c6 th:nth-child(2){width:28%}.c6 th:nth-child(3){width:8%}.c6 th:nth-child(4){width:10%}.c6 th:nth-child(6){width:13%}
svg{display:block;width:100%;height:auto}
svg rect{fill:var(--card);stroke:var(--line)}
svg .door{fill:var(--door);stroke:var(--accent)}
svg .calm{fill:var(--calm)}
svg .frame{fill:var(--frame);stroke-dasharray:5 4}
svg .red{stroke:var(--danger);fill:var(--tint)}
svg path{fill:none;stroke:var(--accent);stroke-width:1.5}
svg path.dashed{stroke:var(--soft);stroke-dasharray:4 4}
svg path.red{stroke:var(--danger);fill:none}
svg path.thin{stroke:var(--soft);stroke-width:1.1;stroke-dasharray:1.5 3.5;stroke-linecap:round}
svg b{display:block;white-space:nowrap;overflow:hidden;text-overflow:ellipsis;font:600 12.5px/18px system-ui,sans-serif;color:var(--ink)}
svg .soft{font-weight:400;font-size:11.5px;line-height:16px;color:var(--soft)}
svg .danger{font-size:11.5px;line-height:16px;color:var(--danger)}
svg .label{font:10.5px/14px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;color:var(--soft);background:var(--card);width:fit-content;max-width:100%;margin:0 auto;padding:0 3px}
svg .center{text-align:center}
svg .start{margin:0}
svg .head{font-size:11px;letter-spacing:.06em;color:var(--soft)}
svg.phone{display:none}
@media(max-width:940px){svg.wide{display:none}svg.phone{display:block;max-width:460px;margin:0 auto}}
@media(max-width:760px){header,main{padding:0 12px}header{padding-top:24px}section,figure{padding:14px;border-radius:11px;margin:14px 0}
table,tbody,tr{display:block}thead{position:absolute;clip-path:inset(50%);width:1px;height:1px;overflow:hidden}
tr{padding:10px 0;border-bottom:1px solid var(--line)}tr:last-child{border-bottom:0;padding-bottom:0}
td{display:grid;grid-template-columns:92px minmax(0,1fr);gap:10px;border:0;padding:2px 0}
td::before{content:attr(data-label);color:var(--soft);font-size:12.5px;line-height:21px}}
@media print{body{background:#fff}section,figure{break-inside:avoid;border-color:#bbb}}
""".strip().splitlines()  # noqa: E501 -- a style sheet

Line = tuple[str, Origin]


def visible(text: str) -> str:
    """`text` with what nobody can see (line ends, marks that turn the direction of writing) spelled out."""
    if text.isprintable():
        return text
    return "".join([character if character.isprintable() else f"\\u{ord(character):04x}" for character in text])


def escape(text: str) -> str:
    """`text` for HTML, in an element or in a quoted attribute."""
    text = visible(text)
    if not ("&" in text or "<" in text or ">" in text or '"' in text or "'" in text):
        return text
    return (
        text.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace('"', "&quot;")
        .replace("'", "&#39;")
    )


def page(deployment: Deployment, found: tuple[Section, ...], picture: list[Line]) -> list[Line]:
    """The whole page; the picture comes after the first section."""
    top = deployment.origin
    name, host = escape(deployment.name), escape(deployment.host)
    lines: list[Line] = [
        (line, top)
        for line in (
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{name} on {host}</title>",
            "<style>",
            *STYLE,
            "</style>",
            "</head>",
            "<body>",
            f"<header><p>InfraKit review</p><h1>{name} <span>on</span> {host}</h1>",
            f"<p>{escape(headline(deployment))}</p></header>",
            "<main>",
        )
    ]
    lines += _section(found[0], top, ' class="first"' if found[0].tables else "")
    lines += picture
    for section in found[1:]:
        lines += _section(section, top)
    return [*lines, ("</main>", top), ("</body>", top), ("</html>", top)]


def _section(section: Section, top: Origin, attribute: str = "") -> list[Line]:
    lines: list[Line] = [(f"<section{attribute}>", top), (f"<h2>{escape(section.title)}</h2>", top)]
    if not section.tables:
        return [*lines, (f'<p class="none">{escape(section.empty)}</p>', top), ("</section>", top)]
    if section.intro:
        lines.append((f"<p>{escape(section.intro)}</p>", top))
    for table in section.tables:
        lines += _table(table)
    return [*lines, ("</section>", top)]


def _table(table: Table) -> list[Line]:
    top = table.origin
    lines: list[Line] = [(f"<h3>{escape(table.title)}</h3>", top)] if table.title else []
    columns = [escape(column) for column in table.columns]
    heads = "".join([f'<th scope="col">{column}</th>' for column in columns])
    lines.append((f'<table class="c{len(columns)}"><thead><tr>{heads}</tr></thead><tbody>', top))
    starts = [f'<td data-label="{column}"><div>' for column in columns]
    for row in table.rows:
        origin = row.origin
        lines.append(("<tr>", origin))
        lines += [
            (f"{start}{_words(cell)}</div></td>", cell.origin or origin) for start, cell in zip(starts, row.cells)
        ]
        lines.append(("</tr>", origin))
    lines.append(("</tbody></table>", top))
    return lines


def _words(cell: Cell) -> str:
    return "".join([_word(word) for word in cell.words])


def _word(word: Word) -> str:
    if word.danger or word.amber:
        kind = "strong" if word.danger else "em"
        return f"<{kind}>{escape(word.text)}</{kind}>"
    return f'<i class="code">{escape(word.text)}</i>' if word.code else f"<i>{escape(word.text)}</i>"


def box(x: int, y: int, width: int, height: int, kind: str, texts: tuple[tuple[str, str], ...]) -> str:
    """A box with lines of text that the browser cuts at its edge."""
    name = f' class="{kind}"' if kind else ""
    frame = f'<rect{name} x="{x}" y="{y}" width="{width}" height="{height}" rx="9"/>'
    if not texts:
        return frame
    lines = "".join(
        [f'<b class="{style}">{escape(text)}</b>' if style else f"<b>{escape(text)}</b>" for text, style in texts]
    )
    inner = 2 + 16 * len(texts)
    return (
        f'{frame}<foreignObject x="{x + 12}" y="{y + (height - inner) // 2}" width="{width - 24}" '
        f'height="{inner + 2}">{lines}</foreignObject>'
    )


def label(x: int, y: int, width: int, text: str, kind: str, align: str = "") -> str:
    """A text that stands alone."""
    name = " ".join(filter(None, (kind, align)))
    name = f' class="{name}"' if name else ""
    return f'<foreignObject x="{x}" y="{y}" width="{width}" height="18"><b{name}>{escape(text)}</b></foreignObject>'


def curve(x: int, y: int, to_x: int, to_y: int, kind: str = "") -> str:
    """A way from left to right, with its point."""
    name, half = (f' class="{kind}"' if kind else ""), (x + to_x) // 2
    way = f"H {to_x}" if y == to_y else f"C {half} {y}, {half} {to_y}, {to_x} {to_y}"
    return f'<path{name} d="M{x} {y} {way} m-5 -4 l5 4 l-5 4"/>'


def down(x: int, y: int, to_y: int, kind: str) -> str:
    """A way down, with its point."""
    name = f' class="{kind}"' if kind else ""
    return f'<path{name} d="M{x} {y} V {to_y} m-4 -5 l4 5 l4 -5"/>'
