"""What zstd compressed -> a stream of what it was, by the program of that name: Python has none before 3.14, which few
machines run."""

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO

PROGRAM = "zstd"
END_S = 30


def is_here() -> bool:
    """Whether the program is."""
    return shutil.which(PROGRAM) is not None


@contextmanager
def decompressed(paths: Sequence[str]) -> Iterator[BinaryIO]:
    """Of several files as one. OSError where it was not whole; whoever stops reading before the end is not told.

    The program takes no more memory than it needs for windows of 128 MiB, and refuses what wants larger ones (zstd(1),
    --memory).
    """
    with (
        subprocess.Popen(
            ["cat", "--", *paths], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as source,
        subprocess.Popen(
            [PROGRAM, "-dcq"], stdin=source.stdout, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as program,
    ):
        assert source.stdout and program.stdout
        source.stdout.close()
        try:
            yield program.stdout  # type: ignore[misc]  # bytes: no encoding was asked for
            ended = not program.stdout.read(1)
            code = program.wait(END_S) if ended else 0
        except subprocess.TimeoutExpired:
            code = -1
        finally:
            for one in (program, source):
                one.kill()
    if code:
        raise OSError(f"{PROGRAM} ended with {code}")
