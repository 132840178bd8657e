"""infrakit completion: a script that the shell evaluates."""

import click

from infrakit.cli.talk import result_json, result_text


@click.command(help='Print a completion script: eval "$(infrakit completion bash)".')
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(shell: str, as_json: bool) -> None:
    text = script(shell)
    if as_json:
        result_json({"shell": shell, "script": text})
    else:
        result_text(text)


def script(shell: str) -> str:
    """What the shell evaluates."""
    from click.shell_completion import get_completion_class

    from infrakit.cli.program import program

    kind = get_completion_class(shell)
    assert kind is not None, "click knows those that the verb lets through"
    template = kind(program, {}, "infrakit", "_INFRAKIT_COMPLETE").source_template
    names = {"complete_func": "_infrakit_completion", "complete_var": "_INFRAKIT_COMPLETE", "prog_name": "infrakit"}
    return str(template % names)
