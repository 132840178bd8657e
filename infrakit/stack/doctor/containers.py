"""containers: whether each is there, runs, is well and is the one that it should be; and what the engine has to say of
images."""

import re
from collections.abc import Iterator

from infrakit.emit.container import size
from infrakit.host.checks.model import listed, version_of
from infrakit.machine import Container as Running
from infrakit.model import Container
from infrakit.plan import Answers, Run, Step
from infrakit.stack.doctor.causes import cause_of
from infrakit.stack.doctor.readings import Readings, service_of
from infrakit.stack.doctor.words import Trouble, trouble
from infrakit.stack.hints import hint_of

DAY_S = 86_400
SLOW_START_S, FLAPS, FLAPPING_S = 900, 3, 3600
OLD_DAYS, MOST = 400, 20
BY_SIGNAL = (0, 137, 143)
"""How `docker stop` ends one."""
CODES = {
    126: "what it is told to start is no program",
    127: "the program that it is told to start is not in its image",
    132: "its programs want a newer processor than this",
    134: "it gave up by itself",
    139: "it broke: a fault of its own, or of memory or storage",
}
"""Exit codes that say more than that it failed (128 and the number of a signal; sh(1))."""


def container_missing(readings: Readings) -> Iterator[Trouble]:
    """Not there at all."""
    names = [name for name, (_, running) in _ours(readings).items() if running is None and readings.applied]
    if names:
        yield trouble("container-missing", f"not there: {listed(names, MOST)}")


def container_down(readings: Readings) -> Iterator[Trouble]:
    """There, and does not run: stopped, frozen, failed, or killed for its memory."""
    for name, (container, running) in _ours(readings).items():
        if running is None or running.state in ("running", "restarting"):
            continue
        code, called = running.exit_code, running.name
        if running.state == "paused":
            yield _mended("container-paused", f"{name} is frozen", name, called, "unpause", "pause")
        elif running.oom_killed:
            yield _memory(readings, "container-out-of-memory", container, "was killed, exit code")
        elif container.one_shot and running.state == "exited" and code == 0:
            continue
        elif not container.one_shot and (running.state == "created" or running.state == "exited" and code in BY_SIGNAL):
            how = "was never started" if running.state == "created" else f"was stopped (exit code {code})"
            yield _mended("container-stopped", f"{name} {how}", name, called, "start", "stop")
        else:
            yield _ill(readings, "container-failed", name, f"ended with exit code {code}", CODES.get(code, ""))


def container_restarting(readings: Readings) -> Iterator[Trouble]:
    """Dies, and is started again, and dies."""
    for name, (container, running) in _ours(readings).items():
        if running is None or not _flaps(readings, running):
            continue
        if running.oom_killed:
            yield _memory(readings, "container-out-of-memory", container, "dies again and again, exit code")
        else:
            code = running.exit_code
            what = f"dies again and again, {running.restarts} times so far" + (f", exit code {code}" if code else "")
            yield _ill(readings, "container-restarting", name, what, CODES.get(code, ""))


def container_unhealthy(readings: Readings) -> Iterator[Trouble]:
    """Runs, and its own check says no, or says nothing for long."""
    for name, (_, running) in _ours(readings).items():
        if running is None or running.state != "running" or _flaps(readings, running):
            continue
        if running.health == "unhealthy":
            yield _ill(readings, "container-unhealthy", name, "is unhealthy")
        elif running.health == "starting" and _age_s(readings, running.started_at) > SLOW_START_S:
            minutes = int(_age_s(readings, running.started_at) // 60)
            yield _ill(readings, "container-slow", name, f"is still starting after {minutes} minutes")


def container_short_of_memory(readings: Readings) -> Iterator[Trouble]:
    """Runs, and the kernel ended a process in it."""
    for container, running in _ours(readings).values():
        if running and running.oom_killed and running.state == "running" and not _flaps(readings, running):
            yield _memory(readings, "container-short-of-memory", container, "used up its memory, restarts:")


def container_outdated(readings: Readings) -> Iterator[Trouble]:
    """Made from another tree, or image, than what is in force."""
    for item in readings.drift:
        if item.kind == "container" and item.what in ("is another one", "is not of the file"):
            yield trouble("container-outdated", f"{item.name} {item.what}", subject=item.name)


def container_foreign(readings: Readings) -> Iterator[Trouble]:
    """In a project of our name, and not of ours."""
    for called in readings.strangers:
        yield trouble(
            "container-foreign", f"{called} is in our project, and none of ours", subject=called, called=called
        )


def port_silent(readings: Readings) -> Iterator[Trouble]:
    """Nobody asks it how it is, and nobody listens where Caddy dials."""
    for name, ports in readings.silent.items():
        what = f"{name} does not listen at port {', '.join(map(str, ports))}"
        yield trouble("port-silent", what, subject=name, name=name)


def image_gone(readings: Readings) -> Iterator[Trouble]:
    """Of the file, and not on this machine."""
    images = [image for image, built in readings.built.items() if not built and readings.applied]
    if images:
        yield trouble("image-gone", f"not on this machine any more: {listed(images, MOST)}")


def image_old(readings: Readings) -> Iterator[Trouble]:
    """Built long ago. Images that are built to be the same each time say 1970, or nothing."""
    ages = {image: int((readings.facts.now_s - seconds_of(built)) // DAY_S) for image, built in readings.built.items()}
    old = [
        f"{image} ({days} days)" for image, days in ages.items() if days > OLD_DAYS and readings.built[image] > "2000"
    ]
    if old:
        yield trouble("image-old", f"built long ago: {listed(old, MOST)}")


ENGINES = ((24, "2024-06-08"), (26, "2025-02-17"), (27, "2025-05-03"))
"""(major version, when the last of it, and all before, was given up).

Source: endoflife-date/endoflife.date, products/docker-engine.md at 0118c303 (2026-03), after moby/moby,
project/BRANCHES-AND-TAGS.md; for 25, 28 and 29 no end is announced.
"""
SYSTEMS = {
    "debian 11": "2026-08-31",
    "debian 12": "2028-06-30",
    "debian 13": "2030-06-30",
    "ubuntu 20.04": "2025-05-31",
    "ubuntu 22.04": "2027-04-01",
    "ubuntu 24.04": "2029-05-31",
    "ubuntu 24.10": "2025-07-10",
    "ubuntu 25.04": "2026-01-17",
    "ubuntu 25.10": "2026-07-01",
    "ubuntu 26.04": "2031-04-30",
}
"""Until when there are security updates for all, LTS of Debian's included.

Source: endoflife-date/endoflife.date, products/debian.md at 007fc5ab and ubuntu.md at 021ca13a (2026); Debian 12 and 13
by wiki.debian.org/LTS.
"""
SOON_S = 120 * DAY_S


def engine_ended(readings: Readings) -> Iterator[Trouble]:
    """Of Docker's own packages; a distribution looks after its own."""
    major, facts = version_of(readings.facts.docker_version)[0], readings.facts
    ends = next((end for last, end in ENGINES if 0 < major <= last and major != 25), "")
    if ends and facts.docker_origin != "distribution" and facts.now_s > seconds_of(ends):
        yield trouble("engine-ended", f"Docker {facts.docker_version} was given up on {ends}")


def system_ended(readings: Readings) -> Iterator[Trouble]:
    """No more security updates, or soon."""
    facts = readings.facts
    family = "debian" if facts.distribution == "raspbian" else facts.distribution
    ends = SYSTEMS.get(f"{family} {facts.version}", "")
    newer = "Ubuntu 26.04" if family == "ubuntu" else "Debian 13"
    if ends and facts.now_s > seconds_of(ends):
        yield trouble("system-ended", f"{facts.distribution} {facts.version} ended on {ends}", newer=newer)
    elif ends and facts.now_s > seconds_of(ends) - SOON_S:
        yield trouble("system-ends", f"{facts.distribution} {facts.version} ends on {ends}", newer=newer)


def seconds_of(text: str) -> float:
    """Since 1970, of the first ten or nineteen characters of RFC 3339; 0 where it is none."""
    import calendar

    found = re.match(r"(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d):(\d\d))?", text)
    return float(calendar.timegm((*(int(part or 0) for part in found.groups()), 0, 0, 0))) if found else 0.0


def _ours(readings: Readings) -> dict[str, tuple[Container, Running | None]]:
    """Name -> (as it is wanted, as it is); none where the engine does not answer."""
    if readings.containers is None:
        return {}
    there = {item.service: item for item in readings.containers}
    return {
        item.name: (item, there.get(item.name))
        for service in readings.deployment.services
        for item in service.containers
    }


def _flaps(readings: Readings, running: Running) -> bool:
    """Who is healthy after a start that took several goes, does not."""
    most, while_s = (FLAPS, FLAPPING_S) if running.health != "healthy" else (3 * FLAPS, FLAPPING_S / 6)
    often = running.restarts >= most and _age_s(readings, running.started_at) < while_s
    return running.state == "restarting" or running.state == "running" and often


def _age_s(readings: Readings, started_at: str) -> float:
    return readings.facts.now_s - seconds_of(started_at)


def _ill(readings: Readings, code: str, name: str, what: str, known: str = "") -> Trouble:
    """With the cause that its last words, or its exit code, tell."""
    said = readings.words.get(name, "it said nothing")
    cause, remedy = cause_of(said)
    look = hint_of(said, name).removeprefix("see: ")
    why = f"{cause or known}; its last words: {said}" if cause or known else ""
    return trouble(
        code,
        f"{name} {what}",
        subject=name,
        name=name,
        said=said,
        why=why,
        remedy=f"sudo {look}; {remedy}" if remedy else (f"sudo {look}" if ";" in look else ""),
    )


def _memory(readings: Readings, code: str, container: Container, how: str) -> Trouble:
    name = container.name
    running = next(item for item in readings.containers or () if item.service == name)
    number = running.restarts if how.endswith("restarts:") else running.exit_code
    key, limit = service_of(readings.deployment, name)[1] + ".memory", size(container.memory_bytes)
    return trouble(code, f"{name} {how} {number}; its limit is {limit}", subject=name, key=key, limit=limit)


def _mended(code: str, what: str, name: str, called: str, how: str, back: str) -> Trouble:
    shown = "{{.State.Running}} {{.State.Paused}}"
    probe = Answers(("docker", "inspect", "--format", shown, called), "true false")
    action = Run(("docker", how, called), 120, f"see: docker logs {called}", (("docker", back, called),))
    step = Step(f"{how} {called}", f"{called} runs", (probe,), (action,))
    return trouble(code, what, subject=name, called=called, steps=(step,))


CHECKS = (
    container_missing,
    container_down,
    container_restarting,
    container_unhealthy,
    container_short_of_memory,
    container_outdated,
    container_foreign,
    port_silent,
    image_gone,
    image_old,
    engine_ended,
    system_ended,
)
