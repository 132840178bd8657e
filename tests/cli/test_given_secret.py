"""Keys of SSH as ssh-keygen makes them: those that nobody is asked for a passphrase of open a server of backups."""

import subprocess

import pytest

from infrakit.cli.given_secret import checked
from infrakit.errors import UsageProblem
from infrakit.model import BACKUP_SSH_KEY


def made(place, *words: str) -> bytes:
    subprocess.run(["ssh-keygen", "-q", "-C", "", "-f", place, *words], check=True)
    return place.read_bytes()


KINDS = {
    "ed25519": ["-t", "ed25519"],
    "ecdsa": ["-t", "ecdsa"],
    "rsa": ["-t", "rsa", "-b", "2048"],
    "pem": ["-t", "rsa", "-b", "2048", "-m", "PEM"],
    "pkcs8": ["-t", "rsa", "-b", "2048", "-m", "PKCS8"],
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_without_a_passphrase_is_taken_and_ends_as_ssh_wants_it(tmp_path, kind):
    key = made(tmp_path / "key", *KINDS[kind], "-N", "")
    assert checked(BACKUP_SSH_KEY, key) == key
    assert checked(BACKUP_SSH_KEY, key.replace(b"\n", b"\r\n")) == key


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_with_a_passphrase_is_refused(tmp_path, kind):
    key = made(tmp_path / "key", *KINDS[kind], "-N", "hunter2 hunter2")
    with pytest.raises(UsageProblem, match="has a passphrase"):
        checked(BACKUP_SSH_KEY, key)


def test_what_is_no_private_key_is_refused_and_not_said(tmp_path):
    made(tmp_path / "key", "-t", "ed25519", "-N", "")
    for other in ((tmp_path / "key.pub").read_bytes(), b"hunter2", b"-----BEGIN CERTIFICATE-----\nhunter2\n"):
        with pytest.raises(UsageProblem, match="no private key of SSH") as caught:
            checked(BACKUP_SSH_KEY, other)
        assert "hunter2" not in str(caught.value) + caught.value.hint


def test_an_apps_own_secret_of_that_name_is_what_it_says():
    assert checked("tunnel_token", b"hunter2\r\n", "wiki") == b"hunter2"
