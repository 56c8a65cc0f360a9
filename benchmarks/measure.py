"""What all benchmarks share: contenders are timed in turns, and the figures are ratios."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from statistics import median

ROUNDS = 7
LEAST = 0.02
"""Seconds that one round of a contender takes at least."""


def interleaved(contenders: Mapping[str, Callable[[], object]], rounds: int = ROUNDS) -> dict[str, float]:
    """Median seconds of a call of each, measured in turns, so that a noisy machine disturbs all alike."""
    calls = {}
    for name, work in contenders.items():
        work()
        began = time.perf_counter()
        work()
        once = max(time.perf_counter() - began, 1e-7)
        calls[name] = max(1, int(LEAST / once))
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    gc.collect()
    for _ in range(rounds):
        for name, work in contenders.items():
            began = time.perf_counter()
            for _ in range(calls[name]):
                work()
            seconds[name].append((time.perf_counter() - began) / calls[name])
    return {name: median(found) for name, found in seconds.items()}


def line(what: str, found: Mapping[str, float], ours: str = "gumtree") -> None:
    """Print the times and how many times faster we are than each other."""
    times = "  ".join(f"{name} {_text(value):>9}" for name, value in found.items())
    ratios = "  ".join(f"{value / found[ours]:.2f} x {name}" for name, value in found.items() if name != ours)
    print(f"{what:<34} {times}   | speed: {ratios}", flush=True)


def verdict(what: str, value: float, limit: float, *, least: bool = True) -> None:
    """Print a goal and whether it is reached."""
    reached = value >= limit if least else value <= limit
    sign = ">=" if least else "<="
    print(
        f"    {'reached' if reached else 'MISSED ':<8} {what}: {value:.2f} (goal {sign} {limit:g})",
        flush=True,
    )


def _text(seconds: float) -> str:
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"
