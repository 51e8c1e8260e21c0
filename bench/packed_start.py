"""How fast does what is uploaded start? As `bench.cold_import`, but from the zips.

    python -m bench.packed_start [rounds] [--write]

The zips are unpacked as Lambda does it, the app and the layer each into a folder of its own, and
fresh interpreters run from there that write no byte-code: Lambda's folders are read-only. Beside
what Chalice builds stands what `infra.package` makes of it. The floor is Chalice and three boto3
clients, with byte-code, in the same layer. Wanted: serving within 1.25 × of it.

Each side has had its files read before it is measured. On Lambda, the first start also fetches and
unpacks the layer, which grows with its size; that cannot be measured here.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Final

from bench.cold_import import APP, ENVIRONMENT, FLOOR, LIMIT, SERVING
from infra.deploy import render
from infra.package.build import build

RESULTS: Final = Path(__file__).parent / "results" / "packed_start.md"
ROUNDS: Final = 21
PYTHON: Final = f"{sys.version_info.major}.{sys.version_info.minor}"
# The byte-code's own Python, without what is installed in the development's environment.
INTERPRETER: Final = os.path.realpath(sys.executable)
WHERE: Final = """
import botocore, chalice, os, sys
folder, byte_code = sys.argv[1], sys.argv[2] == "byte-code"
for module in (botocore, chalice):
    assert module.__file__.startswith(folder), module.__file__
    assert os.path.exists(module.__cached__) == byte_code, module.__cached__
"""

Times = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Case:
    """A script, and the unpacked zips that it runs on."""

    meaning: str
    script: str
    folder: Path


def unpacked(zips: Sequence[Path], folder: Path) -> Path:
    """Unpack an app and a layer as Lambda does: into `task` and `opt`."""
    for path in zips:
        with zipfile.ZipFile(path) as found:
            found.extractall(folder / ("opt" if "layer" in path.name else "task"))
    return folder


def measured(case: Case, *arguments: str) -> Times:
    """Run a case in a fresh interpreter; return its CPU and wall time in milliseconds."""
    layer = case.folder / "opt" / "python" / "lib" / f"python{PYTHON}" / "site-packages"
    environ = ENVIRONMENT | {"PYTHONPATH": f"{case.folder / 'task'}:{layer}"}
    command = [INTERPRETER, "-B", "-s", "-c", case.script, *arguments]
    start = perf_counter()
    child = subprocess.Popen(command, cwd=case.folder / "task", env=environ)
    _, status, usage = os.wait4(child.pid, 0)
    took = perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"this failed in a fresh interpreter:\n{case.script}")
    return (usage.ru_utime + usage.ru_stime) * 1000, took * 1000


def cases(raw: Path, made: Path) -> dict[str, Case]:
    """Return what is measured: on what Chalice built, and on what is uploaded."""
    return {
        "floor": Case("Chalice and three boto3 clients, with byte-code", FLOOR, made),
        "raw app": Case("by Chalice: `import app`", APP, raw),
        "raw serving": Case("by Chalice: `import app` and its three clients", SERVING, raw),
        "app": Case("as uploaded: `import app`", APP, made),
        "serving": Case("as uploaded: `import app` and its three clients", SERVING, made),
    }


def rounds(wanted: Mapping[str, Case], count: int) -> dict[str, list[Times]]:
    """Run each case `count` times, in turns; each round begins with another one."""
    names = list(wanted)
    for name in names:  # the page cache
        measured(wanted[name])
    found: dict[str, list[Times]] = {name: [] for name in names}
    for number in range(count):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            found[name].append(measured(wanted[name]))
    return found


def table(wanted: Mapping[str, Case], found: Mapping[str, Sequence[Times]]) -> str:
    """Return the times as Markdown; ratios are those within each round."""
    lines = ["| | CPU ms | wall ms | × floor, CPU |", "|---|--:|--:|--:|"]
    for name, case in wanted.items():
        cpu, wall = zip(*found[name], strict=True)
        low, middle, high = statistics.quantiles(_ratios(found, name), n=4)
        spread = f"{middle:.2f} ({low:.2f}–{high:.2f})"
        lines.append(
            f"| {case.meaning} | {statistics.median(cpu):.0f} | {statistics.median(wall):.0f} "
            f"| {spread} |"
        )
    return "\n".join(lines)


def _ratios(found: Mapping[str, Sequence[Times]], name: str) -> list[float]:
    return [ours[0] / floor[0] for ours, floor in zip(found[name], found["floor"], strict=True)]


def main() -> None:
    """Build, measure and print; fails beyond the limit."""
    numbers = [each for each in sys.argv[1:] if each.isdecimal()]
    render.write_offline()
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "zips").mkdir()
        built = build(render.OFFLINE, keep=folder / "zips")
        raw = unpacked(sorted((folder / "zips").iterdir()), folder / "raw")
        made = unpacked([each.path for each in built], folder / "made")
        wanted = cases(raw, made)
        measured(Case("", WHERE, raw), name, "none")
        measured(Case("", WHERE, made), name, "byte-code")
        found = rounds(wanted, int(numbers[0]) if numbers else ROUNDS)
    sizes = [
        "| | zip, by Chalice | content | zip, as uploaded | content |",
        "|---|--:|--:|--:|--:|",
    ]
    for each in built:
        kind = "layer" if "layer" in each.path.name else "app"
        mb = [each.before or (0, 0), (each.zip_bytes, each.content_bytes)]
        sizes.append(
            f"| {kind} | " + " | ".join(f"{b / 1e6:.1f} MB" for two in mb for b in two) + " |"
        )
    text = (
        "# How long what is uploaded takes to start, and how large it is\n\n"
        f"Made by `python -m bench.packed_start`: {len(found['floor'])} rounds of fresh "
        f"interpreters, Python {PYTHON}, in turns.\nMedians; ratios within each round, with "
        "quartiles.\n\n" + table(wanted, found) + "\n\n" + "\n".join(sizes) + "\n"
    )
    print(text)
    if "--write" in sys.argv:
        RESULTS.write_text(text, "utf-8")
    if statistics.median(_ratios(found, "serving")) > LIMIT:
        raise SystemExit(f"serving takes more than {LIMIT} × the floor")


if __name__ == "__main__":
    main()
