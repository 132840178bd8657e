"""Where things live on a host that InfraKit runs on."""

CONFIGURATION = "/etc/infrakit/infrakit.yaml"
PROGRAM = "/usr/local/bin/infrakit"
STATE = "/var/lib/infrakit"
GENERATIONS = f"{STATE}/generations"
CURRENT = f"{STATE}/current"
HOSTS = f"{STATE}/hosts"
LOCK = "/run/infrakit.lock"
JOURNAL = "/var/log/infrakit/journal.jsonl"
UNDO = f"{STATE}/undo.jsonl"
KEPT_GENERATIONS = 3


def secrets_folder(host: str) -> str:
    """The folder that holds `secrets/` of a host; outside the generations, which come and go."""
    return f"{HOSTS}/{host}"
