"""Deployment -> .env: the project's name, its profiles and the time zone. No secret, ever.

Compose reads it beside compose.yaml, so that `docker compose up` by hand starts exactly what was compiled.
"""

from infrakit.model import Artifact, Deployment, Origin

PATH = ".env"
PASS = "emit.environment_file"
PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./,+-")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "$": "\\$", "\n": "\\n", "\r": "\\r"}


def emit(deployment: Deployment) -> tuple[Artifact, ...]:
    text = "".join(f"{name}={quoted(value)}\n" for name, value, _ in _variables(deployment))
    return (Artifact(PATH, text.encode()),)


def trace(deployment: Deployment, path: str) -> dict[str, Origin]:
    """Line number (from 1) -> Origin."""
    return {str(number): origin for number, (_, _, origin) in enumerate(_variables(deployment), 1)}


def _variables(deployment: Deployment) -> tuple[tuple[str, str, Origin], ...]:
    document = deployment.origin.document
    return (
        ("COMPOSE_PROJECT_NAME", deployment.name, Origin(document, ("name",), PASS)),
        ("COMPOSE_PROFILES", ",".join(deployment.profiles), deployment.origin._replace(decided_by=PASS)),
        ("TZ", deployment.timezone, Origin(document, ("timezone",), PASS)),
    )


def quoted(value: str) -> str:
    """`value` for Compose's reader of .env files: bare, in single quotes (literal), or in double quotes with
    escapes."""
    if PLAIN.issuperset(value):
        return value
    if not set(value) & set("'\\\n\r"):
        return f"'{value}'"
    return double_quoted(value)


def double_quoted(value: str) -> str:
    """`value` in double quotes, in which every text can stand, for the same reader (compose-go, dotenv)."""
    return '"' + "".join([_ESCAPES.get(character, character) for character in value]) + '"'
