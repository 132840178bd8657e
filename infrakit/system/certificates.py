"""The fleet's certificates: one authority, and a pair for each host, made by `openssl`.

The authority's key stays on the machine that compiles, in the folder `.fleet` beside the hosts' trees; no host gets it.
"""

import os
from typing import Iterable

from infrakit.errors import MachineUnfit

FLEET_KINDS = ("fleet_ca", "fleet_certificate")
DOMAIN = "fleet.infrakit.internal"
DAYS = "3650"


def mint_certificates(folder: str, host: str, others: Iterable[str]) -> list[str]:
    """fleet_ca, fleet_certificate and fleet_key of one host. Raises MachineUnfit where openssl is missing or fails."""
    from infrakit.system.secrets import store

    home = os.path.join(os.path.dirname(folder), ".fleet")
    os.makedirs(home, mode=0o700, exist_ok=True)
    authority, authority_key = os.path.join(home, "ca.pem"), os.path.join(home, "ca.key")
    if not os.path.exists(authority):
        _openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", DAYS,
            "-subj", "/CN=InfraKit fleet", "-keyout", authority_key, "-out", f"{authority}.new",
        )
        os.rename(f"{authority}.new", authority)
    pair = os.path.join(home, host)
    _openssl(
        "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={host}.{DOMAIN}",
        "-addext", f"subjectAltName=DNS:{host}.{DOMAIN}", "-keyout", f"{pair}.key", "-out", f"{pair}.csr",
    )
    _openssl(
        "x509", "-req", "-in", f"{pair}.csr", "-CA", authority, "-CAkey", authority_key, "-CAcreateserial",
        "-copy_extensions", "copy", "-days", DAYS, "-out", f"{pair}.pem",
    )
    # All three or none: a key and a certificate of two runs would not fit each other. The certificate comes last.
    made = ["fleet_ca", "fleet_key", "fleet_certificate"]
    for name, source in zip(made, (authority, f"{pair}.key", f"{pair}.pem")):
        with open(source, "rb") as file:
            store(folder, name, file.read())
    for suffix in (".key", ".csr", ".pem"):
        os.unlink(pair + suffix)
    return made


def _openssl(*words: str) -> None:
    """Run openssl; keys go through files that only we can read, never through arguments."""
    import subprocess

    before = os.umask(0o077)
    try:
        done = subprocess.run(["openssl", *words], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    except FileNotFoundError:
        hint = "apt-get install openssl, or compile with --no-secrets"
        raise MachineUnfit("openssl is needed to make the fleet's certificates", hint) from None
    finally:
        os.umask(before)
    if done.returncode:
        raise MachineUnfit(f"openssl {words[0]} failed with exit code {done.returncode}")
