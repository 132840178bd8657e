"""The Docker Engine of this machine, through its SDK: what runs, what images there are, and fetching more of them.

Nothing here prints, and nothing waits longer than a time-out for an engine that is silent. The SDK is imported by the
constructor.
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from infrakit.machine import Container, Limits, Network
from infrakit.system import SOCKET
from infrakit.system.patience import ATTEMPTS, STALL_S, one_line
from infrakit.system.pull import Fetcher, Order, Progress
from infrakit.system.unreachable import cause, failures, is_silence, reachable, unreachable

TIMEOUT_S = 10
BUSY_S = 120
"""How long who has answered may be silent: while it copies what a container is made of, on a slow disk."""
LOAD_SILENCE_S = 1800
PROJECT, SERVICE, CONFIG_HASH = (
    "com.docker.compose.project",
    "com.docker.compose.service",
    "com.docker.compose.config-hash",
)
OURS = "io.infrakit.config"
"""A label of every container that we make."""
OTHER_LIMITS = ("BlkioWeight", "CpuPeriod", "CpuQuota", "CpuShares", "CpusetCpus", "CpusetMems", "MemoryReservation")
"""What `docker update` can set beside those that we do."""
NEVER = "0001-01-01T00:00:00Z"


class EngineVersion(NamedTuple):
    """What the engine says of itself; `architecture` in its words: amd64, arm64, arm."""

    version: str
    api: str
    minimum_api: str
    architecture: str


class Engine:
    """One connection. The constructor and every method raise DockerUnreachable where there is no answer."""

    def __init__(self, socket: str = SOCKET, *, timeout_s: float = TIMEOUT_S) -> None:
        self._socket = socket
        self._layers: dict[str, tuple[str, ...]] = {}
        with reachable(socket):
            self._api = _client(socket, "auto", timeout_s)
        self._api.silence_s = max(timeout_s, BUSY_S)

    def version(self) -> EngineVersion:
        """Of the engine, and of the API that it speaks."""
        with reachable(self._socket):
            found = self._api.version(api_version=False)
        return EngineVersion(
            version=str(found.get("Version", "")),
            api=str(found.get("ApiVersion", "")),
            minimum_api=str(found.get("MinAPIVersion", "")),
            architecture=str(found.get("Arch", "")),
        )

    def folder(self) -> str:
        """Where the engine keeps what is its own."""
        with reachable(self._socket):
            return str(self._api.info().get("DockerRootDir", ""))

    def containers(self, project: str, services: Collection[str] | None = None) -> list[Container]:
        """Those of ours in a Compose project, in any state, by name: somebody else's project may have the same name.
        `services`: of these alone, which spares questions."""
        with reachable(self._socket):
            listed = self._api.containers(all=True, filters={"label": [f"{PROJECT}={project}", OURS]})
        meant = (item for item in listed if services is None or item["Labels"].get(SERVICE) in services)
        inspected = (self._inspected(item["Id"]) for item in meant)
        return sorted((_container(found) for found in inspected if found), key=lambda item: item.name)

    def strangers(self, project: str) -> list[str]:
        """Names of containers in a Compose project of this name that are not ours."""
        with reachable(self._socket):
            listed = self._api.containers(all=True, filters={"label": [f"{PROJECT}={project}"]})
        return sorted(item["Names"][0].lstrip("/") for item in listed if OURS not in (item.get("Labels") or {}))

    def networks(self, project: str) -> list[Network]:
        """Those of a Compose project, by name."""
        with reachable(self._socket):
            listed = self._api.networks(filters={"label": [f"{PROJECT}={project}"]})
        return sorted((_network(found) for found in listed), key=lambda item: item.name)

    def inside(self, network: str, *, running: bool = False) -> list[str]:
        """Names of the containers in a network, whoever made them. `running`: only of those that run."""
        with reachable(self._socket):
            listed = self._api.containers(all=not running, filters={"network": [network]})
        return [name.lstrip("/") for item in listed for name in item["Names"][:1]]

    def image_id(self, reference: str) -> str:
        """The ID of an image, "" where the engine has none of this name."""
        return str(self._image(reference).get("Id", ""))

    def image_architecture(self, reference: str) -> str:
        """As the image says it: amd64, arm64, arm; "" where there is no such image."""
        return str(self._image(reference).get("Architecture", ""))

    def image_created(self, reference: str) -> str:
        """When it was built, as RFC 3339 has it; "" where there is no such image, or it does not say."""
        return str(self._image(reference).get("Created") or "")

    def last_health(self, name: str, lines: int = 5) -> str:
        """What the health check of a container said last; "" where there is no such container, no check, or no answer
        yet."""
        health = self._inspected(name).get("State", {}).get("Health") or {}
        log = health.get("Log") or []
        return "\n".join(str(log[-1].get("Output", "")).strip().splitlines()[-lines:]) if log and lines > 0 else ""

    def logs(self, name: str, lines: int) -> str:
        """What a container wrote last; "" where there is no such container, or its logging driver keeps nothing to
        read."""
        from docker.errors import APIError

        with reachable(self._socket):
            try:
                return bytes(self._api.logs(name, tail=max(lines, 0))).decode("utf-8", "replace")
            except APIError as error:
                if error.status_code == 404 or "does not support reading" in str(error):
                    return ""
                raise

    def addresses(self, name: str) -> list[str]:
        """The IPv4 addresses of a container, one per network; none where it does not run."""
        networks = (self._inspected(name).get("NetworkSettings") or {}).get("Networks") or {}
        return [found["IPAddress"] for _, found in sorted(networks.items()) if found.get("IPAddress")]

    def limits(self, name: str) -> Limits:
        """As they are, whatever it was made with: `docker update` changes them."""
        found = self._inspected(name).get("HostConfig") or {}
        return Limits(
            memory_bytes=found.get("Memory") or 0,
            nano_cpus=found.get("NanoCpus") or 0,
            pids=found.get("PidsLimit") or 0,
            restart=(found.get("RestartPolicy") or {}).get("Name") or "no",
            others=", ".join(key for key in OTHER_LIMITS if found.get(key)),
        )

    def environment(self, name: str) -> list[str]:
        """What a container was made with: NAME=value each. It may hold secrets."""
        return list((self._inspected(name).get("Config") or {}).get("Env") or ())

    def groups(self, name: str) -> list[str]:
        """More groups that the user of a container was made with."""
        return [str(item) for item in (self._inspected(name).get("HostConfig") or {}).get("GroupAdd") or []]

    def pull(
        self,
        reference: str,
        progress: Progress,
        *,
        architecture: str = "",
        attempts: int = ATTEMPTS,
        stall_s: float = STALL_S,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        """Fetch an image; `progress` gets bytes there, bytes in all, and words. MachineUnfit, in words, where it cannot
        be had.

        `architecture` as dpkg says it, "" for the engine's own choice. Layers that the engine has are not fetched
        again.
        """
        order = Order(reference, architecture, attempts, stall_s)
        Fetcher(order, self._pulling, self.image_architecture, progress, wait).fetch()

    def chains(self) -> set[tuple[str, ...]]:
        """The layers that are here, by the digests of what is unpacked: each time the lowest of an image, so many of
        them."""
        found: set[tuple[str, ...]] = set()
        with reachable(self._socket):
            listed = {item["Id"] for item in self._api.images()}
        for name in listed:
            if not self._layers.get(name):  # an ID stands for its layers for ever
                self._layers[name] = tuple((self._image(name).get("RootFS") or {}).get("Layers") or ())
            found.update(self._layers[name][:count] for count in range(1, len(self._layers[name]) + 1))
        return found

    def load(self, archive: Iterable[bytes], silence_s: float = LOAD_SILENCE_S) -> str:
        """Give the engine an archive of images; what it says is wrong, "" where nothing is.

        It is silent while it unpacks, which takes minutes on a card.
        """
        client = _client(self._socket, self._api.api_version, silence_s)
        try:
            with reachable(self._socket):
                for line in client.load_image(archive):
                    # The SDK does not look at the status here: a refusal comes as {"message": ...}.
                    said = line.get("error") or line.get("message")
                    if said:
                        return one_line(str(said))
            return ""
        finally:
            client.close()

    def forget(self, reference: str) -> None:
        """Remove an image, where it is there, with the layers that no other image has."""
        from docker.errors import ImageNotFound

        with reachable(self._socket):
            try:
                self._api.remove_image(reference)
            except ImageNotFound:
                pass

    def tag(self, source: str, target: str) -> None:
        """Give an image that is there another name; where that name has a digest, none is needed."""
        if "@" in target:
            return
        name, _, tag = target.rpartition(":")
        with reachable(self._socket):
            self._api.tag(source, name, tag)

    def _inspected(self, name: str) -> Mapping[str, Any]:
        """{} where there is no such container (any more)."""
        from docker.errors import NotFound

        with reachable(self._socket):
            try:
                found: Mapping[str, Any] = self._api.inspect_container(name)
                return found
            except NotFound:
                return {}

    def _image(self, reference: str) -> Mapping[str, Any]:
        """{} where there is no such image, or can be none of such a name."""
        from docker.errors import APIError, NullResource

        with reachable(self._socket):
            try:
                found: Mapping[str, Any] = self._api.inspect_image(reference)
                return found
            except NullResource:
                return {}
            except APIError as error:
                if error.status_code in (400, 404):
                    return {}
                raise

    def _pulling(self, reference: str, platform: str, silence_s: float) -> Iterator[Mapping[str, Any]]:
        """What the engine says while it pulls; what went wrong comes as {"error": text}, as its own errors do.

        A client of its own: closing its connection is how a pull is called off.
        """
        from docker.errors import APIError

        client = _client(self._socket, self._api.api_version, silence_s)
        try:
            yield from client.pull(reference, platform=platform or None, stream=True, decode=True)
        except APIError as error:
            yield {"error": str(error.explanation or error)}
        except failures() as error:
            if is_silence(error):
                yield {"error": f"nothing came for {silence_s:.0f} s"}
            elif cause(error) is None:
                yield {"error": str(error)}
            else:
                raise unreachable(self._socket, error) from None
        finally:
            client.close()


def _client(socket: str, version: str, silence_s: float) -> Any:
    """The SDK's low-level client, of which every request ends after so long a silence: its own pull asks for no
    time-out at all."""
    import docker

    class Client(docker.APIClient):  # type: ignore[misc]  # it has no types
        silence_s: float

        def send(self, request: Any, **options: Any) -> Any:
            return super().send(request, **{**options, "timeout": self.silence_s})

    Client.silence_s = silence_s
    made = Client(base_url=f"unix://{socket}", version=version, timeout=silence_s)
    made.trust_env = False  # no proxy and no .netrc for a socket of this machine
    return made


def _container(found: Mapping[str, Any]) -> Container:
    state, labels = found["State"], found["Config"].get("Labels") or {}
    health, started_at = (state.get("Health") or {}).get("Status", ""), state.get("StartedAt", "")
    return Container(
        name=found["Name"].lstrip("/"),
        service=labels.get(SERVICE, ""),
        state=state["Status"],
        health="" if health == "none" else health,
        exit_code=state["ExitCode"],
        config_hash=labels.get(CONFIG_HASH, ""),
        image=found["Config"]["Image"],
        image_id=found["Image"],
        restarts=found.get("RestartCount", 0),
        started_at="" if started_at == NEVER else started_at,
        labels=labels,
        pid=state.get("Pid", 0),
        networks=tuple(sorted((found.get("NetworkSettings") or {}).get("Networks") or {})),
        oom_killed=bool(state.get("OOMKilled")),
    )


def _network(found: Mapping[str, Any]) -> Network:
    ranges = (found.get("IPAM") or {}).get("Config") or []
    return Network(
        name=found["Name"],
        driver=found["Driver"],
        subnets=tuple(item["Subnet"] for item in ranges if item.get("Subnet")),
        internal=found["Internal"],
        options=found.get("Options") or {},
    )
