"""Where things live on a host that InfraKit runs on."""

CONFIGURATION = "/etc/infrakit/infrakit.yaml"
LOCKED = "/etc/infrakit/infrakit.lock"
PROGRAM = "/usr/local/bin/infrakit"
STATE = "/var/lib/infrakit"
GENERATIONS = f"{STATE}/generations"
CURRENT = f"{STATE}/current"
HOSTS = f"{STATE}/hosts"
LOCK = "/run/infrakit.lock"
CACHE = "/var/cache/infrakit"
"""Compiled code of the program, and the program that install.py carried."""
JOURNAL = "/var/log/infrakit/journal.jsonl"
UNDO = f"{STATE}/undo.jsonl"
PULLING = f"{STATE}/pulling"
"""There while an image is being fetched (plan/unflushed.py)."""
KEPT_GENERATIONS = 3
TRUST = "/etc/infrakit/allowed_signers"
"""Whose bundles are believed, as ssh-keygen reads it: pinned by the first install from a bundle."""
BUNDLE = f"{STATE}/bundle.json"
"""The serial of the newest bundle that was installed from."""
PACKAGES = f"{STATE}/packages"
"""Packages of a bundle while they are installed."""
SERVING = f"{STATE}/serve"
"""The certificate that a bundle is served with."""

PROJECT = "project"
"""A file beside the secrets of a host: the project whose volumes they open."""


def secrets_folder(host: str) -> str:
    """The folder that holds `secrets/` of a host; outside the generations, which come and go."""
    return f"{HOSTS}/{host}"
