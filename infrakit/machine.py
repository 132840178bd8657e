"""A machine as plans see it: what can be asked of it and changed on it, by name.

system/machine.py and system/engine.py are the real ones. Nothing of them is imported here, and nothing here does
anything.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

from infrakit.model import SecretEnvironment, SecretFile, SecretSpec


class Done(NamedTuple):
    """How a program ended: its exit code (127 where it is not there, 124 where it took too long), and what it wrote."""

    code: int
    out: str
    err: str


class Answer(NamedTuple):
    """status 0 where there was none; then `problem` says why. `location` is where it sends the stranger."""

    status: int
    location: str
    problem: str


class Container(NamedTuple):
    """`service` and `config_hash` are Compose's labels. health: "healthy", "unhealthy", "starting", or "" where it has
    no check.

    `state` in Docker's words: created, running, paused, restarting, removing, exited, dead. `started_at` is "" where it
    never was; `pid` is 0 where it does not run. `networks`: names of those that it is in, or will be when it starts.
    `oom_killed`: a process in it was killed because its memory was used up, since it started last.
    """

    name: str
    service: str
    state: str
    health: str
    exit_code: int
    config_hash: str
    image: str
    image_id: str
    restarts: int
    started_at: str
    labels: Mapping[str, str]
    pid: int = 0
    networks: tuple[str, ...] = ()
    oom_killed: bool = False


class Limits(NamedTuple):
    """Of a container, 0 for what has none. `restart`: when it is started again; `others`: names of what else is limited
    that we never limit."""

    memory_bytes: int
    nano_cpus: int
    pids: int
    restart: str
    others: str


class Met(NamedTuple):
    """What came of one request at a door: the answer, and the certificate that was shown (PEM), "" for none."""

    answer: Answer
    certificate: str


class Mail(NamedTuple):
    """One letter, and the server that takes it. tls: starttls, tls or none; `username` "": nobody is asked for;
    `certificate`: a file with who may have signed the server's, "" for whom this machine trusts."""

    server: str
    port: int
    tls: str
    username: str
    password: bytes
    sender: str
    receiver: str
    letter: bytes
    certificate: str = ""


class Network(NamedTuple):
    """One that Compose made. `options` are those of its driver."""

    name: str
    driver: str
    subnets: tuple[str, ...]
    internal: bool
    options: Mapping[str, str]


class Stands(Protocol):
    """How a secret stands (system/secrets.py)."""

    @property
    def name(self) -> str: ...

    @property
    def state(self) -> str: ...


class Engine(Protocol):
    """The Docker Engine (system/engine.py). Every call raises DockerUnreachable where there is no answer."""

    def folder(self) -> str: ...

    def containers(self, project: str, services: Collection[str] | None = None) -> list[Container]: ...

    def strangers(self, project: str) -> list[str]: ...

    def networks(self, project: str) -> list[Network]: ...

    def inside(self, network: str, *, running: bool = False) -> list[str]: ...

    def image_id(self, reference: str) -> str: ...

    def image_architecture(self, reference: str) -> str: ...

    def image_created(self, reference: str) -> str: ...

    def last_health(self, name: str, lines: int = 5) -> str: ...

    def logs(self, name: str, lines: int) -> str: ...

    def addresses(self, name: str) -> list[str]: ...

    def limits(self, name: str) -> Limits: ...

    def environment(self, name: str) -> list[str]: ...

    def groups(self, name: str) -> list[str]: ...

    def pull(self, reference: str, progress: Callable[[int, int, str], None], *, architecture: str = "") -> None: ...

    def chains(self) -> set[tuple[str, ...]]: ...

    def forget(self, reference: str) -> None: ...

    def tag(self, source: str, target: str) -> None: ...


class Machine(Protocol):
    """This machine (system/machine.py). Paths are absolute; what cannot be done raises MachineUnfit, in words."""

    def breakable(self) -> AbstractContextManager[None]: ...

    def monotonic(self) -> float: ...

    def sleep(self, seconds: float) -> None: ...

    def read(self, path: str, most_bytes: int = 1 << 20) -> bytes | None: ...

    def whole(self, path: str, most_bytes: int) -> bytes | None: ...

    def write(self, path: str, content: bytes, mode: int = 0o644) -> None: ...

    def append(self, path: str, line: bytes) -> None: ...

    def turn(self, path: str, most_bytes: int) -> None: ...

    def remove(self, path: str) -> None: ...

    def exists(self, path: str) -> bool: ...

    def mode(self, path: str) -> int: ...

    def owner(self, path: str) -> int: ...

    def changed_s(self, path: str) -> float: ...

    def listing(self, path: str) -> list[str]: ...

    def target(self, path: str) -> str: ...

    def point(self, path: str, target: str) -> None: ...

    def make_folder(self, path: str, mode: int = 0o755) -> None: ...

    def make_tree(
        self, path: str, contents: Iterable[tuple[str, bytes, int]], links: Iterable[tuple[str, str]] = ()
    ) -> None: ...

    def remove_tree(self, path: str) -> None: ...

    def flush(self, *folders: str) -> None: ...

    def started_with(self, path: str, pid: int, inside: str, started_at: str) -> bool: ...

    def mint(self, folder: str, host: str, specs: Iterable[SecretSpec]) -> list[str]: ...

    def keep_secret(self, folder: str, name: str, value: bytes, changed_s: float | None = None) -> None: ...

    def environment_is_written(self, folder: str, container: str, texts: SecretEnvironment) -> bool: ...

    def write_environment(self, folder: str, container: str, texts: SecretEnvironment) -> None: ...

    def secret_file_is_written(self, folder: str, file: SecretFile) -> bool: ...

    def write_secret_file(self, folder: str, file: SecretFile) -> None: ...

    def environment_differs(self, folder: str, texts: SecretEnvironment, called: str) -> list[str]: ...

    def secret_states(self, folder: str, host: str, specs: Iterable[SecretSpec]) -> Sequence[Stands]: ...

    def fetch(self, url: str, most_bytes: int = 1 << 20, timeout_s: float = 60) -> bytes: ...

    def post(
        self, url: str, body: bytes | None, headers: Mapping[str, str], timeout_s: float, authorities: str = ""
    ) -> Answer: ...

    def mail(self, letter: Mail, timeout_s: float) -> str: ...

    def load_image(self, bundle: str, manifest: Any, reference: str, architecture: str, progress: Any) -> None: ...

    def unpack_packages(self, bundle: str, manifest: Any, system: str, target: str) -> None: ...

    def knock(self, hostname: str, port: int, address: str) -> Answer: ...

    def meet(self, doors: Sequence[tuple[str, int, str, str]]) -> list[Met]: ...

    def group_number(self, name: str) -> int | None: ...

    def refuses(self, address: str, port: int) -> bool: ...

    def knock_at_fleet(self, doors: Sequence[tuple[str, str]], folder: str) -> list[str]: ...

    @property
    def engine(self) -> Engine: ...

    def sparse_in(self, folder: str) -> list[str]: ...

    def dig_holes(self, path: str, timeout_s: float) -> None: ...

    def sqlite_in(self, folder: str) -> list[str]: ...

    def copy_sqlite(self, folder: str, name: str, target: str) -> None: ...

    def sqlite_rows(self, path: str) -> dict[str, int]: ...

    def sqlite_damage(self, path: str) -> str: ...

    def run(
        self,
        words: Sequence[str],
        *,
        feed: bytes | None = None,
        timeout_s: float = 60,
        environment: dict[str, str] | None = None,
        fed_from: str = "",
        into: str = "",
        heard: Callable[[str], None] | None = None,
    ) -> Done: ...

    def afterwards(self, words: Sequence[str]) -> AbstractContextManager[None]: ...
