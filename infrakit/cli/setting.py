"""One key of infrakit.yaml edited: judged first, then the file takes the place of the old one, by one rename."""

import functools
import os
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import click

from infrakit import resources
from infrakit.cli import source
from infrakit.cli.adding import loaded
from infrakit.cli.report import unified
from infrakit.cli.talk import problem_json, result, result_json, result_text, say_problems
from infrakit.composed.edit import Edited
from infrakit.composed.removal import placed
from infrakit.config import parse
from infrakit.config.check import SECRET_WORDS
from infrakit.config.document import Path
from infrakit.config.keys import Schema, located
from infrakit.config.reader import MAXIMUM_BYTES
from infrakit.errors import EXIT_DIFFERENCES, EXIT_OK, ConfigurationInvalid, Problem, UsageProblem, shortened
from infrakit.system.files import only_ours, read_input, replace_as_read

VERSION = 1
OPTIONS = (
    click.option("-f", "--file", metavar="FILE", default=source.FILE, show_default=True, help="The file to edit."),
    click.option(
        "--dry-run", is_flag=True, help="Write nothing; print the difference. Exit code 6 where there is one."
    ),
    click.option("--json", "as_json", is_flag=True, help="Print the result as JSON."),
)
Edit = Callable[[bytes, str, Path, Schema], Edited]


class Asked(NamedTuple):
    """The options of both verbs."""

    file: str
    dry_run: bool
    as_json: bool


def of_a_file(command: Callable[..., int]) -> Callable[..., int]:
    """The options of both verbs; the command gets them as Asked."""

    @functools.wraps(command)
    def asked(file: str, dry_run: bool, as_json: bool, **said: Any) -> int:
        return command(asked=Asked(file, dry_run, as_json), **said)

    for option in reversed(OPTIONS):
        asked = option(asked)
    return asked


def edit(key: str, asked: Asked, change: Edit) -> int:
    """`change` made in the file, or said, or refused; the exit code."""
    file = asked.file
    if not os.path.lexists(file):
        raise UsageProblem(f"{file}: there is no such file", "infrakit init writes one; -f names another")
    only_ours(file)
    before = read_input(file, MAXIMUM_BYTES)
    path, schema = _located(key, before, file)
    edited = change(before, file, path, schema)
    changed = edited.content != before
    left = _judged(before, edited.content, file) if changed else []
    if changed and not asked.dry_run:
        replace_as_read(file, before, edited.content)
    _tell(key, asked, before, edited, left)
    return EXIT_DIFFERENCES if changed and asked.dry_run else EXIT_OK


def _located(key: str, content: bytes, file: str) -> tuple[Path, Schema]:
    if not key.isprintable():
        raise UsageProblem("KEY holds a character that no key has")
    try:
        return located(resources.schema("infrakit"), key, parse(content, file).root)
    except UsageProblem as error:
        name = re.split(r"[.[]", key)[-1].replace("-", "_")
        if name in _secrets(content, file):
            raise UsageProblem(f"{key}: no secret stands in {file}", f"infrakit secrets set {name}") from None
        if any(word in name.lower() for word in SECRET_WORDS):
            hint = "no secret stands in the file: infrakit secrets list names those that there are"
            raise UsageProblem(error.message, hint) from None
        raise


def _secrets(content: bytes, file: str) -> set[str]:
    try:
        deployments = loaded(content, file).fleet.deployments
    except ConfigurationInvalid:
        return set()
    return {spec.name for deployment in deployments for spec in deployment.secrets}


def _judged(before: bytes, after: bytes, file: str) -> list[Problem]:
    """What is worth knowing of the file as it will be and was not said of it before. ConfigurationInvalid where it has
    errors that it had not; of one that had some already those where the edit is: others may have been behind them."""
    old, new = _problems(before, file), _problems(after, file)
    known = {(problem.what, problem.code) for problem in old}
    found = [problem for problem in new if (problem.what, problem.code) not in known]
    had = any(problem.severity == "error" for problem in old)
    wrong = []
    for problem in found:
        place, within = placed(before, after, problem)
        if problem.severity == "error" and (within or not had):
            wrong.append(place)
    if wrong:
        raise ConfigurationInvalid(wrong)
    return found


def _problems(content: bytes, file: str) -> tuple[Problem, ...]:
    try:
        return loaded(content, file).warnings
    except ConfigurationInvalid as error:
        return error.problems


def _tell(key: str, asked: Asked, before: bytes, edited: Edited, left: list[Problem]) -> None:
    changed = edited.content != before
    difference = unified(asked.file, before, edited.content) if asked.dry_run else ""
    if asked.as_json:
        told = {"version": VERSION, "file": asked.file, "key": key, "was": edited.was, "is": edited.now}
        told |= {"changed": changed, "written": changed and not asked.dry_run}
        told |= {"warnings": [problem_json(problem) for problem in left]}
        result_json({**told, "difference": difference} if asked.dry_run else told)
        return
    say_problems(left)
    if difference:
        result_text(difference)
    elif not asked.dry_run or not changed:
        result(f"{asked.file}: {_words(key, edited, changed)}")
        if changed:
            result("what runs is as before until: sudo infrakit up")


def _words(key: str, edited: Edited, changed: bool) -> str:
    """Values that may be secret are not repeated."""
    hidden = any(word in key.lower() for word in SECRET_WORDS)
    was, now = (value if value is None else "a value" if hidden else shortened(value) for value in edited[1:])
    if not changed:
        return f"{key} is not set: nothing to do" if now is None else f"{key} is {now} already"
    if now is None:
        return f"{key} is out, was {was}"
    return f"{key} is {now}, {'was not set' if was is None else f'was {was}'}"
