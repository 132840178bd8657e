"""A tree of plain values -> YAML text in block style, the same for every reader of YAML 1.1 and 1.2.

Any string comes out as exactly that string: plain where no reader could see anything else in it, else in double quotes.
Walks with a stack of its own, so that depth is no limit. Proved equal by re-reading (tests/emit/test_yaml_text.py).
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

LONGEST_SIMPLE_KEY = 1000
"""YAML promises keys of up to 1024 characters without the `? ` form."""

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_FIRST = frozenset(_LETTERS + "_/")
_SAFE = frozenset(_LETTERS + "0123456789_./@+=-: ")
_SAFE_IN_FLOW = frozenset(_LETTERS + "0123456789_./-")
_UNSAFE_PAIRS = ("::", ": ", " :", "  ")
_WORDS = frozenset(("null", "true", "false", "yes", "no", "on", "off", "y", "n"))
"""What a YAML 1.1 or 1.2 reader takes for something else than a string; all others of those start with no letter."""
_LONGEST_WORD = 5
_NAMED = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}

_MEMO_SIZE = 4096
_texts: dict[str, str] = {}
_keys: dict[str, str] = {}
"""Scalars and keys already printed; emptied when full. Keys and short values repeat thousands of times in a fleet."""


class Tagged(NamedTuple):
    """A value with a tag that our code writes, such as `!Find [authentik_flows.flow, [slug, x]]`."""

    tag: str
    value: Any


def to_yaml(tree: Any, heading: str = "") -> str:
    """`tree` (dict, list or tuple, str, int, bool, None, Tagged) as one document; `heading` becomes comment lines.

    Raises ValueError for a lone surrogate and TypeError for any other kind of value.
    """
    lines = [f"# {line}" for line in heading.splitlines()]
    lines.append("---")
    if not _is_block(tree):
        return "\n".join([*lines, _inline(tree), ""])
    _print_block(tree, lines)
    lines.append("")
    return "\n".join(lines)


def _print_block(tree: Any, lines: list[str]) -> None:
    """Append the lines of a non-empty dict or list."""
    prefix, indent, items = "", "", _entries(tree, "")
    stack: list[tuple[str, Iterator[tuple[str, Any]]]] = []
    while True:
        for key, value in items:
            # An item of a list that is itself a block goes on in the line of its "- ".
            start, prefix = prefix or indent, ""
            if not _is_block(value):
                lines.append(f"{start}{key} {_inline(value)}")
                continue
            stack.append((indent, items))
            indent += "  "
            items = _entries(value, indent)
            if key == "-":
                prefix = f"{start}- "
            else:
                lines.append(start + key)
            break
        else:
            if not stack:
                return
            indent, items = stack.pop()


def _entries(block: Any, indent: str) -> Iterator[tuple[str, Any]]:
    """("key:", value) of a dict, ("-", value) of a list."""
    if type(block) is dict:
        return iter([(_keys.get(key) or _key(key, indent), value) for key, value in block.items()])
    return iter([("-", value) for value in block])


def _is_block(value: Any) -> bool:
    kind = type(value)
    return (kind is dict or kind is list or kind is tuple) and bool(value)


def _key(key: Any, indent: str) -> str:
    """A key with its colon; one too long for the usual form as `? key`, and the colon in a line of its own."""
    if not isinstance(key, str):
        raise TypeError(f"no YAML key of {type(key).__name__}")
    text = _inline(key)
    if len(text) > LONGEST_SIMPLE_KEY:
        return f"? {text}\n{indent}:"
    if len(_keys) >= _MEMO_SIZE:
        _keys.clear()
    _keys[key] = f"{text}:"
    return f"{text}:"


def _inline(value: Any) -> str:
    """A scalar, an empty collection, or a tagged value, on one line."""
    kind = type(value)
    if kind is str:
        text = _texts.get(value)
        return scalar(value) if text is None else text
    if kind is bool:
        return "true" if value else "false"
    if kind is int:
        return str(value)
    if value is None:
        return "null"
    if kind is Tagged:
        return f"{value.tag} {_flow(value.value)}"
    if kind is dict:
        return "{}"
    if kind is list or kind is tuple:
        return "[]"
    if isinstance(value, str):
        return scalar(str(value))
    raise TypeError(f"no YAML for {kind.__name__}")


def scalar(text: str) -> str:
    """A string as YAML, plain or in double quotes."""
    printed = text if _is_plain(text) else quoted(text)
    if len(_texts) >= _MEMO_SIZE:
        _texts.clear()
    if len(text) <= 200:
        _texts[text] = printed
    return printed


def _is_plain(text: str) -> bool:
    """Whether every reader takes the bare text for exactly this string. No pattern: compiling one costs more than all
    its uses."""
    if not _SAFE.issuperset(text) or text[:1] not in _FIRST:
        return False
    if (":" in text or " " in text) and (text[-1] in ": " or any(pair in text for pair in _UNSAFE_PAIRS)):
        return False
    return len(text) > _LONGEST_WORD or text.lower() not in _WORDS


def quoted(text: str) -> str:
    """A string in double quotes; whatever is not printable stands as an escape."""
    if text.isprintable():
        if '"' in text or "\\" in text:
            text = text.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{text}"'
    return '"' + "".join([_NAMED.get(c) or (c if c.isprintable() else _escape(c)) for c in text]) + '"'


def _escape(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    if 0xD800 <= code <= 0xDFFF:
        raise ValueError("a lone surrogate has no place in YAML")
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _flow(value: Any) -> str:
    """A tagged value's content in flow style, strictly quoted."""
    kind = type(value)
    if kind is list or kind is tuple:
        return f"[{', '.join([_flow(item) for item in value])}]"
    if kind is dict:
        return f"{{{', '.join([f'{_flow(key)}: {_flow(item)}' for key, item in value.items()])}}}"
    if isinstance(value, str):
        return value if _SAFE_IN_FLOW.issuperset(value) and _is_plain(value) else quoted(value)
    return _inline(value)


def leaves(tree: Any) -> dict[str, Any]:
    """Dotted path -> value of every leaf, `services.caddy.ports.0`; an empty collection and a tagged value are
    leaves."""
    found: dict[str, Any] = {}
    stack: list[tuple[str, Any]] = [("", tree)]
    while stack:
        path, value = stack.pop()
        if not _is_block(value):
            found[path] = value
            continue
        pairs = value.items() if type(value) is dict else enumerate(value)
        dot = "." if path else ""
        stack.extend([(f"{path}{dot}{key}", item) for key, item in pairs][::-1])
    return found
