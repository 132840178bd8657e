"""infrakit init: a commented infrakit.yaml to start from, and the schema beside it for the editor."""

import os
import sys

import click

from infrakit import resources
from infrakit.cli.questions import QUESTIONS
from infrakit.cli.talk import result, result_json, say
from infrakit.config.sample import sample
from infrakit.errors import UsageProblem
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
    said = {"domain": domain, "pattern": pattern, "tls": tls, "admin": admin}
    answers = {key: said[key] or _ask(*question) for key, question in QUESTIONS.items()}
    source = sample(answers, os.path.basename(file))
    with plain_errors("write"):
        folder = os.path.dirname(file)
        os.makedirs(os.path.join(folder, ".infrakit"), exist_ok=True)
        replace(os.path.join(folder, SCHEMA), resources.schema_source("infrakit"))
        replace(file, source)
    if as_json:
        result_json({"file": file, "schema": os.path.join(folder, SCHEMA)})
    else:
        result(f"wrote {file}: look it over, then infrakit compile")


def _ask(what: str, default: str, about: str) -> str:
    """Ask on a terminal; elsewhere a flag has to say it."""
    if not sys.stdin.isatty():
        raise UsageProblem(
            f"{what.partition(' (')[0]} is not said",
            "infrakit init --domain home.example.org --pattern full --tls acme --admin alice",
        )
    say("")
    say(about)
    answer: str = click.prompt(what, default=default, err=True)
    return answer
