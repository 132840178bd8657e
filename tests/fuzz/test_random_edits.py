"""Random edits of plausible files with comments all over: the tree has another value at that key alone, every comment
and every line of others stays, and what was put in can be taken out again.

Judged by ruamel.yaml's own loader, and by words that stand once in the file. INFRAKIT_EDITS=20000 for as many.
"""

import json
import os
import random
import re
from functools import lru_cache

import ruamel.yaml

from infrakit import resources
from infrakit.composed.edit import assigned, deleted
from infrakit.config import parse
from infrakit.config.check import dotted
from infrakit.config.keys import alternatives, located
from infrakit.emit.yaml_text import to_yaml
from infrakit.errors import ConfigurationInvalid
from tests.fuzz.plausible import plausible

EDITS = int(os.environ.get("INFRAKIT_EDITS", "300"))
SCHEMA = resources.schema("infrakit")
NAMES = ("wiki", "e.f_g-h", "new", "a-b", "10", "no", "far-[08:10]")


def file_of(seed, chance):
    """In block style or in brackets over lines, with a comment behind or above every third line."""
    tree = plausible(seed).tree
    lines = (to_yaml(tree) if chance.random() < 0.8 else json.dumps(tree, indent=1)).splitlines()
    written = []
    for number, line in enumerate(lines):
        if chance.random() < 0.2:
            written.append(f"{' ' * chance.choice((0, 0, 2, 4, 6))}# above {number}: it's \"so")
        if chance.random() < 0.1:
            written.append("")
        written.append(f"{line}  # behind {number}" if chance.random() < 0.2 and line != "---" else line)
    end = chance.choice(("\n", "\n", "\n", "\r\n"))
    return end.join(written).encode() + end.encode() * chance.choice((0, 1, 1, 2))


def in_brackets(content):
    return b'"version": 1' in content


@lru_cache(4)
def loaded(content):
    """Asked often of the file before and of the file after; nobody changes what is given."""
    return ruamel.yaml.YAML(typ="safe", pure=True).load(content.decode())


def paths(tree, path=()):
    """Of every value in it."""
    for step, value in tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ():
        yield (*path, step)
        yield from paths(value, (*path, step))


def some_path(tree, chance):
    """One that is there, or one that the schema knows, often with a name that is there."""
    if chance.random() < 0.5:
        return chance.choice(list(paths(tree)))
    path, schema, here = (), SCHEMA, tree
    while True:
        kind = chance.choice(alternatives(schema))
        if kind.get("type") == "object":
            names = list(here) if isinstance(here, dict) and chance.random() < 0.6 else []
            pattern = kind.get("propertyNames", {}).get("pattern", "")
            new = [name for name in NAMES if "." not in name or re.search(pattern, name)]
            known = kind.get("properties") or dict.fromkeys([*names, chance.choice(new)], {})
            step = chance.choice(list(known))
            schema = known[step] or kind.get("additionalProperties")
        elif kind.get("type") == "array" and path and chance.random() < 0.6:
            step = len(here) if isinstance(here, list) else 0
            schema = kind.get("items", {})
        else:
            return path
        here = here.get(step) if isinstance(here, dict) else None
        path = (*path, step)
        while "$ref" in schema:
            schema = SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]]
        if chance.random() < 0.2:
            return path


def some_value(schema, chance):
    """(VALUE, what the file holds then)."""
    kind = chance.choice(alternatives(schema))
    if kind.get("type") == "string":
        value = chance.choice([*map(str, kind.get("examples", ())), "10", "no", "02:00", "a: b # c", "", "it's", "x"])
        return value, value
    if isinstance(kind.get("type"), list):
        value = str(chance.choice([*kind.get("examples", ()), "0.5", 7, "x y", "no"]))
        return value, number_or_text(value, kind["type"])
    usual = {"integer": 7, "boolean": True, "array": ["a", "no", {"b": 1}], "object": {"k": {"x": [1, "2"]}, "l": "#"}}
    wanted = kind.get("type")
    example = usual[wanted] if wanted in usual else chance.choice(["x y", 5, False])
    if chance.random() < 0.7:
        example = next(iter(kind.get("examples") or schema.get("examples") or ()), example)
    if isinstance(example, str) and wanted in ("array", "object"):
        example = usual[wanted]
    return example if isinstance(example, str) else json.dumps(example), example


def number_or_text(value, types):
    try:
        found = json.loads(value)
    except ValueError:
        return value
    return found if {int: {"integer", "number"}, float: {"number"}}.get(type(found), set()) & set(types) else value


def changed(tree, path, value):
    """A copy with that there; without it where it is None."""
    if not path:
        return value
    step, *rest = path
    if isinstance(step, int):
        found = list(tree or [])
        found[step : step + 1] = [] if value is None and not rest else [changed(([*found, None])[step], rest, value)]
        return found
    found = dict(tree or {})
    if value is None and not rest:
        del found[step]
    else:
        found[step] = changed(found.get(step), rest, value)
    return found


def has(tree, path):
    for step in path:
        known = tree if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
        if step not in known:
            return False
        tree = tree[step]
    return True


def parent(tree, path):
    return parent(tree[path[0]], path[1:]) if len(path) > 1 and has(tree, path[:-1]) else tree or {}


def words(content):
    text = content.decode().replace("\r", "") + "\n"
    return [text.count(f"# {kind} {n}{end}") for kind, end in (("above", ":"), ("behind", "\n")) for n in range(900)]


def others_stayed(before, after, path):
    """Lines of the file in which neither the key nor what it is put into stands."""
    document = parse(before, "x")
    while path and not has(loaded(before), path):
        path = path[:-1]
    old, new = before.replace(b"\r", b"").split(b"\n"), after.replace(b"\r", b"").split(b"\n")
    first = document.position(path, key=True).line - 1 if path else 0
    same = 0
    while same < min(len(old), len(new)) and old[same] == new[same]:
        same += 1
    assert same >= min(first, len(old)), "a line before the key is another one"
    later = [document.position(each, key=True).line - 1 for each in paths(loaded(before)) if each[: len(path)] != path]
    tail = old[min((line for line in later if line > first), default=len(old)) :]
    tail = tail if path and isinstance(path[-1], str) else []
    assert not tail or new[-len(tail) :] == tail, "a line after the key is another one"


def judged(seed):
    """ "set", "unset" or "refused": what became of one edit."""
    chance = random.Random(seed)
    before = file_of(seed, chance)
    tree = loaded(before)
    path = some_path(tree, chance)
    found, schema = located(SCHEMA, dotted(path), parse(before, "x").root)
    assert found == path, (found, path)
    there = has(tree, path)
    try:
        if there and chance.random() < 0.4:
            after = deleted(before, "x", path).content
            wanted, what = changed(tree, path, None), "unset"
        else:
            value, meant = some_value(schema, chance)
            after = assigned(before, "x", path, schema, value).content
            wanted, what = changed(tree, path, meant), "set"
    except ConfigurationInvalid as refused:
        assert {problem.code for problem in refused.problems} == {"edit-shape"}, refused.problems
        # In brackets a comment stands where it cannot stay; and a single value is no list.
        assert in_brackets(before) or isinstance(parent(tree, path), str), refused.problems
        return "refused"
    assert loaded(after) == wanted
    assert words(after) == words(before)
    assert b"\r\n" not in before or b"\n" not in after.replace(b"\r\n", b""), "a line ends otherwise than all others"
    one_of_many = len(parent(tree, path)) > 1 and not in_brackets(before)
    others_stayed(before, after, path if what == "set" or one_of_many else path[:-1])
    if what == "set" and not there and (len(path) == 1 or has(tree, path[:-1])):
        assert deleted(after, "x", path).content == before
    return what


def test_an_edit_changes_that_key_and_nothing_else():
    counts = {"set": 0, "unset": 0, "refused": 0}
    for seed in range(EDITS):
        print(f"seed {seed}")
        counts[judged(seed)] += 1
    assert counts["refused"] < EDITS // 10 and counts["unset"] > EDITS // 10, counts
