"""Questions, asked on the terminal even where standard input is a pipe (curl ... | python3 - install)."""

from infrakit.errors import UsageProblem


def ask(what: str, default: str, about: str = "") -> str:
    """The answer, or the default where it is empty. UsageProblem where there is no terminal. `about`: said before."""
    try:
        with open("/dev/tty", "r+b", buffering=0) as terminal:
            said = f"{about}\n" if about else ""
            terminal.write(f"{said}{what} [{default}]: ".encode())
            answer = terminal.readline().decode("utf-8", "replace").strip()
    except OSError:
        name = what.partition(" (")[0]
        raise UsageProblem(
            f"{name} is not said, and there is no terminal to ask on",
            "name a file with --config, or say --domain, --pattern, --tls and --admin",
        ) from None
    return answer or default


def answer(what: str) -> str:
    """What is typed. UsageProblem where there is no terminal."""
    try:
        with open("/dev/tty", "r+b", buffering=0) as terminal:
            terminal.write(f"{what}: ".encode())
            return terminal.readline().decode("utf-8", "replace").strip()
    except OSError:
        raise UsageProblem("there is no terminal to ask on") from None


def has_terminal() -> bool:
    """Whether there is somebody to ask."""
    try:
        with open("/dev/tty", "rb"):
            return True
    except OSError:
        return False


def ask_hidden(what: str, about: str = "") -> bytes:
    """The answer, which does not show. `about`: said before."""
    from getpass import getpass

    return getpass(f"{about}\n{what}: " if about else f"{what}: ").encode()


def agreed(what: str) -> bool:
    """Whether the answer is yes."""
    try:
        with open("/dev/tty", "r+b", buffering=0) as terminal:
            terminal.write(f"{what} [y/N] ".encode())
            return terminal.readline().strip().lower() in (b"y", b"yes")
    except OSError:
        raise UsageProblem("there is no terminal to ask on", "--yes answers the question") from None
