"""Mail, by the server that the file names."""

from infrakit.machine import Machine, Mail
from infrakit.monitoring import Channel
from infrakit.notify.message import Message
from infrakit.notify.taken import TIMEOUT_S


def send(machine: Machine, channel: Channel, secret: bytes, message: Message) -> str:
    """Why it was not taken, "" where it was."""
    from email.message import EmailMessage
    from email.policy import SMTP
    from email.utils import formatdate

    said = dict(channel.settings)
    letter = EmailMessage(policy=SMTP)
    letter["From"] = said["from"]
    letter["To"] = channel.target
    letter["Subject"] = f"[{message.stack}] {message.title}"
    letter["Date"] = formatdate(message.at_s)
    letter["Message-ID"] = f"<{message.id}@{said['from'].rpartition('@')[2]}>"
    letter["Auto-Submitted"] = "auto-generated"  # RFC 3834: no answer from a holiday
    letter.set_content(message.text + "\n")
    mail = Mail(
        server=said["server"],
        port=int(said["port"]),
        tls=said["tls"],
        username=said["username"],
        password=secret,
        sender=said["from"],
        receiver=channel.target,
        letter=letter.as_bytes(),
    )
    return machine.mail(mail, 2 * TIMEOUT_S)
