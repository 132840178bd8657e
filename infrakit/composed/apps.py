"""Project -> `apps:` and `volumes:` of infrakit.yaml, and what became of every key, with its place.

Taken as it is, said differently, dropped because InfraKit does it, withheld until a person grants it, or refused with
the reason. Values that are secrets are in `secrets` alone: no line and no row holds one.
"""

from collections.abc import Mapping

from infrakit.composed.app_inside import environment, words
from infrakit.composed.app_limits import health, limits, rights
from infrakit.composed.app_mounts import mounts
from infrakit.composed.app_network import doors, network
from infrakit.composed.doors import Door
from infrakit.composed.model import Project, Service
from infrakit.composed.words import DOES_ITSELF, DROPPED, REFUSED, WAYS, Converted, app_names
from infrakit.composed.work import Work


def converted(project: Project, folder: str, known: "Mapping[str, Door] | None" = None) -> Converted:
    """What infrakit.yaml says of the active services of `project`, whose files are in `folder`. `known`: doors of
    services, where something else than their files says so."""
    names = app_names(each.name for each in project.services)
    work = Work(project, names, folder, known or {})
    for service in project.services:
        _convert(work, service)
    return Converted(
        work.apps,
        work.volumes,
        work.secrets,
        work.secret_files,
        {name: tuple(each) for name, each in work.withheld.items()},
        work.table(),
    )


def _convert(work: Work, service: Service) -> None:
    work.service, work.app = service, {}
    if not service.active:
        work.say("profiles", DROPPED, f"nobody asked for {', '.join(service.profiles)}")
        return
    if not service.image:
        work.say("build" if "build" in service.places else "image", REFUSED, WAYS["build"])
        return
    work.set("image", service.image, "image")
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
    work.apps[work.names[service.name]] = work.app
