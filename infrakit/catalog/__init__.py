"""Blueprint files -> Catalog: the services that InfraKit knows, as data."""

from infrakit.catalog.load import blueprint_from, catalog_from, catalog_json, load_catalog, read_trees
from infrakit.catalog.model import Blueprint, Catalog
from infrakit.catalog.references import is_known, references, substitute

__all__ = [
    "Blueprint",
    "Catalog",
    "blueprint_from",
    "catalog_from",
    "catalog_json",
    "is_known",
    "load_catalog",
    "read_trees",
    "references",
    "substitute",
]
