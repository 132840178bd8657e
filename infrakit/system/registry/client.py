"""A name -> its manifests and blobs, from the registry that it names; again where that may help; in words where it
cannot.

Nothing is believed before its digest fits. For one thread: a second one takes a second client.
"""

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TypeVar
from urllib.parse import unquote, urlencode

from infrakit.errors import MachineUnfit
from infrakit.system.patience import ATTEMPTS, LONGEST_S, NoSuchImage, Patience, one_line
from infrakit.system.registry.content import (
    INDEXES,
    LARGEST,
    MANIFESTS,
    Content,
    Descriptor,
    Image,
    NotReadable,
    PlatformImage,
    chosen,
    digest_of,
    is_index,
    made_for,
    offered,
    parts_of,
    runs_on,
)
from infrakit.system.registry.login import Logins
from infrakit.system.registry.names import Reference, parse_reference
from infrakit.system.registry.session import Session
from infrakit.system.registry.wire import CERTIFICATES, DAEMON, SILENCE_S, Failed, Wire, refusal_of

Got = TypeVar("Got")
ACCEPT = ", ".join((*INDEXES, *MANIFESTS))
MOST_TAGS, TAGS_AT_ONCE = 50_000, 1000
WENT_ON_BYTES = 1 << 20
"""An attempt that brought as much was not in vain: the next ones are counted anew."""


class Client:
    """What all registries of a run are asked through; `with Client() as client` hangs up at the end.

    `tell` gets words about a pause. The rest is for tests, and for machines where Docker's files lie elsewhere.
    """

    def __init__(
        self,
        *,
        tell: Callable[[str], None] = lambda text: None,
        wait: Callable[[float], None] = time.sleep,
        attempts: int = ATTEMPTS,
        silence_s: float = SILENCE_S,
        certificates: str = CERTIFICATES,
        daemon: str = DAEMON,
        logins: str | None = None,
    ) -> None:
        self._tell, self._wait, self._attempts, self._silence_s = tell, wait, attempts, silence_s
        self._certificates, self._daemon, self._logins = certificates, daemon, Logins(logins)
        self._sessions: dict[str, Session] = {}

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *error: object) -> None:
        for session in self._sessions.values():
            session.close()
        self._sessions.clear()

    def digest(self, reference: str) -> str:
        """The digest that a name stands for now. Docker Hub does not count this question against its pull limit."""
        name = parse_reference(reference)

        def ask() -> str:
            with self._session(name).ask("HEAD", name, f"manifests/{name.wanted}", {"Accept": ACCEPT}) as answer:
                if answer.status == 200:
                    return str(answer.headers.get("Docker-Content-Digest") or "")
            # An answer to HEAD has no words: GET has.
            return ""

        return self._patiently(reference, ask) or self.resolve(reference).digest

    def resolve(self, reference: str) -> Content:
        """What a name stands for now, an index or one image's manifest, byte for byte. MachineUnfit, in words, where it
        cannot be had."""
        name = parse_reference(reference)
        return self._patiently(reference, lambda: self._manifest(name, name.wanted))

    def image(self, reference: str, architectures: Iterable[str], top: Content | None = None) -> Image:
        """The images of a name for these processors (dpkg's words). MachineUnfit where it has none for one of them.

        `top`: what `resolve` gave. A name may stand for one image instead of a list: then for every processor that it
        runs on.
        """
        top = top or self.resolve(reference)
        images = {}
        for architecture in sorted(set(architectures)):
            images[architecture] = self._patiently(reference, partial(self._platform, reference, top, architecture))
        return Image(reference, top, images)

    def tags(self, reference: str) -> list[str]:
        """All tags of a name's repository, as the registry has them."""
        name = parse_reference(reference)
        found: list[str] = []
        last = ""
        while len(found) < MOST_TAGS:
            more, last = self._patiently(reference, partial(self._tags, name, last))
            found += more
            if not last:
                break
        return found

    def built(self, reference: str, architecture: str) -> str:
        """The day on which an image says that it was built, as 2026-11-29; "" where it does not."""
        found = self.image(reference, [architecture]).images[architecture]
        try:
            day = str(json.loads(self.small(reference, found.config))["created"])[:10]
        except (ValueError, KeyError, TypeError):
            return ""
        return day if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", day) else ""

    def small(self, reference: str, blob: Descriptor, most: int = LARGEST) -> bytes:
        """A blob that fits in memory, such as an image's configuration; what comes fits its digest."""
        return self._patiently(reference, lambda: self._small(parse_reference(reference), blob, most))

    def blob(self, reference: str, blob: Descriptor, offset: int = 0) -> Iterator[bytes]:
        """The bytes of a blob from `offset` on, exactly as many as its size says; gone on with where it was cut off.

        Whether they fit the digest is the caller's to see (content.verified): he may have the bytes before `offset`.
        """
        name, at = parse_reference(reference), offset
        patience = self._patience(reference)
        while at < blob.size:
            began = at
            try:
                for part in self._from(name, blob, at):
                    at += len(part)
                    yield part
                    if time.monotonic() > patience.end:
                        raise MachineUnfit(
                            f"{reference}: not there after {LONGEST_S / 3600:.0f} hours",
                            "run again to go on where it stopped",
                        )
            except Failed as failed:
                if at - began >= WENT_ON_BYTES:
                    patience.renew()
                self._pause(patience, failed)

    def _from(self, name: Reference, blob: Descriptor, at: int) -> Iterator[bytes]:
        headers = {"Range": f"bytes={at}-"} if at else {}
        with self._session(name).ask("GET", name, f"blobs/{blob.digest}", headers) as answer:
            if answer.status not in (200, 206):
                raise Failed(refusal_of(answer))
            skip = at if answer.status == 200 else 0
            if answer.status == 206 and not answer.headers.get("Content-Range", "").startswith(f"bytes {at}-"):
                raise Failed(f"answers 206 with another part: {answer.headers.get('Content-Range', '')}")
            for part in answer.parts():
                part, skip = part[skip:], max(0, skip - len(part))
                at += len(part)
                if at > blob.size:
                    raise Failed("failed size validation: more came than its size says")
                if part:
                    yield part
        if at < blob.size:
            raise Failed(f"unexpected EOF after {at} of {blob.size} bytes")

    def _small(self, name: Reference, blob: Descriptor, most: int) -> bytes:
        if blob.size > most:
            raise Failed(f"not a manifest: {blob.digest} has {blob.size} bytes")
        found, end = b"", time.monotonic() + self._silence_s
        for part in self._from(name, blob, 0) if blob.size else ():
            found += part
            if time.monotonic() > end:
                raise Failed(f"nothing came for {self._silence_s:.0f} s")
        if digest_of(found) != blob.digest:
            raise Failed("config verification failed: digest mismatch")
        return found

    def _manifest(self, name: Reference, wanted: str, size: int | None = None) -> Content:
        with self._session(name).ask("GET", name, f"manifests/{wanted}", {"Accept": ACCEPT}) as answer:
            if answer.status != 200:
                raise Failed(refusal_of(answer))
            kind = answer.headers.get("Content-Type", "").partition(";")[0].strip()
            content = answer.content(LARGEST)
        promised = wanted if wanted.startswith("sha256:") else answer.headers.get("Docker-Content-Digest", "")
        found = Content(digest_of(content), kind, content)
        if promised.startswith("sha256:") and found.digest != promised or size not in (None, len(content)):
            raise Failed("manifest verification failed: digest mismatch")
        is_index(found)
        return found

    def _tags(self, name: Reference, last: str) -> tuple[list[str], str]:
        """One page, and the tag after which the next one begins, "" for the end (OCI distribution, listing tags)."""
        query = urlencode({"n": TAGS_AT_ONCE, **({"last": last} if last else {})})
        with self._session(name).ask("GET", name, f"tags/list?{query}", {}) as answer:
            if answer.status != 200:
                raise Failed(refusal_of(answer))
            link = re.search(r"<[^>]*[?&]last=([^&>]+)", answer.headers.get("Link", ""))
            content = answer.content(LARGEST)
        try:
            tags = [str(tag) for tag in json.loads(content)["tags"] or ()]
        except (ValueError, KeyError, TypeError):
            raise NotReadable("not a list of tags") from None
        following = unquote(link[1]) if link and tags else ""
        return tags, "" if following == last else following

    def _platform(self, reference: str, top: Content, architecture: str) -> PlatformImage:
        name = parse_reference(reference)
        if is_index(top):
            entry = chosen(top, architecture)
            if entry is None:
                raise _not_made_for(reference, architecture, ", ".join(offered(top)) or "nothing that it names")
            manifest = self._manifest(name, entry.digest, entry.size)
            if is_index(manifest):
                raise NotReadable("not a manifest: an index in an index")
            return parts_of(architecture, manifest)
        found = parts_of(architecture, top)
        config = self._small(name, found.config, LARGEST)
        if not runs_on(config, architecture):
            raise _not_made_for(reference, architecture, made_for(config))
        return found

    def _session(self, name: Reference) -> Session:
        if name.registry not in self._sessions:
            names = tuple(dict.fromkeys((name.registry, name.host)))
            wire = Wire(
                name.host, names, certificates=self._certificates, daemon=self._daemon, silence_s=self._silence_s
            )
            self._sessions[name.registry] = Session(wire, name.registry, self._logins)
        return self._sessions[name.registry]

    def _patience(self, reference: str) -> Patience:
        return Patience(reference, self._attempts, time.monotonic() + LONGEST_S, "docker login")

    def _patiently(self, reference: str, ask: Callable[[], Got]) -> Got:
        patience = self._patience(reference)
        while True:
            try:
                return ask()
            except NotReadable as error:
                self._pause(patience, Failed(str(error)))
            except Failed as failed:
                self._pause(patience, failed)

    def _pause(self, patience: Patience, failed: Failed) -> None:
        """Wait, or say that it was the last attempt."""
        try:
            pause = patience.pause_s(failed.said)
        except MachineUnfit as error:
            raise type(error)(f"{patience.reference}: {error.message}", error.hint) from None
        self._tell(
            f"{patience.reference}: {patience.cause(failed.said).what}: {one_line(failed.said)}; again in {pause:.0f} s"
        )
        self._wait(pause)


def _not_made_for(reference: str, architecture: str, made: str) -> NoSuchImage:
    return NoSuchImage(
        f"{reference}: it is not made for {architecture}, but for {made}",
        "name another image, or another tag: services.NAME.image",
    )
