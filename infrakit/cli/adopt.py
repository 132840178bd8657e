"""Limits that somebody changed by hand -> infrakit.yaml, where it has a word for them."""

from collections.abc import Sequence

from infrakit import resources
from infrakit.cli import here
from infrakit.cli.adding import loaded
from infrakit.cli.report import unified
from infrakit.cli.talk import result, result_json, result_text
from infrakit.composed.edit import assigned
from infrakit.config import parse
from infrakit.config.keys import located
from infrakit.config.reader import MAXIMUM_BYTES
from infrakit.errors import EXIT_DIFFERENCES, EXIT_OK, ConfigurationInvalid, UsageProblem
from infrakit.model import Deployment
from infrakit.policy.broken import containers
from infrakit.stack.change.drift import Drift, limits_of
from infrakit.stack.layout import CONFIGURATION
from infrakit.system.files import only_ours, read_input, replace_as_read

VERSION = 1


def adopt(deployment: Deployment, found: Sequence[Drift], *, dry_run: bool, as_json: bool) -> int:
    """The exit code. What the file has no word for is said, and stays as it is. `deployment`: what is in force."""
    only_ours(CONFIGURATION)
    before = content = read_input(CONFIGURATION, MAXIMUM_BYTES)
    loaded(before, CONFIGURATION)  # so that what is wrong with it is said, and not that it has no word
    taken, left = [], []
    for item in found:
        edited = _edited(content, deployment, item)
        if edited is None:
            left.append(item)
        else:
            key, content = edited
            taken.append((key, item))
    if content != before and not dry_run:
        replace_as_read(CONFIGURATION, before, content)
    if as_json:
        adopted = [{"key": key, "value": item.now} for key, item in taken]
        rows = [item._asdict() for item in left]
        result_json({"version": VERSION, "file": CONFIGURATION, "adopted": adopted, "left": rows})
        return EXIT_DIFFERENCES if taken and dry_run else EXIT_OK
    if dry_run and taken:
        result_text(unified(CONFIGURATION, before, content))
    elif not dry_run:
        for key, item in taken:
            result(f"{CONFIGURATION}: {key} is {item.now}")
    for item in left:
        result(f"~ {item.kind} {item.name}: {item.what}; {CONFIGURATION} has no word for it")
    if taken and not dry_run:
        result("that is the file's from the next sudo infrakit up on, which makes these containers anew")
    if not taken and not left:
        result("nothing was changed by hand")
    return EXIT_DIFFERENCES if taken and dry_run else EXIT_OK


def _edited(content: bytes, deployment: Deployment, item: Drift) -> tuple[str, bytes] | None:
    """The key, and the file with it, that comes to what runs; None where no word of the file does."""
    if not item.limit or not item.now:
        return None
    service = next((service for service, one in containers(deployment) if one.name == item.name), None)
    if service is None:
        return None
    key = f"{'services' if service.kind == 'catalogue' else 'apps'}.{service.name}.{item.limit}"
    try:
        path, schema = located(resources.schema("infrakit"), key, parse(content, CONFIGURATION).root)
        after = assigned(content, CONFIGURATION, path, schema, item.now).content
        made = here.named(loaded(after, CONFIGURATION), deployment.host)
    except (ConfigurationInvalid, UsageProblem):
        return None
    now = [limits_of(one)[item.limit] for _, one in containers(made) if one.name == item.name]
    return (key, after) if now == [item.now] else None
