"""How restic is told where backups are: what opens a server is in a file of root's, and in nothing else."""

import pytest

from infrakit.errors import MachineUnfit
from infrakit.stack.backup.places import ADDRESS, CREDENTIALS, KNOWN_HOSTS, OPEN, SSH_KEY, opened, refused, way

KEY = "ssh-ed25519 AAAAC3Nza"
SECRETS = {"backup_ssh_key": b"-----BEGIN\nprivat\n", "backup_s3_id": b"AKIA\n", "backup_s3_key": b"geheim/+\n"}
SECRETS |= {"backup_rest_password": b"Ente:%@4711\n"}


class Kept:
    """A stand-in for a machine's files."""

    def __init__(self, files: "dict[str, bytes]") -> None:
        self.files, self.modes = dict(files), {}

    def read(self, path, most_bytes):
        return self.files.get(path)

    def make_folder(self, path, mode):
        self.modes[path] = mode

    def write(self, path, content, mode):
        self.files[path], self.modes[path] = content, mode


def machine(**without) -> Kept:
    return Kept({f"/s/{name}": value for name, value in SECRETS.items() if name not in without})


CASES = {
    "/mnt/usb/pi": (("--repo", "/mnt/usb/pi"), {}),
    "rest:http://nas.lan:8000/team/pi": (("--repo", "rest:http://nas.lan:8000/team/pi"), {}),
    "rest:https://bob@nas.lan:8000/pi": (
        ("--repository-file", ADDRESS),
        {ADDRESS: b"rest:https://bob:Ente%3A%25%404711@nas.lan:8000/pi"},
    ),
    "s3:https://s3.lan/bucket/pi": (
        ("--repo", "s3:https://s3.lan/bucket/pi"),
        {CREDENTIALS: b"[default]\naws_access_key_id=AKIA\naws_secret_access_key=geheim/+\n"},
    ),
    "sftp://bob@nas.lan/srv/pi": (
        ("--repo", "sftp:bob@nas.lan:/srv/pi"),
        {SSH_KEY: b"-----BEGIN\nprivat\n", KNOWN_HOSTS: f"nas.lan {KEY}\n".encode()},
    ),
    "sftp://bob@[fd00::5]:2222/srv/pi": (
        ("--repo", "sftp:bob@[fd00::5]:/srv/pi"),
        {SSH_KEY: b"-----BEGIN\nprivat\n", KNOWN_HOSTS: f"[fd00::5]:2222 {KEY}\n".encode()},
    ),
}


@pytest.mark.parametrize("to", CASES)
def test_what_opens_it_is_in_files_that_only_root_reads(to):
    words, files = CASES[to]
    there = machine()
    found = way(there, to, KEY, "/s")
    opened(there, found)
    assert found.words[: len(words)] == words
    made = {path: content for path, content in there.files.items() if path.startswith(f"{OPEN}/")}
    assert made == files
    assert {there.modes[path] for path in made} <= {0o600} and there.modes.get(OPEN, 0o700) == 0o700
    said = " ".join((*found.words, *(word for pair in found.environment for word in pair)))
    assert not [value for value in SECRETS.values() if value.decode().strip() in said]


def test_an_ssh_server_is_called_with_its_own_port_by_its_own_key_alone():
    _, _, option, call = way(machine(), "sftp://bob@[fd00::5]:2222/srv/pi", KEY, "/s").words
    assert option == "-o" and call.startswith(f"sftp.command=ssh -i {SSH_KEY} ")
    assert call.endswith(" -p 2222 -l bob fd00::5 -s sftp")
    assert (
        f"UserKnownHostsFile={KNOWN_HOSTS}" in call and "StrictHostKeyChecking=yes" in call and "BatchMode=yes" in call
    )


@pytest.mark.parametrize(
    ("to", "name"),
    [
        ("sftp://bob@nas.lan/srv/pi", "backup_ssh_key"),
        ("s3:https://s3.lan/bucket/pi", "backup_s3_key"),
        ("rest:https://bob@nas.lan/pi", "backup_rest_password"),
    ],
)
def test_what_is_missing_is_named_with_how_to_set_it(to, name):
    with pytest.raises(MachineUnfit) as error:
        way(machine(**{name: None}), to, KEY, "/s")
    assert name in error.value.message and error.value.hint == f"sudo infrakit secrets set {name}"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("bob@nas.lan: permission denied (publickey).", "lets nobody in"),
        ("stat: the request signature we calculated does not match the signature you provided", "lets nobody in"),
        ("stat: signaturedoesnotmatch", "lets nobody in"),
        ("unexpected http response (401): 401 unauthorized", "lets nobody in"),
        ("host key verification failed.", "another key"),
        ("dial tcp 127.0.0.1:1: connect: connection refused", "cannot be reached: connection refused"),
        ("ssh: could not resolve hostname nas.lan: name or service not known", "cannot be reached: could not resolve"),
        ("tls: failed to verify certificate: x509: certificate signed by unknown authority", "certificate"),
    ],
)
def test_who_is_not_let_in_or_reaches_nobody_hears_that(said, words):
    found = refused(said)
    assert found and words in found[0] and found[1]


def test_what_else_restic_says_is_its_own():
    assert refused("fatal: wrong password or no key found") is None
