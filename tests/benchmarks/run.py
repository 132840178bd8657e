"""python3 -m tests.benchmarks.run: what InfraKit costs beside its peers, all in one run, as ratios. A report, not a
gate.

Each round measures every call once, one after the other; the median of the ratios within a round is printed, so that a
busy machine slows both sides alike.
"""

import os
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from tests import own_places
from tests.benchmarks.apps import many
from tests.benchmarks.bare import ROOT, Cost, bare_python, example, measure

ROUNDS = 11
FLEET = (
    "version: 1\ndomain: fleet.example.org\nhosts:\n  edge-[00001:{last:05}]: {{pattern: edge, architecture: arm64}}\n"
)


def starts(python: str, pyz: str, folder: Path) -> None:
    """Small calls beside a bare Python, and beside Compose reading what we wrote."""
    file = folder / "infrakit.yaml"
    text = example("full")
    found: dict[str, list[Cost]] = {}
    for number in range(ROUNDS):
        (folder / "infrakit.yaml").write_text(text.replace("family", f"family{number}"))
        calls = {
            "bare python3 -c pass": [python, "-c", "pass"],
            "--version": [python, pyz, "--version"],
            "--help": [python, pyz, "--help"],
            "compile, changed": [python, pyz, "compile"],
            "compile, unchanged": [python, pyz, "compile"],
        }
        if shutil.which("docker"):
            calls["docker compose config -q"] = [
                "docker",
                "compose",
                "-f",
                "build/homelab/compose.yaml",
                "config",
                "-q",
            ]
        calls["compile, no cache"] = [python, pyz, "compile", "--example", "full", "--no-secrets", "-o", "first"]
        for name, words in calls.items():
            if name == "compile, no cache":
                own_places.empty_cache(folder)
            found.setdefault(name, []).append(measure(python, words, folder))
        for words in ([python, pyz, "--help"], [python, pyz, "compile", "--check", "-f", str(file)]):
            measure(python, words, folder, (0, 6))
    bare = found["bare python3 -c pass"]
    print(f"{'':28}{'CPU':>8}{'wall':>8}{'MiB':>8}   (bare python3 -c pass = 1: {1000 * bare[0][0]:.1f} ms)")
    for name, rows in found.items():
        cpu, wall = (statistics.median(row[kind] / base[kind] for row, base in zip(rows, bare)) for kind in (0, 1))
        print(f"{name:28}{cpu:8.2f}{wall:8.2f}{max(row.peak_kib for row in rows) / 1024:8.1f}")
    if "docker compose config -q" in found:
        pairs = zip(found["compile, changed"], found["docker compose config -q"])
        print(
            "compile / docker compose config -q, wall: "
            f"{statistics.median(ours[1] / theirs[1] for ours, theirs in pairs):.2f}"
        )


def fleets(python: str, pyz: str, folder: Path, large: int) -> None:
    """Computing per host, and writing beside cp -r of the result."""
    per_host = {}
    for last in (100, large):
        (folder / f"fleet{last}.yaml").write_text(FLEET.format(last=last))
        words = [python, pyz, "compile", "-f", f"fleet{last}.yaml", "-o", "none", "--check"]
        base = min(
            measure(python, [python, pyz, "compile", "-f", "one.yaml", "-o", "none", "--check"], folder, (0, 6)).cpu_s
            for _ in range(5)
        )
        rows = [measure(python, words, folder, (0, 6)) for _ in range(5)]
        per_host[last] = (min(row[0] for row in rows) - base) / (last - 1) * 1e6
        print(
            f"{last} hosts: {per_host[last]:.0f} µs of computing per host, "
            f"{max(row.peak_kib for row in rows) / 1024:.1f} MiB"
        )
    print(f"per host at {large} / at 100: {per_host[large] / per_host[100]:.2f}")
    ratios = []
    fleet = [python, pyz, "compile", "-f", f"fleet{large}.yaml", "--no-secrets", "-o"]
    measure(python, [*fleet, "result"], folder)
    for _ in range(
        5
    ):  # each with the removal of what it made: how fast a file system makes files changes with what went before
        ours = measure(python, [*fleet, "fleet"], folder)
        measure(python, ["rm", "-rf", "fleet"], folder)
        theirs = measure(python, ["cp", "-r", "result", "copy"], folder)
        measure(python, ["rm", "-rf", "copy"], folder)
        ratios.append((ours[0] / theirs[0], ours[1] / theirs[1], ours.peak_kib / 1024))
        print(f"  compile {ours[1]:.2f} s, cp -r {theirs[1]:.2f} s")
    cpu, wall, peak = (statistics.median(column) for column in zip(*ratios))
    print(f"compile {large} hosts with writing / cp -r of the result: CPU {cpu:.2f}, wall {wall:.2f}, {peak:.1f} MiB")


def apps(python: str, pyz: str, folder: Path) -> None:
    """Files with many apps, beside Compose reading what we wrote."""
    per_app = {}
    for count in (50, 100, 200, 400):
        (folder / f"apps{count}.yaml").write_text(many(count))
        words = [python, pyz, "compile", "-f", f"apps{count}.yaml", "-o", f"apps{count}"]
        measure(python, words, folder)
        config = ["docker", "compose", "-f", f"apps{count}/infrakit/compose.yaml", "config", "-q"]
        rows = []
        for _ in range(5):
            shutil.rmtree(folder / f"apps{count}")
            ours = measure(python, words, folder)
            rows.append((ours, measure(python, config, folder) if shutil.which("docker") else None))
        cpu = min(ours.cpu_s for ours, _ in rows)
        per_app[count] = cpu / count
        peak = max(ours.peak_kib for ours, _ in rows) / 1024
        beside = [ours.cpu_s / theirs.cpu_s for ours, theirs in rows if theirs is not None]
        ratio = f", / docker compose config -q: {statistics.median(beside):.2f}" if beside else ""
        print(f"{count} apps: {cpu:.2f} s of one core, {peak:.1f} MiB{ratio}")
    print(f"per app at 400 / at 200: {per_app[400] / per_app[200]:.2f}")


def main() -> None:
    """Measure, in a folder of our own."""
    own_places.take()
    pyz = str(ROOT / "dist" / "infrakit.pyz")
    large = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        python = bare_python(folder)
        (folder / "one.yaml").write_text(FLEET.format(last=1))
        starts(python, pyz, folder)
        fleets(python, pyz, folder, large)
        apps(python, pyz, folder)
    print(f"zipapp: {os.path.getsize(pyz) / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
