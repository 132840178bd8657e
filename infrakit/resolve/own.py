"""The user's apps -> blueprints: six lines as they stand, or a blueprint file of the user's own."""

from collections.abc import Callable

from infrakit import resources
from infrakit.catalog import Blueprint, blueprint_from
from infrakit.config import Document, check_schema, parse
from infrakit.config.model import AppConfig, Config
from infrakit.errors import ConfigurationInvalid, InfraKitError, Problem
from infrakit.resolve.apps import app_tree


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
            blueprints[app.name] = blueprint_from(app_tree(app), config.document)
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


def _document_name(app: AppConfig, document: Document) -> str:
    """What positions and origins call the file: never as they call one of the catalogue, or the user's file itself."""
    name = f"./{app.blueprint.removeprefix('./')}"
    return name if name != document.name else f"./{name}"
