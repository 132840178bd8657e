"""The user's apps -> blueprints: six lines as they stand, or a blueprint file of the user's own."""

import re
from collections.abc import Callable

from infrakit import resources
from infrakit.catalog import Blueprint, blueprint_from
from infrakit.config import Document, check_schema, parse
from infrakit.config.model import AppConfig, Config
from infrakit.errors import ConfigurationInvalid, InfraKitError, Problem
from infrakit.resolve.apps import app_tree

CERTIFICATES = r"\s*(-----BEGIN CERTIFICATE-----\r?\n([A-Za-z0-9+/=]{1,76}\r?\n)+-----END CERTIFICATE-----\s*)+"
"""Nothing but certificates, as RFC 7468 writes them."""


def own_blueprints(
    config: Config, document: Document, read_blueprint: Callable[[str], bytes]
) -> tuple[dict[str, Blueprint], dict[str, Document], list[Problem]]:
    """(blueprints by app, documents by name, problems). A file that cannot be read or is wrong is a problem of its
    app."""
    blueprints: dict[str, Blueprint] = {}
    documents: dict[str, Document] = {}
    problems: list[Problem] = []
    for app in config.apps:
        if not app.blueprint:
            authorities, unread = _authorities(app, document, read_blueprint)
            problems += unread
            blueprints[app.name] = blueprint_from(app_tree(app, authorities), config.document)
            continue
        try:
            own = parse(read_blueprint(app.blueprint), _document_name(app, document))
            wrong = check_schema(own, resources.schema("blueprint"))
            if wrong:
                raise ConfigurationInvalid(wrong)
        except ConfigurationInvalid as invalid:
            problems += invalid.problems
            continue
        except InfraKitError as error:
            position = document.position((*app.path, "blueprint"))
            problems.append(Problem(position, error.message, "blueprint-unreadable", error.hint))
            continue
        documents[own.name] = own
        blueprint = blueprint_from(own.values, own.name)
        if blueprint.name != app.name:
            what = f"apps.{app.name}.blueprint: the file describes {blueprint.name}"
            problems.append(
                Problem(
                    document.position((*app.path, "blueprint")),
                    what,
                    "blueprint-name",
                    "give the app the name that the blueprint has",
                    related=own.position(("name",)),
                )
            )
        blueprints[app.name] = blueprint
    return blueprints, documents, problems


def _authorities(
    app: AppConfig, document: Document, read: Callable[[str], bytes]
) -> tuple[dict[str, str], list[Problem]]:
    """Door -> the certificates that its file holds, as text; and what is wrong with such a file."""
    found: dict[str, str] = {}
    problems = []
    for door in app.doors:
        if door.certificate in ("verify", "any"):
            continue
        what, hint = "", ""
        try:
            text = read(door.certificate).decode("ascii", "replace")
        except InfraKitError as error:
            text, what, hint = "", error.message, error.hint
        if not what and "PRIVATE KEY" in text:
            what, hint = f"{door.certificate} holds a private key", "leave the certificate alone in it: it is no secret"
        elif not what and not re.fullmatch(CERTIFICATES, text):
            what = f"{door.certificate} is no certificate"
            hint = "a text file that begins with -----BEGIN CERTIFICATE-----; openssl x509 -inform der makes one"
        if what:
            position = document.position((*door.path, "certificate"))
            problems.append(Problem(position, what, "certificate", hint))
        found[door.name] = "" if what else text.replace("\r", "").strip() + "\n"
    return found, problems


def _document_name(app: AppConfig, document: Document) -> str:
    """What positions and origins call the file: never as they call one of the catalogue, or the user's file itself."""
    name = f"./{app.blueprint.removeprefix('./')}"
    return name if name != document.name else f"./{name}"
