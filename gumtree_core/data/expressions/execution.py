"""Running compiled code: Numba when needed first, all cores where that pays, one thread after a fork."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gumtree_core.data.content import Leaf
from gumtree_core.data.expressions.opcodes import DERIVATIVE
from gumtree_core.data.expressions.program import Plan
from gumtree_core.data.propagation.uncertainty import Floats

ONE_THREAD = 160_000
"""Elements times operations up to which a second thread costs more than it saves."""

NONE = np.empty(0)
_NO_PERIODS = np.empty(0, dtype=np.int64)
_kernels: Any = None
_parallel = threading.Lock()
_forked = False


def execute(
    plan: Plan,
    leaves: Sequence[Leaf],
    values: Floats,
    variances: Floats,
    size: int,
    derivatives: Sequence[int] = (),
) -> bool:
    """Run a plan; False where a number was not finite. `derivatives` are addresses of results."""
    compiled = _kernels or kernels()
    numbers: list[int | float] = []
    alike = True
    for leaf in leaves:
        numbers += leaf.numbers
        if leaf.size != size and leaf.size != 1:
            alike = False
    if plan.fixed:
        numbers += plan.fixed
    found: Sequence[int | float] = plan.bases(numbers)
    steps = plan.steps
    if derivatives:
        found, steps = list(found), steps.copy()
        for at, what in enumerate(plan.wanted):
            if type(what) is int and what <= DERIVATIVE:
                found[at] = derivatives[DERIVATIVE - what]
                steps[at] = 0 if plan.derivatives[DERIVATIVE - what].uniform else 8
    arguments = (
        plan.program, np.array(found, dtype=np.int64), steps,
        _NO_PERIODS if alike else _periods(plan, leaves, size), plan.blocks, plan.constant_blocks,
        np.array(plan.constants(numbers), dtype=np.float64) if plan.constants else NONE,
        values, variances, 0, size,
    )  # fmt: skip
    if size * len(plan.program) <= ONE_THREAD:
        return bool(compiled.run_range(*arguments))
    with all_cores() as threads:
        if threads == 1:
            return bool(compiled.run_range(*arguments))
        return bool(compiled.run_parallel(threads, *arguments))


def _periods(plan: Plan, leaves: Sequence[Leaf], size: int) -> NDArray[np.int64]:
    """Where operands of fewer dimensions begin again; 0 where they have the size of the result."""
    of_leaf = [leaf.size if leaf.size != size else 0 for leaf in leaves]
    periods = [of_leaf[what[0]] if type(what) is tuple else 0 for what in plan.wanted]
    return np.array(periods, dtype=np.int64)


def kernels() -> Any:
    """The compiled code; Numba is imported when it is needed first, which takes a third of a second."""
    global _kernels
    if _kernels is None:
        from gumtree_core.data.expressions import kernels as compiled

        _kernels = compiled
    return _kernels


@contextmanager
def all_cores() -> Iterator[int]:
    """How many threads a kernel may use now: one while another thread uses them all.

    Numba's simplest threading layer does not survive two parallel kernels at a time.
    """
    free = _parallel.acquire(blocking=False)
    try:
        yield _threads() if free else 1
    finally:
        if free:
            _parallel.release()


def _threads() -> int:
    if _forked:
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _after_fork() -> None:
    """Threads of a parallel kernel do not exist in a forked process, and OpenMP ends it if they are used."""
    global _forked, _parallel
    _forked = True
    _parallel = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
