"""Deployment -> authentik/blueprints/infrakit.yaml: groups, users, providers, applications, who may open them, the
outpost.

Authentik's blueprint, applied by its worker in one transaction, hourly and on every change; only the core has one.
What its schema cannot see and its importer wants (or drops without a word) is written always: flows, grant types,
orders. Every object is found by what only ours has, a name that begins with OURS: an administrator's own are not
touched. What left the file is taken away by `infrakit up` (stack/wire/authentik.py), which knows it by the same mark.
"""

from typing import Any

from infrakit.emit import authentik_outpost as outpost
from infrakit.emit.yaml_text import Tagged, leaves, to_yaml
from infrakit.model import (
    OURS,
    SECRETS_DIRECTORY,
    Access,
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
VALIDITY = "hours=5"
"""Guacamole refuses tokens that live longer than five hours."""

BRAND = "Default - Brand"
CONSENT = "Default - Provider authorization flow (implicit consent)"
INVALIDATION = "Default - Provider invalidation flow"
OAUTH_SCOPES = "System - OAuth2 Provider - Scopes"
PROXY_SCOPES = "System - Proxy Provider - Scopes"
SAML_MAPPINGS = "System - SAML Provider - Mappings"

Entry = dict[str, Any]


PROXY = "authentik_providers_proxy.proxyprovider"
PROVIDERS = {
    "forward": PROXY,
    "oidc": "authentik_providers_oauth2.oauth2provider",
    "saml": "authentik_providers_saml.samlprovider",
}
"""How an application asks who comes, and the provider that answers it. The kind is part of the provider's name: a proxy
provider is an OAuth2 provider, too, and would be found as one."""
GROUPS = "groups"
"""The scope that Authentik does not bring."""
MADE_BY_US = {"infrakit": "made by InfraKit"}
"""Attributes of a group that was not there before."""


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
    for group in access.groups:
        entries += [(_made_group(group), group.origin), (_group(group, access.users), group.origin)]
    asking = [item.oidc for item in access.applications if item.oidc and GROUPS in item.oidc.scopes]
    entries += [(_groups_scope(), asking[0].origin)] if asking else []
    verified = [item.oidc for item in access.applications if item.oidc and item.oidc.email_verified]
    entries += [(_verified_scope(), verified[0].origin)] if verified else []
    groups = {group.name for group in access.groups}
    for application in access.applications:
        entries += _application(application, groups)
    proxied = [f"provider-{item.slug}" for item in access.applications if _kind(item) == "forward"]
    entries += [(entry, deployment.origin) for entry in outpost.entries(portal(deployment), proxied)]
    entries.append((_brand(deployment), deployment.origin._replace(path=("name",))))
    return entries


def portal(deployment: Deployment) -> str:
    """The address of Authentik's pages, "" where this host does not serve them."""
    hostname = next((route.hostname for route in deployment.routes if route.sign_in == "provider"), "")
    port = deployment.door.https_port
    return f"https://{hostname}" + ("" if port in (0, 443) else f":{port}") if hostname else ""


def named(access: Access) -> dict[str, list[str]]:
    """Kind -> names of what the blueprint makes that an earlier one may have made, too. `proxied`: providers that the
    outpost has."""
    providers = {item: provider_name(item) for item in access.applications}
    return {
        "applications": [item.slug for item in access.applications],
        "policies": [item.slug for item in access.applications],
        "providers": list(providers.values()),
        "proxied": [name for item, name in providers.items() if _kind(item) == "forward"],
        "groups": [group.name for group in access.groups],
    }


def provider_name(application: Application) -> str:
    """Of the provider of an application."""
    return f"{application.slug}-{_kind(application)}"


def _kind(application: Application) -> str:
    return "oidc" if application.oidc else "saml" if application.saml else "forward"


def _required(applications: tuple[Application, ...]) -> list[str]:
    """Bundled blueprints whose objects are looked up or changed below. First: a file without them fails at a first boot
    and is not retried, and the brand's fails where ours made the brand before."""
    names = [BRAND, CONSENT, INVALIDATION, OAUTH_SCOPES, PROXY_SCOPES]
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


def _made_group(group: Group) -> Entry:
    """Where there is none: a mark that one of an administrator's own never gets, and that nobody loses later."""
    return {
        "model": "authentik_core.group",
        "state": "created",
        "identifiers": {"name": group.name},
        "attrs": {"attributes": MADE_BY_US},
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
    """Provider, application, and who may open it: without a binding it would be open to all."""
    slug = application.slug
    provider = {
        "model": PROVIDERS[_kind(application)],
        "id": f"provider-{slug}",
        "state": "present",
        "identifiers": {"name": provider_name(application)},
        "attrs": _provider_attrs(application),
    }
    entry = {
        "model": "authentik_core.application",
        "id": f"application-{slug}",
        "state": "present",
        "identifiers": {"slug": slug},
        "attrs": {
            "name": application.title,
            "group": application.section,
            "provider": Tagged("!KeyOf", f"provider-{slug}"),
            "meta_launch_url": application.url,
            "policy_engine_mode": "any",
        },
    }
    policy = {
        "model": "authentik_policies_expression.expressionpolicy",
        "id": f"policy-{slug}",
        "state": "present",
        "identifiers": {"name": slug},
        "attrs": {"expression": _allowed(application.allow, groups), "execution_logging": False},
    }
    binding = {
        "model": "authentik_policies.policybinding",
        "state": "present",
        "identifiers": {"target": Tagged("!KeyOf", entry["id"]), "policy": Tagged("!KeyOf", policy["id"])},
        "attrs": {"order": 0, "enabled": True, "negate": False, "failure_result": False},
    }
    cause = (application.oidc or application.saml or application).origin
    return [(provider, cause), *((item, application.origin) for item in (entry, policy, binding))]


def _allowed(allow: tuple[str, ...], groups: set[str]) -> str:
    """An expression of Authentik's, in one policy for all of `allow`: whoever leaves the file leaves no binding behind,
    and one of an administrator's own stays beside it. Names are quoted as Python does: that is its language."""
    members = [name for name in allow if name in groups]
    people = [name for name in allow if name not in groups]
    parts = [f"ak_is_group_member(request.user, name__in={members!r})"] if members else []
    parts += [f"request.user.username in {people!r}"] if people else []
    return f"return {' or '.join(parts) or 'False'}"


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
            {"matching_mode": "strict", "url": url, "redirect_uri_type": kind}
            for kind, urls in (("authorization", client.redirect_uris), ("logout", client.logout_uris))
            for url in urls
        ],
        "signing_key": _find("authentik_crypto.certificatekeypair", "name", "authentik Self-signed Certificate"),
        "property_mappings": [_scope(scope, client.email_verified) for scope in client.scopes],
        "sub_mode": "user_username",
        "include_claims_in_id_token": True,
        "access_token_validity": VALIDITY,
    }
    if client.secret:
        attrs["client_secret"] = Tagged("!File", f"{SECRETS_DIRECTORY}/{client.secret}")
    return attrs


def _scope(name: str, verified: bool) -> Tagged:
    """One of Authentik's own, which the schema lists, or one of the two that we make."""
    if name == GROUPS:
        return Tagged("!KeyOf", "scope-groups")
    if name == "email" and verified:
        return Tagged("!KeyOf", "scope-verified")
    return _find("authentik_providers_oauth2.scopemapping", "managed", f"goauthentik.io/providers/oauth2/scope-{name}")


def _groups_scope() -> Entry:
    """Many apps ask for their user's groups so; Authentik sends them with `profile` alone."""
    return {
        "model": "authentik_providers_oauth2.scopemapping",
        "id": "scope-groups",
        "state": "present",
        "identifiers": {"name": f"{OURS}groups"},
        "attrs": {
            "scope_name": GROUPS,
            "expression": 'return {"groups": [group.name for group in request.user.all_groups()]}',
        },
    }


def _verified_scope() -> Entry:
    """Authentik's own says of no address that it is verified (2025.10 and later), and some apps take none else."""
    return {
        "model": "authentik_providers_oauth2.scopemapping",
        "id": "scope-verified",
        "state": "present",
        "identifiers": {"name": f"{OURS}email-verified"},
        "attrs": {"scope_name": "email", "expression": 'return {"email": request.user.email, "email_verified": True}'},
    }


def _saml(client: SamlClient) -> Entry:
    """Without a signing key assertions go out unsigned, whatever else is said."""
    names = ("name", "email", "username", "uid", "groups", "upn", "ms-windowsaccountname")
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


def _brand(deployment: Deployment) -> Entry:
    return {
        "model": "authentik_brands.brand",
        "state": "present",
        "identifiers": {"domain": "authentik-default"},
        "attrs": {"branding_title": deployment.name},
    }


def _find(model: str, field: str, value: str) -> Tagged:
    return Tagged("!Find", [model, [field, value]])
