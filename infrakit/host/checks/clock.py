"""clock: certificates are made for a time, and a Raspberry Pi wakes up in the past."""

import time

from infrakit.host.checks.model import ERROR, NOTE, WARNING, Finding, Wanted
from infrakit.host.facts import Facts

DAY_S = 86_400
FAR_S = 10 * 365 * DAY_S
BY_HAND = "timedatectl set-ntp false && timedatectl set-time 'YYYY-MM-DD HH:MM'"


def clock_behind(facts: Facts, wanted: Wanted) -> Finding | None:
    """It cannot be earlier than this program was built; every certificate would be "not yet valid"."""
    if not facts.now_s or facts.now_s >= wanted.build_time_s - DAY_S:
        return None
    what = f"the clock says {_day(facts.now_s)}, and this InfraKit was built on {_day(wanted.build_time_s)}"
    return Finding("clock-behind", ERROR, what, *_set(wanted))


def clock_ahead(facts: Facts, wanted: Wanted) -> Finding | None:
    """Certificates made now would be of no use when the clock is right again."""
    if not wanted.build_time_s or facts.now_s <= wanted.build_time_s + FAR_S:
        return None
    what = f"the clock says {_day(facts.now_s)}, more than ten years after this InfraKit was built"
    return Finding("clock-ahead", ERROR, what, *_set(wanted))


def ntp_off(facts: Facts, wanted: Wanted) -> Finding | None:
    """A clock that nobody sets runs away by seconds a day; one-time passwords fail after half a minute."""
    if facts.container or facts.ntp != "no" or facts.ntp_synchronised == "yes":
        return None
    if wanted.offline:
        remedy = (
            "set it by hand: timedatectl set-time 'YYYY-MM-DD HH:MM', or name a time server of your network in "
            "/etc/systemd/timesyncd.conf"
        )
        return Finding("ntp-off", NOTE, "nobody sets the clock of this machine", remedy)
    return Finding("ntp-off", WARNING, "nobody sets the clock of this machine", "timedatectl set-ntp true", "clock")


def ntp_waiting(facts: Facts, wanted: Wanted) -> Finding | None:
    """Asked for, not reached: UDP port 123 is often closed, and a name server may need the right time first."""
    if facts.container or facts.ntp != "yes" or facts.ntp_synchronised != "no":
        return None
    remedy = (
        "wait a minute, then see why: timedatectl timesync-status; a time server in your network goes into "
        "/etc/systemd/timesyncd.conf"
    )
    severity = NOTE if wanted.offline else WARNING
    return Finding("ntp-waiting", severity, "the clock has not been set by a time server yet", remedy)


def _set(wanted: Wanted) -> tuple[str, str]:
    """How to, and what InfraKit can do of it: where there is no network, no time server answers."""
    if wanted.offline:
        return f"set it by hand, no network is needed: {BY_HAND}", ""
    return f"set it: timedatectl set-ntp true, or by hand: {BY_HAND}", "clock"


def _day(seconds: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(min(max(seconds, 0), 253_402_300_799)))


CHECKS = (clock_behind, clock_ahead, ntp_off, ntp_waiting)
