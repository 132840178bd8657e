"""Document x schema -> problems, in the order of the file, and the document's typed values.

The schema decides the type of every scalar: where a string is wanted, the text stays what the user typed (0123, no,
1e3). A value that may be secret is never repeated in a message.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from infrakit.config.document import NO_BREAK, NO_BREAKS, Document, Node, Path
from infrakit.config.nearest import MOST_LIKENED, nearest, nearest_or_all
from infrakit.errors import Problem

Schema = Mapping[str, Any]
LONGEST_FORM = 60
SECRET_WORDS = ("password", "secret", "token", "key")
LOGIN = "//[^/]*:[^/]*@"
"""Of a URL that has a password in it."""
NAMES = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "boolean": "true or false",
}


def check_schema(document: Document, schema: Schema) -> list[Problem]:
    """All problems of the document against its schema; `document.values` holds the typed values after."""
    checker = _Checker(document, schema)
    document.values = checker.value(document.root, schema, ())
    if document.misnamed:
        return _with_misnamed(document, schema, checker)
    return sorted(checker.problems)


def _with_misnamed(document: Document, schema: Schema, first: "_Checker") -> list[Problem]:
    """The values again, with names that were refused taken as they are: whoever refers to one makes no second
    mistake."""
    document.faults, document.misnamed = [], []
    again = _Checker(document, schema, first.misnamed)
    document.values = again.value(document.root, schema, ())
    return sorted(problem for problem in first.problems if first.said_of.get(problem) not in first.misnamed)


class _Checker:
    """`misnamed`: names that an entry of the file has and cannot have. `said_of`: a problem about a text's form -> the
    text."""

    def __init__(self, document: Document, schema: Schema, misnamed: Iterable[str] = ()) -> None:
        self.document = document
        self.root = schema
        self.problems: list[Problem] = []
        self.known = frozenset(misnamed)
        self.misnamed: set[str] = set()
        self.said_of: dict[Problem, str] = {}

    def say(self, node: Node, path: Path, what: str, code: str, hint: str = "", *, understood: bool = False) -> None:
        """One problem at `node`. `understood`: what was meant is known, and the rest can be judged by it."""
        name = dotted(path)
        text = f"{name}: {what}" if name else what
        self.problems.append(Problem(self.document.at(node), text, code, hint))
        if not understood:
            self.document.faults.append(path)

    def value(self, node: Node, schema: Schema, path: Path) -> Any:
        """The typed value of `node`, as far as it fits."""
        while "$ref" in schema:
            schema = {**self._resolved(schema["$ref"]), **{k: v for k, v in schema.items() if k != "$ref"}}
        if "oneOf" in schema:
            return self._one_of(node, schema, path)
        kind = _kind(schema)
        if kind is None:
            return self._free(node)
        if node.kind == "map":
            if kind != "object":
                return self._wrong_kind(node, schema, path)
            return self._object(node, schema, path)
        if node.kind == "list":
            if kind != "array":
                return self._wrong_kind(node, schema, path)
            return self._array(node, schema, path)
        return self._scalar(node, schema, path)

    def _resolved(self, reference: str) -> Schema:
        schema = self.root
        for step in reference.removeprefix("#/").split("/"):
            schema = schema[step]
        return schema

    def _one_of(self, node: Node, schema: Schema, path: Path) -> Any:
        """The alternative whose shape fits the node; its problems are the user's."""
        wanted = {"map": "object", "list": "array"}.get(node.kind)
        for alternative in schema["oneOf"]:
            resolved = self._resolved(alternative["$ref"]) if "$ref" in alternative else alternative
            kind = _kind(resolved)
            if kind == wanted or (wanted is None and kind not in ("object", "array")):
                return self.value(node, _like(resolved, schema), path)
        return self._wrong_kind(node, schema, path)

    def _wrong_kind(self, node: Node, schema: Schema, path: Path) -> None:
        wanted = NAMES.get(_kind(schema) or "", "another kind of value")
        if "oneOf" in schema:
            wanted = " or ".join(NAMES[self._kind_of(alternative)] for alternative in schema["oneOf"])
        found = {"map": "a mapping", "list": "a list", "scalar": "a single value"}[node.kind]
        if node.kind == "scalar" and node.plain and node.value in ("", "~", "null"):
            found = "nothing"
        self.say(node, path, f"{found} where {wanted} is wanted", "wrong-kind", _example(schema))

    def _kind_of(self, schema: Schema) -> str:
        return _kind(self._resolved(schema["$ref"]) if "$ref" in schema else schema) or ""

    def _object(self, node: Node, schema: Schema, path: Path) -> dict[str, Any] | None:
        known = schema.get("properties", {})
        extra = schema.get("additionalProperties", False)
        if len(node.value) < schema.get("minProperties", 0):
            self.say(node, path, "an empty mapping", "empty-list", _example(schema))
            return None
        extra = extra and _like(extra, schema)
        pattern = schema.get("propertyNames", {}).get("pattern")
        if extra is False:
            self._correct(node, schema, path)
        found = {}
        for key, child in node.value:
            name = key.value
            if name in known:
                found[name] = self.value(child, known[name], (*path, name))
            elif extra is False:
                continue
            elif pattern is not None and not (re.fullmatch(pattern, name) and len(name) <= 253):
                names, what = schema["propertyNames"], "this name cannot be used"
                self.say(
                    key, (*path, name), what, names.get("x-code", "name"), names.get("x-hint", ""), understood=True
                )
                self.misnamed.add(name)
                self.document.misnamed.append((*path, name))
                found[name] = self.value(child, extra, (*path, name))
            else:
                found[name] = self.value(child, extra, (*path, name))
        for name in schema.get("required", ()):
            if not any(key.value == name for key, _ in node.value):
                hint = _example(known.get(name, {}))
                add = f"add {name}: {hint.removeprefix('for instance ')}".rstrip(": ")
                self.say(node, path, f"{name} is missing", "missing-key", add, understood=True)
                self.document.faults.append((*path, name))
        whole = all(found.get(name) is not None for name in schema.get("required", ()))
        # Of the file itself what there is stays: partial.py knows what to do without.
        return found if whole or not path else None

    def _correct(self, node: Node, schema: Schema, path: Path) -> None:
        """Say which keys there are not. A misspelt one is called from here on as it was meant, so that what stands in
        it is judged, and found in its place."""
        known, later, words = schema.get("properties", {}), schema.get("x-later", {}), schema.get("x-words", {})
        there = {key.value for key, _ in node.value}
        unknown = 0
        for key, _ in node.value:
            name = key.value
            if name in known:
                continue
            if name in later:
                self.say(key, (*path, name), later[name], "not-yet", "remove it for now")
                continue
            if name in words:
                self.say(key, (*path, name), "this word of Compose is none here", "compose-word", words[name])
                continue
            unknown += 1
            near = known if unknown <= MOST_LIKENED else ()
            close = nearest(name, near)
            hint = f"did you mean {close}?" if close else nearest_or_all(name, near, dotted(path))
            hint = NO_BREAKS if NO_BREAK in name else hint
            renamed = bool(close) and close not in there
            self.say(key, (*path, name), "there is no such key", "unknown-key", hint, understood=renamed)
            if renamed:
                key.value = close
                there.add(close)

    def _array(self, node: Node, schema: Schema, path: Path) -> list[Any]:
        inner = _like(schema.get("items", {}), schema)
        items = [self.value(child, inner, (*path, index)) for index, child in enumerate(node.value)]
        if len(items) < schema.get("minItems", 0):
            self.say(node, path, "an empty list", "empty-list", _example(schema))
        if len(items) > schema.get("maxItems", len(items)):
            hint = schema.get("x-many") or f"leave out {len(items) - schema['maxItems']}"
            self.say(node, path, f"more than {schema['maxItems']} items", "too-many-items", hint)
        if schema.get("uniqueItems"):
            seen: list[Any] = []
            for child, item in zip(node.value, items):
                if item is not None and item in seen:
                    self.say(child, path, "the same item twice", "duplicate-item", "keep one of the two")
                seen.append(item)
        return items

    def _scalar(self, node: Node, schema: Schema, path: Path) -> Any:
        kind = _kind(schema)
        empty = node.plain and node.value in ("", "~", "null")
        if kind in ("object", "array") or empty:
            return self._wrong_kind(node, schema, path)
        if kind == "integer":
            return self._integer(node, schema, path)
        if kind == "boolean":
            return self._boolean(node, schema, path)
        return self._string(node, schema, path)

    def _free(self, node: Node) -> Any:
        """A value whose schema says no type (an option's default): YAML 1.2's core types."""
        if node.kind == "map":
            return {key.value: self._free(child) for key, child in node.value}
        if node.kind == "list":
            return [self._free(child) for child in node.value]
        if node.plain and node.value in ("true", "false"):
            return node.value == "true"
        if node.plain and re.fullmatch("-?(0|[1-9][0-9]{0,15})", node.value):
            return int(node.value)
        return node.value

    def _integer(self, node: Node, schema: Schema, path: Path) -> int | None:
        if not node.plain or not re.fullmatch("-?(0|[1-9][0-9]{0,15})", node.value):
            what = f"{self._shown(node, path)} is not a whole number"
            self._bad(node, schema, path, what, "not-a-number", self._unquoted(node) if node.value.isdigit() else "")
            return None
        number = int(node.value)
        low, high = schema.get("minimum", number), schema.get("maximum", number)
        if not low <= number <= high:
            self._bad(node, schema, path, f"{number} is not between {low} and {high}", "out-of-range")
        elif "enum" in schema and number not in schema["enum"]:
            choices = " or ".join(str(item) for item in schema["enum"])
            self._bad(node, schema, path, f"{number} is not {choices}", schema.get("x-code", "unknown-value"))
        else:
            return number
        return None

    def _boolean(self, node: Node, schema: Schema, path: Path) -> bool | None:
        text: str = node.value
        if node.plain and text in ("true", "false"):
            return text == "true"
        hint = self._unquoted(node) or "write true or false"
        self._bad(node, schema, path, f"{self._shown(node, path)} is not true or false", "not-a-boolean", hint)
        return None

    def _string(self, node: Node, schema: Schema, path: Path) -> str | None:
        text: str = node.value
        if "enum" in schema and text not in schema["enum"]:
            close = nearest(text, schema["enum"])
            hint = schema.get("x-values", {}).get(text) or (
                f"did you mean {close}?" if close else schema.get("x-hint") or f"one of: {', '.join(schema['enum'])}"
            )
            what = f"{self._shown(node, path)} is not known here"
            self.say(node, path, what, "unknown-value", hint, understood=bool(close))
            return close or None
        if len(text) < schema.get("minLength", 0):
            self._bad(node, schema, path, "empty", "empty-value")
        elif len(text) > schema.get("maxLength", 4096):
            self._bad(node, schema, path, f"longer than {schema.get('maxLength', 4096)} characters", "too-long")
        elif text not in self.known and "pattern" in schema and not re.fullmatch(schema["pattern"], text):
            what = schema.get("x-problem", "does not have the right form")
            hint = _as_wanted(text, schema)
            self._bad(node, schema, path, f"{self._shown(node, path)} {what}", schema.get("x-code", "wrong-form"), hint)
            self.said_of[self.problems[-1]] = text
        else:
            return text
        return None

    def _bad(self, node: Node, schema: Schema, path: Path, what: str, code: str, hint: str = "") -> None:
        self.say(node, path, what, code, hint or schema.get("x-hint") or _example(schema))

    @staticmethod
    def _unquoted(node: Node) -> str:
        return "" if node.plain else "in quotes it is text: write it without"

    @staticmethod
    def _shown(node: Node, path: Path) -> str:
        """The value as it may be repeated: not where its key speaks of a secret, and never at length."""
        words = [str(step).lower() for step in path]
        if any(secret in word for word in words for secret in SECRET_WORDS) or re.search(LOGIN, node.value):
            return "the value"
        text = node.value if len(node.value) <= 60 else f"{node.value[:57]}..."
        return (text if node.plain else f'"{text}"') if text else "an empty text"


def _as_wanted(text: str, schema: Schema) -> str:
    """A hint with the form of `text` that its pattern takes: in small letters; of a host's name the ASCII form that the
    DNS has (RFC 3492; a sharp s is no ss, as in IDNA 2008)."""
    form = text.lower()
    if schema.get("x-code") == "domain" and re.fullmatch("[0-9.]+|[0-9a-f]*:[0-9a-f:.]+", form):
        return "there are no names below an address: at home write home.arpa, and tls: {mode: internal}"
    if schema.get("x-code") in ("domain", "subdomain"):
        from unicodedata import normalize

        labels = normalize("NFC", form).rstrip(".").split(".")
        form = ".".join(x if x.isascii() else f"xn--{x.encode('punycode').decode()}" for x in labels)
    return f"write {form}" if len(form) <= LONGEST_FORM and re.fullmatch(schema["pattern"], form) else ""


def _kind(schema: Schema) -> str | None:
    """The type that we read a value as. A list of types is for editors: its first is ours ("0.5" and 0.5 are the same
    text)."""
    kind = schema.get("type")
    return kind[0] if isinstance(kind, list) else kind


def dotted(path: Path) -> str:
    """A path as people write it: ("services", "glances", "allow", 0) -> services.glances.allow[0]."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def _like(inner: Schema, around: Schema) -> Schema:
    """What stands in a list, or in a mapping of any names, with an example: that of the whole, where it has none."""
    alone = "pattern" not in inner or "examples" in inner or "x-hint" in inner or "examples" not in around
    return inner if alone else {**inner, "examples": around["examples"][-1:]}


def _example(schema: Schema) -> str:
    examples = schema.get("examples") or (
        [schema["default"]] if schema.get("default") not in (None, "", [], {}) else []
    )
    if not examples:
        return ""
    return f"for instance {_flow(examples[0])}"


def _flow(value: Any) -> str:
    """A value on one line, as YAML, which a person may paste."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(item) for item in value) + "]"
    if isinstance(value, str) and (not value or set("{}[],#&*!|>%@`\"'\n") & set(value) or ": " in value):
        import json

        return json.dumps(value, ensure_ascii=False)
    return str(value).lower() if isinstance(value, bool) else str(value)
