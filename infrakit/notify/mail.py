"""Mail, by the server that the file names."""

from infrakit.channels import Channel
from infrakit.machine import Machine, Mail
from infrakit.notify.message import Message
from infrakit.notify.taken import TIMEOUT_S, Secrets


def send(machine: Machine, channel: Channel, secrets: Secrets, message: Message) -> str:
    """Why it was not taken, "" where it was."""
    from email.message import EmailMessage
    from email.policy import SMTP
    from email.utils import formatdate

    letter = EmailMessage(policy=SMTP)
    letter["From"] = channel.sender
    letter["To"] = channel.to
    letter["Subject"] = f"[{message.stack}] {message.title}"
    letter["Date"] = formatdate(message.at_s)
    letter["Message-ID"] = f"<{message.id}@{channel.sender.rpartition('@')[2]}>"
    letter["Auto-Submitted"] = "auto-generated"  # RFC 3834: no answer from a holiday
    letter.set_content(message.text + "\n")
    mail = Mail(
        server=channel.server,
        port=channel.port,
        tls=channel.tls,
        username=channel.username,
        password=secrets["password"] if channel.username else b"",
        sender=channel.sender,
        receiver=channel.to,
        certificate=channel.certificate,
        letter=letter.as_bytes(),
    )
    return machine.mail(mail, 2 * TIMEOUT_S)
