"""Deployment -> systemd/infrakit-update.timer and .service, images that move by themselves, in their window; and the
same of infrakit-backup, of infrakit-drill, which tries a backup out, and of infrakit-monitor.

The units may write wherever Docker keeps its data, and backups go, which is anywhere; of the machine itself they change
nothing.
"""

from collections.abc import Iterator

from infrakit.model import Artifact, Deployment, Origin

PASS = "emit.timer"
FOLDER = "systemd"
UPDATES, BACKUPS, DRILLS = "infrakit-update", "infrakit-backup", "infrakit-drill"
MONITOR = "infrakit-monitor"
STOPPED = "/var/lib/infrakit/stopped.json"
"""There while containers stand still for a backup (stack/layout.py)."""
DRILLING = "/var/lib/infrakit/backup/drilling.json"
"""There while a backup is tried out (stack/backup/remains.py)."""
AGAIN = "ExecStopPost=/bin/sh -c 'test ! -e {} || exec /usr/bin/python3 /usr/local/bin/infrakit {}'\n"
"""Where the run itself was killed, too."""
MOST_DELAY_S = 300
DRILL_DAYS = {"monthly": "*-*-01", "weekly": "Sun *-*-*"}
DRILL_AFTER_MINUTES = 180
"""After the backup of that day has begun."""
HEADING = "# Compiled by InfraKit: change infrakit.yaml, not this file."

# No ProtectHome, and no more of ProtectSystem: Docker's folder may be anywhere, and data is copied beside it. No
# RestrictSUIDSGID: what is copied may have such files. A copy keeps a service waiting, so its I/O is not idle.
# 75: another run holds the lock; the next one finds what this would have found.
SERVICE = f"""{HEADING}
[Unit]
Description={{title}}
Wants=network-online.target
After=network-online.target docker.service infrakit-halt.service{{after}}

[Service]
Type=oneshot
Environment=HOME=/root
ExecStart=/usr/bin/python3 /usr/local/bin/infrakit {{words}}
{{more}}SuccessExitStatus=75
KillMode=mixed
TimeoutStopSec=900
Nice=10
IOSchedulingPriority=7
UMask=0077
ProtectSystem=full
PrivateTmp=yes
NoNewPrivileges=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
LockPersonality=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
SystemCallArchitectures=native
"""


MONITORING = f"""{HEADING}
[Unit]
Description=InfraKit: what is wrong with this machine and its stack

[Service]
Type=oneshot
Environment=HOME=/root
ExecStart=/usr/bin/python3 /usr/local/bin/infrakit monitor now --automatic
SuccessExitStatus=75
TimeoutStartSec=600
MemoryMax=256M
TasksMax=64
Nice=10
IOSchedulingPriority=7
UMask=0077
ProtectSystem=full
PrivateTmp=yes
NoNewPrivileges=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelModules=yes
LockPersonality=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
SystemCallArchitectures=native
"""
LOOKS = f"""{HEADING}
[Unit]
Description=InfraKit: when the machine looks at itself

[Timer]
OnBootSec=60
OnUnitActiveSec={{every_s}}
AccuracySec=5

[Install]
WantedBy=timers.target
"""


def emit(deployment: Deployment) -> tuple[Artifact, ...]:
    return tuple(Artifact(f"{FOLDER}/{name}", text.encode()) for name, text, _ in _units(deployment))


def trace(deployment: Deployment, path: str) -> dict[str, Origin]:
    """Line number -> Origin."""
    text, origin = next((text, origin) for name, text, origin in _units(deployment) if path == f"{FOLDER}/{name}")
    return {str(number): origin._replace(decided_by=PASS) for number in range(1, text.count("\n") + 1)}


def _units(deployment: Deployment) -> Iterator[tuple[str, str, Origin]]:
    """Name, text, and why it is there."""
    updates, backup = deployment.updates, deployment.backup
    if updates is not None:
        title = "InfraKit: newer images, each with a way back"
        service = SERVICE.format(
            title=title, words="update --automatic", after="", more="ReadWritePaths=/etc/infrakit\n"
        )
        yield f"{UPDATES}.service", service, updates.origin
        yield f"{UPDATES}.timer", _timer("when images move by themselves", updates.window), updates.origin
    if backup is not None:
        more = AGAIN.format(STOPPED, "resume")  # whoever was stopped for it is started again
        service = SERVICE.format(title="InfraKit: a backup of this machine", words="backup now", after="", more=more)
        yield f"{BACKUPS}.service", service, backup.origin
        yield f"{BACKUPS}.timer", _timer("when a backup is made", backup.daily), backup.origin
        if backup.drill in DRILL_DAYS:
            yield from _drill(backup.drill, backup.daily, backup.origin)
    if deployment.monitor is not None:
        yield f"{MONITOR}.service", MONITORING, deployment.monitor.origin
        yield f"{MONITOR}.timer", LOOKS.format(every_s=deployment.monitor.every_s), deployment.monitor.origin


def _drill(often: str, daily: str, origin: Origin) -> Iterator[tuple[str, str, Origin]]:
    """It waits for a backup that is being made. 3: this machine has no room for one, which is no failure."""
    from infrakit.emit.window import DAY_MINUTES, window_of

    title, after = "InfraKit: whether a backup can be put back", f" {BACKUPS}.service"
    more = AGAIN.format(DRILLING, "backup drill --remove") + "SuccessExitStatus=3\n"
    service = SERVICE.format(title=title, words="backup drill", after=after, more=more)
    minute = (window_of(daily).begin + DRILL_AFTER_MINUTES) % DAY_MINUTES
    yield f"{DRILLS}.service", service, origin
    when = f"{DRILL_DAYS[often]} {_clock(minute)}"
    yield f"{DRILLS}.timer", _calendar("when a backup is tried out", when, MOST_DELAY_S), origin


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}:00"


def _timer(title: str, text: str) -> str:
    from infrakit.emit.window import window_of

    window = window_of(text)
    when = " ".join([*window.named, "*-*-*", _clock(window.begin)])
    return _calendar(title, when, min(MOST_DELAY_S, window.lasts * 30))


def _calendar(title: str, when: str, delay_s: int) -> str:
    return f"""{HEADING}
[Unit]
Description=InfraKit: {title}

[Timer]
OnCalendar={when}
RandomizedDelaySec={delay_s}
Persistent=true

[Install]
WantedBy=timers.target
"""
