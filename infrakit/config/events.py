"""Text -> events of YAML 1.2, by ruamel.yaml's scanner and parser; what they read otherwise than the specification is
refused."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any


class Late:
    """A pattern that is compiled when something is looked for."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern

    def search(self, text: str) -> "re.Match[str] | None":
        return re.search(self.pattern, text)


SPARED: dict[str, dict[str, Any]] = {
    "ruamel.yaml.comments": {"C_POST": 0, "C_PRE": 1, "C_SPLIT_ON_FIRST_BLANK": 2},
    "ruamel.yaml.util": {"RegExp": Late},
}
"""Modules of which the scanner and the parser want only this: whole they bring `datetime`, too, and are a tenth of a
start."""
SPACE = " \n\0\t\r"
FLOW = ",[]{}"
ENDS = "\n\0\r\x85\u2028\u2029"
"""Of a comment."""


class Quick:
    """What ruamel.yaml's scanner does most, in fewer steps and to the same end; before its own classes."""

    # Theirs are properties that look for the other halves each time; here all are one.
    reader: Any = None
    scanner: Any = None
    resolver: Any = None
    ready: Any = None
    """The token before which nothing can be put any more."""
    tokens: list[Any]
    tokens_taken: int
    buffer: str
    pointer: int
    index: int
    column: int
    flow_level: int
    allow_simple_key: bool
    peek: Any
    need_more_tokens: Any
    fetch_more_tokens: Any
    scan_line_break: Any

    def check_token(self, *choices: Any) -> bool:
        """As theirs, which looks at every possible key again for each question about the same token."""
        found = self.peek_token()
        return found is not None and (not choices or isinstance(found, choices))

    def peek_token(self) -> Any:
        if not self.tokens or self.tokens[0] is not self.ready:
            while self.need_more_tokens():
                self.fetch_more_tokens()
            self.ready = self.tokens[0] if self.tokens else None
        return self.ready

    def get_token(self) -> Any:
        found = self.peek_token()
        if found is not None:
            self.tokens_taken += 1
            self.tokens.pop(0)
        return found

    def forward(self, length: int = 1) -> None:
        """As theirs, which goes by single characters: only one that does not print breaks a line, or has no
        width."""
        end = self.pointer + length
        if end + 1 >= len(self.buffer) or not self.buffer[self.pointer : end].isprintable():
            super().forward(length)  # type: ignore[misc]
            return
        self.pointer = end
        self.index += length
        self.column += length

    def scan_to_next_token(self) -> None:
        """Past spaces, comments and ends of lines."""
        if self.index == 0 and self.peek() == "\ufeff":
            self.forward()
        white = " \t" if self.flow_level else " "
        while True:
            text, end = self.buffer, self.pointer
            while text[end] in white:
                end += 1
            if text[end] == "#":
                while text[end] not in ENDS:
                    end += 1
            if end > self.pointer:
                self.forward(end - self.pointer)
            if not self.scan_line_break():
                return
            if not self.flow_level:
                self.allow_simple_key = True


_ENGINE: list[Any] = []  # what _events() found: importing it again for each file would cost more than reading the file


def engine() -> tuple[Any, Any]:
    """(a function text -> ruamel.yaml's event source, its errors module).

    Imports the scanner and the parser only: `import ruamel.yaml` itself costs two starts of the interpreter.
    """
    if _ENGINE:
        return _ENGINE[0], _ENGINE[1]
    with _without_its_init():
        from ruamel.yaml import error, parser, reader, scanner

    class Events(Quick, reader.Reader, scanner.Scanner, parser.Parser):
        """Reads as ruamel.yaml does, and refuses what that reads otherwise than the specification (YAML 1.2.2)."""

        processing_version = (1, 2)
        comment_handling = None

        def __init__(self, text: str) -> None:
            self._resolver = self.reader = self.scanner = self.resolver = self
            reader.Reader.__init__(self, text, loader=self)
            scanner.Scanner.__init__(self, loader=self)
            parser.Parser.__init__(self, loader=self)

        def get_mark(self) -> Any:
            return error.StringMark(self.name, self.index, self.line, self.column, self.buffer, self.pointer)

        def refuse(self, what: str) -> None:
            raise scanner.ScannerError(None, None, what, self.get_mark())

        def scan_yaml_directive_value(self, start_mark: Any) -> tuple[int, int]:
            """6.8.1: of another version we do not know how it reads."""
            while self.peek() == " ":
                self.forward()
            if self.prefix(3) != "1.2" or self.peek(3) not in SPACE:
                self.refuse("a YAML version other than 1.2")
            self.forward(3)
            return (1, 2)

        def scan_to_next_token(self) -> None:
            self.refuse_glued_comment()
            super().scan_to_next_token()

        def scan_block_scalar_ignored_line(self, start_mark: Any) -> None:
            self.refuse_glued_comment()
            super().scan_block_scalar_ignored_line(start_mark)

        def refuse_glued_comment(self) -> None:
            """6.6: white space stands before a comment."""
            if self.buffer[self.pointer] == "#" and self.index and self.buffer[self.pointer - 1] not in SPACE:
                self.refuse("a # without a space before it")

        def check_key(self) -> bool:
            """8.2.2 and 7.4: white space follows the ? before a key, in flow style too."""
            return self.peek(1) in SPACE

        def check_value(self) -> bool:
            """7.4: in flow style :x is a text, but after a key in quotes or brackets."""
            if self.flow_level and self.peek(1) not in SPACE + FLOW and self.buffer[self.pointer - 1] not in "\"']}":
                return False
            found: bool = super().check_value()
            return found

        def scan_plain(self) -> Any:
            """7.3.3: in flow style no text ends in a colon, or is a hyphen."""
            token = super().scan_plain()
            if self.flow_level and (token.value.endswith(":") or token.value == "-"):
                self.refuse(f"a {token.value[-1]} without a space after it")
            return token

    _ENGINE.extend((Events, error))
    return Events, error


@contextmanager
def _without_its_init() -> Iterator[None]:
    """Inside, modules of ruamel.yaml can be imported without the package's own, which imports all of them."""
    if "ruamel.yaml" in sys.modules:
        yield
        return
    from importlib.machinery import PathFinder
    from importlib.util import module_from_spec

    import ruamel

    spec = PathFinder.find_spec("ruamel.yaml", ruamel.__path__)
    assert spec is not None, "ruamel.yaml is a part of every build"
    sys.modules["ruamel.yaml"] = module_from_spec(spec)
    for name, content in SPARED.items():
        sys.modules[name] = ModuleType(name)
        vars(sys.modules[name]).update(content)
    try:
        yield
    finally:
        # Whoever wants the whole package later imports it afresh: it would miss its submodules otherwise.
        for module in [name for name in sys.modules if name.startswith("ruamel.yaml")]:
            del sys.modules[module]
