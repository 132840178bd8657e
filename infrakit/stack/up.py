"""A decided host and its files -> the plan that brings its stack up: images, secrets, the tree, service by service, the
doors."""

from collections.abc import Callable, Mapping, Sequence

from infrakit.emit.compose import config_hashes
from infrakit.model import NO_CHECK, Artifact, Deployment, ImagePin, Service
from infrakit.plan import Action, Plan, Probe, Step
from infrakit.resolve.world import DOOR
from infrakit.stack.answers import dials_of
from infrakit.stack.authorities import authorities_step
from infrakit.stack.backup.program import PACKAGE as RESTIC
from infrakit.stack.backup.program import restic_steps
from infrakit.stack.belongings import of_deployment
from infrakit.stack.bundle import Source, image_step, pins
from infrakit.stack.change.applied import files_of
from infrakit.stack.environments import environment_steps
from infrakit.stack.generation import InForce, PutInForce, WriteGeneration, Written, folder_of, generation_id
from infrakit.stack.groups import group_steps
from infrakit.stack.images import ImageThere, NoneBrokenOff, Pull, ThrowAway
from infrakit.stack.joined import JoinAgain, joined
from infrakit.stack.late import late_addresses
from infrakit.stack.layout import PACKAGES
from infrakit.stack.moves import Refuse, carried, forgotten
from infrakit.stack.networks import RemoveOtherNetworks, networks_step, other_networks
from infrakit.stack.owners import owner_actions
from infrakit.stack.readers import readers_step, reading
from infrakit.stack.secrets import Given, Mint, SecretsThere, given_steps
from infrakit.stack.services import NoOthers, RemoveOthers, Runs, Start, Wanted
from infrakit.stack.timer import timer_steps
from infrakit.stack.wire import WIRED, wired, wiring


def plan_up(
    deployment: Deployment,
    artifacts: Sequence[Artifact],
    digest: Callable[[bytes], str],
    bundle: Source | None = None,
    former: str = "",
    given: Sequence[Given] = (),
    file: tuple[Step, ...] = (),
    again: bool = False,
) -> Plan:
    """Nothing of a running stack is touched before every image is there. `digest`: bytes -> hexadecimal SHA-256.
    `former`: what the host was called before (stack/moves.py); `given`: secrets; `file`: see stack/installed.py;
    `again`: this very generation was in force before."""
    wanted = wanted_of(deployment, artifacts)
    name = generation_id(artifacts, digest)
    folder = folder_of(name)
    host = deployment.host
    files = files_of(artifacts, digest)
    labels = {item.name: item.label for items in wanted.values() for item in items}
    return Plan(
        f"bring {deployment.name} up on {deployment.host}",
        (
            *restic_steps(deployment, PACKAGES if bundle is not None and bundle.has_package(RESTIC) else ""),
            *_apprise(deployment),
            *_images(deployment, bundle),
            *carried(deployment, former),
            *given_steps(deployment.host, given),
            _secrets(deployment, former),
            *environment_steps(deployment),
            *group_steps(deployment),
            *file,
            _tree(name, host, tuple(artifacts)),
            *late_addresses(deployment),
            networks_step(deployment, wanted, folder),
            *readers_step(deployment, wanted, folder),
            *_services(deployment, artifacts, wanted, folder),
            _others(deployment),
            Step(
                "in force",
                "in force",
                (InForce(name, deployment),),
                (PutInForce(name, deployment, files, labels, again),),
            ),
            *forgotten(former),
            *wiring(deployment),
            *timer_steps(deployment),
        ),
    )


def _apprise(deployment: Deployment) -> tuple[Step, ...]:
    """Where somebody is told by it."""
    if not any(item.kind == "apprise" for item in deployment.notify):
        return ()
    from infrakit.notify.apprise import apprise_steps

    return apprise_steps()


def _services(
    deployment: Deployment, artifacts: Sequence[Artifact], wanted: Mapping[str, tuple[Wanted, ...]], folder: str
) -> list[Step]:
    """In order; whom apps trust that sign in by themselves is known when Caddy runs."""
    steps = []
    for service in in_order(_wired_last(deployment.services)):
        if service.containers:
            steps.append(service_step(deployment, service, artifacts, wanted[service.name], folder))
        if service.name == DOOR:
            steps += authorities_step(deployment, reading(deployment, wanted), folder)
    return steps


def in_order(services: Sequence[Service]) -> list[Service]:
    """Each after those that its containers depend on; else as they come."""
    owner = {container.name: service.name for service in services for container in service.containers}
    needs = {
        service.name: {
            owner[need.container]
            for container in service.containers
            for need in container.depends_on
            if need.container in owner
        }
        - {service.name}
        for service in services
    }
    ordered: list[Service] = []
    waiting = list(services)
    while waiting:
        done = {service.name for service in ordered}
        ready = next((service for service in waiting if needs[service.name] <= done), waiting[0])
        waiting.remove(ready)
        ordered.append(ready)
    return ordered


def _wired_last(services: Sequence[Service]) -> list[Service]:
    order = list(WIRED)
    return sorted(services, key=lambda service: order.index(service.name) if service.name in order else -1)


def _images(deployment: Deployment, bundle: Source | None) -> list[Step]:
    """From the bundle what it has, else from the registry."""
    steps = [_image(name, deployment.architecture, pin, bundle) for name, pin in pins(deployment).items()]
    fetches = tuple(action for step in steps for action in step.actions)
    return [
        Step("layers", "no image half fetched", (NoneBrokenOff(),), (ThrowAway(fetches, deployment.architecture),)),
        *steps,
    ]


def _image(name: str, architecture: str, pin: ImagePin | None, bundle: Source | None) -> Step:
    if bundle is not None and bundle.has(name, architecture, pin):
        return image_step(bundle, name, architecture)
    return Step(
        f"image {name}", f"image {name}", (ImageThere(name, architecture, pin),), (Pull(name, architecture, pin),)
    )


def _secrets(deployment: Deployment, former: str) -> Step:
    owns = of_deployment(deployment)
    what = (deployment.host, owns, deployment.secrets)
    return Step("secrets", "secrets", (SecretsThere(*what),), (Refuse(deployment, former), Mint(*what)))


def _tree(name: str, host: str, artifacts: tuple[Artifact, ...]) -> Step:
    probe, action = Written(name, host, artifacts), WriteGeneration(name, host, artifacts)
    return Step("tree", "the compiled tree", (probe,), (action,))


def wanted_of(deployment: Deployment, artifacts: Sequence[Artifact]) -> dict[str, tuple[Wanted, ...]]:
    """Service -> what each of its containers has to be."""
    return {service.name: _wanted(deployment, service, artifacts) for service in deployment.services}


def _wanted(deployment: Deployment, service: Service, artifacts: Sequence[Artifact]) -> tuple[Wanted, ...]:
    labels = config_hashes(service, deployment.networks, artifacts, deployment.volumes)
    return tuple(
        Wanted(
            container.name,
            labels[container.name],
            container.one_shot,
            container.pin.ids if container.pin else (),
            tuple(need.container for need in container.depends_on),
            container.health is None or container.health.test != NO_CHECK,
            dials_of(deployment, service.name, container),
        )
        for container in service.containers
    )


def service_step(
    deployment: Deployment, service: Service, artifacts: Sequence[Artifact], wanted: tuple[Wanted, ...], folder: str
) -> Step:
    """A service that runs as the file says, and has been told what only a running one can be. `folder`: of the
    generation."""
    told, tell = wired(deployment, service.name, artifacts)
    keeps = any(mount.kind in ("volume", "shared") for item in service.containers for mount in item.mounts)
    start = Start(deployment.name, wanted, folder, keeps)
    shares = joined(deployment.name, service)
    join = tuple(JoinAgain(item, folder) for item in shares)
    before = (*join, *owner_actions(deployment, service, folder))
    after: tuple[Action, ...] = (*join, start) if join else ()  # whose network it is, may have been made anew just now
    probes: tuple[Probe, ...] = (Runs(deployment.name, wanted), *shares, *told)
    return Step(f"service {service.name}", service.title, probes, (*before, start, *after, *tell))


def _others(deployment: Deployment) -> Step:
    names = tuple(container.name for service in deployment.services for container in service.containers)
    return Step(
        "others",
        "nothing that left the file",
        (NoOthers(deployment.name, names), other_networks(deployment)),
        (RemoveOthers(deployment.name, names), RemoveOtherNetworks(other_networks(deployment))),
    )
