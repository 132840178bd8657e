"""Who is told of faults: messages and channels, one module each.

message.py  what is told, in words
spool.py    what waits to be sent: on the disk first, gone when the receiver has it
ntfy.py, webhook.py, mail.py, apprise.py    channels: a message -> what to send, and whether it was taken
"""
