"""What a container says that lacks a right names the key that gives it."""

import pytest

from infrakit.stack.hints import hint_of


@pytest.mark.parametrize(
    ("said", "key"),
    [
        ('chroot("/run/sshd"): Operation not permitted [preauth]', "capabilities: [SYS_CHROOT]"),
        ("ping: permission denied (are you root?)", "capabilities: [NET_RAW]"),
        ("ping: socket: Operation not permitted", "capabilities: [NET_RAW]"),
        ("iptables v1.8.9: can't initialize iptables table: Permission denied", "capabilities: [NET_ADMIN]"),
        ("RTNETLINK answers: Operation not permitted", "capabilities: [NET_ADMIN]"),
        (
            "web is unhealthy: OCI runtime exec failed: exec failed: unable to start container process: "
            'exec: "/bin/sh": stat /bin/sh: no such file or directory: unknown',
            "health: image",
        ),
        ("open /data/own.key: permission denied", ""),
        ("it said nothing", ""),
    ],
)
def test_last_words_name_the_key_that_they_ask_for(said, key):
    hint = hint_of(f"web is unhealthy: {said}", "web")
    assert hint.startswith("see: infrakit logs web") and key in hint and (bool(key) is (";" in hint))
