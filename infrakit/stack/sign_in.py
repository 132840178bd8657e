"""A user -> a link that signs him in once: users whom our blueprint makes have no password yet.

Source: goauthentik/authentik, authentik/recovery/ of 2026-06 and release notes 2025.10 (the duration became minutes
there).
"""

import re
from typing import NamedTuple

from infrakit.emit.authentik import portal
from infrakit.errors import MachineUnfit, UsageProblem
from infrakit.machine import Machine
from infrakit.model import Deployment
from infrakit.stack.inside import container_name
from infrakit.stack.wire.authentik import SERVER, administrators, ask

AKADMIN = "akadmin"
MINUTES = 60
LONGEST_S = 300
"""On a Raspberry Pi Authentik's commands take a minute to start."""
PATH = re.compile(r"/recovery/use-token/[\w.~-]+/")
NEW_PASSWORD = "/if/flow/default-password-change/"


class Link(NamedTuple):
    """`url` lets anybody in as `user`, once; `new_password` is the page to go to then."""

    user: str
    url: str
    minutes: int
    new_password: str


def first_user(deployment: Deployment) -> str:
    """The first administrator of the file, else Authentik's own."""
    return next(iter(administrators(deployment)), AKADMIN)


def never_came(deployment: Deployment, machine: Machine) -> bool:
    """Whether the first administrator of the file has not signed in yet."""
    names = administrators(deployment)
    return bool(names) and ask(machine, deployment.name).members.get(names[0]) == ""


def sign_in_link(deployment: Deployment, user: str, machine: Machine) -> Link:
    """Make one. UsageProblem where there is no such user; MachineUnfit where Authentik does not run here or says no."""
    base = portal(deployment)
    if not base:
        raise UsageProblem(
            f"{deployment.host} does not run Authentik",
            f"run it on {deployment.core}" if deployment.core else "the profile identity brings it",
        )
    if user.startswith("-"):
        raise UsageProblem(f"{user} is no user name", "infrakit sign-in USER")
    words = ("ak", "create_recovery_key", str(MINUTES), user)
    done = machine.run(("docker", "exec", container_name(deployment.name, SERVER), *words), timeout_s=LONGEST_S)
    found = PATH.findall(done.out)
    if not found and "not found" in done.err:
        known = ", ".join((AKADMIN, *(item.username for item in deployment.access.users)))
        raise UsageProblem(f"Authentik has no user {user}", f"of the file there are: {known}")
    if done.code or not found:
        raise MachineUnfit("Authentik made no link", "does it run? see: infrakit status, infrakit logs authentik")
    return Link(user, base + found[-1], MINUTES, base + NEW_PASSWORD)
