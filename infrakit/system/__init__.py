"""The only code that touches the world: files, secrets, the terminal's secrets prompt, and the programs that we
call."""

SOCKET = "/var/run/docker.sock"
"""Where the engine answers: to its SDK and to `docker` alike, whatever context root may have chosen."""
