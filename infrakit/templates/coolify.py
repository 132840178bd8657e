"""Coolify's catalogue (service-templates-latest.json, or a folder of Compose files with headers) -> Templates.

Its magic words: SERVICE_URL_NAME[_PORT] and SERVICE_FQDN_NAME[_PORT] open a door where they stand in an environment;
SERVICE_USER, SERVICE_PASSWORD, SERVICE_BASE64, SERVICE_REALBASE64, SERVICE_HEX mint. The same name is the same value.
Source: coollabsio/coolify, bootstrap/helpers/shared.php (generateEnvValue) and parsers.php.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from infrakit.composed.tree import Item
from infrakit.templates.model import Mark, Marks, Rewritten, Summary, Template, TemplateDoor, TemplateInvalid

MAGIC = re.compile(r"\bSERVICE_[A-Z0-9_]+")
ADDRESS = re.compile(r"SERVICE_(URL|FQDN)_(.+?)(?:_([0-9]{1,5}))?")
MINTED = re.compile(r"SERVICE_(PASSWORDWITHSYMBOLS|PASSWORD|BASE64|REALBASE64|HEX)(?:_([0-9]{1,3}))?_(\w+)")
USER = re.compile(r"SERVICE_(?:USER|LOWERCASEUSER)_(\w+)")
TOKENS = {"SERVICE_SUPABASEANON_KEY": "anon", "SERVICE_SUPABASESERVICE_KEY": "service_role"}
"""Signed with the password JWT: what they say is who one is."""
KINDS = {
    "PASSWORD": "password",
    "PASSWORDWITHSYMBOLS": "password",
    "BASE64": "password",
    "REALBASE64": "encoded",
    "HEX": "hex",
}
"""BASE64 is random letters there, too. Passwords are minted without symbols: they stand in addresses."""
OFFERED = re.compile(r"\$\{(\w+):?[?-]([^${}]*)\}")
"""What a form would hold: a variable has its value in the whole file, wherever that stands."""
HEADER = re.compile(r"^#[ \t]*(documentation|slogan|tags|category|port):[ \t]*(.*)$", re.MULTILINE)
VOLUME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")
ONES_OWN = ("exclude_from_hc",)
OF_VOLUMES = ("content", "is_directory", "isDirectory", "is_dir")


def summaries(source: bytes) -> dict[str, Summary]:
    """What the one file holds, by name."""
    return {name: _summary(name, item) for name, item in _catalogue(source).items()}


def from_catalogue(source: bytes, name: str) -> Template:
    """One template of the file of all."""
    catalogue = _catalogue(source)
    if name not in catalogue:
        raise TemplateInvalid(f"there is no template {name} in it", "infrakit catalog search WORD --from FILE")
    item = catalogue[name]
    try:
        compose = base64.b64decode(str(item.get("compose", "")), validate=True)
    except binascii.Error:
        raise TemplateInvalid(f"the Compose file of {name} is no base64", "fetch the catalogue again") from None
    return template(compose, _summary(name, item), str(item.get("port") or ""))


def from_file(compose: bytes, name: str) -> Template:
    """One Compose file with its headers."""
    said = dict(HEADER.findall(compose.decode(errors="replace")))
    return template(compose, _summary(name, said), said.get("port", ""))


def template(compose: bytes, summary: Summary, port: str = "") -> Template:
    """`port`: of the door, where no magic word says it."""
    marks = Marks()
    compose = compose.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    text = compose.decode(errors="replace")
    environment: dict[str, str] = {}
    for name, value in OFFERED.findall(text):
        if value:
            environment.setdefault(name, value)
    for name in sorted(set(MAGIC.findall(text))):
        mark = meaning(name)
        if mark is not None:
            environment[name] = marks.word(mark)
    usual = int(port) if port.isdigit() else 0
    source = f"Coolify's template {summary.name}"
    return Template(summary, source, compose, environment, marks.table(), lambda tree: _rewritten(tree, usual))


def meaning(name: str) -> Mark | None:
    """What a magic word stands for; None for an ordinary variable."""
    address = ADDRESS.fullmatch(name)
    if address is not None:
        return Mark("url" if address[1] == "URL" else "host", address[2])
    if name in TOKENS:
        return Mark("jwt", TOKENS[name], of="jwt", claims=json.dumps({"role": TOKENS[name], "iss": "supabase"}))
    minted = MINTED.fullmatch(name)
    if minted is not None:
        length = int(minted[2] or 32)
        return Mark(KINDS[minted[1]], minted[3].lower(), length // 2 if minted[1] == "HEX" else length)
    user = USER.fullmatch(name)
    return Mark("user", user[1].lower()) if user is not None else None


def _rewritten(tree: Item, port: int) -> Rewritten:
    services = tree.get("services")
    if services is None:
        return Rewritten(tree, (), {})
    files: dict[str, str] = {}
    doors: list[TemplateDoor] = []
    found = {name: _service(name, item, port, doors, files) for name, item in services.entries().items()}
    volumes = tree.get("volumes")
    named = {name: volume for item in found.values() for name, volume in _named(item)}
    named.update(volumes.entries() if volumes is not None else {})
    whole = {**tree.entries(), "services": services.of(dict(found)), "volumes": (volumes or services).of(named)}
    return Rewritten(tree.of(whole), tuple(doors), files)


def _named(item: Item) -> Iterator[tuple[str, Item]]:
    """Volumes of a service: no file of this catalogue declares them."""
    volumes = item.get("volumes")
    for each in volumes.items() if volumes is not None else ():
        source = each.get("source")
        kind = each.get("type")
        name = str(source.value) if source is not None else str(each.value).partition(":")[0]
        named = VOLUME.fullmatch(name) and (source is not None or ":" in str(each.value))
        if named and (kind is None or kind.value == "volume"):
            yield name, Item(None, each.at, each.at)


def _service(name: str, item: Item, port: int, doors: list[TemplateDoor], files: dict[str, str]) -> Item:
    entries = {key: each for key, each in item.entries().items() if key not in ONES_OWN}
    volumes, environment = entries.get("volumes"), entries.get("environment")
    if volumes is not None and volumes.items():
        entries["volumes"] = volumes.of([_volume(each, files) for each in volumes.items()])
    if environment is not None:
        listed = [(each, *str(each.value).partition("=")[::2]) for each in environment.items()]
        kept = [each for each, key, value in listed if not _opens(name, key, value, port, doors)]
        named = {
            key: each
            for key, each in environment.entries().items()
            if not _opens(name, key, "" if each.value is None else str(each.value), port, doors)
        }
        entries["environment"] = environment.of(named if environment.entries() else kept)
    return item.of(dict(entries)) if isinstance(item.value, dict) else item


def _opens(service: str, key: str, value: str, port: int, doors: list[TemplateDoor]) -> bool:
    """Whether a variable is there to open a door."""
    address = ADDRESS.fullmatch(key)
    if address is None or value and not value.startswith("/"):
        return False
    door = TemplateDoor(service, address[2], int(address[3] or port), value or "/")
    same = next((other for other in doors if other[:2] == door[:2] and other.path == door.path), None)
    if same is None:
        doors.append(door)
    elif address[3]:
        doors[doors.index(same)] = door
    return True


def _volume(item: Item, files: dict[str, str]) -> Item:
    content, source = item.get("content"), item.get("source")
    if content is not None and source is not None:
        files[str(source.value)] = str(content.value)
    more = [key for key in OF_VOLUMES if item.get(key) is not None]
    return item.of({key: each for key, each in item.entries().items() if key not in OF_VOLUMES}) if more else item


def _catalogue(source: bytes) -> dict[str, Mapping[str, Any]]:
    try:
        found = json.loads(source)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(item, dict) for item in found.values()):
        raise TemplateInvalid("it is no catalogue of Coolify's", "its file is templates/service-templates-latest.json")
    return found


def _summary(name: str, item: Mapping[str, Any]) -> Summary:
    tags = item.get("tags") or ()
    listed = tags.split(",") if isinstance(tags, str) else tags if isinstance(tags, list) else ()
    return Summary(
        name, name.replace("-", " ").title(), str(item.get("slogan") or ""), tuple(str(tag).strip() for tag in listed)
    )
