"""The text of a file that we emit -> its tree, by libyaml where PyYAML was built with it."""

from typing import Any

import yaml

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def tree_of(text: str | bytes) -> Any:
    """As YAML 1.1 has it: what we emit is the same for every reader (test_yaml_text.py), and this one is much faster
    than ruamel.yaml."""
    return yaml.load(text, LOADER)
