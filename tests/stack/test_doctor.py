"""Every check of the doctor names a fault with its remedy, from what real programs print; a healthy host has none."""

import json
from typing import Any, NamedTuple

import pytest

from infrakit.backups import Backup
from infrakit.host.checks import CHECKS as PREFLIGHT
from infrakit.host.checks import Finding
from infrakit.host.facts import facts_of
from infrakit.machine import Answer, Container, Met
from infrakit.model import Origin
from infrakit.stack.backup.damage import Damage
from infrakit.stack.backup.last import Last
from infrakit.stack.backup.outcome import Outcome
from infrakit.stack.change.applied import Applied
from infrakit.stack.change.drift import Drift
from infrakit.stack.doctor import CHECKS, Rule, diagnose, plan_mend
from infrakit.stack.doctor.causes import CAUSES, cause_of
from infrakit.stack.doctor.readings import (
    DANGLING,
    DISK,
    FAILED,
    JOURNAL,
    KERNEL,
    PRESSURE,
    UPTIME,
    Certificate,
    Readings,
    Secret,
)
from infrakit.stack.doctor.words import KINDS, Trouble
from infrakit.stack.doors import Names
from infrakit.stack.wire.doors import doors
from infrakit.system.engine import NEVER, _container
from tests.emit.examples import hosts
from tests.host import texts
from tests.host.machines import NOW_S, changed, load

HOST = hosts()["full-internal"]
GIB = 1 << 30
TODAY = "2026-09-14"
"""Of NOW_S."""
STARTED, LONG_AGO = "2026-09-14T09:59:00.123456789Z", "2026-09-01T08:00:00.123456789Z"
CALM = "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
DF = (
    '{"Active":"14","Reclaimable":"1.204GB (21%%)","Size":"5.621GB","TotalCount":"17","Type":"Images"}\n'
    '{"Active":"15","Reclaimable":"0B (0%%)","Size":"12.4MB","TotalCount":"15","Type":"Containers"}\n'
    '{"Active":"6","Reclaimable":"0B (0%%)","Size":"812.3MB","TotalCount":"6","Type":"Local Volumes"}\n'
    '{"Active":"0","Reclaimable":"%s","Size":"%s","TotalCount":"0","Type":"Build Cache"}\n'
)
IMAGE = "sha256:" + "0123456789ab" + "c" * 52
GOOD = changed(
    load("debian13-vps"),
    {PRESSURE: CALM, UPTIME: "864000.25 3200000.10\n", "/sys/class/thermal/thermal_zone0/temp": "48312\n"},
    {
        " ".join(KERNEL): "[    2.113243] ACPI BIOS Error (bug): Could not resolve symbol\n",
        " ".join(FAILED): "certbot.service loaded failed failed Certbot\n",
        " ".join(JOURNAL): "Archived and active journals take up 48.0M in the file system.\n",
        " ".join(DISK): DF % ("0B", "0B"),
        " ".join(DANGLING): f"{IMAGE}\texample/other\t12.3MB\n",
    },
)


def inspected(name: str, **state: Any) -> Container:
    """As `docker inspect` prints one that is well, made different by `state` (docker 28.2)."""
    restarts = state.pop("restarts", 0)
    said = {
        "Status": "running",
        "Running": True,
        "OOMKilled": False,
        "Dead": False,
        "Pid": 4711,
        "ExitCode": 0,
        "StartedAt": LONG_AGO,
        "FinishedAt": NEVER,
        "Health": {"Status": "healthy", "FailingStreak": 0, "Log": []},
    }
    labels = {"com.docker.compose.project": HOST.name, "com.docker.compose.service": name, "io.infrakit.config": "x"}
    return _container(
        {
            "Name": f"/{HOST.name}-{name}-1",
            "Image": IMAGE.replace("0", "1"),
            "RestartCount": restarts,
            "Config": {"Image": f"docker.io/example/{name}:1", "Labels": labels},
            "State": {**said, **state},
        }
    )


PARTS = {item.name: item for service in HOST.services for item in service.containers}
RUNNING = {
    name: inspected(name, Status="exited", Running=False, Health=None) if item.one_shot else inspected(name)
    for name, item in PARTS.items()
}


def shown(names: list[str], begins: str = "Sep  1 08:00:00 2026 GMT", ends: str = "Nov 30 08:00:00 2026 GMT") -> str:
    """As `openssl x509` of 3.0 prints it."""
    listed = ", ".join(f"DNS:{name}" for name in names)
    return (
        "subject=\nissuer=CN = Caddy Local Authority - ECC Intermediate\n"
        f"notBefore={begins}\nnotAfter={ends}\nX509v3 Subject Alternative Name: critical\n    {listed}\n"
    )


AUTHORITY = (
    "subject=CN = Caddy Local Authority - 2026 ECC Root\nissuer=CN = Caddy Local Authority - 2026 ECC Root\n"
    "notBefore=Nov 29 17:04:53 2025 GMT\nnotAfter={}\n"
)
DOORS = doors(HOST)
NAME = DOORS[0].hostname
PORTAL = next(door.hostname for door in DOORS if door.sign_in == "provider")
GUARDED = next(door for door in DOORS if door.sign_in == "forward_auth")


def answered(**other: Answer) -> tuple:
    """A knock at each door, answered as it should be; `other`: by the name of a door, dots as underscores."""
    found = []
    for door in DOORS:
        asked = door.sign_in == "forward_auth"
        usual = Answer(302, f"https://{door.hostname}/outpost.goauthentik.io/start?rd=x", "") if asked else None
        answer = other.get(door.hostname.replace(".", "_"), other.get("all", usual or Answer(200, "", "")))
        found.append((door, Met(answer, "")))
    return tuple(found)


def key(name: str) -> str:
    return name.replace(".", "_")


SECRETS = tuple(Secret(spec.name, "minted", 0o444, 0, False) for spec in HOST.secrets)
BACKUP = Backup("/mnt/disk/core", "02:00", (), (), (), Origin("infrakit.yaml", ("backup",), "backups"))
BACKED = Last("2026-09-14T02:00:10Z", "2026-09-14T02:00:10Z", (), "2026-09-14T02:09:00Z", ())
HEALTHY = Readings(
    facts=facts_of(GOOD),
    recording=GOOD,
    deployment=HOST._replace(backup=BACKUP),
    applied=Applied("abc", 3, "0.1.0", (), {}, {}, HOST),
    containers=tuple(RUNNING.values()),
    built={item.image: "2026-06-01T10:00:00Z" for item in PARTS.values()},
    met=answered(),
    ready=Met(Answer(200, "", ""), ""),
    certificates=(
        Certificate("door", (NAME,), shown([NAME])),
        Certificate("authority", (), AUTHORITY.format("Nov 27 17:04:53 2035 GMT")),
    ),
    secrets=SECRETS,
    space=((NOW_S - 5 * 86_400, 61 * GIB),),
    backups=BACKED,
    since_s=NOW_S - 9 * 86_400,
)


def reads(**files: str) -> Readings:
    return machine({{"meminfo": "/proc/meminfo", "pressure": PRESSURE}[name]: text for name, text in files.items()})


def machine(files: dict | None = None, says: dict | None = None, **rest: Any) -> Readings:
    """The healthy one, where the machine says something else."""
    found = changed(GOOD, files, {" ".join(words): out for words, out in (says or {}).items()})
    return HEALTHY._replace(recording=found, facts=facts_of(found)._replace(**rest))


def having(name: str, said: str = "", **state: Any) -> Readings:
    """The healthy one, with another state of one container."""
    there = {**RUNNING, name: inspected(name, **state)}
    return HEALTHY._replace(containers=tuple(there.values()), words={name: said} if said else {})


def gone(name: str) -> Readings:
    return HEALTHY._replace(containers=tuple(item for item in RUNNING.values() if item.service != name))


def certified(*items: Certificate) -> Readings:
    return HEALTHY._replace(certificates=items)


def met(**other: Answer) -> Readings:
    return HEALTHY._replace(met=answered(**other))


def secret(**how: Any) -> Readings:
    return HEALTHY._replace(secrets=(SECRETS[0]._replace(**how), *SECRETS[1:]))


def disk(gib: float) -> Readings:
    found = machine(says={("df", "-B1", "-P"): texts.df("/dev/vda1", 80, gib, ("/dev/vda15", "/boot/efi"))})
    return found._replace(space=())


def kernel(line: str) -> Readings:
    return machine(says={KERNEL: f"[863000.113243] {line}\n"})


def worn(life: str, reserve: str = "0x01") -> Readings:
    folder = "/sys/block/mmcblk0/device"
    return machine({f"{folder}/life_time": f"{life}\n", f"{folder}/pre_eol_info": f"{reserve}\n"})


def drifted(*items: Drift) -> Readings:
    return HEALTHY._replace(drift=items)


def backed(**how: Any) -> Readings:
    return HEALTHY._replace(backups=BACKED._replace(**how))


EXITED = {"Status": "exited", "Running": False, "Health": None, "Pid": 0}
REFUSED = Answer(0, "", "[errno 111] connection refused")
ALERT = Answer(0, "", "[ssl: tlsv1_alert_internal_error] tlsv1 alert internal error (_ssl.c:1006)")
APP = "dozzle"
DATABASE = "authentik-database"
ENDED = {"begins": "May  1 08:00:00 2026 GMT", "ends": "Aug  1 08:00:00 2026 GMT"}
ONE_SHOT = next((name for name, item in PARTS.items() if item.one_shot), "")
RO = texts.mounts("/dev/vda1") + "/dev/sda1 /var/lib/docker ext4 ro,relatime 0 0\n"


BACKUP = Backup("/mnt/disk/core", "02:00", (("daily", 7),), (), (), HOST.origin)


def drilled(last: Outcome | None, since_s: float = NOW_S, drill: str = "monthly") -> Readings:
    backup = BACKUP._replace(drill=drill)
    return HEALTHY._replace(deployment=HOST._replace(backup=backup), drill=last, backups_since_s=since_s)


class Fault(NamedTuple):
    """What is read, the code of the one trouble that it comes to, and words of what is wrong, why and what to do."""

    code: str
    readings: Readings
    words: tuple[str, ...]


FAULTS = (
    Fault("container-missing", gone(APP), ("not there: dozzle", "sudo infrakit up")),
    Fault("container-stopped", having(APP, **EXITED), ("was stopped (exit code 0)", "sudo docker start")),
    Fault("container-stopped", having(APP, **{**EXITED, "ExitCode": 137}), ("exit code 137", "sudo docker start")),
    Fault("container-stopped", having(APP, **{**EXITED, "Status": "created"}), ("never started",)),
    Fault("container-paused", having(APP, Status="paused", Paused=True), ("sudo docker unpause",)),
    Fault(
        "container-failed",
        having(APP, "panic: no such table", **{**EXITED, "ExitCode": 2}),
        ("exit code 2", "panic: no such table", "sudo infrakit logs dozzle"),
    ),
    Fault(
        "container-failed",
        having(APP, "exec /dozzle: exec format error", **{**EXITED, "ExitCode": 255}),
        ("another processor", "infrakit lock --upgrade"),
    ),
    Fault("container-failed", having(APP, **{**EXITED, "ExitCode": 139}), ("it broke: a fault of its own",)),
    Fault("container-failed", having(APP, **{**EXITED, "Status": "dead", "ExitCode": 1}), ("exit code 1",)),
    Fault(
        "container-out-of-memory",
        having(APP, **{**EXITED, "ExitCode": 137, "OOMKilled": True}),
        ("exit code 137", "raise services.dozzle.memory in infrakit.yaml, now "),
    ),
    Fault(
        "container-out-of-memory",
        having(APP, Status="restarting", OOMKilled=True, ExitCode=137, restarts=7, Health=None),
        ("dies again and again", "raise services.dozzle.memory"),
    ),
    Fault("container-short-of-memory", having(APP, OOMKilled=True), ("raise services.dozzle.memory",)),
    Fault(
        "container-restarting",
        having(
            DATABASE,
            "FATAL: database files are incompatible with server",
            Status="restarting",
            ExitCode=1,
            restarts=12,
            Health=None,
        ),
        ("12 times so far, exit code 1", "another major version", "sudo infrakit rollback"),
    ),
    Fault("container-restarting", having(APP, restarts=4, StartedAt=STARTED, Health=None), ("4 times so far",)),
    Fault("container-restarting", having(APP, restarts=40, StartedAt=STARTED), ("40 times so far",)),
    Fault(
        "container-restarting",
        having(APP, restarts=4, StartedAt=STARTED, Health={"Status": "unhealthy"}),
        ("4 times so far",),
    ),
    Fault(
        "container-unhealthy",
        having(APP, "wget: can't connect: Connection refused", Health={"Status": "unhealthy"}),
        ("dozzle is unhealthy", "Connection refused", "what it needs does not answer"),
    ),
    Fault("container-unhealthy", having(APP, "curl: (22) 503", Health={"Status": "unhealthy"}), ("its check says",)),
    Fault("container-slow", having(APP, Health={"Status": "starting"}), ("still starting",)),
    Fault("container-outdated", drifted(Drift("container", APP, "is another one")), ("dozzle is another one",)),
    Fault("container-foreign", HEALTHY._replace(strangers=("mine",)), ("mine is in our project", "docker rm mine")),
    Fault("port-silent", HEALTHY._replace(silent={"wiki": (8080,)}), ("wiki does not listen at port 8080",)),
    Fault("image-gone", HEALTHY._replace(built={**HEALTHY.built, "x:1": ""}), ("any more: x:1",)),
    Fault("image-old", HEALTHY._replace(built={"x:1": "2025-01-02T00:00:00Z"}), ("620 days", "infrakit lock")),
    Fault("engine-ended", machine(docker_version="27.5.1"), ("given up on 2025-05-03", "--only-upgrade docker-ce")),
    Fault("engine-ended", machine(docker_version="24.0.9"), ("given up on 2024-06-08",)),
    Fault("system-ended", machine(distribution="ubuntu", version="20.04"), ("ended on 2025-05-31", "Ubuntu 26.04")),
    Fault("system-ended", machine(distribution="raspbian", version="11"), ("2026-08-31", "Debian 13")),
    Fault(
        "system-ends",
        machine(distribution="ubuntu", version="22.04", now_s=NOW_S + 120 * 86_400)._replace(
            certificates=(), deployment=HOST
        ),
        ("2027-04-01",),
    ),
    Fault(
        "certificate-ended",
        certified(Certificate("door", (NAME,), shown([NAME], **ENDED))),
        (f"the certificate of {NAME} ended on Aug 1", "sudo infrakit restart caddy"),
    ),
    Fault(
        "certificate-ends",
        certified(Certificate("door", (NAME,), shown([NAME], "Jun 20 08:00:00 2026 GMT", "Sep 20 08:00:00 2026 GMT"))),
        ("ends on Sep 20", "should have been renewed"),
    ),
    Fault(
        "certificate-early",
        certified(Certificate("door", (NAME,), shown([NAME], "Oct  1 08:00:00 2026 GMT"))),
        ("begins only on Oct 1", "timedatectl set-ntp true"),
    ),
    Fault(
        "certificate-names",
        certified(
            Certificate("tls_certificate", (NAME, "a.b.other.org"), shown(["*.home.example.org", "*.other.org"]))
        ),
        ("not for a.b.other.org",),
    ),
    Fault(
        "certificate-key",
        certified(Certificate("tls_certificate", (NAME,), shown([NAME]), fits=False)),
        ("the key is not that of tls_certificate", "infrakit secrets set tls_certificate"),
    ),
    Fault("certificate-unreadable", certified(Certificate("tls_certificate", (NAME,), "")), ("cannot be read",)),
    Fault(
        "authority-ends",
        certified(Certificate("authority", (), AUTHORITY.format("Dec 27 17:04:53 2026 GMT"))),
        ("this machine's authority ends on Dec 27",),
    ),
    Fault(
        "certificate-ended",
        certified(Certificate("fleet_certificate", (), shown(["core.fleet.infrakit.internal"], **ENDED), fits=True)),
        ("fleet_certificate ended", "sudo infrakit secrets export --for"),
    ),
    Fault("disk-filled", disk(5), ("94 % full", "images 5.621GB, local volumes 812.3MB", "docker system df")),
    Fault("disk-filling", HEALTHY._replace(space=((NOW_S - 5 * 86_400, 200 * GIB),)), ("in 5 days, and is full in",)),
    Fault(
        "data-read-only",
        machine(
            {"/proc/mounts": RO},
            {
                ("df", "-B1", "-P"): texts.df("/dev/vda1", 80, 60)
                + "/dev/sda1 100000000000 1 90000000000 1% /var/lib/docker\n"
            },
        ),
        ("/var/lib/docker can only be read",),
    ),
    Fault("build-cache", machine(says={DISK: DF % ("3.1GB", "3.4GB")}), ("3.1GB can go", "docker builder prune")),
    Fault(
        "images-left",
        machine(says={DANGLING: f"{IMAGE}\t{PARTS[APP].image.removeprefix('docker.io/').rpartition(':')[0]}\t80MB\n"}),
        ("0123456789ab", "sudo docker image rm 0123456789ab"),
    ),
    Fault(
        "journal-large",
        machine(says={JOURNAL: "Archived and active journals take up 3.9G in the file system.\n"}),
        ("takes 3.9G", "journalctl --vacuum-size"),
    ),
    Fault("storage-worn", worn("0x0a 0x03"), ("/dev/mmcblk0 has used up to 100 %",)),
    Fault("storage-worn", worn("0x0b 0x0b"), ("all of its life",)),
    Fault("storage-worn", worn("0x02 0x02", "0x02"), ("write a new card",)),
    Fault(
        "storage-errors",
        kernel("I/O error, dev mmcblk0, sector 2048 op 0x1:(WRITE) flags 0x800 phys_seg 1 prio class 2"),
        ("dev mmcblk0", "save what is on it first"),
    ),
    Fault("storage-errors", kernel("mmc0: error -110 whilst initialising SD card"), ("error -110",)),
    Fault("storage-errors", kernel("hwmon hwmon1: Undervoltage detected!"), ("power supply is too weak",)),
    Fault("storage-errors", kernel("ata1.00: failed command: READ FPDMA QUEUED"), ("cable",)),
    Fault(
        "file-system-broken",
        kernel("EXT4-fs error (device mmcblk0p2): ext4_lookup:1855: inode #131075: comm dockerd: iget: bad i_mode"),
        ("a file system is damaged",),
    ),
    Fault("file-system-broken", kernel("EXT4-fs (sda1): Remounting filesystem read-only"), ("was shut",)),
    Fault("hot", machine({"/sys/class/thermal/thermal_zone0/temp": "84200\n"}), ("84 °C", "a fan")),
    Fault(
        "memory-pressure",
        reads(pressure=CALM.replace("full avg10=0.00 avg60=0.00", "full avg10=31.02 avg60=22.57")),
        ("22.57 %",),
    ),
    Fault(
        "memory-low", reads(meminfo=texts.meminfo(8_131_148, 1_048_572) + "MemAvailable:     201212 kB\n"), ("196 MiB",)
    ),
    Fault(
        "swap-full",
        reads(meminfo=texts.meminfo(8_131_148, 1_048_572) + "MemAvailable:     900000 kB\nSwapFree:     20000 kB\n"),
        ("19 MiB of 1023 MiB swap",),
    ),
    Fault(
        "host-out-of-memory",
        kernel(
            "Out of memory: Killed process 31337 (postgres) total-vm:2154312kB, anon-rss:1003212kB, oom_score_adj:0"
        ),
        ("the kernel ended postgres",),
    ),
    Fault(
        "unit-failed",
        machine(says={FAILED: "docker.service loaded failed failed Docker Application Container Engine\n"}),
        ("docker.service has failed", "journalctl -u docker.service"),
    ),
    Fault("backup-sheet", HEALTHY._replace(sheet=False), ("recovery sheet", "sudo infrakit backup sheet")),
    Fault("door-silent", met(all=REFUSED), ("connection refused", "Caddy does not run", "sudo infrakit restart caddy")),
    Fault("door-silent", met(all=Answer(0, "", "timed out")), ("firewall",)),
    Fault("door-tls", met(**{key(NAME): ALERT}), ("no certificate for this name",)),
    Fault("door-failing", met(**{key(GUARDED.hostname): Answer(502, "", "")}), ("answers 502", "does not reach")),
    Fault("door-failing", met(**{key(PORTAL): Answer(503, "", "")}), ("answers 503", "sudo infrakit logs authentik")),
    Fault("door-open", met(**{key(GUARDED.hostname): Answer(200, "", "")}), ("anybody may come in", "docker stop")),
    Fault(
        "sign-in-down", HEALTHY._replace(ready=Met(Answer(503, "", ""), "")), ("nobody can sign in", "infrakit open")
    ),
    Fault("name-unknown", HEALTHY._replace(names=Names(unknown=(NAME,))), (NAME, "status --doors")),
    Fault("name-elsewhere", HEALTHY._replace(names=Names(elsewhere=((NAME, ("192.0.2.9",)),))), ("192.0.2.9",)),
    Fault("fleet-door", HEALTHY._replace(fleet=(("shed", "does not answer at 10.0.0.9:8443: timed out"),)), ("shed",)),
    Fault("secret-missing", secret(state="missing", mode=0, owner=-1), ("sudo infrakit secrets set",)),
    Fault("secret-missing", secret(state="not minted", mode=0, owner=-1), ("restore it from a backup",)),
    Fault("secret-empty", secret(empty=True), ("secret empty: ",)),
    Fault("secret-mode", secret(mode=0o600), ("should have 444", "sudo chmod 444 /var/lib/infrakit/hosts/")),
    Fault("secret-mode", HEALTHY._replace(folder=(0o755, 0)), ("other users", "sudo chmod 700")),
    Fault("secret-owner", secret(owner=1000), ("belongs to user 1000", "sudo chown root:root")),
    Fault(
        "backup-drill",
        drilled(Outcome(TODAY + "T05:00:00Z", "2026-09-14T02:00:00Z", failed=("wiki: it has 3 files, and had 4",))),
        ("the backup 2026-09-14T02:00:00Z did not pass", "3 files, and had 4", "sudo infrakit backup now"),
    ),
    Fault(
        "backup-drill", drilled(Outcome(TODAY + "T05:00:00Z", "", failed=("shut with another key",))), ("last drill",)
    ),
    Fault("backup-drill", drilled(Outcome("2026-05-01T05:00:00Z", "x")), ("for 90 days", "sudo infrakit backup drill")),
    Fault("backup-drill", drilled(None, NOW_S - 100 * 86_400), ("for 90 days", "infrakit-drill")),
    Fault("changed-by-hand", drifted(Drift("file", "/x/compose.yaml", "was changed")), ("drift --revert",)),
    Fault(
        "backup-none", HEALTHY._replace(backups=Last()), ("/mnt/disk/core has no backup", "sudo infrakit backup now")
    ),
    Fault(
        "backup-old",
        backed(whole="2026-09-11T02:00:10Z"),
        ("of 2026-09-11T02:00:10Z, is 3 days old", "journalctl -u infrakit-backup"),
    ),
    Fault("backup-partial", backed(missing=("wiki", "cloud")), ("is without wiki, cloud", "sudo infrakit backup now")),
    Fault(
        "backup-damaged",
        backed(damaged=(Damage("/mnt/disk/core/data/ab is damaged", "sudo infrakit restic", "", ("wiki",)),)),
        ("/mnt/disk/core/data/ab is damaged, with data of wiki", "sudo infrakit restic"),
    ),
    Fault("changed-by-hand", drifted(Drift("limit", APP, "memory: 1g, was 64m")), ("memory: 1g",)),
)


def found(readings: Readings, rules: tuple[Rule, ...] = ()) -> Any:
    return diagnose(readings, (), rules)


def test_a_drill_that_went_well_is_no_trouble_nor_is_none_where_the_file_wants_none():
    well = Outcome("2026-08-01T05:00:00Z", "x")
    for readings in (drilled(well, 1.0), drilled(None), drilled(None, 1.0, "never"), drilled(None, 0.0)):
        assert found(readings).troubles == ()
    assert found(drilled(None, 1.0)).troubles[0].severity == "note"


def test_a_healthy_host_has_nothing():
    said = found(HEALTHY)
    assert said.troubles == () and said.ignored == () and len(said.passed) == said.checks == len(CHECKS)


def test_where_nothing_was_ever_read_nothing_is_said():
    """A recording of a fresh machine, no engine, nothing in force."""
    assert found(Readings(facts_of(load("debian13-vps")), load("debian13-vps"), HOST)).troubles == ()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.code}-{fault.words[0]}")
def test_a_fault_is_named_with_its_remedy(fault):
    (trouble,) = found(fault.readings).troubles
    text = f"{trouble.what}\n{trouble.why}\n{trouble.remedy}"
    assert trouble.code == fault.code and [word for word in fault.words if word not in text] == [], text
    assert trouble.why and trouble.remedy and "{" not in text
    assert trouble.severity in ("error", "warning", "note")


def test_what_came_into_force_a_moment_ago_needs_no_backup_yet_and_who_asks_for_none_needs_none():
    fresh = HEALTHY._replace(backups=Last(), since_s=NOW_S - 3600)
    none = HEALTHY._replace(backups=Last(), deployment=HOST)
    assert found(fresh).troubles == found(none).troubles == ()


def test_every_code_has_a_fault_that_shows_it():
    by_others = {"file-invalid", "ignored-too-long", "ignored-in-vain"}
    assert {fault.code for fault in FAULTS} | by_others == set(KINDS)


def test_every_check_passes_somewhere_and_finds_somewhere():
    for check in CHECKS:
        assert list(check(HEALTHY)) == []
        assert any(list(check(fault.readings)) for fault in FAULTS), check.__name__


@pytest.mark.parametrize(
    "said, cause",
    [
        ("standard_init_linux.go:228: exec user process caused: exec format error", "another processor"),
        ('FATAL:  could not write to file "pg_wal/xlogtemp.9": No space left on device', "the disk is full"),
        ("OSError: [Errno 30] Read-only file system: '/data'", "where it may not"),
        ("DETAIL:  The data directory was initialized by PostgreSQL version 16", "another major version"),
        ('FATAL:  password authentication failed for user "authentik"', "the old volume, and a new secret"),
        ("tls: failed to verify certificate: x509: certificate has expired or is not yet valid", "the clock is wrong"),
        ("x509: certificate signed by unknown authority", "does not trust"),
        ("listen tcp :8080: bind: address already in use", "somebody else has its port"),
        ("PANIC:  could not locate a valid checkpoint record; invalid page in block 3", "the storage lost"),
        ("dial tcp: lookup postgresql on 127.0.0.11:53: no such host", "by its name"),
        ("connect ECONNREFUSED? connection refused", "does not answer"),
        ("mkdir: cannot create directory '/data/x': Permission denied", "may not read or write"),
        ("FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory", "too little memory"),
        ("Illegal instruction (core dumped)", "a newer processor"),
        ("the cat sat on the mat", ""),
    ],
)
def test_last_words_tell_the_cause(said, cause):
    assert cause in cause_of(said)[0] and bool(cause_of(said)[0]) == bool(cause)


def test_every_cause_is_tried():
    tried = test_last_words_tell_the_cause.pytestmark[0].args[1]
    assert {cause_of(said)[0] for said, _ in tried} == {cause for _, cause, _ in CAUSES} | {""}


def rule(code: str, until: str) -> Rule:
    return Rule(code, until, "an SSD is ordered", "infrakit.yaml:6:7")


def test_a_rule_keeps_a_finding_apart_until_its_day_is_over():
    (fault,) = (item for item in FAULTS if item.code == "hot")
    said = found(fault.readings, (rule("hot", TODAY),))
    assert said.troubles == () and [(item.code, by.until) for item, by in said.ignored] == [("hot", TODAY)]
    said = found(fault.readings, (rule("hot", "2026-09-13"),))
    assert {item.code for item in said.troubles} == {"hot", "ignored-too-long"}
    (late,) = (item for item in said.troubles if item.code == "ignored-too-long")
    assert "infrakit.yaml:6:7" in late.what and late.why == "an SSD is ordered"


def test_a_rule_about_nothing_is_named():
    (said,) = found(HEALTHY, (rule("hto", "2027-01-01"),)).troubles
    assert (said.code, said.severity) == ("ignored-in-vain", "note") and "hto" in said.what


def test_what_preflight_finds_is_there_and_grave_where_something_should_run():
    finding = Finding("docker-stopped", "warning", "Docker is installed but does not answer", "systemctl start docker")
    looked = [("docker_stopped", finding), ("docker_snap", None)]
    said = diagnose(HEALTHY._replace(containers=None), looked, ())
    assert [(item.code, item.severity) for item in said.troubles] == [("docker-stopped", "error")]
    assert "docker-snap" in said.passed and said.errors == 1
    assert diagnose(HEALTHY._replace(applied=None), looked, ()).troubles[0].severity == "warning"
    assert len(PREFLIGHT) > 50


def test_the_grave_comes_first():
    both = disk(5)._replace(strangers=("mine",), ready=Met(Answer(503, "", ""), ""))
    assert [item.severity for item in found(both).troubles] == ["error", "warning", "warning"]


def test_a_program_gets_counts_and_what_passed():
    said = json.loads(json.dumps(found(disk(5)).as_json()))
    assert (said["version"], said["errors"], said["warnings"], said["notes"]) == (1, 0, 1, 0)
    assert (
        said["checks"] == len(CHECKS) and "container-missing" in said["passed"] and "disk-filled" not in said["passed"]
    )
    assert set(said["problems"][0]) == {*Trouble._fields}


@pytest.mark.parametrize(
    "code, words",
    [
        ("container-stopped", ("docker", "start", f"{HOST.name}-{APP}-1")),
        ("container-paused", ("docker", "unpause", f"{HOST.name}-{APP}-1")),
        ("secret-owner", ("chown", "root:root", f"/var/lib/infrakit/hosts/{HOST.host}/secrets/{SECRETS[0].name}")),
        ("secret-mode", ("chmod", "444", f"/var/lib/infrakit/hosts/{HOST.host}/secrets/{SECRETS[0].name}")),
        ("images-left", ("docker", "image", "rm", IMAGE)),
    ],
)
def test_what_does_no_harm_is_mended(code, words):
    fault = next(item for item in FAULTS if item.code == code)
    plan = plan_mend(found(fault.readings))
    assert [action.words for step in plan.steps for action in step.actions] == [words]
    assert all(step.done_when for step in plan.steps)


def test_nothing_else_is_mended():
    mended = {fault.code for fault in FAULTS if plan_mend(found(fault.readings)).steps}
    assert mended == {"container-stopped", "container-paused", "secret-owner", "secret-mode", "images-left"}


def test_an_image_that_a_way_back_needs_is_kept():
    fault = next(item for item in FAULTS if item.code == "images-left")
    assert found(fault.readings._replace(kept=frozenset({IMAGE}))).troubles == ()


def test_who_is_to_be_ignored_is_not_mended():
    fault = next(item for item in FAULTS if item.code == "container-stopped")
    assert plan_mend(found(fault.readings, (rule("container-stopped", TODAY),))).steps == ()


def test_who_got_well_after_a_few_goes_is_well():
    assert found(having(APP, restarts=4, StartedAt=STARTED)).troubles == ()


def test_a_socket_for_wireless_that_is_empty_is_no_fault():
    assert found(kernel("mmc1: error -110 whilst initialising SDIO card")).troubles == ()


def test_old_faults_of_the_kernel_are_forgotten():
    line = "I/O error, dev mmcblk0, sector 2048 op 0x1:(WRITE) flags 0x800 phys_seg 1 prio class 2"
    assert found(machine(says={KERNEL: f"[   200.113243] {line}\n"})).troubles == ()
