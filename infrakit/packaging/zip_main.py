"""The zipapp's own __main__: answers the quickest questions itself, and imports everything else from the zip.

No unpacking: modules are compiled from the zip, and their code objects are kept in one file of the caller's cache, which is
believed only where it belongs to the caller, nobody else can write it, and its checksum fits; on any doubt it is not used.
"""

import marshal
import os
import sys
from zlib import crc32

VERSION = "@VERSION@"
BUILD = "@BUILD@"
PACKAGES = ("infrakit", "click", "ruamel")
ROOT_CACHE = "/var/cache/infrakit"
PREFIX = "site-packages"


class Modules:
    """Finds and loads our modules: from the cache, else from the zip."""

    build = BUILD

    def __init__(self, archive):
        self.archive = archive
        self.zip = sys.path_importer_cache.get(archive) or __loader__
        self.known = {}
        self.fresh = {}

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in PACKAGES:
            return None
        entry = self.known.get(name) or self.fresh.get(name) or self._compiled(name)
        if entry is None:
            return None
        place = os.path.join(self.archive, PREFIX, *name.split("."))
        spec = type(__spec__ or sys.__spec__)(name, self, origin=os.path.join(place, "__init__.py") if entry[0] else place + ".py")
        spec.has_location = True
        if entry[0]:
            spec.submodule_search_locations = [place]
        return spec

    def _compiled(self, name):
        place = os.path.join(self.archive, PREFIX, *name.split("."))
        for is_package, file in ((False, place + ".py"), (True, os.path.join(place, "__init__.py"))):
            try:
                source = self.zip.get_data(file)
            except OSError:
                continue
            code = compile(source, file, "exec", dont_inherit=True)
            self.fresh[name] = (is_package, marshal.dumps(code))
            return self.fresh[name]
        return None

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        name = module.__spec__.name
        entry = self.known.get(name) or self.fresh[name]
        exec(marshal.loads(entry[1]), module.__dict__)

    def is_package(self, name):
        return (self.known.get(name) or self.fresh[name])[0]

    def get_code(self, name):
        return marshal.loads((self.known.get(name) or self.fresh[name])[1])

    def get_source(self, name):
        place = os.path.join(self.archive, PREFIX, *name.split("."))
        return self.zip.get_data(os.path.join(place, "__init__.py") if self.is_package(name) else place + ".py").decode()

    def get_data(self, path):
        return self.zip.get_data(path)


def cache_file(create):
    """The cache of this build and this Python, or "" where there is no place that only we can write."""
    user = os.geteuid()
    folder = ROOT_CACHE
    if user:
        home = os.environ.get("HOME", "")
        base = os.environ.get("XDG_CACHE_HOME") or (os.path.join(home, ".cache") if home else "")
        if not base.startswith("/"):
            return ""
        folder = os.path.join(base, "infrakit")
    try:
        if create:
            os.makedirs(folder, mode=0o700, exist_ok=True)
        status = os.lstat(folder)
    except OSError:
        return ""
    if status.st_mode & 0o170022 != 0o040000 or status.st_uid != user:
        return ""
    # A path that is as long as the archive's name would move with it; code holds file names for tracebacks only.
    return os.path.join(folder, "code-%s-%s" % (BUILD, sys.implementation.cache_tag))


def read_cache(path):
    """What an earlier run kept; {} on any doubt."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return {}
    try:
        status = os.fstat(descriptor)
        if status.st_mode & 0o170022 != 0o100000 or status.st_uid != os.geteuid() or status.st_nlink != 1:
            return {}
        content = os.read(descriptor, status.st_size + 1)
        if len(content) != status.st_size or len(content) < 8 or int(content[:8], 16) != crc32(memoryview(content)[8:]):
            return {}
        return marshal.loads(memoryview(content)[8:])
    except (OSError, ValueError, EOFError, TypeError):
        return {}
    finally:
        os.close(descriptor)


def write_cache(modules):
    """Keep what had to be compiled, after the answer; a failure costs nothing but the next start."""
    path = cache_file(True)
    if not path:
        return
    content = marshal.dumps({**modules.known, **modules.fresh})
    temporary = "%s.%d" % (path, os.getpid())
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            whole = b"%08x" % crc32(content) + content
            if os.write(descriptor, whole) != len(whole):
                raise OSError
        finally:
            os.close(descriptor)
        os.rename(temporary, path)
    except OSError:
        try:
            os.unlink(temporary)
        except OSError:
            pass


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
    sys.stdout.write(found[0] + "\n")
    for line in found[1]:
        sys.stderr.write(line + "\n")
    return True


def run(words):
    """The exit code."""
    if words == ["--version"]:
        sys.stdout.write("infrakit %s\n" % VERSION)
        return 0
    if sys.version_info < (3, 10):
        sys.stderr.write("infrakit: error: Python 3.10 or newer is needed, this is %d.%d\n" % sys.version_info[:2])
        return 3
    archive = os.path.dirname(os.path.abspath(__file__))
    foreign = os.environ.get("PYTHONPATH")
    if foreign:
        # Modules of somebody else's folder must not stand in for the standard library's.
        sys.path[:] = [place for place in sys.path if place not in foreign.split(os.pathsep)]
    modules = Modules(archive)
    path = cache_file(False)
    modules.known = read_cache(path) if path else {}
    sys.meta_path.insert(0, modules)
    sys.dont_write_bytecode = True
    try:
        if words[:1] == ["compile"] and unchanged(words):
            return 0
        from infrakit.cli import main

        return main(words)
    finally:
        if modules.fresh:
            sys.stdout.flush()
            write_cache(modules)


if __name__ == "__main__":
    try:
        code = run(sys.argv[1:])
    except BrokenPipeError:
        code = 1
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.exit(code)
