"""The fleet's certificates: one authority, and a pair for each host, made by `openssl`; and the pair of a host that
serves a bundle.

The authority's key stays on the machine that compiles, in the folder `.fleet` beside the hosts' trees; no host gets it.
"""

import os
from collections.abc import Mapping, Sequence

from infrakit.errors import MachineUnfit, UsageProblem

FLEET_KINDS = ("fleet_ca", "fleet_certificate")
DOMAIN = "fleet.infrakit.internal"
DAYS = "3650"
NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
HOME = ".fleet"
"""The folder of the authority, beside those of the hosts."""


def mint_certificates(folder: str, host: str) -> list[str]:
    """fleet_ca, fleet_certificate and fleet_key of one host. Raises MachineUnfit where openssl is missing or fails."""
    from infrakit.system.secrets import store

    made = certified(os.path.join(os.path.dirname(folder), HOME), host)
    for name, content in made.items():
        store(folder, name, content)
    return list(made)


def certified(home: str, host: str) -> dict[str, bytes]:
    """What mint_certificates makes, by name: by the authority in the folder `home`, which is made where there is none.

    All three or none: a key and a certificate of two runs would not fit each other. The certificate comes last.
    """
    from infrakit.system.files import sync

    os.makedirs(home, mode=0o700, exist_ok=True)
    authority, authority_key = os.path.join(home, "ca.pem"), os.path.join(home, "ca.key")
    if not os.path.exists(authority):
        made = ("-keyout", authority_key, "-out", f"{authority}.new")
        _openssl("req", "-x509", *NEW_KEY, "-days", DAYS, "-subj", "/CN=InfraKit fleet", *made)
        sync(home)
        os.rename(f"{authority}.new", authority)
    pair = os.path.join(home, host)
    name = f"{host}.{DOMAIN}"
    named = ("-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}")
    _openssl("req", *NEW_KEY, *named, "-keyout", f"{pair}.key", "-out", f"{pair}.csr")
    by = ("-CA", authority, "-CAkey", authority_key, "-CAcreateserial", "-copy_extensions", "copy", "-days", DAYS)
    _openssl("x509", "-req", "-in", f"{pair}.csr", *by, "-out", f"{pair}.pem")
    found = {}
    for name, path in (("fleet_ca", authority), ("fleet_key", f"{pair}.key"), ("fleet_certificate", f"{pair}.pem")):
        with open(path, "rb") as file:
            found[name] = file.read()
    for suffix in (".key", ".csr", ".pem"):
        os.unlink(pair + suffix)
    return found


def mint_pair(folder: str, name: str) -> list[str]:
    """NAME_certificate and NAME_key, a pair that is its own authority. Both or none: the certificate comes last."""
    from tempfile import TemporaryDirectory

    from infrakit.system.secrets import store

    called = f"{name.replace('_', '-')}.{DOMAIN}"
    with TemporaryDirectory() as place:
        paths = {kind: os.path.join(place, kind) for kind in ("key", "certificate")}
        named = ("-subj", f"/CN={called}", "-addext", f"subjectAltName=DNS:{called}")
        _openssl("req", "-x509", *NEW_KEY, "-days", DAYS, *named, "-keyout", paths["key"], "-out", paths["certificate"])
        for kind, path in paths.items():
            with open(path, "rb") as file:
                store(folder, f"{name}_{kind}", file.read())
    return [f"{name}_{kind}" for kind in paths]


def unfit(pair: Mapping[str, bytes], host: str) -> str:
    """What is wrong with a certificate of the fleet for a host, fleet_ca, fleet_key and fleet_certificate; "" where
    nothing is."""
    import ssl
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        for name, content in pair.items():
            with open(os.open(os.path.join(folder, name), os.O_CREAT | os.O_WRONLY, 0o600), "wb") as file:
                file.write(content)
        authority, key, certificate = (os.path.join(folder, f"fleet_{name}") for name in ("ca", "key", "certificate"))
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
        except (OSError, ValueError):
            return "the key is not the certificate's"
        try:
            _openssl("verify", "-CAfile", authority, "-verify_hostname", f"{host}.{DOMAIN}", certificate)
        except MachineUnfit:
            return f"the certificate is not one of this fleet for {host}"
    return ""


def fingerprint(certificate: bytes) -> str:
    """SHA-256 of a certificate in PEM, in pairs of hexadecimal digits, as `openssl x509 -fingerprint` says it; "" for
    what is none."""
    import ssl
    from hashlib import sha256

    try:
        content = ssl.PEM_cert_to_DER_cert(certificate.decode("ascii").strip())
    except ValueError:
        return ""
    return sha256(content).digest().hex(":").upper()


def server_pair(folder: str, names: Sequence[str]) -> tuple[str, str]:
    """Paths of server.crt and server.key in `folder`; a pair that is its own authority is made where there is none.

    `names`: what others call this machine, names or addresses. UsageProblem where the certificate that is there is for
    others.
    """
    certificate, key = os.path.join(folder, "server.crt"), os.path.join(folder, "server.key")
    if not os.path.lexists(certificate):
        os.makedirs(folder, mode=0o700, exist_ok=True)
        listed = ",".join(f"{'IP' if is_address(name) else 'DNS'}:{name}" for name in names)
        extensions = (
            *("-addext", f"subjectAltName={listed}"),
            *("-addext", "keyUsage=critical,digitalSignature,keyCertSign"),
            *("-addext", "extendedKeyUsage=serverAuth"),
        )
        made = ("-subj", "/CN=InfraKit bundle server", *extensions, "-keyout", key, "-out", f"{certificate}.new")
        _openssl("req", "-x509", *NEW_KEY, "-days", DAYS, *made)
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
