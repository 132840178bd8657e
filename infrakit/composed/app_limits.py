"""What a service may do and use -> an app's devices, capabilities and limits; whatever is dangerous is withheld."""

from infrakit.composed.model import Health, Service
from infrakit.composed.scalars import written
from infrakit.composed.words import BASE, DOES_ITSELF, DROPPED, REFUSED, WAYS, nested, size
from infrakit.composed.work import Work
from infrakit.policy.secrets import what_is_secret


def rights(work: Work, service: Service) -> None:
    """Devices, graphics, groups, kernel settings, capabilities."""
    devices = []
    for device in service.devices:
        target = f":{device.target}" if device.target != device.source or device.permissions != "rwm" else ""
        rights = f":{device.permissions}" if device.permissions != "rwm" else ""
        devices.append(f"{device.source}{target}{rights}")
    if devices:
        work.set("devices", devices, "devices")
    gpus = service.others.get("gpus") or nested(service.others, "deploy", "resources", "reservations").get("devices")
    if isinstance(gpus, list) and gpus:
        number = gpus[0].get("count", -1) if isinstance(gpus[0], dict) else -1
        work.set("gpus", "all" if number == -1 else number, "gpus" if "gpus" in service.places else "deploy")
    if service.group_add:
        work.set("groups", list(service.group_add), "group_add")
    if service.sysctls:
        work.set("sysctls", {each.name: each.value or "" for each in service.sysctls}, "sysctls")
    wanted = [name.removeprefix("CAP_") for name in service.cap_add]
    if wanted and set(wanted) <= BASE:
        work.say("cap_add", DROPPED, "every app has these")
    elif wanted:
        more = [name for name in wanted if name not in BASE]
        work.withhold("cap_add", "capabilities", more, "more rights than a container has")
    if service.privileged:
        work.withhold("privileged", "privileged", True, "root in it is root on the host")
    for key in ("pid", "ipc"):
        value = getattr(service, key)
        if value == "host":
            work.withhold(key, key, "host", "it sees what runs on the host")
    if service.security_opt:
        kept = [each for each in service.security_opt if not each.startswith("no-new-privileges")]
        said = (REFUSED, WAYS["security_opt"]) if kept else (DROPPED, "no app gains privileges")
        work.say("security_opt", *said)


def limits(work: Work, service: Service) -> None:
    """Memory, processors, processes, time."""
    limits = nested(service.others, "deploy", "resources", "limits")
    memory = service.mem_limit or limits.get("memory", 0)
    cpus = service.cpus or limits.get("cpus", 0)
    pids = service.pids_limit or limits.get("pids", 0)
    for key, value, source in (
        ("memory", size(memory) if isinstance(memory, int) and memory > 0 else "", "mem_limit"),
        ("cpus", written(cpus) if isinstance(cpus, (int, float)) and cpus > 0 else "", "cpus"),
        ("pids", pids if isinstance(pids, int) and pids > 0 else 0, "pids_limit"),
        ("shm", size(service.shm_size) if service.shm_size else "", "shm_size"),
    ):
        if value:
            work.set(key, value, source if source in service.places else "deploy")
    for key in nested(service.others, "deploy"):
        if key == "restart_policy":
            work.say(f"deploy.{key}", DROPPED, DOES_ITSELF["restart"])
        elif key != "resources":
            work.say(f"deploy.{key}", REFUSED, WAYS["deploy"])
    if service.ulimits:
        limits_ = {each.name: each.soft if each.single else [each.soft, each.hard] for each in service.ulimits}
        work.set("ulimits", limits_, "ulimits")
    if service.stop_grace_period_ns:
        work.set("stop_grace", f"{-(-service.stop_grace_period_ns // 10**9)}s", "stop_grace_period")


def health(work: Work, service: Service) -> None:
    """How to see that it is well."""
    health = service.healthcheck
    if health is None:
        return
    if health.disabled or health.test[:1] == ("NONE",):
        work.set("health", "none", "healthcheck")
    elif any(what_is_secret("test", word) for word in health.test):
        work.say("healthcheck", REFUSED, "a secret stands in it: let it read a file")
    elif health.test:
        work.set("health", list(health.test), "healthcheck")
        if health._replace(test=(), at=service.at) != Health(False, (), service.at):
            work.say("healthcheck.interval", DROPPED, "how often it is asked is InfraKit's")
    else:
        work.say("healthcheck", DROPPED, "how often it is asked is InfraKit's")
