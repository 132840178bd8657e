"""Every door, knocked at by a stranger, leads to sign-in, or to the page where the file says `public`."""

from typing import NamedTuple

from infrakit.errors import MachineUnfit
from infrakit.machine import Answer, Machine
from infrakit.model import Deployment, Route
from infrakit.plan import Step
from infrakit.plan.model import Tell

LONGEST_WAIT_S = 300
PAUSE_S = 2.0
LOCAL = "127.0.0.1"


class Door(NamedTuple):
    """A stranger at this door gets what he should. `portal` is the address that sign-in happens at. `passed`: the file
    may let him in at this page, from where he knocks."""

    hostname: str
    port: int
    address: str
    sign_in: str
    portal: str
    passed: bool = False

    def holds(self, machine: Machine) -> bool:
        return not self.problem(machine)

    def problem(self, machine: Machine) -> str:
        """What is wrong with the answer, "" where nothing is."""
        return self.wrong(machine.knock(self.hostname, self.port, self.address))

    def wrong(self, answer: Answer) -> str:
        """The same of an answer that is there."""
        if answer.problem:
            return str(answer.problem)
        if self.sign_in == "forward_auth":
            # Authentik's outpost sends a stranger to its own start page, or straight to the portal.
            to_sign_in = answer.status in (302, 303, 307) and (
                self.portal in answer.location or "/outpost.goauthentik.io/" in answer.location
            )
            return (
                ""
                if to_sign_in or self.passed and answer.status < 500
                else f"answers {answer.status} to a stranger, and does not send him to sign in"
            )
        return "" if 200 <= answer.status < 500 else f"answers {answer.status}"

    def text(self) -> str:
        return f"{self.hostname} " + ("sends a stranger to sign in" if self.sign_in == "forward_auth" else "answers")


class Wait(NamedTuple):
    """Ask again until it is so."""

    door: Door

    def do(self, machine: Machine, tell: Tell) -> None:
        until = machine.monotonic() + LONGEST_WAIT_S
        problem = self.door.problem(machine)
        while problem and machine.monotonic() < until:
            machine.sleep(PAUSE_S)
            problem = self.door.problem(machine)
        if problem:
            raise MachineUnfit(f"{self.door.hostname} {problem}", "see: infrakit logs caddy, infrakit logs authentik")

    def text(self) -> str:
        return f"wait until {self.door.text()}"


def steps(deployment: Deployment) -> tuple[Step, ...]:
    """A step per door of this host."""
    return tuple(
        Step(f"door {door.hostname}", f"door {door.hostname}", (door,), (Wait(door),), waits=True)
        for door in doors(deployment)
    )


def doors(deployment: Deployment) -> tuple[Door, ...]:
    """Every door of this host; none where a tunnel is the only way in, or the doors are the core's alone."""
    if not deployment.door.https_port:
        return ()
    portal = next((route.hostname for route in deployment.routes if route.sign_in == "provider"), "")
    return tuple(_door(deployment, route, portal) for route in deployment.routes if route.sign_in != "fleet")


def _door(deployment: Deployment, route: Route, portal: str) -> Door:
    address = next(iter(deployment.door.addresses), "") or LOCAL
    passed = any(
        not {"/", "/*"}.isdisjoint(item.paths or "/") and "GET" in (item.methods or ("GET",)) for item in route.passes
    )
    return Door(route.hostname, deployment.door.https_port, address, route.sign_in, portal, passed)
