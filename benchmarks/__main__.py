"""Run the benchmarks, all or those named, and write docs/benchmarks.md: `python benchmarks [NAME ...]`."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "benchmarks.md"
PEERS = ("numpy", "numba", "scipp", "pyFAI", "h5py", "refnx")
NOT_PROGRAMS = ("__main__", "measure")


def programs() -> dict[str, Path]:
    """Each benchmark by name."""
    return {path.stem: path for path in sorted(HERE.glob("*.py")) if path.stem not in NOT_PROGRAMS}


def run(path: Path) -> list[dict[str, Any]]:
    """Run one, show what it prints, and return its cases."""
    found = []
    with subprocess.Popen([sys.executable, str(path)], stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        for line in program.stdout:
            if line.startswith('{"case"'):
                found.append(json.loads(line))
            else:
                print(line, end="", flush=True)
    if program.returncode:
        sys.exit(f"{path.name} ended with {program.returncode}")
    return found


def section(path: Path, cases: list[dict[str, Any]]) -> str:
    """The table of one benchmark."""
    title = path.read_text(encoding="utf-8").partition('"""')[2].partition("\n")[0].removesuffix('"""')
    lines = [f"## {path.stem}", title, "", "| case | ours | peer | limit | ours / peer | goal | |"]
    lines.append("|---|---|---|---|---|---|---|")
    for each in cases:
        figures = " | ".join(_figure(each[key], each["unit"]) for key in ("ours", "peer", "limit"))
        ratio = "" if each["ratio"] is None else f"{each['ratio']:.2f}"
        verdict = "reached" if each["holds"] else "**missed**"
        lines.append(f"| {each['case']} | {figures} | {ratio} | {each['goal']} | {verdict} |")
    return "\n".join(lines)


def _figure(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    for prefix, factor in (("", 1.0), ("m", 1e3), ("u", 1e6), ("n", 1e9)) if unit == "s" else (("", 1.0),):
        if value * factor >= 1 or prefix == "n" or unit != "s":
            return f"{value * factor:.3g} {prefix}{unit}"
    raise AssertionError


def main() -> None:
    """Run, and write the page if all were run."""
    known = programs()
    names = sys.argv[1:] or list(known)
    unknown = [name for name in names if name not in known]
    if unknown:
        sys.exit(f"There is no benchmark {', '.join(unknown)}; there are {', '.join(known)}.")
    sections = {}
    for name in names:
        print(f"\n=== {name}", flush=True)
        sections[name] = section(known[name], run(known[name]))
    if len(sections) == len(known):
        where = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, "
        where += ", ".join(f"{peer} {version(peer)}" for peer in PEERS)
        head = (
            "# Benchmarks\n\n"
            "Written by `make bench`. Each program measures this project, its peer and the limit in turns,\n"
            "in one run; the ratios are the result, since the machine is shared and noisy.\n\n"
            f"{datetime.now(UTC):%Y-%m-%d}: {where}."
        )
        PAGE.write_text("\n\n".join([head, *sections.values()]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
