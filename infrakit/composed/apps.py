"""Project -> `apps:` and `volumes:` of infrakit.yaml, and what became of every key, with its place.

Taken as it is, said differently, dropped because InfraKit does it, withheld until a person grants it, or refused with
the reason. Values that are secrets are in `secrets` alone: no line and no row holds one.
"""

from collections.abc import Callable, Mapping

from infrakit.composed.app_inside import environment, words
from infrakit.composed.app_limits import health, limits, rights
from infrakit.composed.app_mounts import mounts
from infrakit.composed.app_network import doors, network
from infrakit.composed.doors import Door
from infrakit.composed.model import Project, Service
from infrakit.composed.names import Taken
from infrakit.composed.words import DIFFERENT, DOES_ITSELF, DROPPED, INSTEAD, REFUSED, WAYS, Converted, Row, image_name
from infrakit.composed.work import Work


def converted(
    project: Project,
    folder: str,
    taken: Taken | None = None,
    prefix: str = "",
    known: "Mapping[str, Door] | None" = None,
    leads_to: Callable[[str], str] = str,
) -> Converted:
    """What infrakit.yaml says of the active services of `project`, whose files are in `folder`. `prefix`: before the
    name of each app, volume and secret. `known`: doors of services, where something else than their files says so.
    `leads_to`: a path of this host, links followed."""
    once = {
        each.service
        for service in project.services
        for each in service.depends_on
        if service.active and each.condition == "service_completed_successfully"
    }
    services = tuple(each for each in project.services if each.active and each.image and not _is_instead(each))
    work = Work(project, services, folder, taken or Taken(), prefix, known or {}, leads_to)
    for service in project.services:
        if service in services:
            _convert(work, service, service.name in once)
        else:
            _leave(work, service)
    _rest(work)
    return Converted(
        work.apps,
        work.volumes,
        work.secrets,
        work.secret_files,
        {name: tuple(each) for name, each in work.withheld.items()},
        work.table(),
        {name: service for service, name in work.names.items()},
        work.places,
    )


def _is_instead(service: Service) -> bool:
    return image_name(service.image) in INSTEAD


def _leave(work: Work, service: Service) -> None:
    """A service that becomes no app."""
    work.service = service
    if not service.active:
        work.say("profiles", DROPPED, f"nobody asked for {', '.join(service.profiles)}")
    elif _is_instead(service):
        work.say("image", DROPPED, INSTEAD[image_name(service.image)])
    elif "provider" in service.places:
        work.say("provider", REFUSED, "no container: an app is one")
    else:
        work.say("build" if "build" in service.places else "image", REFUSED, WAYS["build"])


def _convert(work: Work, service: Service, once: bool) -> None:
    work.begin(service)
    name = work.names[service.name]
    if name != service.name:
        work.say("name", DIFFERENT, f"the app {name}, which others reach by that name", service.at)
    work.set("image", service.image, "image")
    if once:
        work.app["once"] = True
        work.say("image", DIFFERENT, "once: others wait for its end", service.at)
    doors(work, service)
    words(work, service)
    environment(work, service)
    mounts(work, service)
    rights(work, service)
    network(work, service)
    limits(work, service)
    health(work, service)
    said = {row.key.partition(".")[0] for row in work.rows if row.service == service.name}
    for key in service.places:
        if key in DOES_ITSELF and key not in said:
            work.say(key, DROPPED, DOES_ITSELF[key])
        elif key not in said and not getattr(service, key, True):
            work.say(key, DROPPED, "it changes nothing")
        elif key not in said:
            work.say(key, REFUSED, WAYS.get(key, "there is no key for it"))
    work.apps[name] = work.app
    work.places[f"apps.{name}"] = service.at


def _rest(work: Work) -> None:
    """What stands beside the services, and none of them has spoken of."""
    project = work.project
    used = {mount.source for service in project.services if service.active for mount in service.volumes}
    for each in project.volumes:
        if each.key not in used:
            work.rows.append(Row("", f"volumes.{each.key}", each.at, DROPPED, "nobody mounts it"))
    for each in project.networks:
        more = each.driver not in ("", "bridge") or each.driver_opts or each.others.get("ipam")
        if more:
            said = "each app has a network of its own, at addresses that InfraKit gives"
            work.rows.append(Row("", f"networks.{each.key}", each.at, REFUSED, said))
        elif each.key != "default" or each.external:
            work.rows.append(Row("", f"networks.{each.key}", each.at, DROPPED, DOES_ITSELF["networks"]))
