"""What all benchmarks share: contenders are timed in turns, and the figures are ratios."""

from __future__ import annotations

import gc
import json
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


def case(
    name: str,
    ours: float,
    *,
    goal: str,
    holds: bool,
    peer: float | None = None,
    limit: float | None = None,
    unit: str = "s",
) -> None:
    """Print one case: what we measured, the peer, the limit, and whether the goal is reached.

    The line of JSON is what `python benchmarks` collects; `ratio` is ours over the peer.
    """
    ratio = None if peer is None else ours / peer
    figures = {"gumtree": ours, "peer": peer, "limit": limit}
    text = "  ".join(f"{who} {_text(value, unit):>9}" for who, value in figures.items() if value is not None)
    print(f"{name:<40} {text}  | {goal}: {'reached' if holds else 'MISSED'}", flush=True)
    found = {"case": name, "ours": ours, "peer": peer, "limit": limit, "unit": unit}
    print(json.dumps({**found, "ratio": ratio, "goal": goal, "holds": bool(holds)}), flush=True)


def _text(value: float, unit: str) -> str:
    if unit != "s":
        return f"{value:.3g} {unit}"
    for name, factor in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if value * factor >= 1:
            return f"{value * factor:.3g} {name}"
    return f"{value * 1e9:.3g} ns"
