"""What Authentik's importer does with a blueprint, as far as ours go: a database of rows, entries, tags, serializers.

A stand-in, so it knows only what it was told: each rule is a finding of applying blueprints with the real importer
(2026.2.2 and 2026.8.0-rc1), or stands in its source (authentik/blueprints/v1/importer.py, common.py, and the
serializers). Names of what Authentik brings are theirs.
"""

import re
from collections.abc import Iterator
from copy import deepcopy
from functools import lru_cache
from typing import Any

import yaml

FLOWS = {
    "Default - Provider authorization flow (implicit consent)": "default-provider-authorization-implicit-consent",
    "Default - Provider invalidation flow": "default-provider-invalidation-flow",
}
SCOPES = "goauthentik.io/providers/oauth2/scope-"
SAML = "goauthentik.io/providers/saml/"
MANAGED = {
    "System - OAuth2 Provider - Scopes": (
        "authentik_providers_oauth2.scopemapping",
        [f"{SCOPES}{name}" for name in ("openid", "email", "profile", "entitlements", "offline_access")],
    ),
    "System - Proxy Provider - Scopes": (
        "authentik_providers_oauth2.scopemapping",
        ["goauthentik.io/providers/proxy/scope-proxy"],
    ),
    "System - SAML Provider - Mappings": (
        "authentik_providers_saml.samlpropertymapping",
        [f"{SAML}{name}" for name in ("name", "email", "username", "uid", "groups", "upn", "ms-windowsaccountname")],
    ),
}
BRAND = "Default - Brand"
OUTPOST = "authentik_outposts.outpost"
PROXY, OAUTH2 = "authentik_providers_proxy.proxyprovider", "authentik_providers_oauth2.oauth2provider"
SAML_PROVIDER = "authentik_providers_saml.samlprovider"
PROVIDERS = (PROXY, OAUTH2, SAML_PROVIDER)
EXPRESSION = "authentik_policies_expression.expressionpolicy"
BINDING, APPLICATION = "authentik_policies.policybinding", "authentik_core.application"
FLOW = {"authorization_flow", "invalidation_flow"}
REQUIRED = {
    "authentik_core.group": {"name"},
    "authentik_core.user": {"username", "name"},
    APPLICATION: {"name", "slug"},
    PROXY: {"name", "external_host", *FLOW},
    OAUTH2: {"name", "redirect_uris", *FLOW},
    SAML_PROVIDER: {"name", "acs_url", *FLOW},
    EXPRESSION: {"name", "expression"},
    BINDING: {"target", "order"},
    OUTPOST: {"name", "type", "providers", "config"},
    "authentik_brands.brand": {"domain"},
    "authentik_providers_oauth2.scopemapping": {"name", "scope_name", "expression"},
}
UNIQUE = {
    "authentik_core.group": ("name",),
    "authentik_core.user": ("username",),
    APPLICATION: ("slug", "provider"),
    OAUTH2: ("client_id",),
    EXPRESSION: ("name",),
    "authentik_brands.brand": ("domain",),
    "authentik_providers_oauth2.scopemapping": ("name",),
}
RESERVED = {"authorize", "token", "device", "userinfo", "introspect", "revoke"}
LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# Django's URLValidator and EmailValidator, as far as ASCII goes.
URL = re.compile(
    rf"https?://(?:{LABEL}(?:\.{LABEL})*\.(?!-)[a-z0-9-]{{2,63}}(?<!-)|localhost|[\d.]+)(?::\d{{1,5}})?(?:/\S*)?",
    re.IGNORECASE,
)
EMAIL = re.compile(
    rf"[-!#$%&'*+/=?^_`{{}}|~0-9a-z]+(?:\.[-!#$%&'*+/=?^_`{{}}|~0-9a-z]+)*@(?:{LABEL}\.)+(?!-)[a-z0-9-]{{2,63}}(?<!-)",
    re.IGNORECASE,
)


class Rejected(Exception):
    """Which entry, and what its serializer says."""


class Tag:
    """A tagged value as it was read."""

    def __init__(self, name: str, value: Any) -> None:
        self.name, self.value = name, value


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # libyaml's, where it was built in
    """PyYAML's, as Authentik's is (authentik/blueprints/v1/common.py)."""


def _tagged(loader: _Loader, suffix: str, node: yaml.Node) -> Tag:
    value = node.value if isinstance(node, yaml.ScalarNode) else loader.construct_sequence(node, deep=True)
    return Tag(f"!{suffix}", value)


_Loader.add_multi_constructor("!", _tagged)


@lru_cache(maxsize=2)
def read(content: bytes) -> dict[str, Any]:
    """A blueprint with tags kept as Tag."""
    tree: dict[str, Any] = yaml.load(content, _Loader)
    return tree


class Database:
    """Rows by model; a row's "pk" is its number. New: what is there before any blueprint."""

    def __init__(self) -> None:
        self.rows: dict[str, list[dict[str, Any]]] = {}
        self.numbers = iter(range(1, 1_000_000))
        self.files: dict[str, str] = {}
        self.own_brand = False
        self.add("authentik_crypto.certificatekeypair", name="authentik Self-signed Certificate")
        outpost = {
            "name": "authentik Embedded Outpost",
            "type": "proxy",
            "providers": [],
            "config": {"authentik_host": ""},
        }
        self.add(OUTPOST, managed="goauthentik.io/outposts/embedded", **outpost)
        self.add("authentik_core.user", username="akadmin", name="authentik Default Admin")

    def add(self, model: str, **fields: Any) -> dict[str, Any]:
        row = {"pk": next(self.numbers), **fields}
        self.rows.setdefault(model, []).append(row)
        return row

    def of(self, model: str) -> Iterator[dict[str, Any]]:
        """A proxy provider is an OAuth2 provider, too, by its parent's row."""
        yield from self.rows.get(model, [])
        if model == OAUTH2:
            yield from self.rows.get(PROXY, [])

    def where(self, model: str, fields: dict[str, Any]) -> list[dict[str, Any]]:
        return [row for row in self.of(model) if all(self._fits(row, name, value) for name, value in fields.items())]

    def _fits(self, row: dict[str, Any], name: str, value: Any) -> bool:
        if name == "providers__name__regex":
            names = [
                item["name"]
                for model in PROVIDERS
                for item in self.rows.get(model, [])
                if item["pk"] in row["providers"]
            ]
            return any(re.search(value, name) for name in names)
        if name == "_config__authentik_host":
            return row["config"].get("authentik_host") == value
        return row.get(name) == value

    def remove(self, model: str, row: dict[str, Any]) -> None:
        """With what hangs on it."""
        for name in (model, PROXY):
            self.rows[name] = [item for item in self.rows.get(name, []) if item is not row]
        if model in (APPLICATION, EXPRESSION):
            self.rows[BINDING] = [
                item for item in self.rows.get(BINDING, []) if row["pk"] not in (item["target"], item.get("policy"))
            ]

    def bring(self, name: str) -> None:
        """Apply one of Authentik's own. KeyError where it has none of that name."""
        if name == BRAND:
            if not self.own_brand and self.where("authentik_brands.brand", {"domain": "authentik-default"}):
                raise Rejected(f"{name}: domain must be unique")
            if not self.own_brand:
                self.add("authentik_brands.brand", domain="authentik-default", branding_title="authentik", flows="all")
            self.own_brand = True
        elif name in FLOWS:
            if not self.where("authentik_flows.flow", {"slug": FLOWS[name]}):
                self.add("authentik_flows.flow", slug=FLOWS[name])
        else:
            model, managed = MANAGED[name]
            for one in managed:
                if not self.where(model, {"managed": one}):
                    self.add(model, managed=one, name=one)

    def may_open(self, slug: str, username: str) -> bool:
        """Of one who is no member of anything but what the file says."""
        (application,) = self.where(APPLICATION, {"slug": slug})
        (user,) = self.where("authentik_core.user", {"username": username})
        bindings = [row for row in self.rows.get(BINDING, []) if row["target"] == application["pk"] and row["enabled"]]
        return not bindings or any(self._passes(row, user) for row in bindings)

    def _passes(self, binding: dict[str, Any], user: dict[str, Any]) -> bool:
        if binding.get("user") or binding.get("group"):
            groups = [
                row["pk"] for row in self.rows.get("authentik_core.group", []) if user["pk"] in row.get("users", [])
            ]
            return binding.get("user") == user["pk"] or binding.get("group") in groups
        (policy,) = self.where(EXPRESSION, {"pk": binding["policy"]})
        members = {
            row["name"] for row in self.rows.get("authentik_core.group", []) if user["pk"] in row.get("users", [])
        }
        request = type("Request", (), {"user": type("User", (), {"username": user["username"]})})
        scope = {"request": request, "ak_is_group_member": lambda who, name__in: bool(members & set(name__in))}
        exec(f"def handler(request):\n    {policy['expression']}\nresult = handler(request)", scope)
        return bool(scope["result"]) != bool(binding.get("negate"))


def apply(database: Database, content: bytes) -> Database:
    """What comes of it: all of it or, Rejected, nothing."""
    made = deepcopy(database)
    known: dict[str, dict[str, Any]] = {}
    tree = read(content)
    assert tree["version"] == 1 and set(tree) <= {"version", "metadata", "entries", "context"}
    for number, entry in enumerate(tree["entries"]):
        assert set(entry) <= {"model", "id", "state", "conditions", "identifiers", "attrs"}, entry
        try:
            _apply(made, entry, known)
        except Rejected as error:
            raise Rejected(f"entry {number}, {entry['model']} {entry.get('identifiers')}: {error}") from None
    return made


def _apply(made: Database, entry: dict[str, Any], known: dict[str, dict[str, Any]]) -> None:
    model, state = entry["model"], entry.get("state", "present")

    def resolved(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: resolved(item) for key, item in value.items()}
        if isinstance(value, list):
            return [resolved(item) for item in value]
        return _tag(made, value, known) if isinstance(value, Tag) else value

    if not all(resolved(entry.get("conditions", []))):
        return None
    if model == "authentik_blueprints.metaapplyblueprint":
        return made.bring(entry["attrs"]["identifiers"]["name"])
    identifiers = resolved(entry["identifiers"])
    if not identifiers:
        raise Rejected("no identifiers")
    found = made.where(model, identifiers)
    if state == "absent":
        return made.remove(model, found[0]) if found else None
    data = resolved(entry.get("attrs", {})) | identifiers
    row = found[0] if found else None
    _validate(made, model, data, row)
    if row is None:
        row = made.add(model, **data)
    elif state != "created":
        row |= data
    if "id" in entry:
        known[entry["id"]] = row
    return None


def _tag(made: Database, tag: Tag, known: dict[str, dict[str, Any]]) -> Any:
    if tag.name == "!KeyOf":
        if tag.value not in known:
            raise Rejected(f"KeyOf: failed to find entry with id of {tag.value}")
        return known[tag.value]["pk"]
    if tag.name == "!File":
        return made.files.get(tag.value)
    if tag.name == "!Find":
        model, *pairs = tag.value
        found = made.where(model, dict(pairs))
        return found[0]["pk"] if found else None
    if tag.name == "!Condition":
        mode, *values = tag.value
        answers = [bool(_tag(made, value, known) if isinstance(value, Tag) else value) for value in values]
        return {"NOR": not any(answers), "AND": all(answers), "OR": any(answers)}[mode]
    raise Rejected(f"unknown tag {tag.name}")


def _validate(made: Database, model: str, data: dict[str, Any], row: dict[str, Any] | None) -> None:
    if model not in REQUIRED:
        raise Rejected("unknown model")
    missing = REQUIRED[model] - set(data) if row is None else set()
    if missing:
        raise Rejected(f"{sorted(missing)}: this field is required")
    for name, value in data.items():
        _validate_field(model, name, value)
    for name in UNIQUE.get(model, ()):
        if data.get(name) is not None and any(item is not row for item in made.where(model, {name: data[name]})):
            raise Rejected(f"{name} must be unique")
    if model in PROVIDERS and any(
        item is not row and item.get("name") == data["name"] for kind in PROVIDERS for item in made.rows.get(kind, [])
    ):
        raise Rejected("name must be unique among all providers")
    if model == OUTPOST:
        proxies = {item["pk"] for item in made.rows.get(PROXY, [])}
        if not set(data.get("providers", [])) <= proxies:
            raise Rejected("an outpost of proxies with another provider")
    if (
        model == BINDING
        and len([name for name in ("policy", "group", "user") if data.get(name) or (row or {}).get(name)]) != 1
    ):
        raise Rejected("one of policy, group, user must be set")
    if model == PROXY and data.get("mode") == "proxy":
        raise Rejected("internal_host is required")


def _validate_field(model: str, name: str, value: Any) -> None:
    if value is None or (isinstance(value, list) and None in value):
        raise Rejected(f"{name}: may not be null")
    if name in ("name", "username", "branding_title", "title") and not str(value).strip():
        raise Rejected(f"{name}: may not be blank")
    if name == "slug" and (not re.fullmatch(r"[-a-zA-Z0-9_]{1,}", value) or value in RESERVED):
        raise Rejected(f"{name}: {value} is no slug, or a reserved one")
    if name in ("external_host", "acs_url") and not URL.fullmatch(value):
        raise Rejected(f"{name}: {value} is no URL")
    if name == "email" and value and not EMAIL.fullmatch(value):
        raise Rejected(f"{name}: {value} is no address")
    if name == "expression":
        compile(
            "def handler(request):\n" + "\n".join(f"    {line}" for line in value.splitlines()), "expression", "exec"
        )
    if name == "redirect_uris" and any(set(item) != {"matching_mode", "url", "redirect_uri_type"} for item in value):
        raise Rejected(f"{name}: a second apply would change what has no type")
    if name == "grant_types" and not value:
        raise Rejected(f"{name}: none refuses everybody")
    if name.endswith("_validity") and not re.fullmatch(r"(?:hours|minutes|days)=\d+", value):
        raise Rejected(f"{name}: {value} is no duration")
