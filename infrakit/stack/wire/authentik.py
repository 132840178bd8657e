"""Authentik has applied our blueprint, as it is now, and the administrators are there; else it is asked to, and waited
for.

Its discovery applies files in any order, and does not try again for an hour what failed because something came first.
Asked through its API, in its container, with the token that lies there.
Source: goauthentik/authentik, authentik/blueprints/{api,models,v1/tasks}.py and authentik/core/api/groups.py of
2026-06.
"""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from infrakit.emit.authentik import PATH
from infrakit.errors import InfraKitError, MachineUnfit
from infrakit.model import SECRETS_DIRECTORY, Artifact, Deployment
from infrakit.plan import Action, Probe, Unless
from infrakit.plan.model import Tell
from infrakit.stack.inside import container_name, inside

SERVER, WORKER = "authentik", "authentik-worker"
ADMINISTRATORS = "administrators"
INSIDE = "infrakit/infrakit.yaml"
"""Where the blueprint is, below /blueprints in the container (blueprints/authentik.yaml mounts it there)."""
LONGEST_WAIT_S = 600
"""A Raspberry Pi takes minutes at its first start to apply the blueprints that Authentik brings."""
PAUSE_S = 1.0
ASKED_AGAIN_S = 20
ORDER = {
    "base": "http://127.0.0.1:9000/api/v3",
    "token": f"{SECRETS_DIRECTORY}/authentik_bootstrap_token",
    "path": INSIDE,
    "group": ADMINISTRATORS,
}
SCRIPT = """
import json, urllib.error, urllib.parse, urllib.request

def call(method, place, **query):
    address = order["base"] + place + ("?" + urllib.parse.urlencode(query) if query else "")
    headers = {"Authorization": "Bearer " + token, "Accept": "application/json"}
    return json.load(opener.open(urllib.request.Request(address, method=method, headers=headers), timeout=20))

try:
    token = open(order["token"]).read().strip()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    found = call("GET", "/managed/blueprints/", path=order["path"])["results"]
    groups = call("GET", "/core/groups/", name=order["group"])["results"]
    if order["apply"] and found:
        call("POST", "/managed/blueprints/%s/apply/" % found[0]["pk"])
    members = groups[0]["users_obj"] if groups else []
    said = {name: found[0][name] for name in ("status", "last_applied_hash", "enabled")} if found else {}
    said["members"] = {user["username"]: user["last_login"] or "" for user in members}
except urllib.error.HTTPError as error:
    said = {"refused": error.code}
except (OSError, ValueError, LookupError) as error:
    said = {"problem": str(getattr(error, "reason", error)).lower() or type(error).__name__.lower()}
print(json.dumps(said))
"""


class Hopeless(MachineUnfit):
    """Only a person can mend it: there is nothing to wait for."""


class State(NamedTuple):
    """How Authentik sees our blueprint, and who is in the group of administrators: username -> when he signed in last,
    "" for never."""

    status: str = ""
    last_applied_hash: str = ""
    enabled: bool = True
    members: "dict[str, str]" = {}


def ask(machine: Any, project: str, *, apply: bool = False) -> State:
    """MachineUnfit where Authentik does not answer; Hopeless where it does not take the token. `apply`: have the
    blueprint applied once more."""
    script = f"order = {dict(ORDER, apply=apply)!r}{SCRIPT}"
    try:
        said = json.loads(inside(machine, container_name(project, SERVER), ("python3", "-"), feed=script.encode()))
    except ValueError:
        said = {"problem": "its answer is not JSON"}
    if said.get("refused") in (401, 403):
        remedy = (
            "let akadmin have an API token authentik-bootstrap-token, as in the secret "
            f"{ORDER['token'].rpartition('/')[2]}"
        )
        raise Hopeless("Authentik does not take akadmin's API token", remedy)
    if "refused" in said or "problem" in said:
        raise MachineUnfit(
            f"Authentik's API answers {said.get('refused') or said['problem']}", "see: infrakit logs authentik"
        )
    return State(**said)


class Applied(NamedTuple):
    """The blueprint with this SHA-512 is in force, and these users are members of the group of administrators."""

    project: str
    digest: str
    administrators: tuple[str, ...]

    def holds(self, machine: Any) -> bool:
        return not self.missing(ask(machine, self.project))

    def missing(self, state: State) -> str:
        """What is not so, "" where all is."""
        if not state.status:
            return "Authentik has not found InfraKit's blueprint"
        if not state.enabled:
            return "InfraKit's blueprint is switched off in Authentik"
        if state.status != "successful":
            return f"InfraKit's blueprint has the status {state.status} in Authentik"
        if state.last_applied_hash != self.digest:
            return "Authentik has applied an older state of InfraKit's blueprint"
        absent = [name for name in self.administrators if name not in state.members]
        return f"Authentik has no administrator {', '.join(absent)}" if absent else ""

    def text(self) -> str:
        return "Authentik has applied InfraKit's blueprint" + (
            f", and has {', '.join(self.administrators)}" if self.administrators else ""
        )


class Apply(NamedTuple):
    """Have it applied, again and again while that fails: what it needs may come later. The end of the wait is an
    error."""

    wanted: Applied

    def do(self, machine: Any, tell: Tell) -> None:
        project = self.wanted.project
        began = asked = machine.monotonic()
        problem = self._problem(machine, apply=True)
        while problem and machine.monotonic() < began + LONGEST_WAIT_S:
            machine.sleep(PAUSE_S)
            again = machine.monotonic() > asked + ASKED_AGAIN_S
            asked = machine.monotonic() if again else asked
            problem = self._problem(machine, apply=again)
        if problem:
            raise MachineUnfit(
                problem,
                (
                    f"why: docker exec {container_name(project, WORKER)} ak apply_blueprint {INSIDE}; infrakit logs "
                    f"{WORKER}"
                ),
            )

    def _problem(self, machine: Any, *, apply: bool) -> str:
        try:
            state = ask(machine, self.wanted.project, apply=apply)
        except Hopeless:
            raise
        except InfraKitError as error:
            return error.message
        problem = self.wanted.missing(state)
        if not state.enabled:
            raise Hopeless(problem, "switch it on again: Admin interface, Customization, Blueprints, InfraKit")
        return problem

    def inverse(self, machine: Any) -> tuple[Action, ...]:
        return ()

    def text(self) -> str:
        return "have Authentik apply InfraKit's blueprint, and wait for it"


def administrators(deployment: Deployment) -> tuple[str, ...]:
    """Who is in the group of administrators by the file, sorted."""
    return tuple(user.username for user in deployment.access.users if ADMINISTRATORS in user.groups)


def wired(deployment: Deployment, artifacts: Sequence[Artifact]) -> tuple[tuple[Probe, ...], tuple[Action, ...]]:
    """What has to be so of Authentik beside its containers, and how it gets so."""
    from hashlib import sha512

    contents = [item.content for item in artifacts if item.path == PATH]
    if not contents:
        return (), ()
    wanted = Applied(deployment.name, sha512(contents[0]).hexdigest(), administrators(deployment))
    return (wanted,), (Unless(wanted, Apply(wanted)),)
