"""The zipapp's __main__: answers --version, else starts infrakit_start.py, from the caller's cache where that can be believed.

Short, because Python compiles it at every start; and it parses on old Pythons, so that they are told what is needed.
"""

import sys


def believed_cache():
    """(path, what an earlier run kept there). The path is "" where no folder is ours alone; {} on any doubt."""
    user = os.geteuid()
    home = os.environ.get("HOME", "")
    base = os.environ.get("XDG_CACHE_HOME") or (home and home + "/.cache")
    folder = base + "/infrakit" if user else "/var/cache/infrakit"
    path = "%s/code-@BUILD@-%s" % (folder, sys.implementation.cache_tag)
    if not folder.startswith("/"):
        return "", {}
    try:
        status = os.lstat(folder)
        if status.st_mode & 0o170022 != 0o040000 or status.st_uid != user:
            return "", {}
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return path, {}
    try:
        status = os.fstat(descriptor)
        if status.st_mode & 0o170022 != 0o100000 or status.st_uid != user or status.st_nlink != 1:
            return path, {}
        content = os.read(descriptor, status.st_size + 1)
        if len(content) != status.st_size or int(content[:8], 16) != crc32(memoryview(content)[8:]):
            return path, {}
        kept = marshal.loads(memoryview(content)[8:])
        return path, kept if isinstance(kept, dict) else {}
    except (OSError, ValueError, EOFError, TypeError):
        return path, {}
    finally:
        os.close(descriptor)


if sys.argv[1:] == ["--version"]:
    sys.stdout.write("infrakit @VERSION@\n")
elif sys.version_info < (3, 10):
    sys.exit("infrakit: error: Python 3.10 or newer is needed, this is %d.%d" % sys.version_info[:2])
else:
    import marshal
    import os
    from zlib import crc32

    # As the importer calls it, and takes it: with ".." in it where the command line has one.
    archive = __loader__.archive if os.path.isabs(__loader__.archive) else os.path.abspath(__loader__.archive)
    path, known = believed_cache()
    start = known.get("infrakit_start")
    if start is None:
        place = archive + "/infrakit_start.py"
        start = False, marshal.dumps(compile(__loader__.get_data(place), place, "exec", dont_inherit=True))
    given = {"__name__": "infrakit_start", "ARCHIVE": archive, "CACHE": path, "KNOWN": known, "START": start, "ZIP": __loader__}
    exec(marshal.loads(start[1]), given)
