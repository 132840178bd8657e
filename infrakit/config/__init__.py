"""Bytes of infrakit.yaml (or of a blueprint) -> checked, typed values.

document = parse(source, name)              every key and value with its place; ConfigurationInvalid where it is not
YAML problems = check_schema(document, schema)   all of them, in the order of the file; sets document.values
                                            with some, partial.py says what else can be checked
config = bind(document)                     infrakit.yaml only, and only without problems
"""

from infrakit.config.bind import bind
from infrakit.config.check import check_schema
from infrakit.config.document import Document
from infrakit.config.model import Config
from infrakit.config.reader import parse

__all__ = ["Config", "Document", "bind", "check_schema", "parse"]
