"""Starts of the zipapp without the start: an interpreter that has imported all that is in it, forked for each call.

A verb costs the tests a tenth of what it costs from cold, where most is reading and importing modules. What a call is
given is its own: words, folder, environment, standard streams. What differs from a start is that every module is there
already; tests of that (tests/zipapp, tests/benchmarks, tests/test_architecture.py) start the zipapp themselves.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

MOST_BYTES = 1 << 20


class Warm:
    """The interpreter; it ends with the process that made it."""

    def __init__(self, pyz: Path) -> None:
        self.pyz = pyz
        self.ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        words = [sys.executable, "-m", "tests.warm", str(pyz), str(theirs.fileno())]
        environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": "/nowhere"}
        self.process = subprocess.Popen(
            words, pass_fds=[theirs.fileno()], env=environment, cwd=Path(__file__).parents[1], stdin=subprocess.DEVNULL
        )
        theirs.close()

    def run(
        self, words: Sequence[str], cwd: Path, env: Mapping[str, str], feed: str | None, timeout: float
    ) -> subprocess.CompletedProcess:
        """As subprocess.run would, with both streams captured as text."""
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            given.write((feed or "").encode())
            given.seek(0)
            asked = json.dumps([list(words), str(cwd), dict(env)]).encode()
            answer, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with answer, theirs:
                files = [given.fileno(), out.fileno(), err.fileno(), theirs.fileno()]
                socket.send_fds(self.ours, [asked], files)
                theirs.close()
                pid = int(answer.recv(100))
                answer.settimeout(timeout)
                try:
                    code = int(answer.recv(100))
                except TimeoutError:
                    os.kill(pid, 9)
                    raise subprocess.TimeoutExpired(words, timeout) from None
            texts = []
            for file in (out, err):
                file.seek(0)
                texts.append(file.read().decode())
        return subprocess.CompletedProcess([sys.executable, str(self.pyz), *words], code, *texts)


def serve(pyz: str, place: int) -> None:
    """Fork for each request, until nobody is there to ask."""
    _import_all(pyz)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(fileno=place) as requests:
        while True:
            asked, files, _, _ = socket.recv_fds(requests, MOST_BYTES, 4)
            if not asked:
                return
            if os.fork() == 0:
                requests.close()
                _answer(pyz, json.loads(asked), files)
            for file in files:
                os.close(file)


def _import_all(pyz: str) -> None:
    """Every module that the zipapp carries, and that can be imported here."""
    sys.argv[:] = [pyz, "--help"]
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        _started(pyz)
    modules: Any = sys.meta_path[0]
    with zipfile.ZipFile(pyz) as archive:
        prefix = "site-packages/"
        carried = [name.removeprefix(prefix) for name in archive.namelist() if name.startswith(prefix)]
    for name in sorted({_module(path) for path in (*carried, *modules.members()) if path.endswith(".py")}):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    gc.freeze()


def _module(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _answer(pyz: str, asked: list, files: Sequence[int]) -> None:
    """In a child: have a child of its own do it, and say how that ended."""
    *streams, back = files
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with socket.socket(fileno=back) as answer:
        pid = os.fork()
        if pid == 0:
            answer.close()
            _become(pyz, *asked, streams)
        answer.send(str(pid).encode())
        _, status = os.waitpid(pid, 0)
        answer.send(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _become(pyz: str, words: Sequence[str], cwd: str, env: Mapping[str, str], streams: Sequence[int]) -> None:
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.argv[:] = [pyz, *words]
    code = _started(pyz)
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _started(pyz: str) -> int:
    """Run it as `python3 infrakit.pyz` would; the exit code."""
    try:
        runpy.run_path(pyz, run_name="__main__")
        code: object = 0
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        traceback.print_exc()
        code = 1
    if not isinstance(code, int):
        print(code, file=sys.stderr)
        code = 1
    return code & 0xFF


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
