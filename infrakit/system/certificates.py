"""The fleet's certificates: one authority, and a pair for each host, made by `openssl`; and the pair of a host that
serves a bundle.

The authority's key stays on the machine that compiles, in the folder `.fleet` beside the hosts' trees; no host gets it.
"""

import os
from collections.abc import Iterable, Sequence

from infrakit.errors import MachineUnfit, UsageProblem

FLEET_KINDS = ("fleet_ca", "fleet_certificate")
DOMAIN = "fleet.infrakit.internal"
DAYS = "3650"


def mint_certificates(folder: str, host: str, others: Iterable[str]) -> list[str]:
    """fleet_ca, fleet_certificate and fleet_key of one host. Raises MachineUnfit where openssl is missing or fails."""
    from infrakit.system.files import sync
    from infrakit.system.secrets import store

    home = os.path.join(os.path.dirname(folder), ".fleet")
    os.makedirs(home, mode=0o700, exist_ok=True)
    authority, authority_key = os.path.join(home, "ca.pem"), os.path.join(home, "ca.key")
    if not os.path.exists(authority):
        _openssl(
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            DAYS,
            "-subj",
            "/CN=InfraKit fleet",
            "-keyout",
            authority_key,
            "-out",
            f"{authority}.new",
        )
        sync(home)
        os.rename(f"{authority}.new", authority)
    pair = os.path.join(home, host)
    _openssl(
        "req",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-subj",
        f"/CN={host}.{DOMAIN}",
        "-addext",
        f"subjectAltName=DNS:{host}.{DOMAIN}",
        "-keyout",
        f"{pair}.key",
        "-out",
        f"{pair}.csr",
    )
    _openssl(
        "x509",
        "-req",
        "-in",
        f"{pair}.csr",
        "-CA",
        authority,
        "-CAkey",
        authority_key,
        "-CAcreateserial",
        "-copy_extensions",
        "copy",
        "-days",
        DAYS,
        "-out",
        f"{pair}.pem",
    )
    # All three or none: a key and a certificate of two runs would not fit each other. The certificate comes last.
    made = ["fleet_ca", "fleet_key", "fleet_certificate"]
    for name, source in zip(made, (authority, f"{pair}.key", f"{pair}.pem")):
        with open(source, "rb") as file:
            store(folder, name, file.read())
    for suffix in (".key", ".csr", ".pem"):
        os.unlink(pair + suffix)
    return made


def server_pair(folder: str, names: Sequence[str]) -> tuple[str, str]:
    """Paths of server.crt and server.key in `folder`; a pair that is its own authority is made where there is none.

    `names`: what others call this machine, names or addresses. UsageProblem where the certificate that is there is for
    others.
    """
    certificate, key = os.path.join(folder, "server.crt"), os.path.join(folder, "server.key")
    if not os.path.lexists(certificate):
        os.makedirs(folder, mode=0o700, exist_ok=True)
        listed = ",".join(f"{'IP' if is_address(name) else 'DNS'}:{name}" for name in names)
        _openssl(
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            DAYS,
            "-subj",
            "/CN=InfraKit bundle server",
            "-addext",
            f"subjectAltName={listed}",
            "-addext",
            "keyUsage=critical,digitalSignature,keyCertSign",
            "-addext",
            "extendedKeyUsage=serverAuth",
            "-keyout",
            key,
            "-out",
            f"{certificate}.new",
        )
        os.chmod(f"{certificate}.new", 0o644)
        os.rename(f"{certificate}.new", certificate)
    for name in names:
        said = _openssl("x509", "-in", certificate, "-noout", "-checkip" if is_address(name) else "-checkhost", name)
        if "does match" not in said:
            raise UsageProblem(
                f"{certificate} is not for {name}",
                "name another folder for certificates: --tls DIR; or what it is for: --name NAME",
            )
    return certificate, key


def is_address(name: str) -> bool:
    """Whether it is one of IPv4 or IPv6, and no name."""
    import ipaddress

    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _openssl(*words: str) -> str:
    """Run openssl; keys go through files that only we can read, never through arguments. What it said."""
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
    return done.stdout.decode("utf-8", "replace")
