"""The code of each finding of the doctor -> how bad it is, what comes of it or brought it about, and what to type.

A code is a promise. `{...}` are what the check says beside it; a check may know a cause and a remedy that fit better.
"""

import re
from typing import NamedTuple

from infrakit.plan import Step

PLACE = re.compile(r"\{(\w+)\}")
ERROR, WARNING, NOTE = "error", "warning", "note"


class Trouble(NamedTuple):
    """One finding. `steps`: how InfraKit can mend it by itself, where that does no harm. `subject`: whom it is about,
    where there may be several of a code: with it the same fault is known again at another look. `check`: who found
    it."""

    code: str
    severity: str
    what: str
    why: str
    remedy: str
    steps: tuple[Step, ...] = ()
    subject: str = ""
    check: str = ""


LOGS = "sudo infrakit logs {name}"
UP = "sudo infrakit up"
SPACE = "docker system df; sudo du -xh --max-depth=2 / | sort -h | tail"
CLOCK = "timedatectl set-ntp true"
BACKUP = "save what is on it first; then write a new card or disk, and restore there"
RENEW = f"put the new one in by infrakit secrets set tls_certificate and tls_key, then {UP}"
KINDS = {
    # containers
    "container-missing": (ERROR, "somebody removed it, or the last `up` did not come to its end", UP),
    "container-stopped": (
        ERROR,
        "Docker starts who ends by himself: somebody stopped it, or it was stopped when Docker did",
        "sudo docker start {called}",
    ),
    "container-paused": (ERROR, "somebody froze it, and nothing wakes it by itself", "sudo docker unpause {called}"),
    "container-failed": (ERROR, "its last words: {said}", f"{LOGS}; then {UP}"),
    "container-restarting": (ERROR, "its last words: {said}", LOGS),
    "container-unhealthy": (ERROR, "its check says: {said}", f"{LOGS}; sudo infrakit restart {{name}}"),
    "container-slow": (WARNING, "on a slow disk a first start takes long; else it waits for what does not come", LOGS),
    "container-out-of-memory": (
        ERROR,
        "it wanted more than the limit that it has, and the kernel ended it",
        f"raise {{key}} in infrakit.yaml, now {{limit}}; then {UP}",
    ),
    "container-short-of-memory": (
        WARNING,
        "the kernel ended a process in it, and the rest goes on without that",
        f"raise {{key}} in infrakit.yaml, now {{limit}}; then {UP}",
    ),
    "container-outdated": (WARNING, "the last `up` did not come to its end, or somebody made it anew by hand", UP),
    "container-foreign": (
        WARNING,
        "Compose takes what is in a project of this name for its own",
        "give it another project: docker compose -p NAME up, or remove it: sudo docker rm {called}",
    ),
    "port-silent": (ERROR, "it listens at another port, at 127.0.0.1 alone, or not yet", LOGS),
    "image-gone": (WARNING, "somebody pruned images: without it the container cannot be made anew", UP),
    "image-old": (
        WARNING,
        "what was found in its programs since is not mended",
        f"infrakit lock --upgrade; {UP}; or write a newer version in infrakit.yaml",
    ),
    "engine-ended": (
        WARNING,
        "nobody mends its faults any more",
        "sudo apt-get update && sudo apt-get install --only-upgrade docker-ce docker-ce-cli containerd.io",
    ),
    "system-ended": (WARNING, "it gets no security updates any more", "set it up anew with {newer}, or upgrade it"),
    "system-ends": (NOTE, "it gets no security updates after that", "plan the upgrade to {newer}"),
    # certificates
    "certificate-ended": (ERROR, "browsers refuse it", "{renew}"),
    "certificate-ends": (WARNING, "it should have been renewed by now", "{renew}"),
    "certificate-early": (ERROR, "the clock of this machine is behind, or was when it was made", f"date; {CLOCK}"),
    "certificate-names": (ERROR, "browsers refuse it for a name that it does not have", "{renew}"),
    "certificate-key": (ERROR, "Caddy does not start with a pair that does not belong together", RENEW),
    "certificate-unreadable": (ERROR, "it is not PEM, or was cut short", RENEW),
    "authority-ends": (WARNING, "all that trusts it has to be told anew", "{renew}"),
    # storage
    "disk-filled": (WARNING, "a full disk stops databases in the midst of a write; {takers}", SPACE),
    "disk-filling": (WARNING, "something grows without end: logs, data of an app, images", SPACE),
    "data-read-only": (ERROR, "the kernel does so when a disk fails", f"sudo dmesg | grep -i error; {BACKUP}"),
    "build-cache": (NOTE, "builds leave it behind; InfraKit builds nothing", "sudo docker builder prune"),
    "images-left": (NOTE, "updates leave the images of before", "sudo docker image rm {ids}"),
    "journal-large": (NOTE, "some unit writes very much", "sudo journalctl --vacuum-size=200M"),
    "storage-worn": (WARNING, "flash wears out by writing, and then loses data", BACKUP),
    "storage-errors": (
        ERROR,
        "a card, a disk or its cable fails, or the power supply is too weak; the kernel says: {said}",
        f"sudo dmesg | grep -i error; {BACKUP}",
    ),
    "file-system-broken": (ERROR, "the kernel says: {said}", f"{BACKUP}; or reboot once with fsck.mode=force"),
    "hot": (WARNING, "it slows down, and wears out", "give it air, a heat sink or a fan"),
    "backup-drill": (
        ERROR,
        "what is in it would not come back as it was",
        "sudo infrakit backup now, then: sudo infrakit backup drill; see: journalctl -u infrakit-drill",
    ),
    # memory and units
    "memory-pressure": (WARNING, "everything waits for memory", "docker stats --no-stream; lower or leave something"),
    "memory-low": (WARNING, "the kernel is about to end something", "docker stats --no-stream; leave a service out"),
    "swap-full": (WARNING, "the next need of memory ends something", "docker stats --no-stream; leave a service out"),
    "host-out-of-memory": (
        WARNING,
        "all of the machine's memory was used up, and the kernel chose who had to go",
        "docker stats --no-stream; lower memory of services in infrakit.yaml, or leave one out",
    ),
    "unit-failed": (ERROR, "what it does is not done", "journalctl -u {name} -n 50; sudo systemctl restart {name}"),
    # backups
    "backup-sheet": (
        WARNING,
        "where this machine is gone, so is the key, and nobody opens them",
        "sudo infrakit backup sheet; print it, and type one of its groups",
    ),
    # doors
    "door-silent": (ERROR, "{cause}", "sudo infrakit logs caddy; sudo infrakit restart caddy"),
    "door-tls": (ERROR, "{cause}", "sudo infrakit logs caddy"),
    "door-failing": (ERROR, "{cause}", LOGS),
    "door-open": (
        ERROR,
        "anybody may come in: Caddy runs by another Caddyfile, or Authentik lost the application",
        f"sudo infrakit drift; {UP}; until then: sudo docker stop {{called}}",
    ),
    "sign-in-down": (
        ERROR,
        "nobody can sign in, at no door: Authentik, its database or the way there is down",
        "sudo infrakit logs authentik; sudo infrakit restart authentik; meanwhile: sudo infrakit open SERVICE",
    ),
    "name-unknown": (WARNING, "no browser finds it by that name", "infrakit status --doors says the lines to add"),
    "name-elsewhere": (
        WARNING,
        "browsers go to another machine, and no public certificate comes",
        "correct the name server; infrakit status --doors says the addresses of this machine",
    ),
    "fleet-door": (ERROR, "doors that lead to {name} do not open", "on {name}: sudo infrakit status"),
    # backups
    "backup-none": (ERROR, "its timer does not run, or each run fails", "{remedy}"),
    "backup-old": (ERROR, "its timer does not run, or each run fails", "{remedy}"),
    "backup-partial": (WARNING, "the last run could not take it, and took the rest", "{remedy}"),
    "backup-damaged": (ERROR, "a disk, its cable or a stick fails, or somebody changed what is there", "{remedy}"),
    # secrets and what was changed
    "secret-missing": (
        ERROR,
        "who reads it does not start; a new one does not open what was made with the old",
        "{remedy}",
    ),
    "secret-empty": (ERROR, "the file is there, with nothing in it: a full disk, or an edit", "{remedy}"),
    "secret-mode": (ERROR, "{cause}", "sudo chmod {mode} {path}"),
    "secret-owner": (ERROR, "another user than root can change it", "sudo chown root:root {path}"),
    "changed-by-hand": (WARNING, "the next `up` takes it back", "sudo infrakit drift; sudo infrakit drift --revert"),
    "file-invalid": (ERROR, "the next `up` will not start", "infrakit validate"),
    "ignored-too-long": (WARNING, "{why}", "mend it, or give the rule another day"),
    "ignored-in-vain": (NOTE, "there is nothing of the kind any more, or never was", "take the rule out"),
}
"""Code -> severity, why, remedy."""


def trouble(
    code: str, what: str, *, subject: str = "", steps: tuple[Step, ...] = (), severity: str = "", **said: str
) -> Trouble:
    """The finding of this code. `why` and `remedy` among `said` take the place of what the table has."""
    usual, *texts = KINDS[code]
    why, remedy = (PLACE.sub(lambda found: said.get(found[1], found[0]), text) for text in texts)
    return Trouble(code, severity or usual, what, said.get("why") or why, said.get("remedy") or remedy, steps, subject)
