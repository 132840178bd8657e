"""Deployment -> authentik/blueprints/infrakit.yaml: groups, users, providers, applications, who may open them, the
outpost.

Authentik's blueprint, applied by its worker in one transaction, hourly and on every change; only the core has one.
What its schema cannot see and its importer wants (or drops without a word) is written always: flows, grant types,
orders.
"""

from typing import Any

from infrakit.emit.yaml_text import Tagged, leaves, to_yaml
from infrakit.model import (
    SECRETS_DIRECTORY,
    Application,
    Artifact,
    Deployment,
    Group,
    OidcClient,
    Origin,
    SamlClient,
    User,
)

PATH = "authentik/blueprints/infrakit.yaml"
HEADING = "Compiled by InfraKit: change infrakit.yaml, not this file."
PASS = "emit.authentik"
EMBEDDED = "goauthentik.io/outposts/embedded"
VALIDITY = "hours=5"
"""Guacamole refuses tokens that live longer than five hours."""

MOST_ALLOWED = 8
"""As many names as `allow` takes (schema/infrakit.schema.json)."""
USER_SLOTS = 100

CONSENT = "Default - Provider authorization flow (implicit consent)"
INVALIDATION = "Default - Provider invalidation flow"
OAUTH_SCOPES = "System - OAuth2 Provider - Scopes"
PROXY_SCOPES = "System - Proxy Provider - Scopes"
SAML_MAPPINGS = "System - SAML Provider - Mappings"

Entry = dict[str, Any]


PROVIDERS = (
    "authentik_providers_proxy.proxyprovider",
    "authentik_providers_oauth2.oauth2provider",
    "authentik_providers_saml.samlprovider",
)
"""Sign-in at the door, by OpenID Connect, by SAML."""


def emit(deployment: Deployment) -> tuple[Artifact, ...]:
    """The blueprint, on the host that runs Authentik."""
    if not deployment.access.groups:
        return ()
    tree = {
        "version": 1,
        "metadata": {"name": "InfraKit", "labels": {"blueprints.goauthentik.io/description": "Compiled by InfraKit"}},
        "entries": [entry for entry, _ in _entries(deployment)],
    }
    return (Artifact(PATH, to_yaml(tree, HEADING).encode()),)


def trace(deployment: Deployment, path: str) -> dict[str, Origin]:
    """Dotted leaf -> Origin."""
    head = deployment.origin._replace(decided_by=PASS)
    found = dict.fromkeys(("version", "metadata.name", "metadata.labels.blueprints.goauthentik.io/description"), head)
    for number, (entry, origin) in enumerate(_entries(deployment)):
        for leaf in leaves(entry):
            found[f"entries.{number}.{leaf}"] = origin._replace(decided_by=PASS)
    return found


def _entries(deployment: Deployment) -> list[tuple[Entry, Origin]]:
    access = deployment.access
    entries = [(_applied_first(name), deployment.origin) for name in _required(access.applications)]
    entries += [(_user(user), user.origin) for user in access.users]
    entries += [(_group(group, access.users), group.origin) for group in access.groups]
    groups = {group.name for group in access.groups}
    for application in access.applications:
        entries += _application(application, groups)
    entries += _absent(access.absent, deployment)
    entries.append((_outpost(deployment), deployment.origin))
    entries.append((_brand(deployment), deployment.origin._replace(path=("name",))))
    return entries


def _required(applications: tuple[Application, ...]) -> list[str]:
    """Bundled blueprints whose objects are looked up below. First: a file without them fails at a first boot and is not
    retried."""
    names = [CONSENT, INVALIDATION, OAUTH_SCOPES, PROXY_SCOPES]
    if any(application.saml for application in applications):
        names.append(SAML_MAPPINGS)
    return names


def _applied_first(name: str) -> Entry:
    attrs = {"identifiers": {"name": name}, "required": True}
    return {"model": "authentik_blueprints.metaapplyblueprint", "attrs": attrs}


def _user(user: User) -> Entry:
    """Made once and then left alone: people change their own names, and administrators their addresses."""
    attrs: Entry = {"name": user.title, "path": "users/infrakit", "type": "internal"}
    if user.email:
        attrs["email"] = user.email
    return {
        "model": "authentik_core.user",
        "id": f"user-{user.username}",
        "state": "created",
        "identifiers": {"username": user.username},
        "attrs": attrs,
    }


def _group(group: Group, users: tuple[User, ...]) -> Entry:
    """Who is a member follows the file, at every apply: leaving the file is leaving the group."""
    members = [Tagged("!KeyOf", f"user-{user.username}") for user in users if group.name in user.groups]
    return {
        "model": "authentik_core.group",
        "id": f"group-{group.name}",
        "state": "present",
        "identifiers": {"name": group.name},
        "attrs": {"is_superuser": group.superuser, "users": members},
    }


def _application(application: Application, groups: set[str]) -> list[tuple[Entry, Origin]]:
    """Provider, application, and a binding for each of `allow`, which is never empty: an application without bindings
    is open to all."""
    model = _provider_model(application)
    provider = {
        "model": model,
        "id": f"provider-{application.slug}",
        "state": "present",
        "identifiers": {"name": f"infrakit-{application.slug}"},
        "attrs": _provider_attrs(application),
    }
    entry = {
        "model": "authentik_core.application",
        "id": f"application-{application.slug}",
        "state": "present",
        "identifiers": {"slug": application.slug},
        "attrs": {
            "name": application.title,
            "group": application.section,
            "provider": Tagged("!KeyOf", f"provider-{application.slug}"),
            "meta_launch_url": application.url,
            "policy_engine_mode": "any",
        },
    }
    bindings = [(entry, application.origin) for entry in _bindings(application, groups)]
    cause = (application.oidc or application.saml or application).origin
    # An app that signed in another way before: a provider's name is its own among all kinds.
    others = [
        {"model": other, "state": "absent", "identifiers": {"name": f"infrakit-{application.slug}"}}
        for other in PROVIDERS
        if other != model
    ]
    return [*((other, cause) for other in others), (provider, cause), (entry, application.origin), *bindings]


def _provider_model(application: Application) -> str:
    proxy, oidc, saml = PROVIDERS
    return oidc if application.oidc else saml if application.saml else proxy


def _provider_attrs(application: Application) -> Entry:
    attrs: Entry = {
        "authorization_flow": _find("authentik_flows.flow", "slug", "default-provider-authorization-implicit-consent"),
        "invalidation_flow": _find("authentik_flows.flow", "slug", "default-provider-invalidation-flow"),
    }
    if application.oidc:
        return attrs | _oidc(application.oidc)
    if application.saml:
        return attrs | _saml(application.saml)
    return attrs | {"mode": "forward_single", "external_host": application.url, "access_token_validity": "hours=24"}


def _oidc(client: OidcClient) -> Entry:
    """grant_types empty refuses every sign-in since 2026.5; redirect_uri_type left out changes at the second apply."""
    attrs: Entry = {
        "client_type": "confidential" if client.secret else "public",
        "client_id": client.client_id,
        "grant_types": list(client.grant_types),
        "redirect_uris": [
            {"matching_mode": "strict", "url": url, "redirect_uri_type": "authorization"}
            for url in client.redirect_uris
        ],
        "signing_key": _find("authentik_crypto.certificatekeypair", "name", "authentik Self-signed Certificate"),
        "property_mappings": [
            _find(
                "authentik_providers_oauth2.scopemapping", "managed", f"goauthentik.io/providers/oauth2/scope-{scope}"
            )
            for scope in client.scopes
        ],
        "sub_mode": "user_username",
        "include_claims_in_id_token": True,
        "access_token_validity": VALIDITY,
    }
    if client.secret:
        attrs["client_secret"] = Tagged("!File", f"{SECRETS_DIRECTORY}/{client.secret}")
    return attrs


def _saml(client: SamlClient) -> Entry:
    """Without a signing key assertions go out unsigned, whatever else is said."""
    names = ("name", "email", "username", "uid", "groups", "upn", "ms/winaccountname")
    managed = "goauthentik.io/providers/saml/"
    return {
        "acs_url": client.acs_url,
        "audience": client.audience,
        "sp_binding": "post",
        "sign_assertion": True,
        "signing_kp": _find("authentik_crypto.certificatekeypair", "name", "authentik Self-signed Certificate"),
        "property_mappings": [
            _find("authentik_providers_saml.samlpropertymapping", "managed", f"{managed}{name}") for name in names
        ],
    }


def _bindings(application: Application, groups: set[str]) -> list[Entry]:
    """Who may open it, in slots of a fixed number; an unused slot is emptied, or whoever was in it before would stay.

    Groups and users have slots of their own: Authentik updates a binding partially, and one that held both a group and
    a user would let the group in (read in its importer and its policy model).
    """
    entries = []
    for kind, first in (("group", 0), ("user", USER_SLOTS)):
        names = [name for name in application.allow if (name in groups) == (kind == "group")]
        for slot in range(MOST_ALLOWED):
            entry: Entry = {
                "model": "authentik_policies.policybinding",
                "state": "present" if slot < len(names) else "absent",
                "identifiers": {"target": Tagged("!KeyOf", f"application-{application.slug}"), "order": first + slot},
            }
            if slot < len(names):
                entry["attrs"] = {kind: Tagged("!KeyOf", f"{kind}-{names[slot]}"), "enabled": True}
            entries.append(entry)
    return entries


def _absent(slugs: tuple[str, ...], deployment: Deployment) -> list[tuple[Entry, Origin]]:
    """Catalogue services that are off: what an earlier file made for them goes, the application before its provider."""
    models = (("authentik_core.application", "slug", "{}"), *((model, "name", "infrakit-{}") for model in PROVIDERS))
    return [
        ({"model": model, "state": "absent", "identifiers": {field: form.format(slug)}}, deployment.origin)
        for slug in slugs
        for model, field, form in models
    ]


def _outpost(deployment: Deployment) -> Entry:
    """The one owner of the embedded outpost: `providers` is the whole list, and replaces it."""
    proxied = [item for item in deployment.access.applications if not item.oidc and not item.saml]
    address = next((route.hostname for route in deployment.routes if route.sign_in == "provider"), "")
    port = deployment.door.https_port
    suffix = "" if port in (0, 443) else f":{port}"
    return {
        "model": "authentik_outposts.outpost",
        "state": "present",
        "identifiers": {"managed": EMBEDDED},
        "attrs": {
            "name": "authentik Embedded Outpost",
            "type": "proxy",
            "providers": [Tagged("!KeyOf", f"provider-{item.slug}") for item in proxied],
            "config": {"authentik_host": f"https://{address}{suffix}"},
        },
    }


def _brand(deployment: Deployment) -> Entry:
    return {
        "model": "authentik_brands.brand",
        "state": "present",
        "identifiers": {"domain": "authentik-default"},
        "attrs": {"branding_title": deployment.name},
    }


def _find(model: str, field: str, value: str) -> Tagged:
    return Tagged("!Find", [model, [field, value]])
