"""services.*.environment -> Problems: it adds to what the catalogue says, and replaces nothing that others rely on.

A module of its own, since most files give no service more environment.
"""

import re

from infrakit.catalog.model import Catalog
from infrakit.config.model import Config
from infrakit.errors import Problem
from infrakit.resolve.world import Locate

FREE = frozenset(
    "AUTHENTIK_DISABLE_STARTUP_ANALYTICS AUTHENTIK_DISABLE_UPDATE_CHECK AUTHENTIK_ERROR_REPORTING__ENABLED "
    "CATALINA_OPTS DOZZLE_DISABLE_AVATARS DOZZLE_HOSTNAME DOZZLE_NO_ANALYTICS DOZZLE_RELEASE_CHECK_MODE LOG_MODE "
    "PYTHONPYCACHEPREFIX TZ WATCHTOWER_TIMEOUT".split()
)
"""Variables of blueprints that a user may say otherwise: nothing else relies on them."""

STEERING = {
    "authentik": re.compile(r"AUTHENTIK_(BOOTSTRAP_|COOKIE_DOMAIN|LISTEN__|SECRET_KEY|WEB__PATH).*"),
    "dozzle": re.compile(r"DOZZLE_AUTH_.*"),
    "guacamole": re.compile(
        r"(CAS|HTTP_AUTH|JSON|LDAP|MYSQL|OPENID|POSTGRESQL|RADIUS|SAML|SQLSERVER|SSL_AUTH)_.*|EXTENSION_PRIORITY"
    ),
}
"""Service -> variables that open another way in, or shut the one that there is, also where no blueprint says them
(guacamole-client 1.6.0 build.d/010-map-guacamole-extensions.sh: a prefix is enough; docs.goauthentik.io, Configuration;
dozzle.dev, Authentication)."""


def nothing_of_ours(config: Config, catalog: Catalog, locate: Locate) -> list[Problem]:
    """The user's variables are none of those by which a service finds others, signs in, or is watched."""
    found = []
    for service in config.services:
        blueprint = catalog.blueprints.get(service.name)
        if blueprint is None or not service.environment:
            continue
        main = blueprint.main
        given = [item.environment for item in blueprint.containers if item.image == main.image and not item.one_shot]
        ours = dict(pair for pairs in given for pair in pairs if pair[0] not in FREE)
        steering = STEERING.get(service.name)
        for name, value in service.environment:
            if name not in ours and steering is not None and steering.fullmatch(name):
                what = f"services.{service.name}.environment.{name}: it says how people sign in"
                hint = "remove it: who signs in, and how, is said by users, groups and the service's own door"
                found.append(Problem(locate((*service.path, "environment", name), key=True), what, "not-yours", hint))
            if name not in ours or value == ours[name]:
                continue
            option = re.search(r"\$\{option\.(\w+)\}", ours[name])
            hint = "remove it; sign-in, and who else speaks with the service, rely on it"
            hint = f"write services.{service.name}.options: {{{option[1]}: …}}" if option else hint
            what = f"services.{service.name}.environment.{name}: the service's own blueprint says it"
            found.append(Problem(locate((*service.path, "environment", name), key=True), what, "not-yours", hint))
    return found
