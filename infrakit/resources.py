"""Name -> bytes of the files that InfraKit carries: schemas, blueprints, examples, and what the build precompiled.

A checkout reads them where they stand; a built package (also inside a zip) reads infrakit/data/. Only reads; imports
nothing heavy.
"""

import os
from typing import Any

_PACKAGE = os.path.dirname(__file__)
_CHECKOUT = os.path.dirname(_PACKAGE)
__loader__: Any  # who imported this module: it knows where its files are


def packed(name: str) -> bytes | None:
    """infrakit/data/<name> of a built package, or None in a checkout."""
    try:
        return _read(os.path.join(_PACKAGE, "data", *name.split("/")))
    except OSError:
        return None


def schema(name: str) -> dict[str, Any]:
    """The JSON Schema called `name` ("infrakit" or "blueprint") as a tree."""
    import json

    tree: dict[str, Any] = json.loads(source(f"schema/{name}.schema.json"))
    return tree


def schema_source(name: str) -> bytes:
    """The text of the JSON Schema called `name`, laid out for people: a built package has it without white space."""
    import json

    return json.dumps(schema(name), indent=1, ensure_ascii=False).encode() + b"\n"


def blueprint_source(name: str) -> bytes:
    """The YAML text of a catalogue service."""
    return source(f"blueprints/{name}.yaml")


def blueprint_names() -> list[str]:
    """Names of all blueprint files of the checkout, sorted."""
    names = os.listdir(os.path.join(_CHECKOUT, "blueprints"))
    return sorted(name[: -len(".yaml")] for name in names if name.endswith(".yaml"))


def example_source(name: str) -> bytes:
    """The embedded example infrakit.yaml called `name`: full, edge, monitoring or hybrid."""
    return _read(os.path.join(_PACKAGE, "examples", f"{name}.yaml"))


def source(path: str) -> bytes:
    """A file by its path in the checkout, which is also what origins call it ("blueprints/glances.yaml"); a built
    package keeps schemas directly in data/, blueprints in data/blueprints/."""
    carried = packed(path[len("schema/") :] if path.startswith("schema/") else path)
    return carried if carried is not None else _read(os.path.join(_CHECKOUT, *path.split("/")))


def _read(path: str) -> bytes:
    """Bytes of a file beside this module; the loader knows how, inside a zip too."""
    content: bytes = __loader__.get_data(path)
    return content
