"""What Docker's SDK raises, in the words of four libraries -> one error that says why the engine is not to be had, and
what to do."""

import errno
import http.client
from collections.abc import Iterator
from contextlib import contextmanager

from infrakit.errors import EXIT_DOCKER, InfraKitError
from infrakit.system.patience import one_line


class DockerUnreachable(InfraKitError):
    """The engine is not there, does not answer, or does not let us in."""

    exit_code = EXIT_DOCKER


@contextmanager
def reachable(socket: str) -> Iterator[None]:
    """What the SDK raises -> DockerUnreachable."""
    try:
        yield
    except failures() as error:
        raise unreachable(socket, error) from None


def failures() -> tuple[type[BaseException], ...]:
    """All that the SDK raises for what is outside of this program. The errors of requests are OSErrors, those of
    urllib3 are not."""
    from docker.errors import DockerException, StreamParseError
    from urllib3.exceptions import HTTPError

    return OSError, http.client.HTTPException, HTTPError, DockerException, StreamParseError


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def cause(error: BaseException) -> BaseException | None:
    """The system's own error, or HTTP's, below those of three libraries; None where the SDK itself said no."""
    from requests.exceptions import RequestException

    for item in _chain(error):
        if isinstance(item, (OSError, http.client.HTTPException)) and not isinstance(item, RequestException):
            return item
    return None


def is_silence(error: BaseException) -> bool:
    """Whether nobody answered in time."""
    # A socket whose queue is full says EAGAIN: nobody takes the calls.
    return isinstance(cause(error), (TimeoutError, BlockingIOError))


def unreachable(socket: str, error: BaseException) -> DockerUnreachable:
    """The error to raise for one of `failures`."""
    from docker.errors import APIError

    found = cause(error)
    number = found.errno if isinstance(found, OSError) else None
    if isinstance(found, (TimeoutError, BlockingIOError)):
        return DockerUnreachable(
            f"Docker does not answer at {socket}",
            "sudo systemctl restart docker; why it hangs: journalctl -u docker -n 50",
        )
    if number in (errno.EACCES, errno.EPERM):
        return DockerUnreachable(f"{socket}: permission denied", "run it with sudo")
    if number in (errno.ENOENT, errno.ENOTDIR, errno.ECONNREFUSED):
        remedy = "sudo systemctl start docker, or where it is missing: sudo infrakit install"
        return DockerUnreachable(f"Docker does not run here: nothing answers at {socket}", remedy)
    said = error.explanation if isinstance(error, APIError) and error.explanation else found or error
    return DockerUnreachable(
        f"Docker at {socket} fails: {one_line(str(said)) or 'no reason given'}", "see: journalctl -u docker -n 50"
    )
