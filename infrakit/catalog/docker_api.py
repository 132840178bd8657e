"""An entry of a `docker: {allow}` list -> the call, with what it amounts to: nobody's word counts, only the call.

An entry is a method and a path, and with it come the queries that do no more than the call is for. A query that does
more is spelled: `GET /containers/{id}/top?ps_args`, `POST /images/create?fromSrc&repo`. A call that is not in the
table is root on the host, and has the queries that are spelled.

Source: moby/moby, api/docs/v1.25.yaml to v1.52.yaml and api/swagger.yaml (1.56) at b985e231 (2026-08-23).
"""

from infrakit.model import POWER_CHANGES, POWER_FILES, POWER_READS, POWER_ROOT, DockerCall

SILENT = frozenset(("events", "logs", "stats", "attach", "ws", "wait", "session", "grpc"))
"""Last words of calls that may have nothing to say for days; and the start of an exec."""

_READS = """
GET /_ping
HEAD /_ping
GET /version
GET /info
GET /events filters since until
GET /system/df type verbose
GET /plugins filters
GET /containers/json all before filters limit since size
GET /containers/{id}/logs details follow since stderr stdout tail timestamps until
GET /containers/{id}/stats one-shot stream
GET /containers/{id}/top
GET /containers/{id}/changes
GET /exec/{id}/json
GET /distribution/{image}/json
GET /images/json all digests filter filters identity manifests shared-size
GET /images/search filters limit term
GET /images/{image}/attestations platform statement type
GET /images/{image}/history platform
GET /images/{image}/json manifests platform
GET /networks filters
GET /networks/{id} scope verbose
GET /volumes filters
GET /volumes/{id}
GET /nodes filters
GET /nodes/{id}
GET /services/{id}/logs details follow since stderr stdout tail timestamps
GET /tasks/{id}/logs details follow since stderr stdout tail timestamps
GET /secrets filters
GET /secrets/{id}
"""

# What is known of a container has its environment, in which apps get secrets that they read from nowhere else.
_FILES = """
GET /containers/{id}/json size
GET /services filters status
GET /services/{id} insertDefaults
GET /tasks filters
GET /tasks/{id}
GET /containers/{id}/archive path
HEAD /containers/{id}/archive path
GET /containers/{id}/export
GET /images/get names platform
GET /images/{image}/get platform
GET /configs filters
GET /configs/{id}
"""

_CHANGES = """
POST /auth
POST /containers/prune filters
POST /containers/{id}/kill signal
POST /containers/{id}/pause
POST /containers/{id}/rename name
POST /containers/{id}/resize h w
POST /containers/{id}/restart signal t
POST /containers/{id}/start detachKeys
POST /containers/{id}/stop signal t
POST /containers/{id}/unpause
POST /containers/{id}/update
POST /containers/{id}/wait condition
DELETE /containers/{id} force link v
POST /exec/{id}/resize h w
POST /build/prune all filters keep-storage max-used-space min-free-space reserved-space
POST /images/create fromImage platform tag
POST /images/prune filters
POST /images/{image}/push platform tag
DELETE /images/{image} force noprune platforms
POST /networks/create
POST /networks/prune filters
POST /networks/{id}/connect
POST /networks/{id}/disconnect
DELETE /networks/{id} force
POST /volumes/create
POST /volumes/prune filters
PUT /volumes/{id} version
DELETE /volumes/{id} force
"""

# Whoever makes a container mounts the host; an image that is made or renamed is run in another's place; what runs in a
# container that has more than its consumer, or in a build, is the consumer's.
_ROOT = """
POST /containers/create name platform
POST /containers/{id}/attach detachKeys logs stderr stdin stdout stream
GET /containers/{id}/attach/ws detachKeys logs stderr stdin stdout stream
POST /containers/{id}/exec
PUT /containers/{id}/archive copyUIDGID noOverwriteDirNonDir path
POST /exec/{id}/start
POST /build buildargs buildid cachefrom cgroupparent cpuperiod cpuquota cpusetcpus cpusetmems cpushares dockerfile \
extrahosts forcerm isolation labels memory memswap networkmode nocache outputs platform pull q remote rm securityopt \
session shmsize squash t target ulimits version
POST /commit author changes comment container pause repo tag
POST /images/load platform quiet
POST /images/{image}/tag repo tag
POST /session
POST /grpc
"""

_BEYOND = {
    ("GET", "/containers/{id}/top", "ps_args"): POWER_FILES,  # ps e: the environment of every process
    ("POST", "/images/create", "fromSrc"): POWER_ROOT,  # an image from anywhere, in the place of any other
}
"""What a spelled query makes of a call; a query of an unknown kind makes nothing of it, dockerd ignores it."""


def docker_call(entry: str) -> DockerCall:
    """The call that an entry of a list stands for; lists have most of theirs in common."""
    if entry not in _known:
        _known[entry] = _docker_call(entry)
    return _known[entry]


def _docker_call(entry: str) -> DockerCall:
    method, _, rest = entry.partition(" ")
    path, _, spelled = rest.partition("?")
    power, queries = _table().get((method, path), (POWER_ROOT, ()))
    if spelled:
        more = spelled.split("&")
        powers = {power, *(_BEYOND.get((method, path, query), power) for query in more)}
        power = next(item for item in (POWER_ROOT, POWER_FILES, POWER_CHANGES, POWER_READS) if item in powers)
        queries = tuple(sorted({*queries, *more}))
    silent = path.rpartition("/")[2] in SILENT or path == "/exec/{id}/start"
    return DockerCall(method, path, queries, power, silent)


_known: dict[str, DockerCall] = {}
_read: dict[tuple[str, str], tuple[str, tuple[str, ...]]] = {}


def _table() -> dict[tuple[str, str], tuple[str, tuple[str, ...]]]:
    """(method, path) -> (power, queries), made when it is first asked for."""
    if not _read:
        powers = ((POWER_READS, _READS), (POWER_FILES, _FILES), (POWER_CHANGES, _CHANGES), (POWER_ROOT, _ROOT))
        for power, lines in powers:
            for line in lines.strip().splitlines():
                method, path, *queries = line.split()
                _read[method, path] = power, tuple(sorted(queries))
    return _read
