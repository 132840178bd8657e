"""The zipapp's __main__: answers --version, else starts infrakit_start.py, from the caller's cache where that can be
believed.

Short, because Python compiles it at every start; and it parses on old Pythons, so that they are told what is needed.
"""

import sys


def believed_cache():
    """(path, index, descriptor) of what earlier runs kept: name -> one number, offset << 25 | length << 1 | whether it
    is a package.

    The path is "" where no folder is ours alone; the index is empty on any doubt. Only what this run imports is read
    (part), and numbers are small: what a start costs depends on its verb, not on what other verbs left here.
    """
    user = os.geteuid()
    home = os.environ.get("HOME", "")
    base = os.environ.get("XDG_CACHE_HOME") or (home and home + "/.cache")
    folder = base + "/infrakit" if user else "/var/cache/infrakit"
    path = "%s/code-@BUILD@-%s" % (folder, sys.implementation.cache_tag)
    if not folder.startswith("/"):
        return "", {}, -1
    try:
        status = os.lstat(folder)
        if status.st_mode & 0o170022 != 0o040000 or status.st_uid != user:
            return "", {}, -1
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return path, {}, -1
    try:
        status = os.fstat(descriptor)
        if status.st_mode & 0o170022 == 0o100000 and status.st_uid == user and status.st_nlink == 1:
            place = int(os.read(descriptor, 8), 16)
            index = marshal.loads(part(descriptor, place << 25 | status.st_size - place << 1))
            return path, index if isinstance(index, dict) else {}, descriptor
    except (OSError, ValueError, EOFError, TypeError):
        pass
    os.close(descriptor)
    return path, {}, -1


def part(descriptor, entry):
    """The bytes of an entry of the cache, which follow their CRC-32 there; b"" where they are not those that were
    kept."""
    content = os.pread(descriptor, entry >> 1 & 0xFFFFFF, entry >> 25)
    code = memoryview(content)[4:]
    return code if content[:4] == crc32(code).to_bytes(4, "little") else b""


def said_version():
    """Whether that was asked, and could be written: the verbs say what stands in the way."""
    try:
        if sys.argv[1:] == ["--version"]:
            sys.stdout.write("infrakit @VERSION@\n")
            sys.stdout.flush()
            return True
    except (AttributeError, OSError):
        pass
    return False


if said_version():
    pass
elif sys.version_info < (3, 10):
    sys.exit("infrakit: error: Python 3.10 or newer is needed, this is %d.%d" % sys.version_info[:2])
else:
    import marshal
    import os
    from zlib import crc32

    # As the importer calls it, and takes it: with ".." in it where the command line has one.
    archive = __loader__.archive if os.path.isabs(__loader__.archive) else os.path.abspath(__loader__.archive)
    path, known, descriptor = believed_cache()
    start = part(descriptor, known["infrakit_start"]) if "infrakit_start" in known else b""
    if not start:
        known.pop("infrakit_start", None)
        place = archive + "/infrakit_start.py"
        try:
            magic = sys.modules["_frozen_importlib_external"].MAGIC_NUMBER.hex()
            start = __loader__.get_data("%s/infrakit_start.%s.code" % (archive, magic))
        except OSError:  # another Python built this
            start = marshal.dumps(compile(__loader__.get_data(place), place, "exec", dont_inherit=True))
    given = {
        "__name__": "infrakit_start",
        "ARCHIVE": archive,
        "CACHE": path,
        "KNOWN": known,
        "START": start,
        "ZIP": __loader__,
    }
    given["kept"] = lambda entry: part(descriptor, entry)
    exec(marshal.loads(start), given)
