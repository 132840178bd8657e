"""Answers -> a commented infrakit.yaml, with every key of the schema in it as a comment."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from infrakit import resources
from infrakit.config.check import check_schema
from infrakit.config.reader import parse
from infrakit.errors import ConfigurationInvalid

EDITOR = "# yaml-language-server: $schema=./.infrakit/infrakit.schema.json"


def sample(answers: Mapping[str, str], name: str) -> bytes:
    """answers: domain, pattern, tls, admin. Raises ConfigurationInvalid where an answer cannot stand in the file."""
    lines = [
        EDITOR,
        "# What runs on your machines. infrakit validate checks it, infrakit compile shows what would run,",
        "# infrakit explain KEY says what a key means.",
        "version: 1",
        f"domain: {answers['domain']}",
        f"pattern: {answers['pattern']}",
        "tls:",
        f"  mode: {answers['tls']}",
        "access:",
        f"  administrators: [{answers['admin']}]",
        "",
        "# Everything else, with its default or an example:",
    ]
    schema = resources.schema("infrakit")
    lines += [f"# {line}".rstrip() for line in _keys(schema)]
    source = ("\n".join(lines) + "\n").encode()
    problems = check_schema(parse(source, name), schema)
    if problems:
        raise ConfigurationInvalid(problems)
    return source


def _keys(schema: Mapping[str, Any]) -> Iterator[str]:
    for key, value in schema["properties"].items():
        if key in ("version", "domain", "pattern"):
            continue
        yield f"{value['description']}"
        yield f"{key}: {json.dumps(value['examples'][0], ensure_ascii=False)}"
        for inner, described in value.get("properties", {}).items():
            yield f"    {inner}: {described['description']}"
