"""InfraKit: one declarative file compiled into a deployment that a person can review, and that runs without
InfraKit."""

VERSION = "0.1.0"
MADE_S = 1_795_478_400
"""When this version was made, in seconds since 1970: the clock of a machine that it runs on cannot be earlier."""
