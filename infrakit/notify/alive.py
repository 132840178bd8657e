"""A dead man's switch: an address that is asked while all is well; who hears nothing for long knows that the machine,
or its network, is gone."""

from infrakit.channels import Channel
from infrakit.machine import Machine
from infrakit.notify.message import Message
from infrakit.notify.taken import TIMEOUT_S, Secrets, url_of, verdict


def send(machine: Machine, channel: Channel, secrets: Secrets, message: Message) -> str:
    """Why it did not answer, "" where it did; it is told nothing."""
    return verdict(machine.post(url_of(channel, secrets), None, {}, TIMEOUT_S, channel.certificate))
