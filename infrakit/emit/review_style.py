"""The look of review.html: light and dark, from a phone to a wide screen. Constant text, one line."""

STYLE = " ".join("""
:root{--ink:#1c2230;--soft:#5b6475;--paper:#f7f6f3;--card:#fff;--line:#dfdcd5;--accent:#1f5f8b;--danger:#b3261e;--door:#e7f0f6;--calm:#eef3ea}
@media(prefers-color-scheme:dark){:root{--ink:#e6e8ee;--soft:#9aa3b5;--paper:#14171d;--card:#1c2028;--line:#323845;--accent:#7db8e0;--danger:#ff8a80;--door:#1d2e3b;--calm:#22301f}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
header,main{max-width:1120px;margin:0 auto;padding:0 20px}
header{padding-top:36px}
header p{margin:0;color:var(--soft)}
h1{font-size:clamp(26px,5vw,38px);line-height:1.15;margin:4px 0 8px;overflow-wrap:anywhere}
h1 span{color:var(--soft);font-weight:400}
h2{font-size:20px;margin:0 0 4px}
section,figure{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:20px;margin:20px 0;overflow:hidden}
section p{margin:0 0 12px;color:var(--soft)}
section p.none{margin:0}
table{width:100%;border-collapse:collapse;font-size:14px}
th{text-align:left;color:var(--soft);font-weight:600;padding:6px 12px 6px 0;border-bottom:1px solid var(--line)}
td{padding:7px 12px 7px 0;border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}
tr:last-child td{border-bottom:0}
strong{color:var(--danger);font-weight:650}
svg{display:block;width:100%;height:auto}
svg text{fill:var(--ink);font:13px system-ui,sans-serif}
svg .soft{fill:var(--soft);font-size:11px}
svg .danger{fill:var(--danger);font-weight:650}
svg rect{fill:var(--card);stroke:var(--line)}
svg .door{fill:var(--door);stroke:var(--accent)}
svg .calm{fill:var(--calm)}
svg path{fill:none;stroke:var(--accent);stroke-width:1.4}
svg path.dashed{stroke:var(--soft);stroke-dasharray:4 4}
@media(max-width:700px){header,main{padding:0 12px}section,figure{padding:14px;border-radius:10px}thead{position:absolute;left:-9999px}
tr{display:block;padding:10px 0;border-bottom:1px solid var(--line)}tr:last-child{border-bottom:0}
td{display:grid;grid-template-columns:104px 1fr;gap:8px;border:0;padding:2px 0}
td::before{content:attr(data-label);color:var(--soft)}figure{overflow-x:auto}svg{min-width:620px}}
@media print{body{background:#fff}section,figure{break-inside:avoid;border-color:#bbb}}
""".split("\n")).strip()
