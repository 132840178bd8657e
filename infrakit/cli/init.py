"""infrakit init: a commented infrakit.yaml to start from, and the schema beside it for the editor."""

import os
import sys
from collections.abc import Mapping

import click

from infrakit import resources
from infrakit.cli.questions import QUESTIONS
from infrakit.cli.talk import problem_json, result, result_json, say, say_problems
from infrakit.config.sample import sample
from infrakit.errors import ConfigurationInvalid, Problem, UsageProblem
from infrakit.system.files import plain_errors, replace

SCHEMA = os.path.join(".infrakit", "infrakit.schema.json")


@click.command(help="Write a commented infrakit.yaml to start from. Overwrites nothing.")
@click.option("-f", "--file", metavar="FILE", default="infrakit.yaml", show_default=True, help="The file to write.")
@click.option("--domain", metavar="DOMAIN", help="The domain that every service gets a name below.")
@click.option("--pattern", type=click.Choice(["full", "edge", "monitoring"]), help="What the machine is for.")
@click.option("--tls", type=click.Choice(["acme", "internal", "files", "tunnel"]), help="Where certificates come from.")
@click.option("--admin", metavar="USER", help="The user who may open everything.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    file: str, domain: str | None, pattern: str | None, tls: str | None, admin: str | None, as_json: bool
) -> None:
    if os.path.lexists(file):
        raise UsageProblem(f"{file} is there already", "edit it, or name another with -f")
    source = first({"domain": domain, "pattern": pattern, "tls": tls, "admin": admin}, file)
    with plain_errors("write"):
        schema = put_schema(file)
        replace(file, source)
    missing = _missing(source, file)
    if as_json:
        result_json({"file": file, "schema": schema, "problems": [problem_json(item) for item in missing]})
        return
    say_problems(missing)
    then = "mend that, look it over, then infrakit compile" if missing else "look it over, then infrakit compile"
    result(f"wrote {file}: {then}")


def _missing(source: bytes, file: str) -> tuple[Problem, ...]:
    """What the answers alone do not say."""
    from infrakit.compiler import load

    try:
        load(source, file, lambda name: b"")
    except ConfigurationInvalid as error:
        return error.problems
    return ()


def first(said: Mapping[str, str | None], file: str) -> bytes:
    """A commented file; what is not said is asked for."""
    answers = {key: said[key] or _ask(key, *question) for key, question in QUESTIONS.items()}
    return sample(answers, os.path.basename(file))


def put_schema(file: str) -> str:
    """The schema beside the file, for the editor; its path."""
    path = os.path.join(os.path.dirname(file), SCHEMA)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    replace(path, resources.schema_source("infrakit"))
    return path


def _ask(flag: str, what: str, default: str, about: str) -> str:
    """Ask on a terminal; elsewhere a flag has to say it."""
    if not sys.stdin.isatty():
        raise UsageProblem(
            f"--{flag} is not said: {what}",
            "infrakit init --domain home.example.org --pattern full --tls acme --admin alice",
        )
    say("")
    say(about)
    answer: str = click.prompt(what, default=default, err=True)
    return answer
