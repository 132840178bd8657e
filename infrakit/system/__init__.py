"""The only code that touches the world: files, secrets, the terminal's secrets prompt, and the programs that we
call."""
