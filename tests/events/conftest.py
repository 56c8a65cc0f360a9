"""Events that several modules test with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from gumtree_core.events import Events


@pytest.fixture(scope="session")
def made() -> Callable[..., Events]:
    """Events of a detector of 6 x 8 pixels, the same for each seed."""
    return _made


def _made(seed: int, size: int = 5000, pulses: int = 50) -> Events:
    random = np.random.default_rng(seed)
    first = np.sort(random.integers(0, size, pulses))
    first[0] = 0
    return Events(
        random.integers(0, 48, size).astype(np.int32),
        random.integers(0, 40_000, size).astype(np.uint32),
        0.5,
        (6, 8),
        first,
        0.02 * np.arange(pulses),
    )
