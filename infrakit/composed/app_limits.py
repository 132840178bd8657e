"""What a service may do and use -> an app's devices, capabilities and limits; whatever is dangerous is withheld."""

from infrakit.composed.app_inside import hides
from infrakit.composed.model import Health, Service
from infrakit.composed.scalars import written
from infrakit.composed.words import BASE, DIFFERENT, DOES_ITSELF, DROPPED, REFUSED, TAKEN, WAYS, nested, size
from infrakit.composed.work import Work
from infrakit.policy.red import STRONG_GROUPS, is_red
from infrakit.resolve.checks.limits import LEAST_CPUS, LEAST_MEMORY

USUAL_MEMORY = ("512m", "1g")
"""Of an app that nobody limited: without and with a door."""


def rights(work: Work, service: Service) -> None:
    """Devices, graphics, groups, kernel settings, capabilities."""
    _devices(work, service)
    _gpus(work, service)
    groups = [each for each in service.group_add if each not in STRONG_GROUPS]
    if groups:
        work.set("groups", groups, "group_add")
    for each in service.group_add:
        if not each.isdigit() and each not in STRONG_GROUPS:
            work.say("group_add", DIFFERENT, f"groups: {each} of the host, where Compose would take the image's")
        if each in STRONG_GROUPS:
            work.withhold("group_add", "groups", each, "whoever is in it is as good as root on the host")
    if service.sysctls:
        work.set("sysctls", {each.name: each.value or "" for each in service.sysctls}, "sysctls")
    wanted = [name.removeprefix("CAP_") for name in service.cap_add]
    if wanted and set(wanted) <= BASE:
        work.say("cap_add", DROPPED, "every app has these")
    elif wanted:
        more = [name for name in wanted if name not in BASE]
        work.withhold("cap_add", "capabilities", more, "more rights than a container has")
    if service.privileged:
        work.withhold("privileged", "privileged", True, "root in it is root on the host; it takes devices' place")
    for key in ("pid", "ipc"):
        value = getattr(service, key)
        if value == "host":
            work.withhold(key, key, "host", "it sees what runs on the host")
    if service.security_opt:
        kept = [each for each in service.security_opt if not each.startswith("no-new-privileges")]
        said = (REFUSED, WAYS["security_opt"]) if kept else (DROPPED, "no app gains privileges")
        work.say("security_opt", *said)


def _devices(work: Work, service: Service) -> None:
    devices = []
    for device in service.devices:
        target = f":{device.target}" if device.target != device.source else ""
        rights = f":{device.permissions}" if device.permissions != "rwm" else ""
        line = f"{device.source}{target}{rights}"
        if is_red("devices", f"devices: {device.source}"):
            work.withhold("devices", "devices", line, "the host's memory, disks or all of its devices", device.at)
        else:
            devices.append(line)
            work.say(f"devices.{device.target}", TAKEN, "", device.at)
    if devices:
        work.app["devices"] = devices


def _gpus(work: Work, service: Service) -> None:
    reserved = nested(service.others, "deploy", "resources", "reservations").get("devices")
    gpus, source = service.others.get("gpus") or reserved, "gpus" if "gpus" in service.places else "deploy"
    if isinstance(gpus, list) and gpus and isinstance(gpus[0], dict):
        chosen = gpus[0].get("device_ids")
        number = len(chosen) if isinstance(chosen, list) else gpus[0].get("count", -1)
        work.set("gpus", "all" if number == -1 else number, source)
        if chosen:
            work.say(f"{source}.device_ids", REFUSED, "how many, not which: there is no key for that")
    elif service.others.get("runtime") == "nvidia":
        work.set("gpus", "all", "runtime")


def limits(work: Work, service: Service) -> None:
    """Memory, processors, processes, time."""
    limits = nested(service.others, "deploy", "resources", "limits")
    memory = service.mem_limit or limits.get("memory", 0)
    cpus = service.cpus or limits.get("cpus", 0)
    pids = service.pids_limit or limits.get("pids", 0)
    for key, value, source in (
        ("memory", size(memory) if isinstance(memory, int) and memory >= LEAST_MEMORY else "", "mem_limit"),
        ("cpus", written(cpus) if isinstance(cpus, (int, float)) and cpus >= LEAST_CPUS else "", "cpus"),
        ("pids", pids if isinstance(pids, int) and pids > 0 else 0, "pids_limit"),
        ("shm", size(service.shm_size) if service.shm_size else "", "shm_size"),
    ):
        if value:
            work.set(key, value, source if source in service.places else "deploy")
        elif key == "memory":
            work.app[key] = USUAL_MEMORY["port" in work.app]
            had = "less than Docker takes" if isinstance(memory, int) and memory > 0 else "no limit"
            work.say(key, DIFFERENT, f"{work.app[key]}: it had {had}, and every app has one", service.at)
    for key in nested(service.others, "deploy"):
        if key == "restart_policy":
            work.say(f"deploy.{key}", DROPPED, DOES_ITSELF["restart"])
        elif key != "resources":
            work.say(f"deploy.{key}", REFUSED, WAYS["deploy"])
    if service.ulimits:
        limits_ = {each.name: each.soft if each.single else f"{each.soft}:{each.hard}" for each in service.ulimits}
        work.set("ulimits", limits_, "ulimits")
    if service.stop_grace_period_ns:
        work.set("stop_grace", f"{-(-service.stop_grace_period_ns // 10**9)}s", "stop_grace_period")


def health(work: Work, service: Service) -> None:
    """How to see that it is well."""
    health = service.healthcheck
    if health is None:
        return
    if "once" in work.app:
        work.say("healthcheck", DROPPED, "nobody asks how it is who ends")
        return
    test = [work.meant("", word) for word in health.test]
    if health.disabled or health.test[:1] == ("NONE",):
        work.set("health", "none", "healthcheck")
    elif hides("health", health.test):
        work.say("healthcheck", REFUSED, "a secret stands in it: let it read a file")
    elif health.test:
        work.set("health", test, "healthcheck")
        if health._replace(test=(), at=service.at) != Health(False, (), service.at):
            work.say("healthcheck.interval", DROPPED, "how often it is asked is InfraKit's")
    else:
        work.say("healthcheck", DROPPED, "how often it is asked is InfraKit's")
