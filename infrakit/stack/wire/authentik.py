"""Authentik has applied our blueprint, as it is now, and the administrators are there, and nothing is left of what an
earlier one made; else it is asked to, and waited for.

Its discovery applies files in any order, and does not try again for an hour what failed because something came first.
A blueprint takes nothing away that it does not name, so that is done here. Only what bears our mark: an
administrator's own are never touched, and what of ours one of theirs uses stays, too.
Asked through its API, in its container, with the token that lies there.
Source: goauthentik/authentik, authentik/blueprints/{api,models,v1/tasks}.py, authentik/core/api/{applications,groups,
providers}.py, authentik/providers/oauth2/api/providers.py, authentik/policies/api/policies.py,
authentik/outposts/api/outposts.py, authentik/api/pagination.py, of 2026-06.
"""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from infrakit.emit.authentik import MADE_BY_US, PATH, named, provider_name
from infrakit.emit.authentik_outpost import EMBEDDED
from infrakit.errors import InfraKitError, MachineUnfit
from infrakit.machine import Machine
from infrakit.model import OURS, SECRETS_DIRECTORY, Artifact, Deployment
from infrakit.plan import Action, Probe, Unless
from infrakit.plan.model import Tell
from infrakit.stack.inside import container_name, inside
from infrakit.stack.layout import secrets_folder

SERVER, WORKER = "authentik", "authentik-worker"
ADMINISTRATORS = "administrators"
INSIDE = "infrakit/infrakit.yaml"
"""Where the blueprint is, below /blueprints in the container (blueprints/authentik.yaml mounts it there)."""
LONGEST_WAIT_S = 600
"""A Raspberry Pi takes minutes at its first start to apply the blueprints that Authentik brings."""
PAUSE_S = 1.0
ASKED_AGAIN_S = 20
ORDER: dict[str, Any] = {
    "base": "http://127.0.0.1:9000/api/v3",
    "token": f"{SECRETS_DIRECTORY}/authentik_bootstrap_token",
    "path": INSIDE,
    "group": ADMINISTRATORS,
    "ours": OURS,
    "made_by_us": MADE_BY_US,
    "outpost": EMBEDDED,
    "client_secrets": {},
}
SCRIPT = """
import json, urllib.error, urllib.parse, urllib.request

def call(method, place, body=None, **query):
    address = order["base"] + place + ("?" + urllib.parse.urlencode(query) if query else "")
    headers = {"Authorization": "Bearer " + token, "Accept": "application/json", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    answer = opener.open(urllib.request.Request(address, data, headers, method=method), timeout=20).read()
    return json.loads(answer) if answer else None

def every(place, **query):
    page, found = 1, []
    while page:
        answer = call("GET", place, page=page, **query)
        page = answer.get("pagination", {}).get("next", 0)
        found += answer["results"]
    return found

def gone(name, kind):
    return name.startswith(order["ours"]) and name not in order["named"][kind]

def left():
    # (what it is, method, place, body) of what an earlier blueprint made; each is looked for after the one before it
    # was taken away: without its application a provider is nobody's.
    slugs = [item["slug"] for item in every("/core/applications/", superuser_full_list="true")]
    slugs = [slug for slug in slugs if gone(slug, "applications")]
    for slug in slugs:
        yield "the application " + slug, "DELETE", "/core/applications/%s/" % slug, None
    providers = every("/providers/all/")
    for item in providers:
        if gone(item["name"], "providers") and (item["assigned_application_slug"] or "") in ["", *slugs]:
            yield "the provider " + item["name"], "DELETE", "/providers/all/%s/" % item["pk"], None
    for item in every("/policies/all/"):
        if gone(item["name"], "policies") and not item["bound_to"]:
            yield "the policy " + item["name"], "DELETE", "/policies/all/%s/" % item["pk"], None
    for item in every("/core/groups/"):
        ours = order["made_by_us"].items() <= (item["attributes"] or {}).items()
        if ours and item["users"] and item["name"] not in order["named"]["groups"]:
            yield "members of the group " + item["name"], "PATCH", "/core/groups/%s/" % item["pk"], {"users": []}
    for item in every("/outposts/instances/", managed__iexact=order["outpost"]):
        theirs = [other["pk"] for other in item["providers_obj"] if not other["name"].startswith(order["ours"])]
        all = theirs + [other["pk"] for other in providers if other["name"] in order["named"]["proxied"]]
        if set(all) != set(item["providers"]):
            change = {"type": "proxy", "providers": all}
            yield "another list of doors in its outpost", "PATCH", "/outposts/instances/%s/" % item["pk"], change

try:
    token = open(order["token"]).read().strip()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    found = call("GET", "/managed/blueprints/", path=order["path"])["results"]
    groups = call("GET", "/core/groups/", name=order["group"])["results"]
    said = {name: found[0][name] for name in ("status", "last_applied_hash", "enabled")} if found else {}
    members = groups[0]["users_obj"] if groups else []
    said["members"] = {user["username"]: user["last_login"] or "" for user in members}
    in_force = "" != order["digest"] == said.get("last_applied_hash") and said["status"] == "successful"
    secrets, said["older"] = order["client_secrets"], []
    for item in every("/providers/oauth2/") if in_force and secrets else ():
        known = secrets.get(item["name"], "")
        if known and item.get("client_secret", known) != known:
            said["older"].append(item["name"])
    in_force = in_force and not said["older"]
    if order["mend"] and found and not in_force:
        call("POST", "/managed/blueprints/%s/apply/" % found[0]["pk"])
    said["left"] = []
    for name, method, place, body in left() if in_force else ():
        if order["mend"]:
            call(method, place, body)
        else:
            said["left"].append(name)
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
    "" for never. `left`: what an earlier blueprint made and this one does not, once this one is in force. `older`:
    providers with another client secret than their client has: it is no part of what the hash is of."""

    status: str = ""
    last_applied_hash: str = ""
    enabled: bool = True
    members: "dict[str, str]" = {}
    left: "list[str]" = []
    older: "list[str]" = []


def ask(machine: Machine, project: str, wanted: "Applied | None" = None, *, mend: bool = False) -> State:
    """MachineUnfit where Authentik does not answer; Hopeless where it does not take the token. `mend`: have the
    blueprint applied once more, or where it is in force, take away what is left of earlier ones."""
    order = ORDER | {"digest": "", "named": {}, "mend": mend}
    if wanted:
        order |= {"digest": wanted.digest, "named": wanted.named, "client_secrets": wanted.client_secrets(machine)}
    script = f"order = {order!r}{SCRIPT}"
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
    """The blueprint with this SHA-512 is in force, these users are members of the group of administrators, and of what
    bears our mark there is only what it names (kind -> names). `clients`: (provider, file of its client secret); the
    providers have these."""

    project: str
    digest: str
    administrators: tuple[str, ...]
    named: "dict[str, list[str]]"
    clients: tuple[tuple[str, str], ...] = ()

    def holds(self, machine: Machine) -> bool:
        return not self.missing(ask(machine, self.project, self))

    def client_secrets(self, machine: Machine) -> dict[str, str]:
        """Provider -> what its file says, as `!File` reads it (authentik/blueprints/v1/common.py)."""
        files = {provider: machine.read(path) for provider, path in self.clients}
        return {provider: content.decode("utf-8", "replace").strip() for provider, content in files.items() if content}

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
        if absent:
            return f"Authentik has no administrator {', '.join(absent)}"
        if state.older:
            return f"Authentik has an older client secret of {', '.join(state.older)}"
        return f"Authentik still has {', '.join(state.left)}" if state.left else ""

    def text(self) -> str:
        return (
            "Authentik has applied InfraKit's blueprint"
            + (f", has {', '.join(self.administrators)}" if self.administrators else "")
            + ", and nothing is left of earlier ones"
        )


class Apply(NamedTuple):
    """Have it applied, again and again while that fails: what it needs may come later. The end of the wait is an
    error."""

    wanted: Applied

    def do(self, machine: Machine, tell: Tell) -> None:
        project = self.wanted.project
        began = asked = machine.monotonic()
        problem, in_force = self._problem(machine, mend=True)
        while problem and machine.monotonic() < began + LONGEST_WAIT_S:
            machine.sleep(PAUSE_S)
            again = machine.monotonic() > asked + ASKED_AGAIN_S
            asked = machine.monotonic() if again else asked
            problem, in_force = self._problem(machine, mend=again or in_force)
        if problem:
            raise MachineUnfit(
                problem,
                (
                    f"why: docker exec {container_name(project, WORKER)} ak apply_blueprint {INSIDE}; infrakit logs "
                    f"{WORKER}"
                ),
            )

    def _problem(self, machine: Machine, *, mend: bool) -> tuple[str, bool]:
        """What is missing, "" for nothing; and whether the blueprint is in force, so that only what is left is."""
        try:
            state = ask(machine, self.wanted.project, self.wanted, mend=mend)
            # What was taken away just now is looked for once more: only what Authentik says is so.
            state = ask(machine, self.wanted.project, self.wanted) if mend else state
        except Hopeless:
            raise
        except InfraKitError as error:
            return error.message, False
        problem = self.wanted.missing(state)
        if not state.enabled:
            raise Hopeless(problem, "switch it on again: Admin interface, Customization, Blueprints, InfraKit")
        return problem, bool(state.left)

    def text(self) -> str:
        return "have Authentik apply InfraKit's blueprint, wait for it, and take away what is left of earlier ones"


def administrators(deployment: Deployment) -> tuple[str, ...]:
    """Who is in the group of administrators by the file, sorted."""
    return tuple(user.username for user in deployment.access.users if ADMINISTRATORS in user.groups)


def wired(deployment: Deployment, artifacts: Sequence[Artifact]) -> tuple[tuple[Probe, ...], tuple[Action, ...]]:
    """What has to be so of Authentik beside its containers, and how it gets so."""
    from hashlib import sha512

    contents = [item.content for item in artifacts if item.path == PATH]
    if not contents:
        return (), ()
    digest = sha512(contents[0]).hexdigest()
    folder = f"{secrets_folder(deployment.host)}/secrets"
    clients = tuple(
        (provider_name(item), f"{folder}/{item.oidc.secret}")
        for item in deployment.access.applications
        if item.oidc and item.oidc.secret
    )
    wanted = Applied(deployment.name, digest, administrators(deployment), named(deployment.access), clients)
    return (wanted,), (Unless(wanted, Apply(wanted)),)
