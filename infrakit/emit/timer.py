"""Deployment -> systemd/infrakit-update.timer and .service: images that move by themselves, in their window.

The unit may write wherever Docker keeps its data, which is anywhere; of the machine itself it changes nothing.
"""

from infrakit.model import Artifact, Deployment, Origin

PASS = "emit.timer"
FOLDER = "systemd"
TIMER, SERVICE = "infrakit-update.timer", "infrakit-update.service"
MOST_DELAY_S = 300
HEADING = "# Compiled by InfraKit: change infrakit.yaml, not this file."

# No ProtectHome, and no more of ProtectSystem: Docker's folder may be anywhere, and data is copied beside it. No
# RestrictSUIDSGID: what is copied may have such files. A copy keeps a service waiting, so its I/O is not idle.
# 75: another run holds the lock; the next one finds what this would have found.
UPDATE = f"""{HEADING}
[Unit]
Description=InfraKit: newer images, each with a way back
Wants=network-online.target
After=network-online.target docker.service

[Service]
Type=oneshot
Environment=HOME=/root
ExecStart=/usr/bin/python3 /usr/local/bin/infrakit update --automatic
SuccessExitStatus=75
KillMode=mixed
TimeoutStopSec=900
Nice=10
IOSchedulingPriority=7
UMask=0077
ProtectSystem=full
ReadWritePaths=/etc/infrakit
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


def emit(deployment: Deployment) -> tuple[Artifact, ...]:
    if deployment.updates is None:
        return ()
    units = ((SERVICE, UPDATE), (TIMER, _timer(deployment.updates.window)))
    return tuple(Artifact(f"{FOLDER}/{name}", text.encode()) for name, text in units)


def trace(deployment: Deployment, path: str) -> dict[str, Origin]:
    """Line number -> Origin."""
    assert deployment.updates is not None, "else there is no such file"
    origin = deployment.updates.origin._replace(decided_by=PASS)
    lines = next(item.content for item in emit(deployment) if item.path == path).count(b"\n")
    return {str(number): origin for number in range(1, lines + 1)}


def _timer(text: str) -> str:
    from infrakit.emit.window import window_of

    window = window_of(text)
    begin = f"{window.begin // 60:02}:{window.begin % 60:02}:00"
    return f"""{HEADING}
[Unit]
Description=InfraKit: when images move by themselves

[Timer]
OnCalendar={" ".join([*window.named, "*-*-*", begin])}
RandomizedDelaySec={min(MOST_DELAY_S, window.lasts * 30)}
Persistent=true

[Install]
WantedBy=timers.target
"""
