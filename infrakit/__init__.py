"""InfraKit: one declarative file compiled into a deployment that a person can review, and that runs without InfraKit."""

VERSION = "0.1.0"
