"""What a person who helps has to see -> one archive, in which no secret is."""

import io
import json
import tarfile
from collections.abc import Mapping
from typing import Any

from infrakit.stack.doctor.readings import Clean

FOLDER = "infrakit-support"
MODE = 0o600


def archive(texts: Mapping[str, str], values: Mapping[str, Any], clean: Clean, now_s: float) -> bytes:
    """A tar.gz of texts and of values as JSON, by path. Every text goes through `clean`, whatever it is."""
    made = io.BytesIO()
    contents = {
        **texts,
        **{name: json.dumps(value, indent=1, sort_keys=True, default=str) for name, value in values.items()},
    }
    with tarfile.open(fileobj=made, mode="w:gz") as packed:
        for name, text in sorted(contents.items()):
            content = clean(text).encode("utf-8", "replace")
            entry = tarfile.TarInfo(f"{FOLDER}/{name}")
            entry.size, entry.mode, entry.mtime = len(content), MODE, int(now_s)
            packed.addfile(entry, io.BytesIO(content))
    return made.getvalue()
