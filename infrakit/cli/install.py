"""infrakit install: from a fresh machine to a running stack. The same again resumes, or changes nothing."""

import os

import click

from infrakit.cli import here, source
from infrakit.cli.carry import carry_out
from infrakit.cli.completion import script
from infrakit.cli.preflight import look, refuse
from infrakit.cli.talk import result, say_problems
from infrakit.cli.terminal import ask
from infrakit.config.sample import sample
from infrakit.emit import emit
from infrakit.errors import EXIT_OK, UsageProblem
from infrakit.host.docker import KEY, REPOSITORY, engine_steps
from infrakit.model import Deployment
from infrakit.stack.install import own_files, plan_install
from infrakit.stack.layout import CONFIGURATION, secrets_folder
from infrakit.system.digest import hex_digest
from infrakit.system.files import read_input
from infrakit.system.machine import Machine


@click.command(help="Install Docker where it is missing, bring the stack up, and say where to go. Running it again resumes.")
@click.option("-f", "--config", "file", metavar="FILE", help="The file; infrakit.yaml in this folder, else the installed one, else questions.")
@click.option("--domain", metavar="DOMAIN", help="Without a file: the domain that every service gets a name below.")
@click.option("--pattern", type=click.Choice(["full", "edge", "monitoring"]), help="Without a file: what the machine is for.")
@click.option("--tls", type=click.Choice(["acme", "internal", "files", "tunnel"]), help="Without a file: where certificates come from.")
@click.option("--admin", metavar="USER", help="Without a file: the user who may open everything.")
@click.option("--host", metavar="NAME", help="Which host of the file this machine is.")
@click.option("--docker-repository", metavar="URL", default=REPOSITORY, show_default=True, help="A mirror of Docker's package repository.")
@click.option("--docker-key", metavar="FINGERPRINT", default=KEY, help="The key that signs it; Docker's own where nothing is said.")
@click.option("--packages", metavar="DIR", help="A folder of .deb files that Docker is installed from, without a network.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Change nothing; print the plan. Exit code 6 where something would change.")
@click.option("--json", "as_json", is_flag=True, help="Print the plan, or what happens, as JSON.")
def command(file, domain, pattern, tls, admin, host, docker_repository, docker_key, packages, yes, dry_run, as_json):
    found = _source(file, {"domain": domain, "pattern": pattern, "tls": tls, "admin": admin})
    compiled = source.compiled(found)
    deployment = here.deployment_of(compiled, host)
    say_problems(compiled.warnings)
    machine = Machine()
    repository, key = docker_repository.rstrip("/"), docker_key.upper().replace(" ", "")
    facts, findings = look(machine, deployment, own_repository=bool(packages) or repository != REPOSITORY)
    findings = [finding for finding in (*findings, *here.findings(deployment)) if not (dry_run and finding.code == "not-root")]
    refuse(findings)
    others = [(name, found.read_blueprint(name)) for name in tuple(dict.fromkeys(found.blueprints))]
    files = own_files(found.content, others, program(), script("bash").encode())
    engine = engine_steps(facts, repository=repository, key=key, files=os.path.abspath(packages) if packages else "")
    plan = plan_install(deployment, emit(deployment), hex_digest, engine, files)
    code = carry_out(plan, yes=yes, dry_run=dry_run, as_json=as_json, machine=machine)
    if code == EXIT_OK and not dry_run and not as_json:
        _closing_page(deployment)
    return code


def _source(file: str | None, answers: dict[str, str | None]) -> source.Source:
    """The file that is named or found; else one made of answers, given as flags or on the terminal."""
    said = {key: value for key, value in answers.items() if value}
    if file or not said and (os.path.exists(source.FILE) or os.path.exists(CONFIGURATION)):
        return here.find(file)
    if os.path.exists(CONFIGURATION):
        raise UsageProblem(f"{CONFIGURATION} is there already", "edit it, then infrakit install, or name a file with --config")
    questions = {
        "domain": ("domain", "home.example.org"), "pattern": ("pattern (full, edge or monitoring)", "full"),
        "tls": ("certificates (acme, internal, files or tunnel)", "acme"), "admin": ("administrator", "admin"),
    }
    whole = {key: said.get(key) or ask(*question) for key, question in questions.items()}
    content = sample(whole, source.FILE)

    def read_blueprint(name: str) -> bytes:
        return read_input(name)

    return source.Source("", source.FILE, content, read_blueprint, [])


def program() -> bytes:
    """The zipapp that we run from; empty in a checkout."""
    archive = getattr(__loader__, "archive", "")
    return read_input(archive) if archive and os.path.isfile(archive) else b""


def _closing_page(deployment: Deployment) -> None:
    """Where to go, who may, where things live, what to do next."""
    result("")
    port = "" if deployment.door.https_port in (0, 443) else f":{deployment.door.https_port}"
    for route in deployment.routes:
        who = "anybody" if route.sign_in == "public" else ", ".join(route.allow) or "whoever signs in"
        result(f"  {route.title:24} https://{route.hostname}{port}  {who}")
    if any(spec.name == "authentik_bootstrap_password" for spec in deployment.secrets):
        result("")
        result("  sign in first as akadmin; its password is in")
        result(f"  {secrets_folder(deployment.host)}/secrets/authentik_bootstrap_password")
    result("")
    result(f"  your file {CONFIGURATION}: change it, then infrakit up")
    result("  infrakit status, infrakit logs SERVICE, infrakit uninstall")
