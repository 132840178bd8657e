"""The zipapp after its __main__: imports our modules from the zip, and keeps their code objects in one file for the
next start.

Nothing is unpacked. The cache is written after the answer, by one rename; where that fails, the next start is as slow
as this one. Given by __main__: ARCHIVE, CACHE (a path, or ""), KNOWN (the cache's index), kept (an entry of it -> its
code, b"" where that is damaged), START (our own code), ZIP (the zip's importer).
"""

import marshal
import os
import sys
import time
from zlib import crc32

NESTED = tuple("@NESTED@".split())
PACKAGES = ("infrakit", "ruamel", *(path.partition("/")[0] for path in NESTED))
PREFIX = "site-packages"
OLD_S = 30 * 86400


class Modules:
    """Finds and loads our modules: from the cache, else (is a package, code) from the zip, which the next start finds
    in the cache."""

    build = "@BUILD@"

    def __init__(self, archive):
        self.archive = archive
        self.fresh = {}
        self.rest = None
        self.shipped = None
        self.nested = None

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in PACKAGES:
            return None
        if not self._known(name) and self._made(name) is None:
            return None
        place = self._place(name)
        is_package = self.is_package(name)
        spec = Spec(name, self, origin=place + "/__init__.py" if is_package else place + ".py")
        spec.has_location = True
        if is_package:
            spec.submodule_search_locations = [place]
        return spec

    def _place(self, name):
        return "%s/%s/%s" % (self.archive, PREFIX, name.replace(".", "/"))

    def _known(self, name):
        """Its entry in the cache, or 0."""
        return (self.others() if is_nested(name) else KNOWN).get(name, 0)

    def others(self):
        """The index of what is nested in the archive, too; read where something of it is wanted."""
        if self.rest is None:
            content = kept(KNOWN[""]) if "" in KNOWN else b""
            self.rest = marshal.loads(content) if content else {}
        return self.rest

    def _made(self, name):
        return self.fresh.get(name) or self._shipped(name) or self._compiled(name)

    def _shipped(self, name):
        """From the bytecode in the archive, where the Python that built it was one like this."""
        if self.shipped is None:
            magic = sys.modules["_frozen_importlib_external"].MAGIC_NUMBER.hex()
            try:
                self.shipped = marshal.loads(ZIP.get_data("%s/%s/%s.code" % (self.archive, PREFIX, magic)))
            except OSError:
                self.shipped = {}
        if name in self.shipped:
            is_package, code = self.shipped.pop(name)
            self.fresh[name] = is_package, marshal.loads(code)
        return self.fresh.get(name)

    def _compiled(self, name):
        place = self._place(name)
        for is_package, file in ((False, place + ".py"), (True, place + "/__init__.py")):
            try:
                source = self.get_data(file)
            except OSError:
                continue
            # Without docstrings, which nothing reads here; but ruamel.yaml's assertions are among the things that
            # refuse bad YAML.
            optimize = 0 if name.startswith("ruamel") else 2
            self.fresh[name] = (is_package, compile(source, file, "exec", dont_inherit=True, optimize=optimize))
            return self.fresh[name]
        return None

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        exec(self.get_code(module.__spec__.name), module.__dict__)

    def is_package(self, name):
        entry = self._known(name)
        return bool(entry & 1) if entry else self._made(name)[0]

    def get_code(self, name):
        entry = self._known(name)
        content = kept(entry) if entry else b""
        return marshal.loads(content) if content else self._made(name)[1]

    def get_source(self, name):
        place = self._place(name)
        return self.get_data(place + "/__init__.py" if self.is_package(name) else place + ".py").decode()

    def get_resource_reader(self, name):
        """What importlib.resources asks for the files of a nested package (jsonschema's schemas)."""

        class Resource:
            def __init__(self, place):
                self.place = place

            def files(self):
                return self

            def joinpath(self, *names):
                return Resource("/".join((self.place, *names)))

            def iterdir(self):
                inside = self.place[len(modules.archive) + len(PREFIX) + 2 :] + "/"
                below = [path[len(inside) :] for path in modules.members() if path.startswith(inside)]
                return [self.joinpath(name) for name in sorted({path.partition("/")[0] for path in below})]

            def read_text(self, encoding=None):
                return modules.get_data(self.place).decode()

        modules = self
        return Resource(self._place(name))

    def get_data(self, path):
        """A member of the archive, or of the one member that holds others."""
        inside = path[len(self.archive) + len(PREFIX) + 2 :]
        if not inside.startswith(NESTED):
            return ZIP.get_data(path)
        if inside not in self.members():
            raise OSError(inside)
        return self.nested[inside].encode()

    def members(self):
        """What is nested in the archive, by path."""
        if self.nested is None:
            import json

            try:
                import lzma
            except ImportError:
                sys.exit(
                    "infrakit: this Python has no module lzma, which only `compile` does without; use /usr/bin/python3"
                )
            packed = ZIP.get_data("%s/%s/nested.json.xz" % (self.archive, PREFIX))
            self.nested = json.loads(lzma.decompress(packed))
        return self.nested


def is_nested(name):
    place = name.replace(".", "/")
    return (place + "/").startswith(NESTED) or (place + ".py").startswith(NESTED)


def write_cache(modules):
    """Keep what had to be compiled beside what was kept: the place of the index, every code, indexes (zip_main.py)."""
    folder = os.path.dirname(CACHE)
    temporary = "%s.%d" % (CACHE, os.getpid())
    codes = {name: (entry & 1, kept(entry)) for name, entry in {**KNOWN, **modules.others()}.items()}
    codes.update((name, (is_package, marshal.dumps(code))) for name, (is_package, code) in modules.fresh.items())
    codes["infrakit_start"] = False, START
    codes.pop("", None)
    index, rest, parts, place = {}, {}, [b""], 8

    def put(where, name, is_package, code):
        nonlocal place
        where[name] = place << 25 | len(code) + 4 << 1 | is_package
        parts.extend((crc32(code).to_bytes(4, "little"), code))
        place += len(code) + 4

    for name, (is_package, code) in sorted(codes.items()):
        if code:
            put(rest if is_nested(name) else index, name, is_package, code)
    put(index, "", False, marshal.dumps(rest))
    parts[0] = b"%08x" % place
    listed = marshal.dumps(index)
    whole = b"".join([*parts, crc32(listed).to_bytes(4, "little"), listed])
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        status = os.lstat(folder)
        if status.st_mode & 0o170022 != 0o040000 or status.st_uid != os.geteuid():
            return
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            if os.write(descriptor, whole) != len(whole):
                raise OSError
        finally:
            os.close(descriptor)
        os.rename(temporary, CACHE)
        forget_old(folder)
    except OSError:
        try:
            os.unlink(temporary)
        except OSError:
            pass


def forget_old(folder):
    """Remove what other builds, and runs that were killed, left here long ago."""
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if name.startswith("code-") and os.lstat(path).st_mtime < time.time() - OLD_S:
            os.unlink(path)


def unchanged(words):
    """Whether a plain `compile` would change nothing; then its answer is given here."""
    file, output, rest = "infrakit.yaml", "build", words[1:]
    while rest:
        if len(rest) > 1 and rest[0] in ("-f", "--file"):
            file = rest[1]
        elif len(rest) > 1 and rest[0] in ("-o", "--output"):
            output = rest[1]
        else:
            return False
        rest = rest[2:]
    from infrakit.system.stamp import unchanged

    found = unchanged(file, output)
    if found is None:
        return False
    try:
        sys.stdout.write(found[0] + "\n")
        sys.stdout.flush()
    except (AttributeError, OSError):  # closed, or full: the long way says so
        return False
    try:
        for line in found[1]:
            sys.stderr.write(line + "\n")
    except (AttributeError, OSError):
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    return True


def only_standard_library(places):
    """sys.path without PYTHONPATH, the user's and the machine's packages: nothing may stand in for what we carry."""
    library = os.path.dirname(os.__file__)
    inside = library + os.sep

    def is_standard(place):
        if place in (ARCHIVE, library) or os.path.basename(place) == "lib-dynload":
            return True
        if place.endswith(".zip") and os.path.dirname(place) == os.path.dirname(library):
            return True
        return place.startswith(inside) and not place.startswith((inside + "site-packages", inside + "dist-packages"))

    return [place for place in places if is_standard(place)]


def run(words):
    """The exit code."""
    sys.path[:] = only_standard_library(sys.path)
    modules = Modules(ARCHIVE)
    sys.meta_path.insert(0, modules)
    sys.dont_write_bytecode = True
    try:
        if words[:1] == ["compile"] and unchanged(words):
            return 0
        from infrakit.cli import main

        return main(words)
    finally:
        # Who takes us off a machine wants no cache of ours there, and a dry run changes nothing.
        leaves_no_trace = words[:1] == ["uninstall"] or "--dry-run" in words
        if CACHE and not leaves_no_trace and (modules.fresh or "infrakit_start" not in KNOWN):
            write_cache(modules)


Spec = type(sys.__spec__)
sys.exit(run(sys.argv[1:]))
