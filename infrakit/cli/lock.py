"""infrakit lock: write down exactly which images the file stands for; the same again changes nothing. Asks registries,
and says which."""

from collections.abc import Mapping

import click

from infrakit.cli import source
from infrakit.cli.talk import result, result_json, say, say_problems
from infrakit.compiler import Compiled
from infrakit.errors import (
    EXIT_DIFFERENCES,
    EXIT_MACHINE,
    EXIT_OK,
    ConfigurationInvalid,
    InfraKitError,
    Problem,
    UsageProblem,
)
from infrakit.host.docker import KEY, REPOSITORY
from infrakit.lock import Lock, changes, lacking, leftover, locked_name, parse, render, short, updated
from infrakit.policy import shapes_of
from infrakit.system.files import plain_errors, replace
from infrakit.system.stamp import lock_beside

EVERYTHING = "*"
HERE = (
    "this machine's engine has it: where it was built here, push it to a registry that your hosts reach, and name it "
    "so; without infrakit.lock, a host that has it runs it as it is"
)

Wanted = Mapping[str, set[str]]


@click.command(
    help="""Write infrakit.lock beside the file: for every image the digests behind its tag, for each processor of
    your hosts.
What stands there already is kept. Keep the lock in git: with it, the same file brings up the same bytes everywhere."""
)
@click.option("-f", "--file", metavar="FILE", help="The file; infrakit.yaml in this folder where nothing is said.")
@click.option(
    "--upgrade",
    metavar="[SERVICE]",
    is_flag=False,
    flag_value=EVERYTHING,
    help="Ask the tags again, of one service or of all.",
)
@click.option(
    "--check", is_flag=True, help="Write nothing; exit code 6 where a tag has moved, or the lock does not fit the file."
)
@click.option(
    "--system",
    "systems",
    metavar="SYSTEM",
    multiple=True,
    help="Lock Docker's packages for it too, such as debian-trixie; it stays in the lock.",
)
@click.option(
    "--docker-repository",
    metavar="URL",
    default=REPOSITORY,
    show_default=True,
    help="A mirror of Docker's package repository.",
)
@click.option(
    "--docker-key",
    metavar="FINGERPRINT",
    default=KEY,
    help="The key that signs it; Docker's own where nothing is said.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    file: str | None,
    upgrade: str | None,
    check: bool,
    systems: tuple[str, ...],
    docker_repository: str,
    docker_key: str,
    as_json: bool,
) -> int:
    if check and (upgrade or systems):
        raise UsageProblem(
            "--check changes nothing: it goes with neither --upgrade nor --system",
            "it says what lock --upgrade would change",
        )
    found = source.find(file, None)
    compiled = source.compiled(found._replace(lock=None))
    say_problems([item for item in compiled.warnings if item.code != "moved-unlocked"])  # which this verb mends
    wanted, upgraded = wanted_of(compiled), _upgraded(compiled, upgrade)
    everything = upgrade == EVERYTHING
    before = _before(found, everything=everything) or Lock({}, lock_beside(found.name))
    docker = {"repository": docker_repository, "key": docker_key}
    if check:
        return _check(before, wanted, compiled.mirror, docker, as_json)
    after = _asked(before, wanted, upgraded, compiled)
    if systems or before.packages:
        from infrakit.cli.lock_packages import locked

        after = after._replace(
            packages=locked(before, systems, set().union(*wanted.values()), anew=everything, **docker)
        )
    return _write(found, before, after, as_json)


def wanted_of(compiled: Compiled) -> Wanted:
    """Name, as a lock has it -> the processors of the hosts that run it."""
    wanted: dict[str, set[str]] = {}
    for deployment in shapes_of(compiled.fleet):
        for container in (container for service in deployment.services for container in service.containers):
            wanted.setdefault(locked_name(container.image, compiled.mirror), set()).add(deployment.architecture)
    return dict(sorted(wanted.items()))


def _upgraded(compiled: Compiled, service: str | None) -> set[str]:
    """The names whose tags are to be asked although they are locked."""
    services = [item for deployment in shapes_of(compiled.fleet) for item in deployment.services]
    if service not in (None, EVERYTHING, *(item.name for item in services)):
        raise UsageProblem(f"no host runs {service}", f"one of: {', '.join(sorted({item.name for item in services}))}")
    chosen = [item for item in services if service in (EVERYTHING, item.name)]
    return {locked_name(container.image, compiled.mirror) for item in chosen for container in item.containers}


def _before(found: source.Source, *, everything: bool) -> Lock | None:
    """The lock that is there. Where all of it is asked again, a damaged one does not matter."""
    if found.lock is None:
        return None
    try:
        return parse(found.lock.content, found.lock.name)
    except ConfigurationInvalid:
        if everything:
            return None
        raise


def _asked(before: Lock, wanted: Wanted, upgraded: set[str], compiled: Compiled) -> Lock:
    """The lock with what it lacks, and what is to be asked again, by the registries' word. NotThere with all images
    that they have not."""
    from infrakit.system.patience import NoSuchImage
    from infrakit.system.registry import Client
    from infrakit.system.registry.locked import announcement, ask, to_ask

    asking, missing = to_ask(before.images, wanted, upgraded), {}
    announcement(asking, compiled.mirror, say)
    found = {}
    with Client(tell=say) as client:
        for name, index in asking.items():
            try:
                found[name] = ask(client, name, compiled.mirror, wanted[name], index)
            except NoSuchImage as error:
                missing[name] = error
    if missing:
        raise NotThere(_problems(compiled, missing))
    return updated(before, wanted, found)


class NotThere(ConfigurationInvalid):
    """Registries have not all images that the file names."""

    exit_code = EXIT_MACHINE


def _problems(compiled: Compiled, missing: Mapping[str, InfraKitError]) -> list[Problem]:
    """Each image once, where the file names it; what this machine's engine has, such as one that was built here, with
    what to do about that."""
    from infrakit.resolve.images import named_by

    named = {
        locked_name(container.image, compiled.mirror): container
        for deployment in shapes_of(compiled.fleet)
        for service in deployment.services
        for container in service.containers
    }
    here = _here({name: named[name].image for name in missing})
    return sorted(
        Problem(
            compiled.locate.origin(named_by(named[name], compiled.mirror)),
            error.message,
            "image-not-there",
            f"{error.hint}; {HERE}" if name in here else error.hint,
        )
        for name, error in missing.items()
    )


def _here(images: Mapping[str, str]) -> set[str]:
    """The names whose images this machine's engine has, where there is an engine."""
    from infrakit.system.machine import Machine

    try:
        engine = Machine().engine
        return {name for name, image in images.items() if engine.image_id(image)}
    except InfraKitError:
        return set()


def _write(found: source.Source, before: Lock, after: Lock, as_json: bool) -> int:
    lines, content = changes(before, after), render(after)
    path = lock_beside(found.path)
    if found.lock is None or found.lock.content != content:
        with plain_errors("write"):
            replace(path, content)
    if as_json:
        result_json({"lock": path, "images": len(after.images), "changes": lines})
        return EXIT_OK
    for line in lines:
        result(line)
    count = len(after.images)
    result(
        f"{path}: {count} image{'' if count == 1 else 's'}, "
        + (f"{len(lines)} changed" if lines else "nothing changed")
    )
    return EXIT_OK


def _check(lock: Lock, wanted: Wanted, mirror: str, docker: Mapping[str, str], as_json: bool) -> int:
    """What `lock --upgrade` would change."""
    from infrakit.system.registry import Client
    from infrakit.system.registry.locked import announcement, moved

    missing, left = lacking(lock, wanted), leftover(lock, wanted)
    names = [name for name in wanted if name in lock.images and "@" not in name]
    announcement(names, mirror, say)
    with Client(tell=say) as client:
        now = {name: moved(client, name, mirror, lock.images[name]) for name in names}
    tags = {name: digest for name, digest in now.items() if digest}
    packages = _newer(lock, docker) if lock.packages else []
    if as_json:
        result_json(
            {
                "lock": lock.document,
                "missing": missing,
                "left": left,
                "packages": packages,
                "moved": {name: {"locked": lock.images[name].index, "now": digest} for name, digest in tags.items()},
            }
        )
    else:
        lines = [f"+ {name}: not in the lock for {', '.join(architectures)}" for name, architectures in missing.items()]
        lines += [
            f"~ {name}: the tag has moved to {short(digest)}, locked is {short(lock.images[name].index)}"
            for name, digest in tags.items()
        ]
        for line in [
            *lines,
            *packages,
            *(f"- {name}: no host needs it for {', '.join(architectures)}" for name, architectures in left.items()),
        ]:
            result(line)
        result(
            f"{lock.document}: " + ("differs" if missing or tags or left or packages else "every tag is where it was")
        )
    return EXIT_DIFFERENCES if missing or tags or left or packages else EXIT_OK


def _newer(lock: Lock, docker: Mapping[str, str]) -> list[str]:
    from infrakit.cli.lock_packages import now

    return changes(lock, lock._replace(packages=now(lock, **docker)))
